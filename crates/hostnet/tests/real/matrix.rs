//! Every caller, every instance, every protocol: what is sent is captured where it arrives, and
//! arrives where it may and nowhere else.

use crate::cluster::address;
use crate::packets::{
    ALL_NODES, ARP, EVERYBODY, IPV4, IPV6, TAGS, UDP, arp, ethernet, group_mac, ipv4, link_local,
    ping, ping6, solicitation, solicited, syn, tagged, udp,
};
use crate::tenants::{INSTANCES, Tenants, Wanted, card};
use crate::volley::{Attempt, OUTSIDE, Volley, address_of, router_of};
use netplan::{Packet, RouterPlan};
use protocol::Carrier;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::Protocol;

/// ARP's.
const REQUEST: u16 = 1;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Tcp(u16),
    Udp(u16),
    Ping,
}

/// Ports inside the ranges of rules and beside them.
const CALLS: [Call; 7] = [
    Call::Tcp(443),
    Call::Tcp(5000),
    Call::Tcp(5010),
    Call::Tcp(5011),
    Call::Udp(6000),
    Call::Udp(6010),
    Call::Ping,
];

/// An instance by one of its addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee {
    pub(crate) instance: usize,
    pub(crate) address: Ipv4Addr,
    pub(crate) is_public: bool,
}

/// Whether a packet arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Yes,
    No,
    /// Somebody was killed while it changed.
    Either,
}

#[test]
fn every_packet_arrives_where_it_may_and_nowhere_else() {
    try_every_pair(Carrier::Vxlan);
}

/// Whatever carries the networks.
pub(crate) fn try_every_pair(carrier: Carrier) {
    for bridged in [0, 1] {
        let tenants = Tenants::new(carrier);
        let setting = format!("sysctl -qw net.bridge.bridge-nf-call-iptables={bridged}");
        let is_set = tenants.machines.iter().all(|it| it.space.can(&setting));
        if bridged == 1 && !is_set {
            // The module is not there.
            return;
        }
        let mut wanted = Wanted::all();
        if bridged == 1 {
            // Members do not reach each other by these then, which is reported.
            wanted.public.clear();
        }
        tenants.apply(&wanted);
        let plan = wanted.router(carrier);
        let due = |from, to: Callee, call| {
            let said = may_call(from, to, call);
            assert_eq!(forwards(&plan, from, to, call), said, "{from} to {to:?}, {call:?}");
            if said { Due::Yes } else { Due::No }
        };
        try_all(&tenants, &wanted, due);
    }
}

/// Who may call whom, in other words than those of the rules in `tenants.rs`.
fn may_call(from: usize, to: Callee, call: Call) -> bool {
    let caller = if from == OUTSIDE { "outside" } else { INSTANCES[from].0 };
    let called = INSTANCES[to.instance].0;
    if caller == called && !to.is_public {
        return true;
    }
    match (called, call) {
        ("web", Call::Tcp(443)) => true,
        ("web", Call::Tcp(5000 | 5010)) => caller == "app",
        // The first of db, and not the second.
        ("app", Call::Ping) => from == 4,
        ("db", Call::Udp(6000)) => caller == "web" || caller == "app",
        ("mail", _) => caller == "db",
        _ => false,
    }
}

/// What the planner says of it.
pub(crate) fn forwards(plan: &RouterPlan, from: usize, to: Callee, call: Call) -> bool {
    let (protocol, port) = match call {
        Call::Tcp(port) => (Protocol::Tcp, port),
        Call::Udp(port) => (Protocol::Udp, port),
        Call::Ping => (Protocol::Icmp, 8 << 8),
    };
    let (group, source) = match from {
        OUTSIDE => (None, address(9)),
        _ => (Some(card(from).tag), card(from).ip),
    };
    plan.forwards(&Packet { from: group, source, destination: to.address, protocol, port })
}

/// Sends everything from everybody who is there, and fails when anything does not arrive that
/// should, or arrives where it must not.
pub(crate) fn try_all(
    tenants: &Tenants,
    wanted: &Wanted,
    due: impl Fn(usize, Callee, Call) -> Due,
) {
    let mut volley = Volley::new(tenants, &wanted.instances);
    for from in wanted.instances.iter().copied().chain([OUTSIDE]) {
        for to in callees(wanted).filter(|to| to.is_public || to.instance != from) {
            for call in CALLS {
                by_ip(&mut volley, tenants, (from, to, call), due(from, to, call));
            }
        }
    }
    for from in &wanted.instances {
        let mates = wanted.instances.iter().copied().filter(|at| are_mates(*from, *at)).collect();
        for to in (0..INSTANCES.len()).filter(|to| to != from) {
            by_frames(&mut volley, (*from, to), &mates);
            in_vain(&mut volley, (*from, to));
        }
    }
    volley.fire();
}

fn callees(wanted: &Wanted) -> impl Iterator<Item = Callee> {
    let private = (0..INSTANCES.len()).map(|instance| Callee {
        instance,
        address: card(instance).ip,
        is_public: false,
    });
    let public = |(address, instance): &(Ipv4Addr, usize)| Callee {
        instance: *instance,
        address: *address,
        is_public: true,
    };
    private.chain(wanted.public.iter().map(public))
}

fn are_mates(one: usize, other: usize) -> bool {
    one != other && INSTANCES[one].0 == INSTANCES[other].0
}

/// The first packet of a call, on the way that an honest host sends it.
fn by_ip(
    volley: &mut Volley<'_>,
    tenants: &Tenants,
    (from, to, call): (usize, Callee, Call),
    due: Due,
) {
    let (mac, ip) = address_of(tenants, from);
    let is_direct = from != OUTSIDE && are_mates(from, to.instance) && !to.is_public;
    let next = if is_direct { card(to.instance).mac } else { router_of(tenants, from).0 };
    let its_group = (0..INSTANCES.len()).filter(|at| INSTANCES[*at].0 == INSTANCES[to.instance].0);
    let attempt = Attempt {
        what: format!("{call:?} to {to:?}"),
        from,
        arrives: (due == Due::Yes).then_some(to.instance).into_iter().collect(),
        may_be_seen: its_group.filter(|_| due != Due::No).collect(),
    };
    let ends = (ip, to.address);
    volley.add(attempt, |number, mark| {
        let packet = match call {
            Call::Tcp(port) => syn(ends, (number | 0x8000, port), mark),
            Call::Udp(port) => ipv4(ends.0, ends.1, UDP, &udp(number | 0x8000, port, mark)),
            Call::Ping => ping(ends, number, mark),
        };
        ethernet(mac, next, IPV4, &packet)
    });
}

/// What a switch carries: members of the group may see it, and nobody else.
fn by_frames(volley: &mut Volley<'_>, (from, to): (usize, usize), mates: &BTreeSet<usize>) {
    let (own, other) = (card(from), card(to));
    let none = BTreeSet::new();
    let its = if mates.contains(&to) { &BTreeSet::from([to]) } else { &none };
    let sender = (own.mac, own.ip);
    for (what, receiver, arrives) in
        [("who has", EVERYBODY, mates), ("who has, to its card", other.mac, its)]
    {
        let attempt = attempt(format!("{what} {}", other.ip), from, arrives, mates);
        volley.add(attempt, |_, mark| {
            ethernet(own.mac, receiver, ARP, &arp(REQUEST, sender, other.ip, mark))
        });
    }
    let attempt = attempt(format!("a frame to the card of {to}"), from, its, mates);
    volley.add(attempt, |number, mark| {
        let packet = ipv4(own.ip, other.ip, UDP, &udp(number, 6000, mark));
        ethernet(own.mac, other.mac, IPV4, &packet)
    });
}

/// What nobody sees, members of the group neither: IPv6, and frames with a tag of their own.
fn in_vain(volley: &mut Volley<'_>, (from, to): (usize, usize)) {
    let (own, other) = (card(from), card(to));
    let (mine, its) = (link_local(own.mac), link_local(other.mac));
    let none = BTreeSet::new();
    let v6 = |receiver, packet: Vec<u8>| ethernet(own.mac, receiver, IPV6, &packet);
    let named = |what: &str| attempt(format!("{what} for {to}"), from, &none, &none);
    volley.add(named("neighbour solicitation"), |_, mark| {
        v6(group_mac(solicited(its)), solicitation(mine, its, mark))
    });
    volley.add(named("ping6"), |id, mark| v6(other.mac, ping6((mine, its), id, mark)));
    volley.add(named("ping6 of all nodes"), |id, mark| {
        v6(group_mac(ALL_NODES), ping6((mine, ALL_NODES), id, mark))
    });
    for kind in TAGS {
        for tag in [other.tag.get(), 0] {
            volley.add(named(&format!("tag {tag} of kind {kind:x}")), |number, mark| {
                let packet = ipv4(own.ip, other.ip, UDP, &udp(number, 6000, mark));
                tagged(&ethernet(own.mac, EVERYBODY, IPV4, &packet), (kind, tag))
            });
        }
    }
}

fn attempt(
    what: String,
    from: usize,
    arrives: &BTreeSet<usize>,
    may_be_seen: &BTreeSet<usize>,
) -> Attempt {
    Attempt { what, from, arrives: arrives.clone(), may_be_seen: may_be_seen.clone() }
}
