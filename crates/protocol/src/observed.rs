//! Observed state: what is.

use crate::{Generation, MetadataOptions};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use types::{ClusterName, Figures, InstanceId, NodeName, Timestamp};

/// Names one observed state: it differs whenever the state does.
///
/// It is a hash of the content (times of last sight left out), so a restarted component need not
/// remember what it had counted to.
pub type Revision = u64;

/// Where an instance is in its life, as its node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstancePhase {
    /// Accepted; its disks are being made or its domain is being started.
    Pending,
    /// Its domain runs.
    Running,
    /// It should be stopped, and its domain may still be there.
    Stopping,
    /// It should be stopped, and its domain is gone. Its disks stay.
    Stopped,
    /// It is being removed.
    ShuttingDown,
    /// Its domain, disks and tap are gone.
    Terminated,
}

/// One instance on a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceObserved {
    /// Its id.
    pub id: InstanceId,
    /// The node that has it; none when no node could take it.
    pub node: Option<NodeName>,
    /// Its phase.
    pub phase: InstancePhase,
    /// Why it is in this phase, for a person: what went wrong and what would help, or what is
    /// being waited for ("downloading image emi-… 40 %").
    pub reason: Option<String>,
    /// How many of the wanted reboots are done.
    pub reboots: u32,
    /// The newest [`InstanceDesired::turn`](crate::InstanceDesired::turn) that the phase follows.
    #[serde(default)]
    pub turn: u32,
    /// The newest [`InstanceDesired::metadata`](crate::InstanceDesired::metadata) that is in
    /// force; none when the node has not told.
    #[serde(default)]
    pub metadata: Option<MetadataOptions>,
}

/// What a node reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeObserved {
    /// The node's own name.
    pub node: NodeName,
    /// Names this state.
    pub revision: Revision,
    /// The newest generation that the node has kept; 0 before the first.
    pub generation: Generation,
    /// The sequence that came with it; 0 before the first.
    #[serde(default)]
    pub sequence: u64,
    /// What the node can give to instances altogether; all zero while it does not know yet.
    pub capacity: Figures,
    /// Every instance that the node knows, until desired state no longer names a terminated one.
    pub instances: Vec<InstanceObserved>,
    /// Domains that look like instances and that nobody wants. Reported, never destroyed.
    pub orphans: Vec<String>,
    /// What keeps the node from working, with the remedy ("libvirt is not reachable: …").
    pub problems: Vec<String>,
}

/// A node as its cluster controller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name in NODES.
    pub name: NodeName,
    /// Whether it answered the last call. A node that does not keeps its instances.
    pub reachable: bool,
    /// Whether it presented a certificate that this cloud issued to it.
    pub certificate_ok: bool,
    /// When it answered last; none since the controller's first start.
    pub last_seen: Option<Timestamp>,
    /// What it can give altogether, as it said last.
    pub capacity: Figures,
    /// As the node reports them.
    pub orphans: Vec<String>,
    /// As the node reports them, or why it cannot be reached.
    pub problems: Vec<String>,
}

/// What a cluster reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterObserved {
    /// The cluster's name, as the newest desired state gave it; none before the first.
    pub cluster: Option<ClusterName>,
    /// Names this state.
    pub revision: Revision,
    /// The newest generation that the controller has kept; 0 before the first.
    pub generation: Generation,
    /// Its nodes, in the order of NODES.
    pub nodes: Vec<NodeStatus>,
    /// Every instance of the desired state that the controller has an opinion about.
    pub instances: Vec<InstanceObserved>,
    /// What keeps the cluster from working, with the remedy.
    pub problems: Vec<String>,
    /// What its own configuration says; none from a controller that does not tell.
    #[serde(default)]
    pub settings: Option<ClusterSettings>,
}

/// What the cloud must know of a cluster's configuration to launch there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// VNET_SUBNET and VNET_NETMASK: the addresses that its networks are cut from.
    pub subnet: Ipv4Net,
    /// VNET_ADDRSPERNET: addresses per group network, a power of two.
    pub addrs_per_net: u32,
    /// SCHEDPOLICY: how its controller chooses nodes.
    pub policy: String,
}

/// An instance's serial console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleOutput {
    /// When it was written to last.
    pub at: Timestamp,
    /// Its last 64 KiB, as the guest wrote them, in base64.
    pub output_base64: String,
}
