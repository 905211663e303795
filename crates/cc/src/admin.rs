//! The administrator's interface of a cluster controller (see [`protocol::admin`]).

use crate::cluster::{Cc, State};
use crate::memory::{Placement, Seen};
use crate::report::status;
use crate::sighting::Sighting;
use axum::extract::State as Shared;
use axum::routing::get;
use axum::{Json, Router};
use placement::Room;
use protocol::admin::{NETWORKS, NODES, NodeReport};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{InstanceId, NodeName};

impl Cc {
    /// The routes of the administrator's interface, for a socket that only root can open.
    pub fn admin_router(self: &Arc<Self>) -> Router {
        let nodes = |Shared(cc): Shared<Arc<Self>>| async move { Json(cc.nodes()) };
        let networks = |Shared(cc): Shared<Arc<Self>>| async move { Json(cc.networks().await) };
        let routes = Router::new().route(NODES, get(nodes)).route(NETWORKS, get(networks));
        routes.with_state(Arc::clone(self))
    }

    /// Its nodes, in the order of NODES, and after them those that are leaving.
    pub fn nodes(&self) -> Vec<NodeReport> {
        self.state().nodes()
    }
}

impl State {
    fn nodes(&self) -> Vec<NodeReport> {
        let empty = |(name, sighting): &(NodeName, Sighting)| {
            let Seen { capacity, overhead, .. } = sighting.seen.unwrap_or_default();
            Room::empty(name.clone(), capacity, overhead)
        };
        let mut rooms: Vec<_> = self.sightings.iter().map(empty).collect();
        self.placements.fill(&mut rooms);
        let mut instances = self.placed();
        let report = |((name, sighting), room): (&(NodeName, Sighting), Room)| NodeReport {
            status: status(name, sighting),
            certificate_refused: sighting.certificate == Some(false),
            used: room.used,
            instances: instances.remove(name).unwrap_or_default(),
        };
        self.sightings.iter().zip(rooms).map(report).collect()
    }

    fn placed(&self) -> BTreeMap<&NodeName, Vec<InstanceId>> {
        let mut placed: BTreeMap<&NodeName, Vec<InstanceId>> = BTreeMap::new();
        for (id, placement) in &self.placements.of {
            if let Placement::On { node, .. } = placement {
                placed.entry(node).or_default().push(*id);
            }
        }
        placed
    }
}
