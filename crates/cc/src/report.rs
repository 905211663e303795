//! What the cluster reports. Pure.

use crate::cluster::State;
use crate::memory::{Placement, generation};
use crate::sighting::Sighting;
use placement::{Room, shortage};
use protocol::{
    ClusterObserved, ClusterSettings, InstanceDesired, InstanceObserved, InstancePhase, NodeStatus,
    Revision,
};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use types::{Figures, InstanceId, NodeName};

/// What each node says of each instance.
type Said<'a> = HashMap<(&'a NodeName, InstanceId), &'a InstanceObserved>;

impl State {
    /// What the cluster reports.
    pub(crate) fn observed(&self) -> ClusterObserved {
        let desired = self.desired.as_ref();
        let mut observed = ClusterObserved {
            cluster: desired.map(|desired| desired.cluster.clone()),
            revision: 0,
            generation: generation(desired),
            nodes: self.sightings.iter().map(|(name, it)| self.node(name, it)).collect(),
            settings: Some(ClusterSettings {
                networks: self.networks.clone(),
                policy: self.policy.as_str().to_owned(),
                public_addresses: Some(self.public_addresses.clone()),
            }),
            instances: self.instances(),
            problems: self.problems.values().flatten().cloned().collect(),
        };
        observed.revision = revision(&observed);
        observed
    }

    /// One whose instances would have no network, or that is another cluster's or of another mode,
    /// offers nothing: the cloud must not count on it.
    fn node(&self, name: &NodeName, sighting: &Sighting) -> NodeStatus {
        let mut status = status(name, sighting);
        let (holder, mode) = (self.holder(sighting), self.mode_problem(name, sighting));
        if holder.is_some() || mode.is_some() || !self.is_joined(name) {
            status.capacity = Figures::default();
        }
        status.problems.extend(mode);
        status.problems.extend(holder.map(|holder| {
            format!(
                "node {name} has instances of cluster \"{holder}\" and gets none of this one: \
                 terminate them, or name the node in NODES of one cluster only"
            )
        }));
        status
    }

    fn instances(&self) -> Vec<InstanceObserved> {
        let (said, rooms) = (self.said(), self.rooms());
        let wanted = self.desired.iter().flat_map(|desired| &desired.instances);
        wanted.filter_map(|wanted| self.instance(wanted, &said, &rooms)).collect()
    }

    fn said(&self) -> Said<'_> {
        let mut said = HashMap::new();
        for (name, sighting) in &self.sightings {
            said.extend(sighting.instances().iter().map(|it| ((name, it.id), it)));
        }
        said
    }

    /// What is known of an instance; none when only a node could tell that has not been heard
    /// since this process started. The cloud then keeps what it knows.
    fn instance(
        &self,
        wanted: &InstanceDesired,
        said: &Said<'_>,
        rooms: &[Room],
    ) -> Option<InstanceObserved> {
        match self.placements.of.get(&wanted.id) {
            Some(Placement::Ended { node, reason, reboots, .. }) => Some(InstanceObserved {
                phase: InstancePhase::Terminated,
                reboots: *reboots,
                ..unheard(wanted, node.clone(), reason.clone())
            }),
            Some(Placement::On { node, told, .. }) => match said.get(&(node, wanted.id)) {
                Some(said) => {
                    Some(InstanceObserved { node: Some(node.clone()), ..(*said).clone() })
                }
                None if *told => None,
                None => Some(unheard(wanted, Some(node.clone()), None)),
            },
            None => {
                let reason = format!("waiting for a node: {}", shortage(rooms, &wanted.figures));
                Some(unheard(wanted, None, Some(reason)))
            }
        }
    }
}

/// An instance of which no node has said anything.
fn unheard(
    wanted: &InstanceDesired,
    node: Option<NodeName>,
    reason: Option<String>,
) -> InstanceObserved {
    InstanceObserved {
        id: wanted.id,
        node,
        phase: match wanted.should_be_stopped() {
            true => InstancePhase::Stopping,
            false => InstancePhase::Pending,
        },
        reason,
        reboots: 0,
        turn: wanted.turn,
        metadata: None,
        address: None,
    }
}

pub(crate) fn status(name: &NodeName, sighting: &Sighting) -> NodeStatus {
    let observed = sighting.observed.as_ref();
    let own = observed.map_or(&[][..], |observed| &observed.problems[..]);
    let ours = sighting.silence.iter().chain(&sighting.refusal);
    let seen = sighting.seen.unwrap_or_default();
    NodeStatus {
        name: name.clone(),
        reachable: sighting.reachable,
        standing: sighting.standing,
        certificate_ok: sighting.certificate == Some(true),
        last_seen: sighting.seen.map(|seen| seen.at),
        capacity: seen.capacity,
        overhead: seen.overhead,
        orphans: observed.map(|observed| observed.orphans.clone()).unwrap_or_default(),
        problems: ours.chain(own).cloned().collect(),
    }
}

fn revision(observed: &ClusterObserved) -> Revision {
    let mut hash = DefaultHasher::new();
    let ClusterObserved { cluster, revision: _, generation, nodes, settings, instances, problems } =
        observed;
    (cluster, generation, settings, instances, problems).hash(&mut hash);
    for node in nodes {
        let NodeStatus {
            name,
            reachable,
            standing,
            certificate_ok,
            last_seen: _,
            capacity,
            overhead,
            orphans,
            problems,
        } = node;
        (name, reachable, standing, certificate_ok, capacity, overhead).hash(&mut hash);
        (orphans, problems).hash(&mut hash);
    }
    hash.finish()
}
