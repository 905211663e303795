//! What an instance tries on others and on the machines, and what becomes of it: nothing.

use crate::packets::{
    ALL_NODES, ARP, EVERYBODY, ICMPV6, IPV4, IPV6, UDP, Wire, arp, ethernet, group_mac, icmpv6,
    ipv4, ipv6, link_local, mac_of, mark, ping6, solicitation, udp, udp6,
};
use crate::tenants::{Tenants, Wanted, card, gateway};
use crate::volley::{Attempt, Volley};
use crate::world::{LIMIT, Namespace};
use protocol::Carrier;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use types::MacAddr;

/// The one that tries, one of its group on another machine, and one of another group beside it.
const SELF: usize = 0;
const MATE: usize = 1;
const OTHER: usize = 3;

/// ARP's two operations.
const REQUEST: u16 = 1;
const ANSWER: u16 = 2;
const FORGED: MacAddr = MacAddr([0xd0, 0x0d, 0, 0, 0, 0x77]);
const MDNS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// IPv6's extension headers.
const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// What is tried, as frames or as packets.
type Tries = Vec<(&'static str, Vec<u8>)>;

fn settled(bridged: u8) -> (Tenants, Wanted) {
    let (tenants, mut wanted) = (Tenants::new(Carrier::Vxlan), Wanted::all());
    let setting = format!("sysctl -qw net.bridge.bridge-nf-call-iptables={bridged}");
    // Where the module is not there, the same is tried twice.
    tenants.machines.iter().for_each(|it| _ = it.space.can(&setting));
    wanted.public.clear();
    tenants.apply(&wanted);
    (tenants, wanted)
}

/// Sends what is made of a mark; nobody may see any of it.
fn seen_by_nobody(tries: impl Fn(&[u8]) -> Tries) {
    for bridged in [0, 1] {
        let (tenants, wanted) = settled(bridged);
        let mut volley = Volley::new(&tenants, &wanted.instances);
        for (at, (what, _)) in tries(b"").into_iter().enumerate() {
            let (arrives, may_be_seen) = Default::default();
            let attempt = Attempt { what: what.to_owned(), from: SELF, arrives, may_be_seen };
            volley.add(attempt, |_, mark| tries(mark).swap_remove(at).1);
        }
        volley.fire();
    }
}

#[test]
fn ipv6_of_whatever_kind_reaches_nobody() {
    seen_by_nobody(|mark| {
        let mut frames = Tries::new();
        for victim in [MATE, OTHER] {
            let mac = card(victim).mac;
            for (what, packet) in over_ipv6(link_local(card(SELF).mac), link_local(mac), mark) {
                for receiver in [mac, EVERYBODY, group_mac(ALL_NODES), group_mac(MDNS)] {
                    frames.push((what, ethernet(card(SELF).mac, receiver, IPV6, &packet)));
                }
            }
        }
        frames
    });
}

fn over_ipv6(me: Ipv6Addr, it: Ipv6Addr, mark: &[u8]) -> Tries {
    let advertisement = router_advertisement(me, mark);
    let behind = |next: u8, header: [u8; 8]| {
        ipv6(me, ALL_NODES, next, &[&header, &advertisement[40..]].concat())
    };
    let dhcp = udp(547, 546, mark);
    let addresses = [me.octets(), it.octets()].concat();
    vec![
        ("router advertisement", advertisement.clone()),
        ("router advertisement behind options", behind(HOP_BY_HOP, [ICMPV6, 0, 1, 4, 0, 0, 0, 0])),
        ("the same behind others", behind(DESTINATION, [ICMPV6, 0, 1, 4, 0, 0, 0, 0])),
        ("router advertisement as a part", behind(FRAGMENT, [ICMPV6, 0, 0, 0, 0, 0, 0, 7])),
        ("first of two parts", behind(FRAGMENT, [ICMPV6, 0, 0, 1, 0, 0, 0, 8])),
        ("second of two parts", behind(FRAGMENT, [ICMPV6, 0, 0, 8, 0, 0, 0, 8])),
        (
            "it has the other's address",
            message(me, ALL_NODES, 136, 0x2000_0000, &it.octets(), mark),
        ),
        ("redirect", message(me, it, 137, 0, &addresses, mark)),
        ("who has the other's address", solicitation(me, it, mark)),
        ("is it still free", solicitation(Ipv6Addr::UNSPECIFIED, it, mark)),
        ("ping", ping6((me, it), 1, mark)),
        ("ping of all", ping6((me, ALL_NODES), 1, mark)),
        ("ping as the other", ping6((it, ALL_NODES), 1, mark)),
        ("dhcp answer", ipv6(me, it, UDP, &dhcp)),
        ("mdns", ipv6(me, MDNS, UDP, &udp(5353, 5353, mark))),
    ]
}

/// An ICMPv6 message of this type.
fn message(me: Ipv6Addr, to: Ipv6Addr, kind: u8, word: u32, body: &[u8], mark: &[u8]) -> Vec<u8> {
    icmpv6(me, to, &[&[kind, 0, 0, 0], &word.to_be_bytes()[..], body, mark].concat())
}

/// The sender is a router for half an hour, and this is the network to be in.
fn router_advertisement(me: Ipv6Addr, mark: &[u8]) -> Vec<u8> {
    let prefix = [3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0];
    let net = Ipv6Addr::new(0x2001, 0xdb8, 0, 7, 0, 0, 0, 0).octets();
    let body = [&[0; 8][..], &prefix, &net].concat();
    // What follows the options is one more, of no known type.
    let unknown = [200, 2].into_iter().chain(mark.iter().copied().chain([0; 14]).take(14));
    let options = [body, unknown.collect()].concat();
    message(me, ALL_NODES, 134, 0x4000_0708, &options, b"")
}

#[test]
fn an_instance_poses_as_nobody() {
    seen_by_nobody(|mark| {
        let (own, mate) = (card(SELF), card(MATE));
        let router = gateway(10);
        let all = |from, kind, payload: &[u8]| ethernet(from, EVERYBODY, kind, payload);
        let mine = |what, operation, ip, of| {
            (what, all(own.mac, ARP, &arp(operation, (own.mac, ip), of, mark)))
        };
        let answer = |source, payload: &[u8]| ipv4(source, Ipv4Addr::BROADCAST, UDP, payload);
        let dhcp = answer(own.ip, &udp(67, 68, mark));
        let mut frames = vec![
            mine("another's address is here", REQUEST, mate.ip, mate.ip),
            mine("another's address is here, unasked", ANSWER, mate.ip, mate.ip),
            mine("the router's address is here", REQUEST, router, router),
            mine("the router's address is here, unasked", ANSWER, router, mate.ip),
            mine("an address of another group is here", ANSWER, card(OTHER).ip, mate.ip),
            (
                "its address is at another card",
                all(own.mac, ARP, &arp(ANSWER, (FORGED, own.ip), mate.ip, mark)),
            ),
            (
                "its address is at its mate's card",
                all(own.mac, ARP, &arp(ANSWER, (mate.mac, own.ip), mate.ip, mark)),
            ),
            (
                "the other's card says so itself",
                all(mate.mac, ARP, &arp(ANSWER, (mate.mac, mate.ip), mate.ip, mark)),
            ),
            ("another card", all(FORGED, IPV4, &answer(own.ip, &udp(9, 9, mark)))),
        ];
        let metadata = Ipv4Addr::new(169, 254, 169, 254);
        for source in [mate.ip, router, card(OTHER).ip, Ipv4Addr::BROADCAST, metadata] {
            frames.push(("another address", all(own.mac, IPV4, &answer(source, &udp(9, 9, mark)))));
        }
        for (what, packet) in dhcp_answers(&dhcp) {
            frames.push((what, all(own.mac, IPV4, &packet)));
            frames.push((what, ethernet(own.mac, mate.mac, IPV4, &packet)));
        }
        frames
    });
}

/// The answer of a DHCP server as it is, and as those that read headers in another way take it.
fn dhcp_answers(packet: &[u8]) -> Tries {
    let with = |at: usize, byte: u8| {
        let mut packet = packet.to_vec();
        packet[at] = byte;
        packet
    };
    let optional = [&[0x46], &packet[1..20], &[1, 1, 1, 1], &packet[20..]].concat();
    let nobodys = [&packet[..12], &[0; 4], &packet[16..]].concat();
    vec![
        ("dhcp answer", packet.to_vec()),
        ("dhcp answer with options", optional),
        ("dhcp answer from nobody", nobodys),
        ("first part of a dhcp answer", with(6, 0x20)),
        ("dhcp answer that is cut short", with(2, 9)),
        ("dhcp answer of IP version 5", with(0, 0x55)),
        ("dhcp answer of IP version 6", with(0, 0x65)),
        ("dhcp answer with too short a header", with(0, 0x44)),
        ("dhcp answer with too long a header", with(0, 0x4f)),
    ]
}

/// Instances with the machines that they are on: beside the router, and not.
const PLACES: [(usize, usize); 2] = [(2, 0), (SELF, 1)];
/// An internal port of every machine.
const PORT: u16 = 8775;
/// To whom a bridge carries nothing: 01:80:c2:00:00:0x, of which the first two are of no use here.
const RESERVED: std::ops::Range<u8> = 2..16;

/// Listens at the internal port, by IPv4 and IPv6.
fn listen(space: &Namespace) -> UdpSocket {
    let socket = space.run(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, PORT)).unwrap());
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// What a machine has heard before the last word of somebody outside.
fn heard(tenants: &Tenants, machine: usize, socket: &UdpSocket) -> Vec<String> {
    let last = tenants.outside.space.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    last.send_to(b"<<end>>", (tenants.machines[machine].ip, PORT)).unwrap();
    let mut all = Vec::new();
    loop {
        let mut bytes = [0; 64];
        let read = socket.recv(&mut bytes).unwrap();
        match mark(&bytes[..read]).unwrap() {
            "end" => return all,
            other => all.push(other.to_owned()),
        }
    }
}

#[test]
fn what_a_bridge_does_not_carry_reaches_nothing_of_the_machine() {
    for bridged in [0, 1] {
        let (tenants, _) = settled(bridged);
        for (instance, machine) in PLACES {
            let (space, tap) = (&tenants.machines[machine].space, card(instance).tap);
            // As the kernel has it where nobody sets anything else.
            for device in ["all", &tap] {
                space.sh(&format!("sysctl -qw net.ipv4.conf.{device}.rp_filter=0"));
            }
            let socket = listen(space);
            let learnt = |what: &str| space.sh(&format!("ip {what} show dev {tap}"));
            try_reserved(&tenants, (instance, machine));
            assert_eq!(heard(&tenants, machine, &socket), [""; 0]);
            assert_eq!(
                (learnt("neigh"), learnt("-6 route").contains("ra")),
                (String::new(), false)
            );
            // Without the rules the machine would listen, and even take the instance for a router.
            space.sh("nft delete table inet eucalyptus_taps");
            space.sh("nft delete table arp eucalyptus_taps");
            try_reserved(&tenants, (instance, machine));
            assert!(heard(&tenants, machine, &socket).contains(&"reserved".to_owned()));
            assert!(
                learnt("neigh").contains(&card(instance).ip.to_string()),
                "{}",
                learnt("neigh")
            );
            assert!(learnt("-6 route").contains("default"), "{}", learnt("-6 route"));
        }
    }
}

/// A datagram, a question and an announcement to the machine itself, past the bridge.
fn try_reserved(tenants: &Tenants, (instance, machine): (usize, usize)) {
    let (own, machine) = (card(instance), tenants.machines[machine].ip);
    let wire = Wire::of(&tenants.guests[instance].namespace, "eth0");
    let data = udp(PORT, PORT, b"<<reserved>>");
    for last in RESERVED {
        let to = MacAddr([1, 0x80, 0xc2, 0, 0, last]);
        // By its own address, and by that of a machine that is listened to.
        for source in [own.ip, Ipv4Addr::new(198, 51, 100, 3)] {
            wire.send(&ethernet(own.mac, to, IPV4, &ipv4(source, machine, UDP, &data)));
        }
        let question = arp(REQUEST, (own.mac, own.ip), machine, b"");
        wire.send(&ethernet(own.mac, to, ARP, &question));
        let advertisement = router_advertisement(link_local(own.mac), b"");
        wire.send(&ethernet(own.mac, to, IPV6, &advertisement));
    }
}

#[test]
fn no_port_of_a_machine_is_reached_by_ipv6() {
    let (tenants, _) = settled(0);
    let one: Ipv6Addr = "fe80::1".parse().unwrap();
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    for (instance, machine) in PLACES {
        let (space, own) = (&tenants.machines[machine].space, card(instance));
        let bridge = own.tag.bridge();
        // Somebody has turned it on: until the next pass the bridge has addresses.
        space.sh(&format!("sysctl -qw net.ipv6.conf.{bridge}.disable_ipv6=0"));
        space.sh(&format!("ip -6 addr add fe80::1/64 dev {bridge} nodad"));
        space.sh("ip -6 addr add 2001:db8::1/64 dev eth0 nodad");
        let (mac, socket) = (mac_of(space, &bridge), listen(space));
        let wire = Wire::of(&tenants.guests[instance].namespace, "eth0");
        let me = link_local(own.mac);
        let tries = || {
            for (to, mac) in [(one, mac), (global, mac), (ALL_NODES, group_mac(ALL_NODES))] {
                let packet = udp6((me, to), PORT, format!("<<{to}>>").as_bytes());
                wire.send(&ethernet(own.mac, mac, IPV6, &packet));
            }
            heard(&tenants, machine, &socket)
        };
        assert_eq!(tries(), [""; 0]);
        space.sh("nft delete table bridge eucalyptus");
        if machine == 0 {
            assert_eq!(tries(), [""; 0], "the router's rules refuse it by themselves");
            space.sh("nft delete table inet eucalyptus");
        }
        assert_eq!(tries().len(), 3, "without the rules it would arrive");
    }
}
