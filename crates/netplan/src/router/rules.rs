//! Table `inet eucalyptus`.

use super::{RouterInput, RouterPlan};
use crate::ingress::{self, GroupChain};
use crate::nft::{self, Ruleset, accept, drop, field, goto, has, is, is_not, jump, meta};
use crate::node::METADATA_ADDRESS;
use ipnet::Ipv4Net;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

const TABLE: nft::Table = RouterPlan::TABLES[0];
/// Every bridge of ours, those that no plan knows included.
const OURS: &str = "eucabr*";
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);

pub(super) fn ruleset(input: &RouterInput<'_>, groups: &[GroupChain]) -> Ruleset {
    let mut adds = vec![members(groups), same_bridge(groups)];
    groups.iter().for_each(|group| adds.extend(group_rules(group)));
    adds.extend(forward(input, groups));
    adds.extend(local_input(input));
    adds.extend(translation(input));
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

fn group_rules(group: &GroupChain) -> Vec<Value> {
    let name = &group.name;
    let rules = ingress::matches(&group.cells).into_iter();
    let rules = rules.map(|cells| TABLE.rule(name, vec![cells, accept()]));
    std::iter::once(TABLE.chain(name)).chain(rules).collect()
}

/// Traffic between networks. The packets of the side that opened a connection meet the rules
/// every time, so a connection ends when its rule is revoked; those of the other side pass.
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
        TABLE.chain("to_instances"),
        TABLE.rule("to_instances", vec![is_not(meta("nfproto"), "ipv4"), drop()]),
        TABLE.rule(
            "to_instances",
            vec![is(nft::ct("direction"), "reply"), has(nft::ct("state"), "established"), accept()],
        ),
        TABLE.rule("to_instances", vec![has(nft::ct("state"), "related"), accept()]),
    ];
    if !groups.is_empty() {
        let chains = nft::choose(destination(), groups.iter().map(chain).collect());
        rules.push(TABLE.rule("to_instances", vec![chains]));
    }
    rules.extend([
        TABLE.rule("to_instances", vec![drop()]),
        TABLE.hook("forward", "filter", "forward", 0),
        TABLE.rule("forward", vec![is(ends, "@same_bridge"), accept()]),
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
    rules
}

/// What instances may reach on this host itself, by whichever of its addresses: DHCP, ping, the
/// public ports, the named DNS servers and the metadata service. Everything else is dropped, the
/// internal ports and the host's own sshd with it.
fn local_input(input: &RouterInput<'_>) -> Vec<Value> {
    let to_host = |parts: Vec<Value>| TABLE.rule("to_host", parts);
    let (source, destination) = (field("ip", "saddr"), field("ip", "daddr"));
    let answers = json!(["established", "related"]);
    let dhcp = vec![is(field("udp", "sport"), 68), is(field("udp", "dport"), 67), accept()];
    let known = nft::concat(vec![meta("iifname"), source]);
    let metadata = json!({"ct": {"key": "ip daddr", "dir": "original"}});
    let mut rules = vec![
        TABLE.chain("to_host"),
        to_host(vec![is_not(meta("nfproto"), "ipv4"), drop()]),
        to_host(vec![has(nft::ct("state"), answers), accept()]),
        to_host(dhcp),
        to_host(vec![is_not(known, "@members"), drop()]),
        to_host(vec![is(field("icmp", "type"), "echo-request"), accept()]),
        to_host(vec![
            is(metadata, METADATA_ADDRESS.to_string()),
            has(nft::ct("status"), "dnat"),
            accept(),
        ]),
    ];
    if !input.public_ports.is_empty() {
        let ports = nft::any_of(input.public_ports.iter().map(|port| (*port).into()).collect());
        rules.push(to_host(vec![is(field("tcp", "dport"), ports), accept()]));
    }
    if !input.dns.is_empty() {
        let servers = nft::any_of(input.dns.iter().map(|ip| ip.to_string().into()).collect());
        let both = nft::any_of(vec!["tcp".into(), "udp".into()]);
        let port = is(field("th", "dport"), 53);
        let question = vec![is(destination, servers), is(meta("l4proto"), both), port, accept()];
        rules.push(to_host(question));
    }
    rules.extend([
        to_host(vec![drop()]),
        TABLE.hook("input", "filter", "input", 0),
        TABLE.rule("input", vec![is(meta("iifname"), OURS), goto("to_host")]),
    ]);
    rules
}

/// Instances reach the world with an address of this host.
fn translation(input: &RouterInput<'_>) -> Vec<Value> {
    let vnet = || nft::net(input.vnet_subnet);
    let leaves = vec![
        is(field("ip", "saddr"), vnet()),
        is_not(field("ip", "daddr"), vnet()),
        json!({"masquerade": null}),
    ];
    vec![TABLE.hook("postrouting", "nat", "postrouting", 100), TABLE.rule("postrouting", leaves)]
}
