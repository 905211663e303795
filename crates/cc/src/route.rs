//! The router of the group networks.

use crate::cluster::{Cc, Concern, State};
use crate::memory::Placement;
use netplan::{Lease, RouterInput, RouterPlan, router_plan};
use protocol::InstanceDesired;

impl Cc {
    /// Makes this host route for the networks that should be, and looks at what else could keep
    /// instances from being reached.
    pub(crate) async fn route(&self) {
        let _one_at_a_time = self.routing.lock().await;
        let plan = self.plan();
        let applied = self.net.apply_router(&plan).await;
        if let Ok(applied) = &applied
            && !applied.changes.is_empty()
        {
            tracing::info!(changes = ?applied.changes, "the router was changed");
        }
        let problem = applied.err().map(|error| error.to_string());
        self.concern(Concern::Router, problem.into_iter().collect());
        self.concern(Concern::Host, self.net.check().await);
    }

    fn plan(&self) -> RouterPlan {
        let state = self.state();
        let Some(desired) = &state.desired else {
            return RouterPlan::default();
        };
        let live = desired.instances.iter().filter(|instance| state.may_live(instance));
        let leases: Vec<_> = live.map(Lease::of).collect();
        let router = &self.settings.router;
        router_plan(&RouterInput {
            networks: &desired.networks,
            leases: &leases,
            vnet_subnet: router.vnet_subnet,
            dns: &router.dns,
            public_ports: &router.public_ports,
            mtu: router.mtu,
        })
    }
}

impl State {
    /// Whether an instance may use its address.
    fn may_live(&self, instance: &InstanceDesired) -> bool {
        !matches!(self.placements.of.get(&instance.id), Some(Placement::Ended { .. }))
    }
}
