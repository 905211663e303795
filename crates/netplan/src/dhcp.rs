//! What the DHCP server answers (RFC 2131, RFC 2132). Pure: a packet and a table in, a packet out.

mod dhcpd_conf;
mod packet;

use ipnet::Ipv4Net;
use packet::{Code, Kind, Reply, Request};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::MacAddr;

pub use dhcpd_conf::dhcpd_conf;

/// The largest request that is looked at, bytes: an Ethernet frame's worth.
pub const MOST_DHCP_BYTES: usize = 1500;

/// How long an address is lent, seconds: long, for instances must outlive a dead controller.
const LEASE_S: u32 = 12 * 3600;

/// The most DNS servers that are named.
const MOST_DNS: usize = 8;

/// An instance's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub mac: MacAddr,
    /// The address.
    pub ip: Ipv4Addr,
    /// The name that the instance is told.
    pub hostname: String,
}

impl Lease {
    /// The address of the interface with this Ethernet address.
    pub fn new(mac: MacAddr, ip: Ipv4Addr) -> Self {
        Self { mac, ip, hostname: hostname(ip) }
    }
}

/// The host name of the instance with this address, as EC2 makes it: `ip-192-168-2-2`.
pub fn hostname(ip: Ipv4Addr) -> String {
    format!("ip-{}", ip.to_string().replace('.', "-"))
}

/// What is answered on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpNetwork {
    /// The addresses of the network.
    pub subnet: Ipv4Net,
    /// The address that all of the network listen to.
    pub broadcast: Ipv4Addr,
    /// The server's own address.
    pub server: Ipv4Addr,
    /// The gateway.
    pub router: Ipv4Addr,
    /// The DNS servers.
    pub dns: Vec<Ipv4Addr>,
    /// The largest packet, bytes.
    pub mtu: u16,
    /// Whether the network is the cloud's own, so that nobody else answers there.
    pub is_ours: bool,
    /// Whose requests are answered.
    pub leases: BTreeMap<MacAddr, Lease>,
}

/// A packet to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpReply {
    /// To port 68 of this address: the client's own, or all of the network.
    pub to: Ipv4Addr,
    /// The packet.
    pub bytes: Vec<u8>,
}

/// The answer to a packet that came in on the network; none when there is nothing to say.
///
/// Unknown Ethernet addresses, relayed requests, requests meant for another server, DECLINE and
/// RELEASE get no answer. A client that asks to keep an address that is not its own is told so.
pub fn answer(packet: &[u8], network: &DhcpNetwork) -> Option<DhcpReply> {
    if packet.len() > MOST_DHCP_BYTES {
        return None;
    }
    let request = Request::read(packet)?;
    let lease = network.leases.get(&request.mac)?;
    let kind = reply_kind(&request, lease, network.server)?;
    let reply = write(&request, kind, lease, network);
    Some(DhcpReply { to: receiver(&request, kind), bytes: reply.finish() })
}

/// RFC 2131 section 4.3.
fn reply_kind(request: &Request, lease: &Lease, server: Ipv4Addr) -> Option<Kind> {
    if request.server.is_some_and(|meant| meant != server) {
        return None;
    }
    match request.kind {
        Kind::Discover => Some(Kind::Offer),
        Kind::Inform => Some(Kind::Ack),
        Kind::Request if request.wanted.unwrap_or(request.current) == lease.ip => Some(Kind::Ack),
        Kind::Request => Some(Kind::Nak),
        Kind::Offer | Kind::Ack | Kind::Nak => None,
    }
}

fn write(request: &Request, kind: Kind, lease: &Lease, network: &DhcpNetwork) -> Reply {
    let lends = matches!(kind, Kind::Offer | Kind::Ack) && request.kind != Kind::Inform;
    let given = if lends { lease.ip } else { Ipv4Addr::UNSPECIFIED };
    let mut reply = request.reply(kind, given);
    reply.put(Code::Server, &network.server.octets());
    if lends {
        reply.put(Code::LeaseTime, &LEASE_S.to_be_bytes());
    }
    if kind != Kind::Nak {
        reply.put(Code::SubnetMask, &network.subnet.netmask().octets());
        reply.put(Code::Broadcast, &network.broadcast.octets());
        reply.put(Code::Router, &network.router.octets());
        let dns: Vec<u8> = network.dns.iter().take(MOST_DNS).flat_map(Ipv4Addr::octets).collect();
        reply.put(Code::Dns, &dns);
        reply.put(Code::Hostname, lease.hostname.as_bytes());
        reply.put(Code::Mtu, &network.mtu.to_be_bytes());
    }
    reply
}

/// A client that has an address is answered there; one that has none cannot be found by ARP yet,
/// and one that is refused should no longer use its address.
fn receiver(request: &Request, kind: Kind) -> Ipv4Addr {
    if kind == Kind::Nak || request.current.is_unspecified() {
        Ipv4Addr::BROADCAST
    } else {
        request.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 1);
    const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 62);
    const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const DISCOVER: &[u8] = &[53, 1, 1];
    const REQUEST: &[u8] = &[53, 1, 3];
    const FOR_US: &[u8] = &[54, 4, 10, 77, 2, 1];
    const FOR_ANOTHER: &[u8] = &[54, 4, 10, 77, 2, 3];
    const WANTS_OWN: &[u8] = &[50, 4, 10, 77, 2, 2];
    const WANTS_OTHER: &[u8] = &[50, 4, 10, 77, 2, 3];

    fn network() -> DhcpNetwork {
        let lease = Lease {
            mac: MacAddr([0xd0, 0x0d, 0, 0, 0, 1]),
            ip: OWN,
            hostname: "ip-10-77-2-2".to_owned(),
        };
        DhcpNetwork {
            subnet: "10.77.2.0/26".parse().unwrap(),
            broadcast: Ipv4Addr::new(10, 77, 2, 63),
            server: SERVER,
            router: GATEWAY,
            dns: vec![Ipv4Addr::new(192, 0, 2, 53)],
            mtu: 1450,
            is_ours: true,
            leases: BTreeMap::from([(lease.mac, lease)]),
        }
    }

    fn request(current: Ipv4Addr, options: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0; 240];
        packet[..8].copy_from_slice(&[1, 1, 6, 0, 9, 8, 7, 6]);
        packet[12..16].copy_from_slice(&current.octets());
        packet[28..34].copy_from_slice(&[0xd0, 0x0d, 0, 0, 0, 1]);
        packet[236..].copy_from_slice(&[99, 130, 83, 99]);
        packet.extend(options.concat());
        packet.push(255);
        packet
    }

    fn options(reply: &[u8]) -> BTreeMap<u8, Vec<u8>> {
        let (mut options, mut rest) = (BTreeMap::new(), &reply[240..]);
        while let [code, length, tail @ ..] = rest
            && *code != 255
        {
            let (value, tail) = tail.split_at(usize::from(*length));
            options.insert(*code, value.to_vec());
            rest = tail;
        }
        options
    }

    #[test]
    fn requests_are_answered_as_rfc_2131_says() {
        let all = Ipv4Addr::BROADCAST;
        let (offer, ack, nak) = (2, 5, 6);
        type Told = Option<(u8, Ipv4Addr, Ipv4Addr)>;
        let cases: [(&str, Ipv4Addr, &[&[u8]], Told); 15] = [
            ("discover", NONE, &[DISCOVER], Some((offer, all, OWN))),
            ("discover another", NONE, &[DISCOVER, WANTS_OTHER], Some((offer, all, OWN))),
            ("select", NONE, &[REQUEST, FOR_US, WANTS_OWN], Some((ack, all, OWN))),
            ("select elsewhere", NONE, &[REQUEST, FOR_ANOTHER, WANTS_OWN], None),
            ("reboot", NONE, &[REQUEST, WANTS_OWN], Some((ack, all, OWN))),
            ("reboot, moved", NONE, &[REQUEST, WANTS_OTHER], Some((nak, all, NONE))),
            ("request nothing", NONE, &[REQUEST], Some((nak, all, NONE))),
            ("renew", OWN, &[REQUEST], Some((ack, OWN, OWN))),
            ("renew another", OTHER, &[REQUEST], Some((nak, all, NONE))),
            ("inform", OWN, &[&[53, 1, 8]], Some((ack, OWN, NONE))),
            ("decline", NONE, &[&[53, 1, 4], WANTS_OWN], None),
            ("release", OWN, &[&[53, 1, 7]], None),
            ("offer", NONE, &[&[53, 1, 2]], None),
            ("unknown", NONE, &[&[53, 1, 99]], None),
            ("bootp", NONE, &[], None),
        ];
        for (what, current, options_sent, expect) in cases {
            let reply = answer(&request(current, options_sent), &network());
            let told = reply.map(|reply| {
                let given = <[u8; 4]>::try_from(&reply.bytes[16..20]).unwrap();
                (options(&reply.bytes)[&53][0], reply.to, Ipv4Addr::from(given))
            });
            assert_eq!(told, expect, "{what}");
        }
    }

    #[test]
    fn an_offer_has_all_that_an_instance_needs() {
        let reply = answer(&request(NONE, &[DISCOVER]), &network()).unwrap().bytes;
        assert_eq!(reply[..8], [2, 1, 6, 0, 9, 8, 7, 6]);
        assert!(reply.len() >= 300);
        let expect: [(u8, &[u8]); 9] = [
            (1, &[255, 255, 255, 192]),
            (3, &[10, 77, 2, 62]),
            (6, &[192, 0, 2, 53]),
            (12, b"ip-10-77-2-2"),
            (26, &[5, 170]),
            (28, &[10, 77, 2, 63]),
            (51, &[0, 0, 168, 192]),
            (53, &[2]),
            (54, &[10, 77, 2, 1]),
        ];
        let expect = expect.map(|(code, value)| (code, value.to_vec())).into();
        assert_eq!(options(&reply), expect);
    }

    #[test]
    fn an_inform_is_lent_nothing_and_a_refusal_tells_nothing() {
        let told = |packet: &[u8]| {
            let reply = answer(packet, &network()).unwrap();
            options(&reply.bytes).into_keys().collect::<Vec<_>>()
        };
        assert_eq!(told(&request(OWN, &[&[53, 1, 8]])), [1, 3, 6, 12, 26, 28, 53, 54]);
        assert_eq!(told(&request(OTHER, &[REQUEST])), [53, 54]);
    }

    #[test]
    fn what_is_not_a_request_of_a_known_interface_gets_no_answer() {
        let good = request(NONE, &[DISCOVER]);
        assert!(answer(&good, &network()).is_some());
        let spoiled = |at: usize, byte: u8| {
            let mut packet = good.clone();
            packet[at] = byte;
            packet
        };
        let cut_option = [&good[..243], &[12, 50, 1]].concat();
        for (what, packet) in [
            ("empty", vec![]),
            ("short", good[..239].to_vec()),
            ("too long", [good.clone(), vec![0; MOST_DHCP_BYTES]].concat()),
            ("reply", spoiled(0, 2)),
            ("token ring", spoiled(1, 6)),
            ("address of 0 bytes", spoiled(2, 0)),
            ("address of 255 bytes", spoiled(2, 255)),
            ("relayed", spoiled(24, 10)),
            ("unknown address", spoiled(33, 2)),
            ("not dhcp", spoiled(236, 0)),
            ("option of no length", [&good[..243], &[12]].concat()),
            ("option that is cut", cut_option),
        ] {
            assert_eq!(answer(&packet, &network()), None, "{what}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_packet_makes_the_server_fall_over(
            noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400),
        ) {
            let _ = answer(&noise, &network());
            let good = request(NONE, &[DISCOVER]);
            let _ = answer(&[&good[..243], &noise].concat(), &network());
        }
    }
}
