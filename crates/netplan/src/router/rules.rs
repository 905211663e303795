//! Table `inet eucalyptus`.

use super::{PublicPlan, RouterInput, RouterPlan, passage::Passage, public};
use crate::Trunk;
use crate::cells::{self, GroupChain, Side};
use crate::nft::{
    self, Ruleset, accept, drop, field, goto, has, is, is_not, jump, lacks, meta, pass,
};
use crate::node::METADATA_ADDRESS;
use crate::overlay::{self, VXLAN_PORT};
use ipnet::Ipv4Net;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

pub(super) const TABLE: nft::Table = RouterPlan::TABLES[0];
/// Every bridge of ours, those that no plan knows included.
pub(super) const OURS: &str = "eucabr*";
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);

pub(super) fn ruleset(
    input: &RouterInput<'_>,
    groups: &[GroupChain],
    addresses: &PublicPlan,
) -> Ruleset {
    let mut adds = vec![members(groups), same_bridge(groups), machines(input)];
    adds.extend(public::sets(addresses, input.public.pool));
    adds.extend(public::checks());
    groups.iter().for_each(|group| adds.extend(lets_in(group)));
    adds.extend(egress(input, groups));
    adds.extend(to_machine(input));
    adds.extend(forward(input, groups));
    adds.extend(local_input(input));
    adds.extend(public::translation());
    adds.extend(public::sources(input.vnet_subnet));
    adds.push(masquerade(input));
    adds.extend(overlay::most_segment(input.mtu).into_iter().flat_map(segments));
    Ruleset::new(RouterPlan::TABLES, adds)
}

/// Which addresses may come from which bridge.
fn members(groups: &[GroupChain]) -> Value {
    let member = |g: &GroupChain| nft::concat(json!([g.tag.bridge(), nft::net(g.subnet)]));
    let elements = groups.iter().map(member).collect();
    TABLE.set("members", json!(["ifname", "ipv4_addr"]), true, elements)
}

/// A group's own traffic. It does not leave its bridge, yet it is seen here where br_netfilter is
/// loaded, as Docker does.
fn same_bridge(groups: &[GroupChain]) -> Value {
    let pair = |group: &GroupChain| nft::concat(vec![Value::from(group.tag.bridge()); 2]);
    let elements = groups.iter().map(pair).collect();
    TABLE.set("same_bridge", json!(["ifname", "ifname"]), false, elements)
}

/// The cloud's other machines.
fn machines(input: &RouterInput<'_>) -> Value {
    let machines = input.machines.iter().map(|machine| machine.to_string().into()).collect();
    TABLE.set("machines", json!("ipv4_addr"), false, machines)
}

/// What a group's rules let in, and what they do not, is counted for the administrator
/// (`euca_conf --show network`).
fn lets_in(group: &GroupChain) -> Vec<Value> {
    let passage = Passage {
        name: &group.name,
        cells: &group.ingress,
        side: Side::Source,
        head: Vec::new(),
        inside: vec![nft::counter(), accept()],
        outside: vec![nft::counter()],
    };
    passage.chains()
}

/// Chain `egress`, from which only what its group lets out returns. For a group that lets out
/// everything that is one look-up.
fn egress(input: &RouterInput<'_>, groups: &[GroupChain]) -> Vec<Value> {
    let is_free = |group: &&GroupChain| cells::hold_everything(&group.egress);
    let (free, limited): (Vec<_>, Vec<_>) = groups.iter().partition(is_free);
    let mut rules: Vec<_> = limited.iter().flat_map(|group| lets_out(input, group)).collect();
    rules.push(TABLE.chain("egress"));
    let free = free.into_iter().map(|group| json!([group.tag.bridge(), pass()]));
    let limited = limited.into_iter();
    let limited = limited.map(|group| json!([group.tag.bridge(), goto(&group.egress_name())]));
    let verdicts: Vec<_> = free.chain(limited).collect();
    if !verdicts.is_empty() {
        rules.push(TABLE.rule("egress", vec![nft::choose(meta("iifname"), verdicts)]));
    }
    rules.push(TABLE.rule("egress", vec![drop()]));
    rules
}

/// What leaves a group: answers, what its rules name, and questions to the named DNS servers.
fn lets_out(input: &RouterInput<'_>, group: &GroupChain) -> Vec<Value> {
    let passes = answers().into_iter().chain(question(input));
    let passage = Passage {
        name: &group.egress_name(),
        cells: &group.egress,
        side: Side::Destination,
        head: passes.map(|parts| [parts, vec![pass()]].concat()).collect(),
        inside: vec![pass()],
        outside: vec![drop()],
    };
    passage.chains()
}

/// Matches the packets of the side that did not open the connection, and errors about any.
fn answers() -> [Vec<Value>; 2] {
    [
        vec![is(nft::ct("direction"), "reply"), has(nft::ct("state"), "established")],
        vec![has(nft::ct("state"), "related")],
    ]
}

/// Matches questions to the named DNS servers, if there are any.
fn question(input: &RouterInput<'_>) -> Option<Vec<Value>> {
    if input.dns.is_empty() {
        return None;
    }
    let servers = nft::any_of(input.dns.iter().map(|ip| ip.to_string().into()).collect());
    let both = nft::any_of(vec!["tcp".into(), "udp".into()]);
    let port = is(field("th", "dport"), 53);
    Some(vec![is(field("ip", "daddr"), servers), is(meta("l4proto"), both), port])
}

/// Traffic between networks. The packets of the side that opened a connection meet the rules of
/// both groups every time, so a connection ends when its rule is revoked; those of the other side
/// pass. A group's own traffic is not filtered: its members share a network. What they send each
/// other by public addresses is: it is as from anybody.
fn forward(input: &RouterInput<'_>, groups: &[GroupChain]) -> Vec<Value> {
    let vnet = || nft::net(input.vnet_subnet);
    let (source, destination) = (|| field("ip", "saddr"), || field("ip", "daddr"));
    let known = nft::concat(vec![meta("iifname"), source()]);
    let ends = nft::concat(vec![meta("iifname"), meta("oifname")]);
    let chain = |group: &GroupChain| json!([nft::net(group.subnet), jump(&group.name)]);
    let mut rules = vec![
        TABLE.chain("from_instances"),
        TABLE.rule("from_instances", vec![is_not(meta("nfproto"), "ipv4"), drop()]),
        TABLE.rule("from_instances", vec![is_not(known, "@members"), drop()]),
        TABLE.rule("from_instances", vec![goto("egress")]),
        TABLE.chain("to_instances"),
        TABLE.rule("to_instances", vec![is_not(meta("nfproto"), "ipv4"), drop()]),
    ];
    let passes = answers().map(|parts| [parts, vec![accept()]].concat());
    rules.extend(passes.map(|parts| TABLE.rule("to_instances", parts)));
    if !groups.is_empty() {
        let chains = nft::choose(destination(), groups.iter().map(chain).collect());
        rules.push(TABLE.rule("to_instances", vec![chains]));
    }
    let own = vec![is(ends, "@same_bridge"), lacks(nft::ct("status"), "dnat"), accept()];
    rules.extend([
        TABLE.rule("to_instances", vec![drop()]),
        TABLE.hook("forward", "filter", "forward", 0),
        TABLE.rule("forward", vec![is(meta("iifname"), OURS), jump(public::CHECK)]),
        TABLE.rule("forward", vec![is(meta("oifname"), OURS), jump(public::CHECK)]),
        TABLE.rule("forward", own),
        TABLE.rule("forward", vec![is(meta("iifname"), OURS), jump("from_instances")]),
        TABLE.rule("forward", vec![is_not(meta("iifname"), OURS), is(source(), vnet()), drop()]),
        TABLE.rule("forward", vec![is(destination(), vnet()), goto("to_instances")]),
        TABLE.rule("forward", vec![is(meta("oifname"), OURS), goto("to_instances")]),
        // Instances must not reach the metadata of a cloud that this host itself runs in.
        TABLE.rule(
            "forward",
            vec![is(meta("iifname"), OURS), is(destination(), nft::net(LINK_LOCAL)), drop()],
        ),
    ]);
    if peers(input).is_some() {
        // Whatever address it goes to, it would come from this host, whom the others listen to.
        let vxlan = is(field("udp", "dport"), VXLAN_PORT);
        rules.push(TABLE.rule("forward", vec![is(meta("iifname"), OURS), vxlan, drop()]));
    }
    let machine = is(destination(), "@machines");
    rules.push(TABLE.rule("forward", vec![is(meta("iifname"), OURS), machine, goto("to_machine")]));
    rules
}

/// What instances may reach of a machine of the cloud, where their group's egress rules allow it:
/// ping, the public ports and the named DNS servers. And they may answer it.
fn to_machine(input: &RouterInput<'_>) -> Vec<Value> {
    let rule = |parts: Vec<Value>| TABLE.rule("to_machine", [parts, vec![accept()]].concat());
    let mut rules = vec![TABLE.chain("to_machine")];
    rules.extend(answers().map(rule));
    rules.extend(question(input).map(rule));
    rules.push(rule(vec![is(field("icmp", "type"), "echo-request")]));
    if !input.public_ports.is_empty() {
        let ports = nft::any_of(input.public_ports.iter().map(|port| (*port).into()).collect());
        rules.push(rule(vec![is(field("tcp", "dport"), ports)]));
    }
    rules.push(TABLE.rule("to_machine", vec![drop()]));
    rules
}

/// What instances may reach on this host itself, by whichever of its addresses: DHCP, the metadata
/// service and the named DNS servers; where their group's egress rules allow it, ping and the
/// public ports. Everything else is dropped, the internal ports and the host's own sshd with it.
fn local_input(input: &RouterInput<'_>) -> Vec<Value> {
    let to_host = |parts: Vec<Value>| TABLE.rule("to_host", parts);
    let source = field("ip", "saddr");
    let dhcp = vec![is(field("udp", "sport"), 68), is(field("udp", "dport"), 67), accept()];
    let known = nft::concat(vec![meta("iifname"), source]);
    let metadata = nft::ct_of("original", "ip daddr");
    let mut rules =
        vec![TABLE.chain("to_host"), to_host(vec![is_not(meta("nfproto"), "ipv4"), drop()])];
    rules.extend(answers().map(|parts| to_host([parts, vec![accept()]].concat())));
    rules.extend([
        to_host(dhcp),
        to_host(vec![is_not(known, "@members"), drop()]),
        to_host(vec![
            is(metadata, METADATA_ADDRESS.to_string()),
            has(nft::ct("status"), "dnat"),
            accept(),
        ]),
    ]);
    rules.extend(question(input).map(|parts| to_host([parts, vec![accept()]].concat())));
    rules.extend([
        to_host(vec![jump("egress")]),
        to_host(vec![goto("to_machine")]),
        TABLE.hook("input", "filter", "input", 0),
    ]);
    let listen = |peers| overlay::listen_to(peers, TABLE, "input");
    rules.extend(peers(input).into_iter().flat_map(listen));
    rules.push(TABLE.rule("input", vec![is(meta("iifname"), OURS), goto("to_host")]));
    rules
}

/// Whom VXLAN joins this machine with; none without VXLAN.
fn peers<'a>(input: &'a RouterInput<'_>) -> Option<&'a BTreeSet<Ipv4Addr>> {
    input.trunk.as_ref().and_then(Trunk::peers)
}

/// Tells both ends of a connection which segments fit: one end may be outside, and knows nothing
/// of the envelope that packets get between machines.
fn segments(most: u16) -> [Value; 3] {
    let size = || json!({"tcp option": {"name": "maxseg", "field": "size"}});
    let shrink = |device: &str| {
        let opens = has(field("tcp", "flags"), "syn");
        TABLE.rule("segments", vec![is(meta(device), OURS), opens, nft::put(size(), most)])
    };
    let hook = TABLE.hook("segments", "filter", "forward", -150);
    [hook, shrink("iifname"), shrink("oifname")]
}

/// Instances without a public address reach the world with an address of this host.
fn masquerade(input: &RouterInput<'_>) -> Value {
    let vnet = || nft::net(input.vnet_subnet);
    let (source, destination) = (field("ip", "saddr"), field("ip", "daddr"));
    let leaves = vec![is(source, vnet()), is_not(destination, vnet()), nft::masquerade()];
    TABLE.rule("postrouting", leaves)
}
