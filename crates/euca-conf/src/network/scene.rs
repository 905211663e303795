//! All that the check knows.

use conf::Conf;
use hostnet::HostView;
use hostnet::probe::Feature;
use protocol::admin::{ClusterStatus, Lease, NetworkReport, NetworkStatus, NodePlace};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::NetworkTag;

/// A machine of the cloud, as it was found.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) conf: Conf,
    /// What of the configuration does not fit this machine.
    pub(crate) doubts: Vec<String>,
    pub(crate) host: HostView,
    pub(crate) report: Report,
    /// What the cloud controller says of its clusters; none where it does not run, or answer.
    pub(crate) clusters: Option<Vec<ClusterStatus>>,
    pub(crate) heard: Heard,
}

/// What the cluster controller says.
#[derive(Debug)]
pub(crate) enum Report {
    /// It does not run on this machine.
    NotHere,
    /// It should, and does not answer.
    Silent(String),
    Told(NetworkReport),
}

/// What was asked on the network, and who answered.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The components that should run here, each with its port, and whether it answers.
    pub(crate) components: Vec<(&'static str, u16, bool)>,
    /// What the kernel can make.
    pub(crate) features: BTreeMap<Feature, Result<(), String>>,
    /// Whether DHCP is answered on a network that has instances.
    pub(crate) dhcp: BTreeMap<NetworkTag, Result<(), String>>,
    /// The processes of this machine that listen for DHCP requests.
    pub(crate) dhcp_servers: BTreeSet<String>,
    /// The instances that answer ARP.
    pub(crate) answering: BTreeSet<Ipv4Addr>,
}

impl Scene {
    pub(crate) fn report(&self) -> Option<&NetworkReport> {
        match &self.report {
            Report::Told(report) => Some(report),
            Report::NotHere | Report::Silent(_) => None,
        }
    }

    pub(crate) fn networks(&self) -> &[NetworkStatus] {
        self.report().map_or(&[], |report| &report.networks)
    }

    /// The nodes on other machines, with their addresses.
    pub(crate) fn away(&self) -> impl Iterator<Item = (&NodePlace, Ipv4Addr)> {
        let nodes = self.report().into_iter().flat_map(|report| &report.nodes);
        nodes.filter_map(|node| Some((node, node.address?)))
    }

    /// Whether an instance is on this machine.
    pub(crate) fn is_here(&self, lease: &Lease) -> bool {
        let nodes = || self.report().into_iter().flat_map(|report| &report.nodes);
        nodes().any(|node| Some(&node.name) == lease.node.as_ref() && node.is_here == Some(true))
    }
}

/// A network, for a person.
pub(crate) fn named(network: &NetworkStatus) -> String {
    format!("network {} ({}-{})", network.tag, network.user, network.group)
}
