//! All that can be seen of a simulated cloud at one moment, as plain data.

use hypervisor::DomainSpec;
use netplan::{NodePlan, PublicPlan, RouterPlan};
use placement::Availability;
use protocol::{ClusterDesired, Standing};
use state::{Address, Instance};
use std::collections::{BTreeMap, BTreeSet};
use types::{
    ClusterName, Figures, GroupId, InstanceId, InstanceState, NodeName, Timestamp, VmType,
};

/// A simulated cloud at one moment.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Every instance in the cloud's records, with the group whose network it is in.
    pub instances: Vec<(Instance, GroupId)>,
    /// The machines.
    pub hosts: Vec<Host>,
    /// The clusters that are part of the cloud by its records, and where it looks for each.
    pub clusters: BTreeMap<ClusterName, String>,
    /// The instances that each cluster controller has placed, by its own memory.
    pub placed: BTreeMap<ClusterName, BTreeMap<NodeName, BTreeSet<InstanceId>>>,
    /// The nodes that each cluster controller reports; none of one that does not live.
    pub reported: BTreeMap<ClusterName, BTreeMap<NodeName, Standing>>,
    /// The public addresses that lead to instances, by the cloud's records.
    pub public: Vec<Address>,
    /// The public addresses that each cluster's router has.
    pub routed: BTreeMap<ClusterName, PublicPlan>,
    /// What can be seen only when all components live and nothing is in the way.
    pub quiet: Option<Quiet>,
}

/// A machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its node's name.
    pub name: NodeName,
    /// The cluster that it is a machine of.
    pub cluster: ClusterName,
    /// What it has.
    pub capacity: Figures,
    /// The domains that exist.
    pub domains: Vec<SeenDomain>,
    /// The disks that exist, with their size in GB.
    pub disks: BTreeMap<InstanceId, u64>,
    /// The instances that were ever started here.
    pub started: BTreeSet<InstanceId>,
    /// Domains that somebody else started.
    pub foreign: BTreeSet<String>,
    /// The node's side of its network.
    pub plan: NodePlan,
}

/// A domain.
#[derive(Debug, Clone)]
pub struct SeenDomain {
    /// Its name.
    pub name: String,
    /// What it was started with; none for somebody else's.
    pub spec: Option<DomainSpec>,
    /// Whether it is up; one that has stopped is still known.
    pub is_up: bool,
    /// How often it was started, and reset or rebooted since.
    pub starts_and_reboots: (u32, u32),
}

/// What can be seen of a cloud at rest.
#[derive(Debug, Clone)]
pub struct Quiet {
    /// The time.
    pub now: Timestamp,
    /// The clusters that are part of the cloud.
    pub clusters: BTreeMap<ClusterName, QuietCluster>,
    /// The domains that each node reports as orphans.
    pub orphans: BTreeMap<NodeName, Vec<String>>,
    /// The VM types and what the cloud shows as free of each, by the zones that it shows.
    pub shown: BTreeMap<ClusterName, Vec<(VmType, Availability)>>,
    /// What each user, in the order of users, is shown of instances.
    pub described: Vec<Vec<(InstanceId, InstanceState)>>,
}

/// What can be seen of a cluster of a cloud at rest.
#[derive(Debug, Clone)]
pub struct QuietCluster {
    /// The desired state in the cloud's records.
    pub desired: ClusterDesired,
    /// What the router holds.
    pub router: RouterPlan,
    /// The plans that follow from the desired state.
    pub planned: Planned,
    /// The reboots that are reported as done.
    pub reboots_done: BTreeMap<InstanceId, u32>,
}

/// The network plans that follow from the cloud's records.
#[derive(Debug, Clone)]
pub struct Planned {
    /// For the router.
    pub router: RouterPlan,
    /// For each node.
    pub nodes: BTreeMap<NodeName, NodePlan>,
}

impl Scene {
    /// The instances that are not terminated.
    pub fn live(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().map(|(instance, _)| instance).filter(|it| it.state.is_live())
    }

    /// Whether an instance waits for a node with room, which it may while one of its cluster is
    /// closed: stopped before it had a node, it is not given up.
    pub fn may_wait(&self, it: &Instance) -> bool {
        let closed = |host: &Host| {
            host.cluster == it.cluster && self.standing(host) != Some(Standing::Accepting)
        };
        it.state == InstanceState::Stopping && it.node.is_none() && self.hosts.iter().any(closed)
    }

    /// How a machine stands as a node, as its cluster controller reports it.
    pub fn standing(&self, host: &Host) -> Option<Standing> {
        self.reported.get(&host.cluster)?.get(&host.name).copied()
    }

    /// The instances that are placed on a node.
    pub fn placed_on(&self, node: &NodeName) -> BTreeSet<InstanceId> {
        let placed = self.placed.values().filter_map(|nodes| nodes.get(node));
        placed.flatten().copied().collect()
    }

    /// The record of an instance.
    pub fn instance(&self, id: InstanceId) -> Option<&Instance> {
        self.instances.iter().map(|(instance, _)| instance).find(|it| it.id == id)
    }

    /// The machines that have a domain of this instance.
    pub fn hosts_of(&self, id: InstanceId) -> Vec<&NodeName> {
        let name = id.to_string();
        let has = |host: &&Host| host.domains.iter().any(|it| it.name == name);
        self.hosts.iter().filter(has).map(|host| &host.name).collect()
    }

    /// Whether a domain of this instance is up somewhere.
    pub fn is_up(&self, id: InstanceId) -> bool {
        let mut ours = self.hosts.iter().flat_map(Host::ours);
        ours.any(|(it, domain)| it == id && domain.is_up)
    }
}

impl Host {
    /// The domains that the cloud started, by instance.
    pub fn ours(&self) -> impl Iterator<Item = (InstanceId, &SeenDomain)> {
        let ours = self.domains.iter().filter(|domain| !self.foreign.contains(&domain.name));
        ours.filter_map(|domain| Some((domain.name.parse().ok()?, domain)))
    }
}
