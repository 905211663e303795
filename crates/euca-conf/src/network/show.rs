//! The networks, for a person.

use crate::error::ToolError;
use hostnet::HostView;
use protocol::admin::{Lease, NetworkReport, NetworkStatus};
use protocol::{GroupRule, Peer};
use std::io::Write;
use types::Protocol;

pub(crate) fn write(
    report: &NetworkReport,
    host: &HostView,
    out: &mut dyn Write,
) -> Result<(), ToolError> {
    if report.networks.is_empty() {
        writeln!(out, "no group has an instance, so there is no network")?;
    }
    for network in &report.networks {
        self::network(network, host, out)?;
    }
    for problem in &report.problems {
        writeln!(out, "problem: {problem}")?;
    }
    Ok(())
}

fn network(network: &NetworkStatus, host: &HostView, out: &mut dyn Write) -> Result<(), ToolError> {
    let NetworkStatus { tag, user, group, group_id, chain, gateway, trunk, .. } = network;
    writeln!(out, "network {tag}  {user}-{group} ({group_id})")?;
    let trunk = trunk.as_ref().map(|trunk| format!(", joined with other machines by {trunk}"));
    writeln!(out, "    bridge   {}{}", tag.bridge(), trunk.unwrap_or_default())?;
    writeln!(out, "    subnet   {}, router {}", gateway.trunc(), gateway.addr())?;
    match host.counted.get(chain) {
        Some(counted) => writeln!(
            out,
            "    chain    {chain}: {} packets ({} bytes) let in, {} refused, since the rules were \
             written last",
            counted.packets, counted.bytes, counted.refused
        )?,
        None => writeln!(out, "    chain    {chain}: not in the kernel")?,
    }
    for (way, preposition, rules) in
        [("in ", "from", &network.ingress), ("out", "to", &network.egress)]
    {
        for rule in rules {
            writeln!(out, "    {way}      {}", sentence(rule, preposition))?;
        }
    }
    for lease in &network.instances {
        writeln!(out, "    lease    {}", line(lease))?;
    }
    Ok(())
}

fn sentence(rule: &GroupRule, preposition: &str) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(net) => net.to_string(),
        Peer::Group { account, group } => format!("group {group} of {account}"),
    };
    let (from, to) = (rule.ports.from, rule.ports.to);
    let what = match rule.protocol {
        Protocol::All => "everything".to_owned(),
        Protocol::Icmp if from == -1 => "icmp".to_owned(),
        Protocol::Icmp if to == -1 => format!("icmp type {from}"),
        Protocol::Icmp => format!("icmp type {from} code {to}"),
        other if from == to => format!("{} {from}", other.as_str()),
        other => format!("{} {from}-{to}", other.as_str()),
    };
    format!("{what} {preposition} {peer}")
}

fn line(lease: &Lease) -> String {
    let Lease { instance, mac, ip, public_ip, node, running } = lease;
    let node = node.as_ref().map_or("no node yet", |node| node.as_str());
    let public = public_ip.map(|public| format!("  public {public}"));
    let state = if *running { "" } else { "  does not run" };
    format!("{ip}  {mac}  {instance}  {node}{}{state}", public.unwrap_or_default())
}
