//! The router of the group networks.

use crate::cluster::{Cc, Concern, State};
use crate::memory::Placement;
use crate::settings::{Network, RouterSettings, StaticSettings};
use netplan::{Lease, Overlay, RouterInput, RouterPlan, SiteDhcp, router_plan};
use protocol::{Attachment, ClusterDesired, InstanceDesired};

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
        if self.settings.network.router().is_some() {
            self.concern(Concern::Host, self.net.check().await);
        }
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
        match &self.settings.network {
            Network::Managed(router) => state.router_plan(router, desired),
            Network::Static(site) => RouterPlan::of_site(state.site_dhcp(site, desired)),
            Network::System => RouterPlan::default(),
        }
    }
}

impl State {
    fn router_plan(&self, router: &RouterSettings, desired: &ClusterDesired) -> RouterPlan {
        let live = desired.instances.iter().filter(|instance| self.may_live(instance));
        let lease = |instance: &InstanceDesired| {
            let nic = &instance.nic;
            Some((nic.tag()?, Lease::new(nic.mac, nic.ip()?)))
        };
        let leases: Vec<_> = live.filter_map(lease).collect();
        let machines = &self.placements.machines;
        let overlay = Some(machines.peers()).filter(|peers| router.vxlan && !peers.is_empty());
        router_plan(&RouterInput {
            networks: &desired.networks,
            leases: &leases,
            vnet_subnet: router.vnet_subnet,
            dns: &router.dns,
            public_ports: &router.public_ports,
            mtu: router.mtu,
            machines: &machines.addresses(),
            overlay: overlay.map(|peers| Overlay { local: None, peers }),
        })
    }

    fn site_dhcp(&self, site: &StaticSettings, desired: &ClusterDesired) -> SiteDhcp {
        let live = desired.instances.iter().filter(|instance| self.may_live(instance));
        let lease = |instance: &InstanceDesired| match instance.nic.attachment {
            Attachment::Site { ip: Some(ip) } => {
                let mac = instance.nic.mac;
                Some((mac, Lease::new(mac, ip)))
            }
            Attachment::Site { ip: None } | Attachment::Group { .. } => None,
        };
        SiteDhcp {
            device: site.device.clone(),
            subnet: site.subnet,
            broadcast: site.broadcast,
            router: site.router,
            dns: site.dns.clone(),
            mtu: site.mtu,
            leases: live.filter_map(lease).collect(),
        }
    }

    /// Whether an instance may use its address.
    fn may_live(&self, instance: &InstanceDesired) -> bool {
        !matches!(self.placements.of.get(&instance.id), Some(Placement::Ended { .. }))
    }
}
