//! Observed state: what is.

use crate::{Generation, MetadataOptions, Networks};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::str::FromStr;
use types::{AddressPool, ClusterName, Figures, InstanceId, NodeName, Timestamp, VnetMode};

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
    /// The address that the site's DHCP server gave it, as its node has seen; none while it is
    /// not known, and for one that has its address from the cloud.
    #[serde(default)]
    pub address: Option<Ipv4Addr>,
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
    /// The cluster that they are of; none before the first, and from an older node controller.
    #[serde(default)]
    pub cluster: Option<ClusterName>,
    /// Whether there are or may be instances of that cluster: no other one can command the node
    /// then.
    #[serde(default)]
    pub held: bool,
    /// VNET_MODE of its configuration; none from a node controller that knows only MANAGED.
    #[serde(default)]
    pub mode: Option<VnetMode>,
    /// What the node can give to instances altogether; all zero while it does not know yet.
    pub capacity: Figures,
    /// What each instance costs the node beside the figures of its VM type.
    #[serde(default)]
    pub overhead: Figures,
    /// Every instance that the node knows, until desired state no longer names a terminated one.
    pub instances: Vec<InstanceObserved>,
    /// Domains that look like instances and that nobody wants. Reported, never destroyed.
    pub orphans: Vec<String>,
    /// What keeps the node from working, with the remedy ("libvirt is not reachable: …").
    pub problems: Vec<String>,
}

/// Whether a node is given new instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is.
    #[default]
    Accepting,
    /// DRAINED_NODES names it: it keeps its instances and gets no new ones.
    Draining,
    /// NODES does not name it any more, and it still has instances, or may have.
    Leaving,
}

impl Standing {
    /// Its name, also in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepting => "accepting",
            Self::Draining => "draining",
            Self::Leaving => "leaving",
        }
    }
}

/// A word that names no standing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no standing of a node")]
pub struct UnknownStanding(pub String);

impl FromStr for Standing {
    type Err = UnknownStanding;
    fn from_str(word: &str) -> Result<Self, UnknownStanding> {
        let all = [Self::Accepting, Self::Draining, Self::Leaving];
        let found = all.into_iter().find(|standing| standing.as_str() == word);
        found.ok_or_else(|| UnknownStanding(word.to_owned()))
    }
}

/// A node as its cluster controller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name in NODES.
    pub name: NodeName,
    /// Whether it answered the last call. A node that does not keeps its instances.
    pub reachable: bool,
    /// Whether it is given new instances. An older cluster controller does not say.
    #[serde(default)]
    pub standing: Standing,
    /// Whether it has presented, when it was reached last, a certificate that this cloud issued to
    /// it. Nothing is claimed of one that was never reached: false.
    pub certificate_ok: bool,
    /// When it answered last; none since the controller's first start.
    pub last_seen: Option<Timestamp>,
    /// What it can give altogether, as it said last.
    pub capacity: Figures,
    /// What each instance costs it beside the figures of its VM type, as it said last.
    #[serde(default)]
    pub overhead: Figures,
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
    /// Its nodes, in the order of NODES; after them those that are leaving.
    pub nodes: Vec<NodeStatus>,
    /// What its own configuration says; none from an older cluster controller.
    #[serde(default)]
    pub settings: Option<ClusterSettings>,
    /// Every instance of the desired state that the controller has an opinion about.
    pub instances: Vec<InstanceObserved>,
    /// What keeps the cluster from working, with the remedy.
    pub problems: Vec<String>,
}

/// What the cloud must know of a cluster's configuration to launch there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterSettings {
    /// VNET_MODE and the addresses that it has.
    #[serde(flatten)]
    pub networks: Networks,
    /// SCHEDPOLICY: how its controller chooses nodes.
    pub policy: String,
    /// VNET_PUBLICIPS: the public addresses that can lead to its instances; none from an older
    /// cluster controller.
    #[serde(default)]
    pub public_addresses: Option<AddressPool>,
}

/// An instance's serial console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleOutput {
    /// When it was written to last.
    pub at: Timestamp,
    /// Its last 64 KiB, as the guest wrote them, in base64.
    pub output_base64: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_cluster_controller_reports_is_read() {
        let text = r#"{"cluster":"one","revision":1,"generation":2,"nodes":[{"name":"a",
            "reachable":true,"certificate_ok":true,"last_seen":null,"orphans":[],"problems":[],
            "capacity":{"cores":1,"memory_mb":2,"disk_gb":3}}],"instances":[],"problems":[]}"#;
        let observed: ClusterObserved = serde_json::from_str(text).unwrap();
        assert_eq!((observed.nodes[0].standing, observed.settings), (Standing::Accepting, None));
    }

    #[test]
    fn a_standing_has_one_name_everywhere() {
        for standing in [Standing::Accepting, Standing::Draining, Standing::Leaving] {
            let name = format!("\"{}\"", standing.as_str());
            assert_eq!(serde_json::to_string(&standing).unwrap(), name);
            assert_eq!(standing.as_str().parse(), Ok(standing));
        }
    }
}
