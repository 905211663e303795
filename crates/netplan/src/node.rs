//! The instances' part of a host: bridges, anti-spoofing and the way to the metadata service.

mod rules;

use crate::{Overlay, Ruleset, Table, nft::Family};
use protocol::{Fabric, InstanceDesired};
use std::collections::BTreeMap;
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
    /// How this machine is joined with the others; none when the router is on this host too and
    /// does that.
    pub fabric: Option<&'a Fabric>,
}

/// A bridge as the node's side wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeBridge {
    /// Its Ethernet address, to which requests for metadata are sent on; none when it is the
    /// router's to choose.
    pub mac: Option<MacAddr>,
    /// The instances that this host itself has to answer: without an address in their network it
    /// can neither ask for their Ethernet address nor find the device.
    pub neighbours: BTreeMap<Ipv4Addr, MacAddr>,
}

/// What the node's side of a host should hold. The default plan is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePlan {
    /// The networks whose bridge must exist.
    pub bridges: BTreeMap<NetworkTag, NodeBridge>,
    /// What joins the bridges with the other machines; none when that is the router's to do.
    pub overlay: Option<Overlay>,
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
    let mac = input.fabric.map(bridge_mac);
    let mut bridges: BTreeMap<_, NodeBridge> = BTreeMap::new();
    for nic in &nics {
        let bridge = bridges.entry(nic.tag).or_default();
        bridge.mac = mac;
        if mac.is_some() {
            bridge.neighbours.insert(nic.ip, nic.mac);
        }
    }
    let overlay =
        |fabric: &Fabric| Overlay { local: Some(fabric.own), peers: fabric.peers.clone() };
    NodePlan {
        bridges,
        overlay: input.fabric.filter(|fabric| !fabric.peers.is_empty()).map(overlay),
        rules: Some(rules::ruleset(&nics, input)),
    }
}

/// `d2:0e` and the machine's own address: no other machine has the same.
fn bridge_mac(fabric: &Fabric) -> MacAddr {
    let [a, b, c, d] = fabric.own.octets();
    MacAddr([0xd2, 0x0e, a, b, c, d])
}
