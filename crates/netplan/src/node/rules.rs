//! The node's tables: what may come from a tap, and the way of metadata.

use super::{METADATA_ADDRESS, NodeInput, NodeNic, NodePlan, bridge_mac, site};
use crate::SiteNic;
use crate::nft::{self, Ruleset, accept, concat, drop, field, goto, is, is_not, meta};
use crate::overlay;
use crate::{Trunk, Vlan};
use ipnet::Ipv4Net;
use protocol::{Carrier, Fabric};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::MacAddr;

const FRAMES: nft::Table = NodePlan::TABLES[0];
const METADATA: nft::Table = NodePlan::TABLES[1];
/// What comes from a tap past its bridge.
const PAST: &[nft::Table] = NodePlan::TABLES.split_at(2).1;
const LOOPBACK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);

pub(super) fn ruleset(nics: &[NodeNic], input: &NodeInput<'_>, trunk: Option<&Trunk>) -> Ruleset {
    let port = input.metadata_port;
    let mut adds = identities(nics, input);
    adds.extend(arp_from_tap());
    adds.extend(ip_from_tap(input));
    adds.extend(frames());
    adds.extend(metadata(input));
    adds.extend(past_the_bridge(nics, input));
    adds.extend(input.fabric.into_iter().flat_map(|fabric| guard(fabric, port)));
    if let Some(Trunk::Vlan(vlan)) = trunk {
        adds.extend(tagged(nics, vlan));
    }
    Ruleset::new(NodePlan::TABLES, adds)
}

/// Who may come from a tap.
struct Identity<'a> {
    tap: &'a str,
    mac: MacAddr,
    ip: Option<Ipv4Addr>,
}

/// Who is who: every tap, and the addresses that may come from it.
fn identities(nics: &[NodeNic], input: &NodeInput<'_>) -> Vec<Value> {
    let in_group = |nic| {
        let NodeNic { tap, mac, ip, .. }: &NodeNic = nic;
        Identity { tap, mac: *mac, ip: Some(*ip) }
    };
    let on_site = |nic| {
        let SiteNic { tap, mac, ip, .. }: &SiteNic = nic;
        Identity { tap, mac: *mac, ip: *ip }
    };
    let all: Vec<_> =
        nics.iter().map(in_group).chain(input.site_nics.iter().map(on_site)).collect();
    let names = |taps: &mut dyn Iterator<Item = &String>| taps.cloned().map(Value::from).collect();
    let macs = all.iter().map(|it| concat(json!([it.tap, it.mac]))).collect();
    let ips = all.iter().filter_map(|it| Some(concat(json!([it.tap, it.ip?])))).collect();
    let arps = all.iter().flat_map(|it| {
        let senders = it.ip.into_iter().chain([Ipv4Addr::UNSPECIFIED]);
        senders.map(|ip| concat(json!([it.tap, it.mac, ip])))
    });
    vec![
        FRAMES.set("taps", "ifname".into(), false, all.iter().map(|it| it.tap.into()).collect()),
        FRAMES.set("group_taps", "ifname".into(), false, names(&mut nics.iter().map(|it| &it.tap))),
        FRAMES.set(
            "site_taps",
            "ifname".into(),
            false,
            names(&mut input.site_nics.iter().map(|it| &it.tap)),
        ),
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

fn ip_from_tap(input: &NodeInput<'_>) -> Vec<Value> {
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
    let mut rules = vec![
        FRAMES.chain("ip_from_tap"),
        FRAMES.rule("ip_from_tap", discover),
        FRAMES.rule("ip_from_tap", vec![is_not(own, "@addresses"), drop()]),
        FRAMES.rule("ip_from_tap", dhcp_answer),
        FRAMES.rule("ip_from_tap", vec![is(destination, nft::net(LOOPBACK)), drop()]),
    ];
    let rule = |parts| FRAMES.rule("ip_from_tap", parts);
    rules.extend(input.site_bridge.map(|bridge| rule(site::take_off(bridge))));
    rules.extend(input.fabric.map(|fabric| rule(take_off(fabric))));
    // A packet has no protocol when its header is not as it should be. The rules above then see no
    // ports, but who reads it in another way may.
    let whole = is(meta("l4proto"), json!({"range": [0, 255]}));
    rules.push(FRAMES.rule("ip_from_tap", vec![whole, accept()]));
    rules.push(FRAMES.rule("ip_from_tap", vec![drop()]));
    rules
}

/// A bridge does not carry what goes to 01:80:c2:00:00:0x (IEEE 802.1D): the kernel takes it as the
/// host's own, received on the tap and not on the bridge, in part before the bridge's rules see it.
fn past_the_bridge(nics: &[NodeNic], input: &NodeInput<'_>) -> Vec<Value> {
    let taps = nics.iter().map(|it| &it.tap).chain(input.site_nics.iter().map(|it| &it.tap));
    let taps: Vec<Value> = taps.cloned().map(Value::from).collect();
    let table = |(table, (hook, priority)): (&nft::Table, (&str, i32))| {
        [
            table.set("taps", "ifname".into(), false, taps.clone()),
            table.hook("from_tap", "filter", hook, priority),
            table.rule("from_tap", vec![is(meta("iifname"), "@taps"), drop()]),
        ]
    };
    PAST.iter().zip([("prerouting", -300), ("input", 0)]).flat_map(table).collect()
}

/// A request for metadata is for this host, though it is addressed to the router on another one.
fn take_off(fabric: &Fabric) -> Vec<Value> {
    vec![
        is(field("ip", "daddr"), METADATA_ADDRESS.to_string()),
        is(field("tcp", "dport"), 80),
        nft::put(field("ether", "daddr"), bridge_mac(fabric).to_string()),
        nft::put(meta("pkttype"), "host"),
        accept(),
    ]
}

/// What the router's rules do for its own machine: instances reach nothing of the host but their
/// metadata, nobody outside reaches instances through it, and strangers' VXLAN is not listened to.
fn guard(fabric: &Fabric, metadata_port: u16) -> Vec<Value> {
    // Where br_netfilter is loaded the request is translated before it gets here.
    let asked = [(METADATA_ADDRESS, 80), (Ipv4Addr::LOCALHOST, metadata_port)];
    let asked = asked.map(|(ip, port)| concat(json!([ip, port])));
    let ends = concat(vec![field("ip", "daddr"), field("tcp", "dport")]);
    let from_tap = || is(meta("iifname"), "@group_taps");
    let mut rules = vec![
        FRAMES.hook("input", "filter", "input", 0),
        FRAMES.rule("input", vec![from_tap(), is(ends, nft::any_of(asked.to_vec())), accept()]),
        FRAMES.rule("input", vec![from_tap(), drop()]),
        FRAMES.rule("input", vec![is(meta("iifname"), "euvx*"), drop()]),
        METADATA.hook("forward", "filter", "forward", 0),
        METADATA.rule(
            "forward",
            vec![is_not(meta("iifname"), "eucabr*"), is(meta("oifname"), "eucabr*"), drop()],
        ),
        METADATA.hook("input", "filter", "input", 0),
    ];
    if fabric.carrier == Carrier::Vxlan {
        rules.extend(overlay::listen_to(&fabric.peers, METADATA, "input"));
    }
    rules
}

/// What comes tagged from other machines is for instances, never for this machine.
fn tagged(nics: &[NodeNic], vlan: &Vlan) -> [Value; 2] {
    let devices: BTreeSet<_> = nics.iter().map(|nic| vlan.device(nic.tag)).collect();
    let devices = devices.into_iter().map(Value::from).collect();
    [
        FRAMES.set("tagged", "ifname".into(), false, devices),
        FRAMES.rule("input", vec![is(meta("iifname"), "@tagged"), drop()]),
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
/// a packet that names 127.0.0.0/8 itself is dropped before it is translated. Those of the site's
/// network go to the service's other socket.
fn metadata(input: &NodeInput<'_>) -> Vec<Value> {
    let port = input.metadata_port;
    let from_bridge = || is(meta("iifname"), "eucabr*");
    let destination = || field("ip", "daddr");
    let asks = vec![
        from_bridge(),
        is(destination(), METADATA_ADDRESS.to_string()),
        is(field("tcp", "dport"), 80),
        json!({"dnat": {"addr": Ipv4Addr::LOCALHOST, "port": port}}),
    ];
    let mut rules = vec![
        METADATA.hook("raw", "filter", "prerouting", -300),
        METADATA.rule("raw", vec![from_bridge(), is(destination(), nft::net(LOOPBACK)), drop()]),
        METADATA.hook("prerouting", "nat", "prerouting", -100),
        METADATA.rule("prerouting", asks),
    ];
    let from_site = input.site_bridge.map(|_| METADATA.rule("prerouting", site::redirect(port)));
    rules.extend(from_site);
    rules
}
