//! Clouds of any size.

use ipnet::Ipv4Net;
use netplan::{
    Lease, NodeInput, NodeNic, NodePlan, PublicInput, RouterInput, RouterPlan, node_plan,
    router_plan, tap_name,
};
use protocol::{GroupRule, NetworkDesired, Peer};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{
    AccountId, AddressPool, GroupId, InstanceId, MacAddr, NetworkTag, PortRange, Protocol, UserName,
};

/// The first group's addresses begin here; each group has 64.
const FIRST: u32 = u32::from_be_bytes([10, 77, 2, 0]);
const VNET: &str = "10.77.0.0/16";

pub(crate) struct Cloud {
    networks: Vec<NetworkDesired>,
    nics: Vec<NodeNic>,
    prefix: u8,
}

impl Cloud {
    /// So many groups, each with so many instances and rules. No two rules are next to each other,
    /// so that none can be taken together.
    pub(crate) fn new(groups: u16, instances: u32, rules: u16) -> Self {
        let mut cloud = Self { networks: Vec::new(), nics: Vec::new(), prefix: 26 };
        for group in 0..groups {
            cloud.networks.push(network(group, 26, rules));
            for at in 0..instances {
                let number = u32::from(group) * instances + at;
                let ip = Ipv4Addr::from(FIRST + 64 * u32::from(group) + 2 + at);
                cloud.nics.push(nic(number, group, ip));
            }
        }
        cloud
    }

    /// One group with so many instances.
    pub(crate) fn of_one_group(instances: u32) -> Self {
        let ip = |at| Ipv4Addr::from(FIRST + 2 + at);
        let nics = (0..instances).map(|at| nic(at, 0, ip(at))).collect();
        Self { networks: vec![network(0, 18, 1)], nics, prefix: 18 }
    }

    /// One group with one instance and so many rules, of ranges of ports and of networks of every
    /// size from /8 to /32, in nearly as many combinations. The last one is for the world outside.
    pub(crate) fn of_mixed_rules(rules: u16) -> Self {
        let mut cloud = Self::new(1, 1, 0);
        let mixed = (0..rules - 1).map(|at| {
            let net = Ipv4Addr::from(0x0b00_0000 + (u32::from(at) << 13));
            let net = Ipv4Net::new(net, 8 + (at % 25) as u8).unwrap().trunc();
            let from = 5001 + 6 * i32::from(at);
            let ports = PortRange { from, to: from + i32::from(at % 5) };
            GroupRule { protocol: Protocol::Tcp, ports, peer: Peer::Cidr(net) }
        });
        cloud.networks[0].ingress = mixed.collect();
        cloud.let_in(0, 5001 + 6 * rules);
        cloud
    }

    /// Lets one more port in to a group.
    pub(crate) fn let_in(&mut self, group: usize, port: u16) {
        self.networks[group].ingress.push(rule(port, "0.0.0.0/0"));
    }

    pub(crate) fn router(&self) -> RouterPlan {
        let leases: Vec<_> = self.nics.iter().map(lease).collect();
        router_plan(&RouterInput {
            networks: &self.networks,
            leases: &leases,
            vnet_subnet: VNET.parse().unwrap(),
            dns: &[],
            public_ports: &[8773, 8443],
            mtu: 1500,
            machines: &BTreeSet::new(),
            trunk: None,
            public: PublicInput {
                pool: &AddressPool::default(),
                interface: None,
                associations: &[],
            },
        })
    }

    pub(crate) fn node(&self) -> NodePlan {
        let input = NodeInput { nics: &self.nics, metadata_port: 8776, ..NodeInput::default() };
        node_plan(&input)
    }

    /// Every instance's Ethernet address.
    pub(crate) fn macs(&self) -> Vec<MacAddr> {
        self.nics.iter().map(|nic| nic.mac).collect()
    }

    /// The first group's gateway, and the length of its prefix.
    pub(crate) fn gateway(&self) -> Ipv4Net {
        Ipv4Net::new(self.networks[0].router, self.prefix).unwrap()
    }
}

fn nic(number: u32, group: u16, ip: Ipv4Addr) -> NodeNic {
    let id = InstanceId::from_bits(number + 1);
    NodeNic { tap: tap_name(id), mac: MacAddr::of_instance(id), ip, tag: tag(group) }
}

fn lease(nic: &NodeNic) -> (NetworkTag, Lease) {
    (nic.tag, Lease::new(nic.mac, nic.ip))
}

fn tag(group: u16) -> NetworkTag {
    NetworkTag::try_from(10 + group).unwrap()
}

fn rule(port: u16, from: &str) -> GroupRule {
    GroupRule {
        protocol: Protocol::Tcp,
        ports: PortRange { from: port.into(), to: port.into() },
        peer: Peer::Cidr(from.parse().unwrap()),
    }
}

fn network(group: u16, prefix: u8, rules: u16) -> NetworkDesired {
    let user: UserName = format!("user{group}").parse().unwrap();
    let base = Ipv4Addr::from(FIRST + 64 * u32::from(group));
    NetworkDesired {
        tag: tag(group),
        account: AccountId::preferred(&user),
        user,
        group: "default".parse().unwrap(),
        group_id: GroupId::from_bits(group.into()),
        subnet: Ipv4Net::new(base, prefix).unwrap().trunc(),
        router: Ipv4Addr::from(u32::from(base) + 1),
        ingress: (0..rules).map(|at| rule(5001 + 2 * at, "198.51.100.0/24")).collect(),
        egress: vec![GroupRule::UNLIMITED],
    }
}
