//! The router's part of a host: gateways, DHCP, NAT and the groups' rules.

mod evaluate;
mod rules;

use crate::ingress::{self, GroupChain, Span};
use crate::{DhcpNetwork, Lease, Ruleset, Table, chain_name, nft::Family};
use ipnet::Ipv4Net;
use protocol::{NetworkDesired, RuleSource};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::NetworkTag;

pub use evaluate::Packet;

/// What the router's plan is made from.
#[derive(Debug, Clone)]
pub struct RouterInput<'a> {
    /// The active group networks.
    pub networks: &'a [NetworkDesired],
    /// The addresses of live instances.
    pub leases: &'a [Lease],
    /// VNET_SUBNET and VNET_NETMASK.
    pub vnet_subnet: Ipv4Net,
    /// VNET_DNS; instances may ask these even when they run on this host.
    pub dns: &'a [Ipv4Addr],
    /// The TCP ports of this host that instances may reach (8773 and 8443).
    pub public_ports: &'a [u16],
    /// The largest packet of a group network, bytes; 1500 on one machine.
    pub mtu: u16,
}

/// A bridge with a gateway's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterBridge {
    /// Its network.
    pub tag: NetworkTag,
    /// The gateway's address and the length of the network's prefix.
    pub address: Ipv4Net,
}

/// What the router's side of a host should hold. The default plan is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterPlan {
    /// The bridges and their addresses, by tag. No other `eucabr<tag>` has an address.
    pub bridges: Vec<RouterBridge>,
    /// Who is answered on which network.
    pub dhcp: BTreeMap<NetworkTag, DhcpNetwork>,
    /// The groups' rules, in the order of tags; [`rules`](Self::rules) says the same to the kernel.
    pub groups: Vec<GroupChain>,
    /// VNET_SUBNET; none in the empty plan.
    pub vnet_subnet: Option<Ipv4Net>,
    /// The content of table `inet eucalyptus`; none when the table should not exist.
    pub rules: Option<Ruleset>,
}

impl RouterPlan {
    /// The tables that belong to the router's side, whatever the plan.
    pub const TABLES: &'static [Table] = &[Table { family: Family::Inet, name: "eucalyptus" }];
}

/// Plans the router's side of a host.
///
/// A network that is not inside VNET_SUBNET, or whose tag, group or addresses a network before it
/// has, is left out: nothing of it then works, and nothing of the others breaks.
pub fn router_plan(input: &RouterInput<'_>) -> RouterPlan {
    let networks = sound(input);
    let groups: Vec<_> = networks.iter().map(|network| group_chain(network, &networks)).collect();
    let bridges = networks.iter().filter_map(|network| bridge(network)).collect();
    let dhcp = networks.iter().map(|network| (network.tag, dhcp_network(network, input))).collect();
    let rules = rules::ruleset(input, &groups);
    RouterPlan { bridges, dhcp, groups, vnet_subnet: Some(input.vnet_subnet), rules: Some(rules) }
}

fn sound<'a>(input: &RouterInput<'a>) -> Vec<&'a NetworkDesired> {
    let mut sound: Vec<&NetworkDesired> = Vec::new();
    for network in input.networks {
        let subnet = network.subnet;
        let clear = |other: &&NetworkDesired| {
            other.tag != network.tag
                && (&other.user, &other.group) != (&network.user, &network.group)
                && !other.subnet.contains(&subnet)
                && !subnet.contains(&other.subnet)
        };
        let inside = input.vnet_subnet.contains(&subnet) && subnet.contains(&network.router);
        if inside && sound.iter().all(clear) {
            sound.push(network);
        }
    }
    sound.sort_by_key(|network| network.tag);
    sound
}

fn group_chain(network: &NetworkDesired, networks: &[&NetworkDesired]) -> GroupChain {
    let spans: Vec<Span> = network
        .ingress
        .iter()
        .filter_map(|rule| {
            let source = addresses(&rule.source, networks)?;
            Span::of(rule.protocol, rule.ports, source)
        })
        .collect();
    GroupChain {
        name: chain_name(&network.user, &network.group),
        tag: network.tag,
        subnet: network.subnet.trunc(),
        cells: ingress::cells(&spans),
    }
}

fn addresses(source: &RuleSource, networks: &[&NetworkDesired]) -> Option<Ipv4Net> {
    match source {
        RuleSource::Cidr(net) => Some(*net),
        RuleSource::Group { account, group } => networks
            .iter()
            .find(|network| network.account == *account && network.group == *group)
            .map(|network| network.subnet),
    }
}

fn bridge(network: &NetworkDesired) -> Option<RouterBridge> {
    let address = Ipv4Net::new(network.router, network.subnet.prefix_len()).ok()?;
    Some(RouterBridge { tag: network.tag, address })
}

fn dhcp_network(network: &NetworkDesired, input: &RouterInput<'_>) -> DhcpNetwork {
    let here = |lease: &&Lease| lease.tag == network.tag && network.subnet.contains(&lease.ip);
    DhcpNetwork {
        subnet: network.subnet.trunc(),
        router: network.router,
        dns: input.dns.to_vec(),
        mtu: input.mtu,
        leases: input.leases.iter().filter(here).map(|l| (l.mac, l.clone())).collect(),
    }
}
