//! The real host: netlink, sysctl, `nft`, DHCP and packet sockets.

mod arp;
mod bridges;
mod check;
mod devices;
mod dhcp;
pub(crate) mod dhcpd;
mod generation;
mod neighbours;
mod nft;
mod path;
pub(crate) mod preload;
pub mod probe;
mod public;
mod site;
mod sysctl;
mod taps;
mod tool;
mod trunks;
mod tunnels;
mod turn;
mod view;
mod vlans;
mod watch;

use crate::{Applied, HostNet, HostNetError, Passage, Path, Sightings};
use async_trait::async_trait;
use devices::Devices;
use dhcp::DhcpServers;
use dhcpd::{Dhcpd, DhcpdFiles, DhcpdProgram};
use netplan::{NodePlan, RouterPlan, SiteBridge};
use nft::Tables;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use tokio::sync::{Mutex, watch as channel};
use watch::Watchers;

/// The network of the host that this process runs on, or of its network namespace.
///
/// DHCP is answered, and taps are watched, by tasks of the runtime that applied the plan, until the
/// value is dropped.
#[derive(Debug, Default)]
pub struct LinuxNet {
    router: Mutex<RouterSide>,
    node: Mutex<NodeSide>,
    seen: channel::Sender<Sightings>,
}

impl LinuxNet {
    /// That of a router's machine, where dhcpd answers DHCP, or with none has answered it perhaps
    /// before this process began: then it is ended.
    pub fn with_dhcpd(files: DhcpdFiles, program: Option<DhcpdProgram>) -> Self {
        let dhcp = DhcpServers::with(Dhcpd::new(files, program));
        let router = RouterSide { dhcp, ..RouterSide::default() };
        Self { router: Mutex::new(router), ..Self::default() }
    }

    /// No longer answers DHCP, by dhcpd either, which otherwise outlives this process.
    ///
    /// # Errors
    /// [`HostNetError::Dhcpd`], when dhcpd does not end.
    pub async fn end_dhcp(&self) -> Result<(), HostNetError> {
        self.router.lock().await.dhcp.end().await
    }
}

#[derive(Debug, Default)]
struct RouterSide {
    tables: Tables,
    dhcp: DhcpServers,
}

#[derive(Debug, Default)]
struct NodeSide {
    tables: Tables,
    watchers: Watchers,
}

#[async_trait]
impl HostNet for LinuxNet {
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        let mut side = self.router.lock().await;
        let mut pass = Pass::default();
        let devices = Devices::open()?;
        // A public address is here only while the rules say where it leads: until then, and from
        // then on, what comes for it would be this host's own.
        public::leave(&devices, &plan.public, &mut pass).await;
        // Rules before devices: a bridge is never open while its rules are missing.
        pass.note(side.tables.ensure(RouterPlan::TABLES, plan.rules.as_ref()).await?);
        public::ensure(&devices, &plan.public, &mut pass).await;
        let _turn = turn::take().await?;
        let found = devices.bridges().await?;
        bridges::leave(&devices, &found, &plan.bridges, &mut pass).await;
        let tags = plan.bridges.iter().map(|wanted| wanted.tag).collect();
        let bridges = bridges::ensure(&devices, tags, found, &mut pass).await?;
        bridges::ensure_gateways(&devices, &plan.bridges, &bridges, &mut pass).await;
        trunks::ensure(&devices, plan.trunk.as_ref(), &bridges, &mut pass).await;
        side.dhcp.serve(&devices, plan, &bridges, &mut pass).await;
        if plan.rules.is_some() {
            pass.attempt(sysctl::ensure("ipv4/ip_forward", "1"));
        }
        pass.end()
    }

    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError> {
        let mut side = self.node.lock().await;
        let mut pass = Pass::default();
        pass.note(side.tables.ensure(NodePlan::TABLES, plan.rules.as_ref()).await?);
        let _turn = turn::take().await?;
        let devices = Devices::open()?;
        let found = devices.bridges().await?;
        bridges::remove_unused(&devices, &found, &plan.bridges, &mut pass).await;
        let tags = plan.bridges.keys().copied().collect();
        let mut bridges = bridges::ensure(&devices, tags, found, &mut pass).await?;
        for tag in bridges.keys() {
            // Requests for metadata are sent on to 127.0.0.1 (netplan: `node/rules.rs`).
            let local = format!("ipv4/conf/{}/route_localnet", tag.bridge());
            pass.attempt(sysctl::ensure(&local, "1"));
        }
        taps::ensure(&devices, &plan.bridges, &bridges, &mut pass).await;
        neighbours::ensure(&devices, &plan.bridges, &bridges, &mut pass).await;
        if plan.trunk.is_none() {
            // What a bridge with a gateway leads to is for the router's side to say.
            bridges.retain(|_, bridge| bridge.addresses.is_empty());
        }
        trunks::ensure(&devices, plan.trunk.as_ref(), &bridges, &mut pass).await;
        site::ensure(&devices, &plan.site, &mut pass).await;
        side.watchers.ensure(&devices, &plan.site.watched, &self.seen, &mut pass).await;
        pass.end()
    }

    async fn refused(
        &self,
        wanted: &BTreeSet<Ipv4Addr>,
        interface: Option<&str>,
    ) -> Result<BTreeMap<Ipv4Addr, String>, HostNetError> {
        public::refused(&Devices::open()?, wanted, interface).await
    }

    async fn site_bridge(&self, name: &str) -> Result<Option<SiteBridge>, HostNetError> {
        Devices::open()?.site_bridge(name).await
    }

    fn sightings(&self) -> channel::Receiver<Sightings> {
        self.seen.subscribe()
    }

    async fn path_to(&self, host: &str) -> Result<Path, HostNetError> {
        path::find(host).await
    }

    async fn router_rules_hold(&self) -> Option<bool> {
        self.router.lock().await.tables.hold(RouterPlan::TABLES).await
    }

    async fn check(&self, passages: &[Passage]) -> Vec<String> {
        // dhcpd reads frames before any firewall sees them.
        let unfiltered = self.router.lock().await.dhcp.is_dhcpd();
        let is_filtered = |it: &&Passage| !unfiltered || !matches!(it, Passage::SiteDhcp(_));
        let passages: Vec<_> = passages.iter().filter(is_filtered).cloned().collect();
        let mut problems = check::problems(&passages).await;
        if passages.contains(&Passage::Router) {
            problems.extend(public::obstacle().await);
        }
        problems
    }
}

/// One application of a plan: what was changed, and the first thing that failed. One broken
/// network does not keep the others from being served.
#[derive(Debug, Default)]
struct Pass {
    changes: Vec<String>,
    trouble: Option<HostNetError>,
}

impl Pass {
    fn note(&mut self, change: Option<String>) {
        self.changes.extend(change);
    }

    fn attempt(&mut self, outcome: Result<Option<String>, HostNetError>) {
        match outcome {
            Ok(change) => self.note(change),
            Err(error) => {
                self.trouble.get_or_insert(error);
            }
        }
    }

    fn end(self) -> Result<Applied, HostNetError> {
        match self.trouble {
            Some(error) => Err(error),
            None => Ok(Applied { changes: self.changes }),
        }
    }
}
