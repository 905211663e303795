//! The router of the group networks.

use crate::claim::Claims;
use crate::cluster::{Cc, Concern, State};
use crate::memory::Placement;
use crate::settings::{Network, RouterSettings, StaticSettings};
use netplan::{
    Lease, Overlay, PublicInput, RouterInput, RouterPlan, SiteDhcp, Trunk, Vlan, router_plan,
};
use protocol::{Attachment, Carrier, ClusterDesired, InstanceDesired};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// What the router's side of this host was made to be.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    /// The plan that is known to be in force.
    plan: RouterPlan,
    /// What is known of the public addresses that are wanted.
    claims: Claims,
}

impl Cc {
    /// Makes this host route for the networks that should be, unless it was made so before.
    pub(crate) async fn fit_router(&self) {
        let mut routed = self.router.lock().await;
        self.claim(&mut routed.claims).await;
        let plan = self.plan(&routed.claims);
        if routed.plan != plan {
            self.apply(plan, &mut routed.plan).await;
        }
    }

    /// The same; undoes what somebody else did to it, and looks at what else could keep instances
    /// from being reached.
    pub(crate) async fn repair_router(&self) {
        let mut routed = self.router.lock().await;
        self.claim(&mut routed.claims).await;
        let plan = self.plan(&routed.claims);
        self.apply(plan, &mut routed.plan).await;
        let passages = self.settings.network.passages();
        self.concern(Concern::Host, self.net.check(&passages).await);
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

    fn plan(&self, claims: &Claims) -> RouterPlan {
        let state = self.state();
        let Some(desired) = &state.desired else {
            return RouterPlan::default();
        };
        match &self.settings.network {
            Network::Managed(router) => state.router_plan(router, desired, claims),
            Network::Static(site) => RouterPlan::of_site(state.site_dhcp(site, desired)),
            Network::System => RouterPlan::default(),
        }
    }

    /// What joins the networks with the nodes on these other machines.
    pub(crate) fn trunk(&self, peers: BTreeSet<Ipv4Addr>) -> Option<Trunk> {
        self.settings.network.router()?.trunk(peers)
    }
}

impl RouterSettings {
    fn trunk(&self, peers: BTreeSet<Ipv4Addr>) -> Option<Trunk> {
        let carrier = self.carrier.filter(|_| !peers.is_empty())?;
        let interface = || self.interface.clone().unwrap_or_default();
        Some(match carrier {
            Carrier::Vxlan => Trunk::Vxlan(Overlay { local: None, peers }),
            Carrier::Vlan => Trunk::Vlan(Vlan { interface: interface() }),
        })
    }
}

impl State {
    fn router_plan(
        &self,
        router: &RouterSettings,
        desired: &ClusterDesired,
        claims: &Claims,
    ) -> RouterPlan {
        let live = desired.instances.iter().filter(|instance| self.may_live(instance));
        let lease = |instance: &InstanceDesired| {
            let nic = &instance.nic;
            Some((nic.tag()?, Lease::new(nic.mac, nic.ip()?)))
        };
        let leases: Vec<_> = live.filter_map(lease).collect();
        let associations: Vec<_> =
            self.associations().filter(|(public, _)| claims.allow(*public)).collect();
        let machines = &self.placements.machines;
        router_plan(&RouterInput {
            networks: &desired.networks,
            leases: &leases,
            vnet_subnet: router.vnet_subnet,
            dns: &router.dns,
            public_ports: &router.public_ports,
            mtu: router.mtu,
            machines: &machines.addresses(),
            trunk: router.trunk(machines.peers()),
            public: PublicInput {
                pool: &self.public_addresses,
                interface: router.interface.as_deref(),
                associations: &associations,
            },
        })
    }

    /// The public addresses of instances that may live, each with the private one.
    pub(crate) fn associations(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
        let instances = self.desired.iter().flat_map(|desired| &desired.instances);
        let live = instances.filter(|instance| self.may_live(instance));
        live.filter_map(|instance| Some((instance.nic.public_ip()?, instance.nic.ip()?)))
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
    pub(crate) fn may_live(&self, instance: &InstanceDesired) -> bool {
        !matches!(self.placements.of.get(&instance.id), Some(Placement::Ended { .. }))
    }
}
