//! Small plans to apply.

use crate::world::{Guest, World};
use netplan::{
    Lease, NodeInput, NodeNic, NodePlan, Overlay, PublicInput, RouterInput, RouterPlan, Trunk,
    Vlan, node_plan, overlay_mtu, router_plan, subnet_of,
};
use protocol::{Carrier, Fabric, GroupRule, NetworkDesired, Peer};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{AccountId, GroupId, NetworkTag, PortRange, Protocol, UserName};

pub(crate) const METADATA_PORT: u16 = 8776;
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
/// The pool, on the network of the world outside.
pub(crate) const PUBLIC: [Ipv4Addr; 3] = [
    Ipv4Addr::new(198, 51, 100, 50),
    Ipv4Addr::new(198, 51, 100, 51),
    Ipv4Addr::new(198, 51, 100, 52),
];
pub(crate) const WEB: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
pub(crate) const DB: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 65);

pub(crate) fn tag(number: u16) -> NetworkTag {
    number.try_into().unwrap()
}

/// Group `web` of `alice` has tag 10, group `db` of `bob` tag 11.
pub(crate) fn network(number: u16, ingress: Vec<GroupRule>) -> NetworkDesired {
    let (user, group) = if number == 10 { ("alice", "web") } else { ("bob", "db") };
    network_of((user, group, number), ingress)
}

/// That of a user's group, with its tag.
pub(crate) fn network_of(
    (user, group, number): (&str, &str, u16),
    ingress: Vec<GroupRule>,
) -> NetworkDesired {
    let user: UserName = user.parse().unwrap();
    let place = subnet_of(tag(number), "10.77.0.0/16".parse().unwrap(), 64).unwrap();
    NetworkDesired {
        tag: place.tag,
        account: AccountId::preferred(&user),
        user,
        group: group.parse().unwrap(),
        group_id: GroupId::from_bits(u32::from(number)),
        subnet: place.subnet,
        router: place.router,
        ingress,
        egress: vec![GroupRule::UNLIMITED],
    }
}

pub(crate) fn open(protocol: Protocol, from: i32, to: i32, peer: &str) -> GroupRule {
    let ports = PortRange::checked(protocol, from, to).unwrap();
    GroupRule { protocol, ports, peer: Peer::Cidr(peer.parse().unwrap()) }
}

pub(crate) fn open_to_group(port: i32, of: &NetworkDesired) -> GroupRule {
    GroupRule {
        protocol: Protocol::Tcp,
        ports: PortRange { from: port, to: port },
        peer: Peer::Group { account: of.account, group: of.group.clone() },
    }
}

pub(crate) fn router(networks: &[NetworkDesired], guests: &[&Guest]) -> RouterPlan {
    joined_router(networks, guests, (Carrier::Vxlan, &[]))
}

/// That of a router which is joined with machines at these addresses.
pub(crate) fn joined_router(
    networks: &[NetworkDesired],
    guests: &[&Guest],
    (carrier, peers): (Carrier, &[Ipv4Addr]),
) -> RouterPlan {
    public_router(networks, guests, (carrier, peers), &[])
}

/// The same with public addresses, each with the guest that it leads to.
pub(crate) fn public_router(
    networks: &[NetworkDesired],
    guests: &[&Guest],
    (carrier, peers): (Carrier, &[Ipv4Addr]),
    public: &[(Ipv4Addr, &Guest)],
) -> RouterPlan {
    let associations: Vec<_> = public.iter().map(|(ip, guest)| (*ip, guest.nic.ip)).collect();
    let nics: Vec<_> = guests.iter().map(|guest| guest.nic.clone()).collect();
    router_of(networks, &nics, (carrier, peers), &associations)
}

/// The same of network cards, and private addresses that public ones lead to.
pub(crate) fn router_of(
    networks: &[NetworkDesired],
    nics: &[NodeNic],
    (carrier, peers): (Carrier, &[Ipv4Addr]),
    associations: &[(Ipv4Addr, Ipv4Addr)],
) -> RouterPlan {
    let lease = |nic: &NodeNic| (nic.tag, Lease::new(nic.mac, nic.ip));
    let leases: Vec<_> = nics.iter().map(lease).collect();
    let peers: BTreeSet<_> = peers.iter().copied().collect();
    let machines = peers.clone();
    let (trunk, mtu) = match carrier {
        _ if peers.is_empty() => (None, 1500),
        Carrier::Vxlan => (Some(Trunk::Vxlan(Overlay { local: None, peers })), overlay_mtu(1500)),
        Carrier::Vlan => (Some(Trunk::Vlan(Vlan { interface: "eth0".to_owned() })), 1500),
    };
    router_plan(&RouterInput {
        networks,
        leases: &leases,
        vnet_subnet: "10.77.0.0/16".parse().unwrap(),
        dns: &[DNS],
        public_ports: &[8773, 8443],
        mtu,
        machines: &machines,
        trunk,
        public: PublicInput { pool: &PUBLIC.into_iter().collect(), interface: None, associations },
    })
}

pub(crate) fn node(guests: &[&Guest]) -> NodePlan {
    joined_node(guests, None)
}

pub(crate) fn joined_node(guests: &[&Guest], fabric: Option<&Fabric>) -> NodePlan {
    let nics: Vec<_> = guests.iter().map(|guest| guest.nic.clone()).collect();
    node_of(&nics, fabric)
}

pub(crate) fn node_of(nics: &[NodeNic], fabric: Option<&Fabric>) -> NodePlan {
    node_plan(&NodeInput {
        nics,
        metadata_port: METADATA_PORT,
        fabric,
        interface: "eth0",
        ..NodeInput::default()
    })
}

/// Two guests in `web`, one in `db`, plugged in and with their addresses.
pub(crate) struct Town {
    pub(crate) world: World,
    pub(crate) web1: Guest,
    pub(crate) web2: Guest,
    pub(crate) db: Guest,
}

impl Town {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let web1 = world.guest(0x11, tag(10), "10.77.2.2");
        let web2 = world.guest(0x12, tag(10), "10.77.2.3");
        let db = world.guest(0x13, tag(11), "10.77.2.66");
        let town = Self { world, web1, web2, db };
        town.world.controller.router(&town.router_plan(Vec::new(), Vec::new()));
        town.world.controller.node(&node(&town.guests()));
        town.world.plug(&town.guests());
        town.web1.address(WEB);
        town.web2.address(WEB);
        town.db.address(DB);
        town
    }

    /// Tries it once as the kernel treats bridges by itself, and once with the module that shows
    /// bridged packets to IP's rules too (here it is built in).
    pub(crate) fn with_and_without_br_netfilter(attempt: impl Fn(&Self)) {
        for is_seen in [0, 1] {
            let town = Self::new();
            let setting = format!("sysctl -qw net.bridge.bridge-nf-call-iptables={is_seen}");
            // Where the module is not there, the same is tried twice.
            let _ = town.world.host.can(&setting);
            attempt(&town);
        }
    }

    pub(crate) fn guests(&self) -> [&Guest; 3] {
        [&self.web1, &self.web2, &self.db]
    }

    pub(crate) fn router_plan(&self, web: Vec<GroupRule>, db: Vec<GroupRule>) -> RouterPlan {
        router(&[network(10, web), network(11, db)], &self.guests())
    }

    /// Changes the groups' rules.
    pub(crate) fn allow(&self, web: Vec<GroupRule>, db: Vec<GroupRule>) {
        self.world.controller.router(&self.router_plan(web, db));
    }

    /// Limits what may leave group `web`, in which only ssh comes in; `db` is open to all.
    pub(crate) fn limit(&self, egress: Vec<GroupRule>) {
        let ssh = vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")];
        let web = NetworkDesired { egress, ..network(10, ssh) };
        let db = network(11, vec![GroupRule::UNLIMITED]);
        self.world.controller.router(&router(&[web, db], &self.guests()));
    }
}
