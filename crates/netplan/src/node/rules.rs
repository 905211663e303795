//! Tables `bridge eucalyptus` and `ip eucalyptus_metadata`.

use super::{METADATA_ADDRESS, NodeNic, NodePlan};
use crate::nft::{self, Ruleset, accept, concat, drop, field, goto, is, is_not, meta};
use ipnet::Ipv4Net;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

const FRAMES: nft::Table = NodePlan::TABLES[0];
const METADATA: nft::Table = NodePlan::TABLES[1];
const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

pub(super) fn ruleset(nics: &[NodeNic], metadata_port: u16) -> Ruleset {
    let mut adds = identities(nics);
    adds.extend(arp_from_tap());
    adds.extend(ip_from_tap());
    adds.extend(frames());
    adds.extend(metadata(metadata_port));
    Ruleset::new(NodePlan::TABLES, adds)
}

/// Who is who: every tap, and the addresses that may come from it.
fn identities(nics: &[NodeNic]) -> Vec<Value> {
    let taps = nics.iter().map(|nic| nic.tap.clone().into()).collect();
    let macs = nics.iter().map(|nic| concat(json!([nic.tap, nic.mac]))).collect();
    let ips = nics.iter().map(|nic| concat(json!([nic.tap, nic.ip]))).collect();
    let probe = Ipv4Addr::UNSPECIFIED;
    let arps =
        nics.iter().flat_map(|nic| [nic.ip, probe].map(|ip| concat(json!([nic.tap, nic.mac, ip]))));
    vec![
        FRAMES.set("taps", "ifname".into(), false, taps),
        FRAMES.set("macs", json!(["ifname", "ether_addr"]), false, macs),
        FRAMES.set("addresses", json!(["ifname", "ipv4_addr"]), false, ips),
        FRAMES.set("arps", json!(["ifname", "ether_addr", "ipv4_addr"]), false, arps.collect()),
    ]
}

/// ARP for IPv4 over Ethernet that names its own sender, or none: RFC 5227 probes with 0.0.0.0.
fn arp_from_tap() -> Vec<Value> {
    let arp = |name| field("arp", name);
    let sender = concat(vec![meta("iifname"), arp("saddr ether"), arp("saddr ip")]);
    let rule = vec![
        is(arp("htype"), 1),
        is(arp("ptype"), "ip"),
        is(arp("hlen"), 6),
        is(arp("plen"), 4),
        is(sender, "@arps"),
        accept(),
    ];
    vec![
        FRAMES.chain("arp_from_tap"),
        FRAMES.rule("arp_from_tap", rule),
        FRAMES.rule("arp_from_tap", vec![drop()]),
    ]
}

fn ip_from_tap() -> Vec<Value> {
    let (source, destination) = (field("ip", "saddr"), field("ip", "daddr"));
    let own = concat(vec![meta("iifname"), source.clone()]);
    let discover = vec![
        is(source, "0.0.0.0"),
        is(destination.clone(), "255.255.255.255"),
        is(field("udp", "sport"), 68),
        is(field("udp", "dport"), 67),
        accept(),
    ];
    let dhcp_answer = vec![is(field("udp", "sport"), 67), drop()];
    vec![
        FRAMES.chain("ip_from_tap"),
        FRAMES.rule("ip_from_tap", discover),
        FRAMES.rule("ip_from_tap", vec![is_not(own, "@addresses"), drop()]),
        FRAMES.rule("ip_from_tap", dhcp_answer),
        FRAMES.rule("ip_from_tap", vec![is(destination, nft::net(LOOPBACK)), drop()]),
        FRAMES.rule("ip_from_tap", vec![accept()]),
    ]
}

/// Only IPv4 and ARP pass a tap, either way.
fn frames() -> Vec<Value> {
    let kind = || field("ether", "type");
    let sender = concat(vec![meta("iifname"), field("ether", "saddr")]);
    let chains = vec![json!(["ip", goto("ip_from_tap")]), json!(["arp", goto("arp_from_tap")])];
    let passes = nft::any_of(vec!["ip".into(), "arp".into()]);
    vec![
        FRAMES.chain("from_tap"),
        FRAMES.rule("from_tap", vec![is_not(sender, "@macs"), drop()]),
        FRAMES.rule("from_tap", vec![nft::choose(kind(), chains)]),
        FRAMES.rule("from_tap", vec![drop()]),
        FRAMES.hook("prerouting", "filter", "prerouting", -300),
        FRAMES.rule("prerouting", vec![is(meta("iifname"), "@taps"), goto("from_tap")]),
        FRAMES.hook("postrouting", "filter", "postrouting", 300),
        FRAMES.rule(
            "postrouting",
            vec![is(meta("oifname"), "@taps"), is_not(kind(), passes), drop()],
        ),
    ]
}

/// Requests for metadata go to the service on 127.0.0.1, which nobody else reaches from outside:
/// a packet that names 127.0.0.0/8 itself is dropped before it is translated.
fn metadata(port: u16) -> Vec<Value> {
    let from_bridge = || is(meta("iifname"), "eucabr*");
    let destination = || field("ip", "daddr");
    let asks = vec![
        from_bridge(),
        is(destination(), METADATA_ADDRESS.to_string()),
        is(field("tcp", "dport"), 80),
        json!({"dnat": {"addr": Ipv4Addr::LOCALHOST, "port": port}}),
    ];
    vec![
        METADATA.hook("raw", "filter", "prerouting", -300),
        METADATA.rule("raw", vec![from_bridge(), is(destination(), nft::net(LOOPBACK)), drop()]),
        METADATA.hook("prerouting", "nat", "prerouting", -100),
        METADATA.rule("prerouting", asks),
    ]
}
