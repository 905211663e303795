//! Two users with two groups each, whose instances are spread over three machines.

use crate::cluster::{Machine, address, fabric, machines};
use crate::packets::mac_of;
use crate::plans::{PUBLIC, network_of, node_of, open, router_of, tag};
use crate::world::{Controller, Guest, Namespace, nic};
use netplan::{NodeNic, NodePlan, RouterPlan};
use protocol::{Carrier, GroupRule, NetworkDesired, Peer};
use std::net::Ipv4Addr;
use types::{MacAddr, PortRange, Protocol};

/// The groups: user, name and tag.
pub(crate) const GROUPS: [(&str, &str, u16); 4] =
    [("alice", "web", 10), ("alice", "app", 11), ("bob", "db", 12), ("bob", "mail", 13)];

/// The instances: group and machine, of which the first is the router's.
pub(crate) const INSTANCES: [(&str, usize); 8] = [
    ("web", 1),
    ("web", 2),
    ("app", 0),
    ("app", 1),
    ("db", 2),
    ("db", 0),
    ("mail", 1),
    ("mail", 2),
];

/// Those with a public address.
pub(crate) const PUBLISHED: [(Ipv4Addr, usize); 2] = [(PUBLIC[0], 0), (PUBLIC[1], 5)];

pub(crate) fn group_of(instance: usize) -> (&'static str, &'static str, u16) {
    let name = INSTANCES[instance].0;
    *GROUPS.iter().find(|group| group.1 == name).unwrap()
}

/// The gateway of the group with this tag.
pub(crate) fn gateway(tag: u16) -> Ipv4Addr {
    Ipv4Addr::from(0x0a4d_0201 + 64 * (u32::from(tag) - 10))
}

/// An instance's network card. The two of a group have the two first addresses.
pub(crate) fn card(instance: usize) -> NodeNic {
    let number = group_of(instance).2;
    let ip = u32::from(gateway(number)) + 1 + (instance % 2) as u32;
    nic(0x50 + instance as u32, tag(number), ip.into())
}

/// What should be.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) networks: Vec<NetworkDesired>,
    pub(crate) instances: Vec<usize>,
    pub(crate) public: Vec<(Ipv4Addr, usize)>,
}

impl Wanted {
    /// All groups with their rules, all instances, those public addresses.
    pub(crate) fn all() -> Self {
        Self {
            networks: GROUPS.map(|group| network_of(group, rules(group.1))).into(),
            instances: (0..INSTANCES.len()).collect(),
            public: PUBLISHED.into(),
        }
    }

    pub(crate) fn router(&self, carrier: Carrier) -> RouterPlan {
        let public: Vec<_> = self.public.iter().map(|(ip, of)| (*ip, card(*of).ip)).collect();
        let peers = [address(2), address(3)];
        router_of(&self.networks, &self.cards(|_| true), (carrier, &peers), &public)
    }

    /// The node's side of a machine.
    pub(crate) fn node(&self, machine: usize, carrier: Carrier) -> NodePlan {
        let cards = self.cards(|instance| INSTANCES[instance].1 == machine);
        let own = address(machine as u8 + 1);
        node_of(&cards, (machine > 0).then(|| fabric(own, carrier)).as_ref())
    }

    fn cards(&self, wanted: impl Fn(usize) -> bool) -> Vec<NodeNic> {
        self.instances.iter().filter(|at| wanted(**at)).map(|at| card(*at)).collect()
    }
}

/// What comes into a group. `matrix::may_call` says the same in other words.
fn rules(group: &str) -> Vec<GroupRule> {
    let group_rule = |protocol, (from, to), of: &str| GroupRule {
        protocol,
        ports: PortRange::checked(protocol, from, to).unwrap(),
        peer: peer(of),
    };
    match group {
        "web" => vec![
            open(Protocol::Tcp, 443, 443, "0.0.0.0/0"),
            group_rule(Protocol::Tcp, (5000, 5010), "app"),
        ],
        "app" => vec![open(Protocol::Icmp, -1, -1, "10.77.2.130/32")],
        "db" => vec![open(Protocol::Udp, 6000, 6009, "10.77.2.0/25")],
        _ => vec![group_rule(Protocol::All, (-1, -1), "db")],
    }
}

fn peer(group: &str) -> Peer {
    let of = *GROUPS.iter().find(|it| it.1 == group).unwrap();
    let network = network_of(of, Vec::new());
    Peer::Group { account: network.account, group: network.group }
}

/// The machines and the instances, each with its address. None is plugged in before it is wanted.
pub(crate) struct Tenants {
    pub(crate) carrier: Carrier,
    pub(crate) machines: [Machine; 3],
    pub(crate) outside: Machine,
    pub(crate) outside_mac: MacAddr,
    /// That of the router's card at the switch.
    pub(crate) router_mac: MacAddr,
    pub(crate) guests: Vec<Guest>,
    _switch: Namespace,
}

impl Tenants {
    pub(crate) fn new(carrier: Carrier) -> Self {
        let (switch, [head, first, second, outside]) = machines();
        let machines = [head, first, second];
        // The way to the world outside, which knows the way back.
        machines[0].space.sh(&format!("ip route add default via {}", outside.ip));
        outside.space.sh(&format!("ip route add 10.77.0.0/16 via {}", machines[0].ip));
        let guest = |at: usize| {
            let guest = machines[INSTANCES[at].1].space.guest_with(card(at));
            guest.address(gateway(guest.nic.tag.get()));
            guest
        };
        let guests = (0..INSTANCES.len()).map(guest).collect();
        let mac = |machine: &Machine| mac_of(&machine.space, "eth0");
        let (outside_mac, router_mac) = (mac(&outside), mac(&machines[0]));
        Self { carrier, machines, outside, outside_mac, router_mac, guests, _switch: switch }
    }

    /// Makes every machine fit, where nothing that ended is left, and starts what was not there yet;
    /// what was changed.
    pub(crate) fn apply(&self, wanted: &Wanted) -> Vec<String> {
        self.end_others(wanted);
        let mut changes = self.machines[0].controller.router(&wanted.router(self.carrier));
        for (at, machine) in self.machines.iter().enumerate() {
            changes.extend(machine.controller.node(&wanted.node(at, self.carrier)));
        }
        for at in &wanted.instances {
            self.machines[INSTANCES[*at].1].space.plug(&self.guests[*at]);
        }
        changes
    }

    /// Ends the instances that are not wanted, as far as their cable is concerned.
    pub(crate) fn end_others(&self, wanted: &Wanted) {
        for at in (0..INSTANCES.len()).filter(|at| !wanted.instances.contains(at)) {
            let machine = &self.machines[INSTANCES[at].1].space;
            machine.sh(&format!("ip link set {} nomaster down", self.guests[at].nic.tap));
        }
    }

    /// All processes are killed and started again: what they had in memory is gone.
    pub(crate) fn restart(&mut self) {
        for machine in &mut self.machines {
            machine.controller = Controller::start(&machine.space);
        }
    }
}
