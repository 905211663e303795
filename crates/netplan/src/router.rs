//! The router's part of a host: gateways, DHCP, NAT and the groups' rules.

mod evaluate;
mod passage;
mod public;
mod rules;

use crate::cells::{self, Cell, GroupChain, Span};
use crate::{DhcpNetwork, Lease, Ruleset, Table, Trunk, chain_name, nft::Family};
use ipnet::Ipv4Net;
use protocol::{GroupRule, NetworkDesired, Peer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::{MacAddr, NetworkTag};

pub use evaluate::{Packet, Source};
pub use public::{PublicInput, PublicPlan};

/// What the router's plan is made from.
#[derive(Debug, Clone)]
pub struct RouterInput<'a> {
    /// The active group networks.
    pub networks: &'a [NetworkDesired],
    /// The addresses of live instances.
    pub leases: &'a [(NetworkTag, Lease)],
    /// VNET_SUBNET and VNET_NETMASK.
    pub vnet_subnet: Ipv4Net,
    /// VNET_DNS; instances may ask these even when they run on this host.
    pub dns: &'a [Ipv4Addr],
    /// The TCP ports of this host that instances may reach (8773 and 8443).
    pub public_ports: &'a [u16],
    /// The largest packet of a group network, bytes; 1500 on one machine.
    pub mtu: u16,
    /// The addresses of the cloud's other machines. Instances reach as little of them as of this
    /// host: to those machines a packet of theirs looks like one of this host.
    pub machines: &'a BTreeSet<Ipv4Addr>,
    /// The way to nodes on other machines; none when all are here.
    pub trunk: Option<Trunk>,
    /// The public addresses.
    pub public: PublicInput<'a>,
}

/// A bridge with a gateway's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterBridge {
    /// Its network.
    pub tag: NetworkTag,
    /// The gateway's address and the length of the network's prefix.
    pub address: Ipv4Net,
    /// The gateway's Ethernet address: `d2:0d` and its IPv4 address, so that instances still know
    /// it after the bridge was made anew.
    pub mac: MacAddr,
}

/// What the router's side of a host should hold. The default plan is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterPlan {
    /// The bridges and their addresses, by tag. No other `eucabr<tag>` has an address.
    pub bridges: Vec<RouterBridge>,
    /// Who is answered on which network.
    pub dhcp: BTreeMap<NetworkTag, DhcpNetwork>,
    /// Who is answered on the site's own network; none outside STATIC mode.
    pub site: Option<SiteDhcp>,
    /// The groups' rules, in the order of tags; [`rules`](Self::rules) says the same to the kernel.
    pub groups: Vec<GroupChain>,
    /// VNET_SUBNET; none in the empty plan.
    pub vnet_subnet: Option<Ipv4Net>,
    /// The addresses of the cloud's other machines.
    pub machines: BTreeSet<Ipv4Addr>,
    /// The TCP ports of the cloud's machines that instances may reach.
    pub public_ports: BTreeSet<u16>,
    /// What joins the bridges with the other machines; none when their networks end here.
    pub trunk: Option<Trunk>,
    /// The public addresses, with the instances that they lead to.
    pub public: PublicPlan,
    /// The content of table `inet eucalyptus`; none when the table should not exist.
    pub rules: Option<Ruleset>,
}

/// The DHCP server of STATIC mode, on a device that is the administrator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteDhcp {
    /// VNET_INTERFACE. When that is a port of a bridge, the bridge is listened to.
    pub device: String,
    /// VNET_SUBNET and VNET_NETMASK.
    pub subnet: Ipv4Net,
    /// VNET_BROADCAST.
    pub broadcast: Ipv4Addr,
    /// VNET_ROUTER.
    pub router: Ipv4Addr,
    /// VNET_DNS.
    pub dns: Vec<Ipv4Addr>,
    /// The largest packet, bytes.
    pub mtu: u16,
    /// Whose requests are answered.
    pub leases: BTreeMap<MacAddr, Lease>,
}

impl SiteDhcp {
    /// What is answered from an address of the device.
    pub fn served_from(&self, server: Ipv4Addr) -> DhcpNetwork {
        DhcpNetwork {
            subnet: self.subnet,
            broadcast: self.broadcast,
            server,
            router: self.router,
            dns: self.dns.clone(),
            mtu: self.mtu,
            is_ours: false,
            leases: self.leases.clone(),
        }
    }
}

impl RouterPlan {
    /// The plan of a host in STATIC mode: nothing but the DHCP server.
    pub fn of_site(site: SiteDhcp) -> Self {
        Self { site: Some(site), ..Self::default() }
    }

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
    let dhcp = dhcp_networks(&networks, input);
    let public = PublicPlan::of(input, &networks);
    let rules = rules::ruleset(input, &groups, &public);
    RouterPlan {
        bridges,
        dhcp,
        site: None,
        groups,
        vnet_subnet: Some(input.vnet_subnet),
        machines: input.machines.clone(),
        public_ports: input.public_ports.iter().copied().collect(),
        trunk: input.trunk.clone(),
        public,
        rules: Some(rules),
    }
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
    let cells = |rules: &[GroupRule]| -> Vec<Cell> {
        let span = |rule: &GroupRule| {
            let peer = addresses(&rule.peer, networks)?;
            Span::of(rule.protocol, rule.ports, peer)
        };
        cells::cells(&rules.iter().filter_map(span).collect::<Vec<_>>())
    };
    GroupChain {
        name: chain_name(&network.user, &network.group),
        tag: network.tag,
        subnet: network.subnet.trunc(),
        ingress: cells(&network.ingress),
        egress: cells(&network.egress),
    }
}

fn addresses(peer: &Peer, networks: &[&NetworkDesired]) -> Option<Ipv4Net> {
    match peer {
        Peer::Cidr(net) => Some(*net),
        Peer::Group { account, group } => networks
            .iter()
            .find(|network| network.account == *account && network.group == *group)
            .map(|network| network.subnet),
    }
}

fn bridge(network: &NetworkDesired) -> Option<RouterBridge> {
    let address = Ipv4Net::new(network.router, network.subnet.prefix_len()).ok()?;
    let [a, b, c, d] = network.router.octets();
    Some(RouterBridge { tag: network.tag, address, mac: MacAddr([0xd2, 0x0d, a, b, c, d]) })
}

fn dhcp_networks(
    networks: &[&NetworkDesired],
    input: &RouterInput<'_>,
) -> BTreeMap<NetworkTag, DhcpNetwork> {
    let dhcp_network = |network: &&NetworkDesired| DhcpNetwork {
        subnet: network.subnet.trunc(),
        broadcast: network.subnet.broadcast(),
        server: network.router,
        router: network.router,
        dns: input.dns.to_vec(),
        mtu: input.mtu,
        is_ours: true,
        leases: BTreeMap::new(),
    };
    let mut served: BTreeMap<_, _> =
        networks.iter().map(|network| (network.tag, dhcp_network(network))).collect();
    for (tag, lease) in input.leases {
        if let Some(network) = served.get_mut(tag)
            && network.subnet.contains(&lease.ip)
        {
            network.leases.insert(lease.mac, lease.clone());
        }
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Overlay, VXLAN_PORT};
    use proptest::prelude::*;
    use types::{AccountId, AddressPool, GroupId, PortRange, Protocol, UserName};

    pub(super) fn network(tag: u16, user: &str, subnet: &str) -> NetworkDesired {
        let user: UserName = user.parse().unwrap();
        let subnet: Ipv4Net = subnet.parse().unwrap();
        NetworkDesired {
            tag: tag.try_into().unwrap(),
            account: AccountId::preferred(&user),
            user,
            group: "default".parse().unwrap(),
            group_id: GroupId::from_bits(tag.into()),
            subnet,
            router: subnet.hosts().next().unwrap(),
            ingress: Vec::new(),
            egress: vec![GroupRule::UNLIMITED],
        }
    }

    const DNS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
    pub(super) const MACHINES: [Ipv4Addr; 2] =
        [Ipv4Addr::new(198, 51, 100, 7), Ipv4Addr::new(198, 51, 100, 8)];

    fn planned(networks: &[NetworkDesired], leases: &[(NetworkTag, Lease)]) -> RouterPlan {
        planned_with(networks, leases, &[])
    }

    /// The plan with these public addresses, each with the private one that it leads to.
    pub(super) fn planned_with(
        networks: &[NetworkDesired],
        leases: &[(NetworkTag, Lease)],
        associations: &[(Ipv4Addr, Ipv4Addr)],
    ) -> RouterPlan {
        router_plan(&RouterInput {
            networks,
            leases,
            vnet_subnet: "10.77.0.0/16".parse().unwrap(),
            dns: &[DNS],
            public_ports: &[8773],
            mtu: 1500,
            machines: &MACHINES.into(),
            trunk: Some(Trunk::Vxlan(Overlay { local: None, peers: MACHINES.into() })),
            public: PublicInput {
                pool: &AddressPool::default(),
                interface: Some("eth0"),
                associations,
            },
        })
    }

    fn tags(plan: &RouterPlan) -> Vec<u16> {
        plan.bridges.iter().map(|bridge| bridge.tag.get()).collect()
    }

    #[test]
    fn a_network_has_a_gateway_with_an_ethernet_address_of_its_own() {
        let plan = planned(&[network(10, "alice", "10.77.2.0/26")], &[]);
        assert_eq!(plan.bridges[0].address.to_string(), "10.77.2.1/26");
        assert_eq!(plan.bridges[0].mac.to_string(), "d2:0d:0a:4d:02:01");
        assert_eq!(plan.groups[0].name, "alice-default");
    }

    #[test]
    fn a_network_that_clashes_with_another_is_left_out() {
        let first = network(10, "alice", "10.77.2.0/26");
        for second in [
            network(10, "bob", "10.77.2.64/26"),
            network(11, "alice", "10.77.2.64/26"),
            network(11, "bob", "10.77.2.0/24"),
            network(11, "bob", "10.77.2.32/27"),
            network(11, "bob", "10.78.0.0/26"),
            NetworkDesired {
                router: Ipv4Addr::new(10, 77, 9, 1),
                ..network(11, "bob", "10.77.2.64/26")
            },
        ] {
            let plan = planned(&[first.clone(), second.clone()], &[]);
            assert_eq!(tags(&plan), [10], "{second:?}");
        }
    }

    #[test]
    fn only_addresses_of_the_network_itself_are_lent() {
        let lease = |ip: [u8; 4], tag: u16| {
            let mac = MacAddr([0, 0, 0, 0, ip[2], ip[3]]);
            (tag.try_into().unwrap(), Lease::new(mac, ip.into()))
        };
        let leases =
            [lease([10, 77, 2, 2], 10), lease([10, 77, 2, 66], 10), lease([10, 77, 2, 3], 12)];
        let plan = planned(&[network(10, "alice", "10.77.2.0/26")], &leases);
        let lent: Vec<_> = plan.dhcp.values().flat_map(|n| n.leases.values()).cloned().collect();
        assert_eq!(lent, [leases[0].1.clone()]);
    }

    #[test]
    fn a_rule_for_a_group_without_a_network_lets_nothing_in() {
        let mut web = network(10, "alice", "10.77.2.0/26");
        let db = network(11, "bob", "10.77.2.64/26");
        web.ingress = vec![tcp(22, group(&db))];
        assert_eq!(planned(&[web.clone()], &[]).groups[0].ingress, []);
        assert_eq!(planned(&[web, db.clone()], &[]).groups[0].ingress[0].peer, db.subnet);
    }

    #[test]
    fn of_the_clouds_machines_only_ping_public_ports_and_dns_are_reached() {
        let plan = planned(&[network(10, "alice", "10.77.2.0/26")], &[]);
        let (machine, outside) = (MACHINES[0], Ipv4Addr::new(192, 0, 2, 9));
        for (destination, protocol, port, expect) in [
            (machine, Protocol::Tcp, 8773, true),
            (machine, Protocol::Udp, 8773, false),
            (machine, Protocol::Tcp, 22, false),
            (machine, Protocol::Tcp, 8775, false),
            (machine, Protocol::Tcp, 53, false),
            (machine, Protocol::Icmp, 8 << 8, true),
            (machine, Protocol::Icmp, 13 << 8, false),
            (machine, Protocol::All, 0, false),
            (machine, Protocol::Udp, VXLAN_PORT, false),
            (outside, Protocol::Udp, VXLAN_PORT, false),
            (outside, Protocol::Tcp, VXLAN_PORT, true),
            (outside, Protocol::Tcp, 22, true),
            (DNS, Protocol::Udp, 53, true),
        ] {
            let source = Ipv4Addr::new(10, 77, 2, 2);
            let from = Some(NetworkTag::FIRST);
            let packet = Packet { from, source, destination, protocol, port };
            assert_eq!(plan.forwards(&packet), expect, "{packet:?}");
        }
    }

    #[test]
    fn a_groups_own_rules_hold_for_the_clouds_machines_too() {
        let closed = NetworkDesired { egress: vec![], ..network(10, "alice", "10.77.2.0/26") };
        let packet = Packet {
            from: Some(closed.tag),
            source: Ipv4Addr::new(10, 77, 2, 2),
            destination: MACHINES[0],
            protocol: Protocol::Tcp,
            port: 8773,
        };
        assert!(!planned(&[closed], &[]).forwards(&packet));
    }

    pub(super) fn tcp(port: i32, peer: Peer) -> GroupRule {
        GroupRule { protocol: Protocol::Tcp, ports: PortRange { from: port, to: port }, peer }
    }

    pub(super) fn group(of: &NetworkDesired) -> Peer {
        Peer::Group { account: of.account, group: of.group.clone() }
    }

    /// Whether one of the rules names what the packet is and this peer.
    fn names(rules: &[GroupRule], packet: &Packet, peer: &Peer) -> bool {
        rules.iter().any(|rule| {
            *rule == GroupRule::UNLIMITED
                || (rule.ports.from == i32::from(packet.port) && rule.peer == *peer)
        })
    }

    pub(super) fn outside() -> Peer {
        Peer::Cidr("192.0.2.0/24".parse().unwrap())
    }

    /// Rules in the numbers that become them: ports 0 to 3, of up to six networks or outside.
    type Rules = Vec<(i32, usize)>;
    /// Ingress, and egress where that is limited.
    type Sides = (Rules, Option<Rules>);

    fn rules() -> impl Strategy<Value = Rules> {
        prop::collection::vec((0i32..4, 0usize..7), 0..5)
    }

    /// Up to six networks; each lets ports 0 to 3 in from some of the others and from outside, and
    /// out to some of them, or everything out.
    pub(super) fn town() -> impl Strategy<Value = Vec<NetworkDesired>> {
        let sides = (rules(), prop::option::of(rules()));
        prop::collection::vec(sides, 1..7).prop_map(|sides| {
            let name =
                |i: usize| network(10 + i as u16, &format!("u{i}"), &format!("10.77.{i}.0/26"));
            let plain: Vec<_> = (0..sides.len()).map(name).collect();
            let made = |rules: Rules| -> Vec<GroupRule> {
                let peer = |at: usize| plain.get(at).map_or_else(outside, group);
                rules.into_iter().map(|(port, at)| tcp(port, peer(at))).collect()
            };
            let with_rules =
                |(network, (ingress, egress)): (&NetworkDesired, Sides)| NetworkDesired {
                    ingress: made(ingress),
                    egress: egress.map_or_else(|| network.egress.clone(), made),
                    ..network.clone()
                };
            plain.iter().zip(sides).map(with_rules).collect()
        })
    }

    proptest! {
        #[test]
        fn groups_reach_each_other_only_by_a_rule(
            networks in town(), from in 0usize..6, to in 0usize..6, port in 0u16..4,
        ) {
            let (from, to) = (from % networks.len(), to % networks.len());
            let packet = Packet {
                from: Some(networks[from].tag),
                source: networks[from].subnet.hosts().nth(1).unwrap(),
                destination: networks[to].subnet.hosts().nth(2).unwrap(),
                protocol: Protocol::Tcp,
                port,
            };
            let allowed = names(&networks[from].egress, &packet, &group(&networks[to]))
                && names(&networks[to].ingress, &packet, &group(&networks[from]));
            let plan = planned(&networks, &[]);
            prop_assert_eq!(plan.forwards(&packet), allowed || from == to);
            // An address of another network helps nobody.
            let posing = Packet { from: Some(networks[to].tag), ..packet };
            prop_assert!(from == to || !plan.forwards(&posing));
            let from_outside = Packet { from: None, ..packet };
            prop_assert!(!plan.forwards(&from_outside));
        }

        #[test]
        fn the_plan_does_not_depend_on_the_order_of_networks(networks in town()) {
            let backwards: Vec<_> = networks.iter().rev().cloned().collect();
            prop_assert_eq!(planned(&networks, &[]), planned(&backwards, &[]));
        }

        #[test]
        fn outside_comes_in_and_is_reached_only_by_a_rule(
            networks in town(), at in 0usize..6, port in 0u16..4,
        ) {
            let network = &networks[at % networks.len()];
            let inside = network.subnet.hosts().nth(1).unwrap();
            let host = Ipv4Addr::new(192, 0, 2, 9);
            let protocol = Protocol::Tcp;
            let coming = Packet { from: None, source: host, destination: inside, protocol, port };
            let plan = planned(&networks, &[]);
            prop_assert_eq!(plan.forwards(&coming), names(&network.ingress, &coming, &outside()));
            let leaving = Packet {
                from: Some(network.tag), source: inside, destination: host, ..coming
            };
            prop_assert_eq!(plan.forwards(&leaving), names(&network.egress, &leaving, &outside()));
            let nameless = Packet { protocol: Protocol::All, ..leaving };
            let is_free = network.egress == [GroupRule::UNLIMITED];
            prop_assert_eq!(plan.forwards(&nameless), is_free);
            let question = Packet { destination: DNS, port: 53, ..leaving };
            prop_assert!(plan.forwards(&question));
            prop_assert_eq!(plan.forwards(&Packet { port: 54, ..question }), is_free);
            for from_here in [coming, leaving] {
                let to_nobody = Packet { destination: [10, 77, 200, 2].into(), ..from_here };
                prop_assert!(!plan.forwards(&to_nobody));
            }
            let to_metadata = Packet { destination: [169, 254, 169, 254].into(), ..leaving };
            prop_assert!(!plan.forwards(&to_metadata));
        }
    }
}
