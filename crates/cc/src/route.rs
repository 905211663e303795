//! The router of the group networks.

use crate::cluster::{Cc, Concern, State};
use crate::memory::Placement;
use netplan::{Lease, Overlay, RouterInput, RouterPlan, Trunk, Vlan, router_plan};
use protocol::{Carrier, InstanceDesired};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

impl Cc {
    /// Makes this host route for the networks that should be, unless it was made so before.
    pub(crate) async fn fit_router(&self) {
        let mut applied = self.router.lock().await;
        let plan = self.plan();
        if *applied != plan {
            self.apply(plan, &mut applied).await;
        }
    }

    /// The same; undoes what somebody else did to it, and looks at what else could keep instances
    /// from being reached.
    pub(crate) async fn repair_router(&self) {
        let mut applied = self.router.lock().await;
        self.apply(self.plan(), &mut applied).await;
        self.concern(Concern::Host, self.net.check().await);
    }

    async fn apply(&self, plan: RouterPlan, last: &mut RouterPlan) {
        // Until it is done, nothing is known to be in force.
        *last = RouterPlan::default();
        let problem = match self.net.apply_router(&plan).await {
            Ok(applied) => {
                if !applied.changes.is_empty() {
                    tracing::info!(changes = ?applied.changes, "the router was changed");
                }
                *last = plan;
                None
            }
            Err(error) => Some(error.to_string()),
        };
        self.concern(Concern::Router, problem.into_iter().collect());
    }

    fn plan(&self) -> RouterPlan {
        let state = self.state();
        let Some(desired) = &state.desired else {
            return RouterPlan::default();
        };
        let live = desired.instances.iter().filter(|instance| state.may_live(instance));
        let leases: Vec<_> = live.map(Lease::of).collect();
        let router = &self.settings.router;
        let machines = &state.placements.machines;
        router_plan(&RouterInput {
            networks: &desired.networks,
            leases: &leases,
            vnet_subnet: router.vnet_subnet,
            dns: &router.dns,
            public_ports: &router.public_ports,
            mtu: router.mtu,
            machines: &machines.addresses(),
            trunk: self.trunk(machines.peers()),
        })
    }
}

impl Cc {
    /// What joins the networks with the nodes on these other machines.
    pub(crate) fn trunk(&self, peers: BTreeSet<Ipv4Addr>) -> Option<Trunk> {
        let router = &self.settings.router;
        let carrier = router.carrier.filter(|_| !peers.is_empty())?;
        Some(match carrier {
            Carrier::Vxlan => Trunk::Vxlan(Overlay { local: None, peers }),
            Carrier::Vlan => Trunk::Vlan(Vlan { interface: router.interface.clone() }),
        })
    }
}

impl State {
    /// Whether an instance may use its address.
    pub(crate) fn may_live(&self, instance: &InstanceDesired) -> bool {
        !matches!(self.placements.of.get(&instance.id), Some(Placement::Ended { .. }))
    }
}
