//! Instances on the site's own network, plugged into the administrator's bridge: who they are, how
//! their requests for metadata find the way to this host, and the answers the way back.
//!
//! A request is taken off the bridge at the tap and marked. What is marked is for this host,
//! though the address is not its own (a routing table of ours says so), and the service's own
//! socket marks the answers, which that table leads back. So neither the bridge nor the host needs
//! an address for it, and no other packet of the host or of the site is led anywhere.

use super::{METADATA_ADDRESS, NodeInput};
use crate::nft::{self, field, is, meta};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::MacAddr;

/// Marks requests for metadata from the site's network, and their answers.
pub const SITE_MARK: u32 = 0xe0ca;

/// One instance's network interface on the site's network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteNic {
    /// The host's end, see [`tap_name`](crate::tap_name).
    pub tap: String,
    /// The only Ethernet address that it may use.
    pub mac: MacAddr,
    /// The only IPv4 address that it may use. While it is not known, none but DHCP passes.
    pub ip: Option<Ipv4Addr>,
    /// Whether the site's DHCP server gives it its address, so that its tap is watched.
    pub is_watched: bool,
}

/// The administrator's bridge as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteBridge {
    /// VNET_BRIDGE.
    pub name: String,
    /// Its Ethernet address.
    pub mac: MacAddr,
}

/// What instances on the site's network need beside rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SitePlan {
    /// The administrator's bridge; none when no answer has to find its way.
    pub bridge: Option<String>,
    /// Who is answered over it: address and Ethernet address.
    pub neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    /// The taps on which addresses are looked for, with the Ethernet address behind each.
    pub watched: BTreeMap<String, MacAddr>,
}

pub(super) fn plan(input: &NodeInput<'_>) -> SitePlan {
    let nics = input.site_nics.iter();
    let watched = nics.clone().filter(|nic| nic.is_watched);
    let neighbours: BTreeMap<_, _> = nics.filter_map(|nic| Some((nic.ip?, nic.mac))).collect();
    let bridge = input.site_bridge.filter(|_| !neighbours.is_empty());
    SitePlan {
        bridge: bridge.map(|bridge| bridge.name.clone()),
        neighbours: bridge.map(|_| neighbours).unwrap_or_default(),
        watched: watched.map(|nic| (nic.tap.clone(), nic.mac)).collect(),
    }
}

/// Takes a request for metadata off the administrator's bridge.
pub(super) fn take_off(bridge: &SiteBridge) -> Vec<Value> {
    vec![
        is(meta("iifname"), "@site_taps"),
        is(field("ip", "daddr"), METADATA_ADDRESS.to_string()),
        is(field("tcp", "dport"), 80),
        nft::put(field("ether", "daddr"), bridge.mac.to_string()),
        nft::put(meta("pkttype"), "host"),
        nft::put(meta("mark"), SITE_MARK),
        nft::accept(),
    ]
}

/// Sends a request that was taken off to the port that the service listens on.
pub(super) fn redirect(port: u16) -> Vec<Value> {
    vec![
        is(meta("mark"), SITE_MARK),
        is(field("ip", "daddr"), METADATA_ADDRESS.to_string()),
        is(field("tcp", "dport"), 80),
        json!({"dnat": {"addr": METADATA_ADDRESS, "port": port}}),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodePlan, node_plan, tap_name};
    use proptest::prelude::*;
    use types::InstanceId;

    fn nic(bits: u32, ip: Option<u32>) -> SiteNic {
        let id = InstanceId::from_bits(bits);
        let ip = ip.map(|last| Ipv4Addr::from(0xc0a8_0100 + last));
        SiteNic { tap: tap_name(id), mac: MacAddr::of_instance(id), ip, is_watched: true }
    }

    fn bridge() -> SiteBridge {
        SiteBridge { name: "br0".to_owned(), mac: MacAddr([2, 0, 0, 0, 0, 9]) }
    }

    fn planned(site_nics: &[SiteNic], site_bridge: Option<&SiteBridge>) -> NodePlan {
        let input = NodeInput { site_nics, site_bridge, metadata_port: 8776, ..Default::default() };
        node_plan(&input)
    }

    /// The elements of a set of table `bridge eucalyptus`.
    fn set(plan: &NodePlan, name: &str) -> Vec<String> {
        sets(plan, name).swap_remove(0)
    }

    /// Those of the sets with this name, table by table.
    fn sets(plan: &NodePlan, name: &str) -> Vec<Vec<String>> {
        let rules: Value =
            serde_json::from_str(&plan.rules.as_ref().unwrap().transaction()).unwrap();
        let all = rules["nftables"].as_array().unwrap().iter().map(|it| &it["add"]["set"]);
        let elements = |set: &Value| {
            set["elem"].as_array().into_iter().flatten().map(Value::to_string).collect()
        };
        all.filter(|set| set["name"] == name).map(elements).collect()
    }

    #[test]
    fn while_its_address_is_not_known_a_guest_can_do_nothing_but_ask_for_one() {
        let plan = planned(&[nic(1, None)], Some(&bridge()));
        assert_eq!(set(&plan, "taps"), [r#""tap00000001""#]);
        assert_eq!(set(&plan, "addresses"), [""; 0]);
        let probe = r#"{"concat":["tap00000001","d0:0d:00:00:00:01","0.0.0.0"]}"#;
        assert_eq!(set(&plan, "arps"), [probe]);
        assert_eq!((plan.site.bridge, plan.site.watched.len()), (None, 1));
        let plan = planned(&[nic(1, Some(7))], Some(&bridge()));
        assert_eq!(set(&plan, "addresses"), [r#"{"concat":["tap00000001","192.168.1.7"]}"#]);
        assert_eq!(plan.site.bridge.as_deref(), Some("br0"));
    }

    #[test]
    fn nothing_passes_the_bridge_by_whichever_protocol() {
        let taps = [1, 2].map(|number| format!(r#""tap0000000{number}""#));
        let plan = planned(&[nic(1, Some(7)), nic(2, None)], Some(&bridge()));
        assert_eq!(sets(&plan, "taps"), [&taps; 3], "of frames, of IP and of ARP");
    }

    #[test]
    fn without_the_bridge_its_instances_are_filtered_all_the_same() {
        let (with, without) =
            (planned(&[nic(1, Some(7))], Some(&bridge())), planned(&[nic(1, Some(7))], None));
        assert_eq!(set(&with, "macs"), set(&without, "macs"));
        assert_eq!((without.site.bridge, without.site.neighbours.len()), (None, 0));
        let rules = without.rules.unwrap();
        assert!(!rules.transaction().contains("\"mark\""), "nothing can be taken off");
    }

    #[test]
    fn a_host_without_such_instances_has_no_table_for_them() {
        assert_eq!(planned(&[], Some(&bridge())).site, SitePlan::default());
    }

    proptest! {
        #[test]
        fn each_interface_has_one_identity_and_the_order_does_not_matter(
            nics in prop::collection::btree_map(1u32..99, prop::option::of(2u32..250), 0..12),
        ) {
            let nics: Vec<_> = nics.into_iter().map(|(bits, ip)| nic(bits, ip)).collect();
            let plan = planned(&nics, Some(&bridge()));
            prop_assert_eq!(set(&plan, "macs").len(), nics.len());
            prop_assert_eq!(set(&plan, "site_taps"), set(&plan, "taps"));
            let known = nics.iter().filter(|nic| nic.ip.is_some()).count();
            prop_assert_eq!(set(&plan, "addresses").len(), known);
            prop_assert_eq!(set(&plan, "arps").len(), known + nics.len());
            prop_assert_eq!(plan.site.watched.len(), nics.len());
            prop_assert!(plan.bridges.is_empty() && plan.trunk.is_none());
            let backwards: Vec<_> = nics.iter().rev().cloned().collect();
            prop_assert_eq!(planned(&backwards, Some(&bridge())), plan);
        }
    }
}
