//! The instances' part of a host: bridges, anti-spoofing and the way to the metadata service.

mod rules;
mod site;

use crate::{Overlay, Ruleset, Table, Trunk, Vlan, nft::Family};
use protocol::{Carrier, Fabric};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::{InstanceId, MacAddr, NetworkTag};

pub use site::{SITE_MARK, SiteBridge, SiteNic, SitePlan};

/// Where instances ask for their metadata (AWS: instance metadata service).
pub const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The host's end of an instance's network interface: `tap` and the 8 hex digits of its id.
pub fn tap_name(id: InstanceId) -> String {
    format!("tap{:08X}", id.bits())
}

/// One instance's network interface in a group network, as the host that runs it sees it.
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

/// What the node's plan is made from.
#[derive(Debug, Clone, Default)]
pub struct NodeInput<'a> {
    /// Every instance that this host has or is about to start; also those being removed and
    /// orphans that still run, for a tap that is not named here is not filtered. Those in group
    /// networks.
    pub nics: &'a [NodeNic],
    /// Those on the site's own network.
    pub site_nics: &'a [SiteNic],
    /// The administrator's bridge that these are plugged into; none when it is not there.
    pub site_bridge: Option<&'a SiteBridge>,
    /// The port of 127.0.0.1 on which the metadata service listens.
    pub metadata_port: u16,
    /// How this machine is joined with the others; none when the router is on this host too and
    /// does that.
    pub fabric: Option<&'a Fabric>,
    /// VNET_INTERFACE of this machine, for networks that are carried with tags; empty when it is
    /// not configured.
    pub interface: &'a str,
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
    /// The taps that are plugged into it; those of instances that do not run are not there.
    pub taps: BTreeSet<String>,
}

/// What the node's side of a host should hold. The default plan is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePlan {
    /// The networks whose bridge must exist.
    pub bridges: BTreeMap<NetworkTag, NodeBridge>,
    /// What joins the bridges with the other machines; none when that is the router's to do.
    pub trunk: Option<Trunk>,
    /// What instances on the site's own network need.
    pub site: SitePlan,
    /// The content of the node's [`TABLES`](Self::TABLES); none when they should not exist.
    pub rules: Option<Ruleset>,
}

impl NodePlan {
    /// The tables that belong to the node's side, whatever the plan.
    pub const TABLES: &'static [Table] = &[
        Table { family: Family::Bridge, name: "eucalyptus" },
        Table { family: Family::Ip, name: "eucalyptus_metadata" },
        Table { family: Family::Inet, name: "eucalyptus_taps" },
        Table { family: Family::Arp, name: "eucalyptus_taps" },
    ];
}

/// Plans the node's side of a host.
pub fn node_plan(input: &NodeInput<'_>) -> NodePlan {
    let mut nics = input.nics.to_vec();
    nics.sort();
    nics.dedup_by(|next, kept| next.tap == kept.tap);
    let mut site_nics = input.site_nics.to_vec();
    site_nics.sort();
    site_nics.dedup_by(|next, kept| next.tap == kept.tap);
    let site_bridge = input.site_bridge.filter(|_| !site_nics.is_empty());
    let input = &NodeInput { site_nics: &site_nics, site_bridge, ..input.clone() };
    let mac = input.fabric.map(bridge_mac);
    let mut bridges: BTreeMap<_, NodeBridge> = BTreeMap::new();
    for nic in &nics {
        let bridge = bridges.entry(nic.tag).or_default();
        bridge.mac = mac;
        bridge.taps.insert(nic.tap.clone());
        if mac.is_some() {
            bridge.neighbours.insert(nic.ip, nic.mac);
        }
    }
    let trunk = trunk(input);
    let rules = rules::ruleset(&nics, input, trunk.as_ref());
    NodePlan { bridges, trunk, site: site::plan(input), rules: Some(rules) }
}

/// What joins the bridges with the other machines.
fn trunk(input: &NodeInput<'_>) -> Option<Trunk> {
    let Fabric { own, peers, carrier } = input.fabric.filter(|fabric| !fabric.peers.is_empty())?;
    Some(match carrier {
        Carrier::Vxlan => Trunk::Vxlan(Overlay { local: Some(*own), peers: peers.clone() }),
        Carrier::Vlan => Trunk::Vlan(Vlan { interface: input.interface.to_owned() }),
    })
}

/// `d2:0e` and the machine's own address: no other machine has the same.
fn bridge_mac(fabric: &Fabric) -> MacAddr {
    let [a, b, c, d] = fabric.own.octets();
    MacAddr([0xd2, 0x0e, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nic(bits: u32, tag: u16) -> NodeNic {
        let id = InstanceId::from_bits(bits);
        let ip = Ipv4Addr::from(0x0a4d_0000 + bits);
        let tag = tag.try_into().unwrap();
        NodeNic { tap: tap_name(id), mac: MacAddr::of_instance(id), ip, tag }
    }

    fn fabric(peers: &[[u8; 4]]) -> Fabric {
        let peers = peers.iter().map(|peer| (*peer).into()).collect();
        Fabric { own: Ipv4Addr::new(192, 0, 2, 17), peers, carrier: Carrier::Vxlan }
    }

    fn planned(nics: &[NodeNic], fabric: Option<&Fabric>) -> NodePlan {
        node_plan(&NodeInput {
            nics,
            metadata_port: 8776,
            fabric,
            interface: "eth0",
            ..NodeInput::default()
        })
    }

    fn rules(plan: &NodePlan) -> String {
        plan.rules.as_ref().unwrap().transaction()
    }

    #[test]
    fn beside_the_router_the_node_leaves_all_that_to_it() {
        let plan = planned(&[nic(2, 10)], None);
        let taps = [nic(2, 10).tap].into();
        let bridge = NodeBridge { taps, ..NodeBridge::default() };
        assert_eq!(plan.bridges[&NetworkTag::FIRST], bridge);
        assert_eq!(plan.trunk, None);
        assert!(!rules(&plan).contains("4789") && !rules(&plan).contains("\"name\":\"input\""));
    }

    #[test]
    fn without_the_router_a_node_answers_and_guards_for_itself() {
        let fabric = fabric(&[[192, 0, 2, 1]]);
        let plan = planned(&[nic(2, 10)], Some(&fabric));
        let bridge = &plan.bridges[&NetworkTag::FIRST];
        assert_eq!(bridge.mac.unwrap().to_string(), "d2:0e:c0:00:02:11");
        let overlay = Overlay { local: Some(fabric.own), peers: fabric.peers.clone() };
        assert_eq!(plan.trunk, Some(Trunk::Vxlan(overlay)));
        assert!(rules(&plan).contains("192.0.2.1") && !rules(&plan).contains("192.0.2.17"));
    }

    #[test]
    fn tagged_networks_need_no_vxlan_and_reach_nothing_of_the_node() {
        let fabric = Fabric { carrier: Carrier::Vlan, ..fabric(&[[192, 0, 2, 1]]) };
        let plan = planned(&[nic(2, 10), nic(3, 11), nic(4, 11)], Some(&fabric));
        assert_eq!(plan.trunk, Some(Trunk::Vlan(Vlan { interface: "eth0".to_owned() })));
        assert!(rules(&plan).contains(r#""elem":["eth0.10","eth0.11"]"#));
        assert!(!rules(&plan).contains("4789"));
        let alone = Fabric { peers: BTreeSet::new(), ..fabric };
        assert_eq!(planned(&[nic(2, 10)], Some(&alone)).trunk, None);
    }

    #[test]
    fn a_node_that_is_joined_with_nobody_still_guards_itself() {
        let (alone, joined) = (fabric(&[]), fabric(&[[192, 0, 2, 1]]));
        let plan = planned(&[nic(2, 10)], Some(&alone));
        assert_eq!(plan.trunk, None);
        let with_peer = planned(&[nic(2, 10)], Some(&joined));
        assert_eq!(rules(&plan), rules(&with_peer).replace(r#""elem":["192.0.2.1"],"#, ""));
    }

    proptest! {
        #[test]
        fn every_instance_is_a_neighbour_on_its_own_bridge_only(
            nics in prop::collection::btree_map(1u32..999, 10u16..14, 0..12),
        ) {
            let nics: Vec<_> = nics.into_iter().map(|(bits, tag)| nic(bits, tag)).collect();
            let fabric = fabric(&[[192, 0, 2, 1]]);
            let plan = planned(&nics, Some(&fabric));
            let planned_nics: BTreeSet<_> = plan.bridges.iter().flat_map(|(tag, bridge)| {
                bridge.neighbours.iter().map(|(ip, mac)| (*tag, *ip, *mac))
            }).collect();
            let expect = nics.iter().map(|nic| (nic.tag, nic.ip, nic.mac)).collect();
            prop_assert_eq!(planned_nics, expect);
            let backwards: Vec<_> = nics.iter().rev().cloned().collect();
            prop_assert_eq!(planned(&backwards, Some(&fabric)), plan);
        }
    }
}
