//! Three machines at one switch: the router's, and two that only run instances.

use crate::plans::{DB, WEB, joined_node, joined_router, network, tag};
use crate::world::{Controller, Guest, Namespace, sh};
use netplan::{NodePlan, RouterPlan};
use protocol::{Carrier, Fabric, GroupRule, NetworkDesired};
use std::net::Ipv4Addr;

/// The names of the bridge between the machines and of its ports.
const SWITCH: &str = "switch";

/// One machine.
pub(crate) struct Machine {
    pub(crate) space: Namespace,
    pub(crate) controller: Controller,
    pub(crate) ip: Ipv4Addr,
}

/// The machines, with instances of two groups: `web` on all of them, `db` on the router's and the
/// second node's.
pub(crate) struct Cluster {
    pub(crate) switch: Namespace,
    carrier: Carrier,
    pub(crate) head: Machine,
    pub(crate) nodes: [Machine; 2],
    /// Somebody at the same switch.
    pub(crate) stranger: Machine,
    pub(crate) web0: Guest,
    pub(crate) web1: Guest,
    pub(crate) web2: Guest,
    pub(crate) db0: Guest,
    pub(crate) db2: Guest,
}

pub(crate) const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, number)
}

fn machine(switch: &Namespace, number: u8) -> Machine {
    let space = Namespace::new("machine");
    let (s, m, ip) = (&switch.name, &space.name, address(number));
    sh(&format!("ip -n {m} link add eth0 type veth peer name port{number} netns {s}"));
    sh(&format!("ip -n {s} link set port{number} master {SWITCH} up"));
    sh(&format!("ip -n {m} addr add {ip}/24 dev eth0 && ip -n {m} link set eth0 up"));
    space.sh("sysctl -qw net.ipv4.conf.all.rp_filter=1");
    let controller = Controller::start(&space);
    Machine { space, controller, ip }
}

/// How the machine with this address is joined with the others.
pub(crate) fn fabric(own: Ipv4Addr, carrier: Carrier) -> Fabric {
    let others = [1, 2, 3].map(address).into_iter();
    Fabric { own, peers: others.filter(|ip| *ip != own).collect(), carrier }
}

/// A switch, and the machines at it: the router's, two more, and somebody who is none of them.
pub(crate) fn machines() -> (Namespace, [Machine; 4]) {
    let switch = Namespace::new("switch");
    sh(&format!("ip -n {} link add {SWITCH} type bridge forward_delay 0", switch.name));
    sh(&format!("ip -n {} link set {SWITCH} up", switch.name));
    let machines = [1, 2, 3, 9].map(|number| machine(&switch, number));
    (switch, machines)
}

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::with(Carrier::Vxlan, |_| {})
    }

    /// The same with tagged frames in place of VXLAN.
    pub(crate) fn tagged() -> Self {
        Self::with(Carrier::Vlan, |_| {})
    }

    /// Tries it once as the kernel treats bridges by itself, and once with the module that shows
    /// bridged packets to IP's rules too.
    pub(crate) fn with_and_without_br_netfilter(attempt: impl Fn(&Self)) {
        for is_seen in [0, 1] {
            let setting = format!("sysctl -qw net.bridge.bridge-nf-call-iptables={is_seen}");
            // Where the module is not there, the same is tried twice.
            attempt(&Self::with(Carrier::Vxlan, |machine| _ = machine.space.can(&setting)));
        }
    }

    fn with(carrier: Carrier, prepare: impl Fn(&Machine)) -> Self {
        let (switch, [head, first, second, stranger]) = machines();
        [&head, &first, &second].into_iter().for_each(prepare);
        let cluster = Self {
            web0: head.space.guest(0x20, tag(10), "10.77.2.2"),
            web1: first.space.guest(0x21, tag(10), "10.77.2.3"),
            web2: second.space.guest(0x22, tag(10), "10.77.2.4"),
            db0: head.space.guest(0x30, tag(11), "10.77.2.66"),
            db2: second.space.guest(0x32, tag(11), "10.77.2.67"),
            switch,
            carrier,
            head,
            nodes: [first, second],
            stranger,
        };
        cluster.apply();
        cluster.plug();
        cluster
    }

    /// Gives the instances their addresses by hand.
    pub(crate) fn addressed(self) -> Self {
        self.address();
        self
    }

    pub(crate) fn address(&self) {
        self.guests().into_iter().for_each(|guest| {
            guest.address(if guest.nic.tag == tag(10) { WEB } else { DB });
        });
    }

    pub(crate) fn guests(&self) -> [&Guest; 5] {
        [&self.web0, &self.web1, &self.web2, &self.db0, &self.db2]
    }

    pub(crate) fn plug(&self) {
        for (machine, guests) in [
            (&self.head, vec![&self.web0, &self.db0]),
            (&self.nodes[0], vec![&self.web1]),
            (&self.nodes[1], vec![&self.web2, &self.db2]),
        ] {
            guests.into_iter().for_each(|guest| machine.space.plug(guest));
        }
    }

    /// What changed when every machine was made to fit its plan.
    pub(crate) fn apply(&self) -> Vec<String> {
        let head = &self.head.controller;
        let mut changes = [head.router(&self.router()), head.node(&self.head_node())].concat();
        for (at, node) in self.nodes.iter().enumerate() {
            changes.extend(node.controller.node(&self.node(at)));
        }
        changes
    }

    pub(crate) fn router(&self) -> RouterPlan {
        self.router_for(&[network(10, vec![]), network(11, vec![])])
    }

    pub(crate) fn router_for(&self, networks: &[NetworkDesired]) -> RouterPlan {
        joined_router(networks, &self.guests(), (self.carrier, &[address(2), address(3)]))
    }

    /// Changes what may come into the groups.
    pub(crate) fn allow(&self, web: Vec<GroupRule>, db: Vec<GroupRule>) {
        self.head.controller.router(&self.router_for(&[network(10, web), network(11, db)]));
    }

    pub(crate) fn apply_head_node(&self) -> Vec<String> {
        self.head.controller.node(&self.head_node())
    }

    fn head_node(&self) -> NodePlan {
        joined_node(&[&self.web0, &self.db0], None)
    }

    pub(crate) fn node(&self, at: usize) -> NodePlan {
        let guests = [vec![&self.web1], vec![&self.web2, &self.db2]];
        joined_node(&guests[at], Some(&self.fabric(at)))
    }

    pub(crate) fn fabric(&self, at: usize) -> Fabric {
        fabric(self.nodes[at].ip, self.carrier)
    }
}
