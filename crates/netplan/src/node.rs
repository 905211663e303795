//! The instances' part of a host: bridges, anti-spoofing and the way to the metadata service.

mod rules;

use crate::{Ruleset, Table, nft::Family};
use protocol::InstanceDesired;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{InstanceId, MacAddr, NetworkTag};

/// Where instances ask for their metadata (AWS: instance metadata service).
pub(crate) const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The host's end of an instance's network interface: `tap` and the 8 hex digits of its id.
pub fn tap_name(id: InstanceId) -> String {
    format!("tap{:08X}", id.bits())
}

/// One instance's network interface, as the host that runs it sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeNic {
    /// The host's end, see [`tap_name`].
    pub tap: String,
    /// The only Ethernet address that it may use.
    pub mac: MacAddr,
    /// The only IPv4 address that it may use.
    pub ip: Ipv4Addr,
    /// The network that it is in.
    pub tag: NetworkTag,
}

impl NodeNic {
    /// The interface of an instance.
    pub fn of(instance: &InstanceDesired) -> Self {
        let nic = &instance.nic;
        Self { tap: tap_name(instance.id), mac: nic.mac, ip: nic.ip, tag: nic.tag }
    }
}

/// What the node's plan is made from.
#[derive(Debug, Clone)]
pub struct NodeInput<'a> {
    /// Every instance that this host has or is about to start; also those being removed and
    /// orphans that still run, for a tap that is not named here is not filtered.
    pub nics: &'a [NodeNic],
    /// The port of 127.0.0.1 on which the metadata service listens.
    pub metadata_port: u16,
}

/// What the node's side of a host should hold. The default plan is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePlan {
    /// The networks whose bridge must exist.
    pub bridges: BTreeSet<NetworkTag>,
    /// The content of tables `bridge eucalyptus` and `ip eucalyptus_metadata`; none when they
    /// should not exist.
    pub rules: Option<Ruleset>,
}

impl NodePlan {
    /// The tables that belong to the node's side, whatever the plan.
    pub const TABLES: &'static [Table] = &[
        Table { family: Family::Bridge, name: "eucalyptus" },
        Table { family: Family::Ip, name: "eucalyptus_metadata" },
    ];
}

/// Plans the node's side of a host.
pub fn node_plan(input: &NodeInput<'_>) -> NodePlan {
    let mut nics = input.nics.to_vec();
    nics.sort();
    nics.dedup_by(|next, kept| next.tap == kept.tap);
    let bridges = nics.iter().map(|nic| nic.tag).collect();
    NodePlan { bridges, rules: Some(rules::ruleset(&nics, input.metadata_port)) }
}
