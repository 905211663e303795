//! The group networks, as the cluster controller makes them.

use crate::GroupRule;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use types::{ClusterName, GroupId, GroupName, InstanceId, MacAddr, NetworkTag, NodeName, UserName};

/// Where a cluster controller's networks are.
pub const NETWORKS: &str = "/v1/networks";

/// All group networks of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkReport {
    /// The cluster; none before the cloud has named it.
    pub cluster: Option<ClusterName>,
    /// The active networks, by tag.
    pub networks: Vec<NetworkStatus>,
    /// The nodes, in the order of NODES, then those that are leaving.
    pub nodes: Vec<NodePlace>,
    /// Whether the router's rules are in the kernel as they were written last; none when they were
    /// not written yet.
    pub rules_hold: Option<bool>,
    /// What the cluster controller knows to be wrong, with the remedy; not what everybody can see of
    /// the host.
    pub problems: Vec<String>,
}

/// An active group network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkStatus {
    /// Its tag.
    pub tag: NetworkTag,
    /// The group's owner.
    pub user: UserName,
    /// The group.
    pub group: GroupName,
    /// The group's id.
    pub group_id: GroupId,
    /// The chain with what the group lets in.
    pub chain: String,
    /// The gateway's address, and the length of the network's prefix.
    pub gateway: Ipv4Net,
    /// The device that joins its bridge with other machines; none when it is on this one alone.
    pub trunk: Option<String>,
    /// What the group lets in.
    pub ingress: Vec<GroupRule>,
    /// What it lets out.
    pub egress: Vec<GroupRule>,
    /// The instances that may use their addresses.
    pub instances: Vec<Lease>,
}

/// An instance's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The instance.
    pub instance: InstanceId,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its private address.
    pub ip: Ipv4Addr,
    /// Its public address.
    pub public_ip: Option<Ipv4Addr>,
    /// The node that has it; none before one was chosen.
    pub node: Option<NodeName>,
    /// Whether that node says that it runs: one that is stopped keeps its addresses.
    pub running: bool,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlace {
    /// The node.
    pub name: NodeName,
    /// Whether it answered the last call.
    pub reachable: bool,
    /// Whether its machine is that of the cluster controller; none when it was not found yet.
    pub is_here: Option<bool>,
    /// The address of its machine, when that is another one.
    pub address: Option<Ipv4Addr>,
    /// What keeps it from working, with the remedy.
    pub problems: Vec<String>,
}
