//! Frames byte by byte, and the sockets that send and see them.

use crate::world::Namespace;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, bind};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;
use types::MacAddr;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;
/// 802.1Q and 802.1ad.
pub(crate) const TAGS: [u16; 2] = [0x8100, 0x88a8];
pub(crate) const EVERYBODY: MacAddr = MacAddr([0xff; 6]);
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const ETH_P_ALL: u16 = 3;
const ICMP: u8 = 1;
const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;

/// One end of an Ethernet: all that comes there is seen, and of what is sent nothing.
pub(crate) struct Wire(Socket);

impl Wire {
    /// That of a device in a namespace.
    pub(crate) fn of(space: &Namespace, device: &'static str) -> Self {
        space.run(move || {
            let protocol = Protocol::from(i32::from(ETH_P_ALL.to_be()));
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).unwrap();
            bind(socket.as_raw_fd(), &link(device)).unwrap();
            Self(socket)
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        (&self.0).write_all(frame).unwrap();
    }

    /// The next frame; none when none has come in that time.
    pub(crate) fn next(&self, patience: Duration) -> Option<Vec<u8>> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut frame = vec![0; 4096];
        let read = (&self.0).read(&mut frame).ok()?;
        frame.truncate(read);
        Some(frame)
    }
}

/// The card of this name, in the namespace of the caller's thread.
fn link(device: &str) -> LinkAddr {
    let mut all = getifaddrs().unwrap().filter(|it| it.interface_name == device);
    all.find_map(|it| it.address?.as_link_addr().copied()).unwrap()
}

/// The address of a card.
pub(crate) fn mac_of(space: &Namespace, device: &str) -> MacAddr {
    let device = device.to_owned();
    MacAddr(space.run(move || link(&device)).addr().unwrap())
}

/// What a frame says between `<<` and `>>`.
pub(crate) fn mark(frame: &[u8]) -> Option<&str> {
    let at = |what: &[u8]| frame.windows(2).position(|it| it == what);
    let (from, to) = (at(b"<<")? + 2, at(b">>")?);
    std::str::from_utf8(frame.get(from..to)?).ok()
}

pub(crate) fn ethernet(from: MacAddr, to: MacAddr, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to.0[..], &from.0, &kind.to_be_bytes(), payload].concat()
}

/// The same with a tag before its kind.
pub(crate) fn tagged(frame: &[u8], (kind, tag): (u16, u16)) -> Vec<u8> {
    [&frame[..12], &kind.to_be_bytes(), &tag.to_be_bytes(), &frame[12..]].concat()
}

pub(crate) fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = (20 + payload.len() as u16).to_be_bytes();
    let head = [0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0];
    let mut head = [&head[..], &from.octets(), &to.octets()].concat();
    let sum = checksum(&head);
    put(&mut head, 10, sum);
    [&head, payload].concat()
}

/// Without a checksum, which UDP allows.
pub(crate) fn udp(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = 8 + data.len() as u16;
    [&words(&[from, to, length, 0]), data].concat()
}

/// The packet that opens a connection.
pub(crate) fn syn((from, to): (Ipv4Addr, Ipv4Addr), ports: (u16, u16), data: &[u8]) -> Vec<u8> {
    let head = words(&[ports.0, ports.1, 0, 1, 0, 0, 0x5002, 1000, 0, 0]);
    let mut tcp = [&head, data].concat();
    let length = words(&[u16::from(TCP), tcp.len() as u16]);
    let sum = checksum(&[&from.octets()[..], &to.octets(), &length, &tcp].concat());
    put(&mut tcp, 16, sum);
    ipv4(from, to, TCP, &tcp)
}

pub(crate) fn ping((from, to): (Ipv4Addr, Ipv4Addr), id: u16, data: &[u8]) -> Vec<u8> {
    let mut echo = [&words(&[8 << 8, 0, id, 1]), data].concat();
    let sum = checksum(&echo);
    put(&mut echo, 2, sum);
    ipv4(from, to, ICMP, &echo)
}

/// What one says who has this Ethernet and IP address, of whom one asks for.
pub(crate) fn arp(
    operation: u16,
    (mac, ip): (MacAddr, Ipv4Addr),
    of: Ipv4Addr,
    data: &[u8],
) -> Vec<u8> {
    let kind = words(&[1, IPV4, 0x0604, operation]);
    [&kind[..], &mac.0, &ip.octets(), &[0; 6], &of.octets(), data].concat()
}

pub(crate) fn ipv6(from: Ipv6Addr, to: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], next, 255];
    [&head[..], &from.octets(), &to.octets(), payload].concat()
}

/// An ICMPv6 message, its checksum included.
pub(crate) fn icmpv6(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let sum = checksum(&[&pseudo_header((from, to), ICMPV6, &message), &message[..]].concat());
    put(&mut message, 2, sum);
    ipv6(from, to, ICMPV6, &message)
}

/// A datagram, with the checksum that IPv6 asks for.
pub(crate) fn udp6(ends: (Ipv6Addr, Ipv6Addr), port: u16, data: &[u8]) -> Vec<u8> {
    let mut datagram = udp(port, port, data);
    let sum = checksum(&[&pseudo_header(ends, UDP, &datagram), &datagram[..]].concat());
    put(&mut datagram, 6, sum);
    ipv6(ends.0, ends.1, UDP, &datagram)
}

fn pseudo_header((from, to): (Ipv6Addr, Ipv6Addr), next: u8, payload: &[u8]) -> Vec<u8> {
    let length = words(&[0, payload.len() as u16, 0, u16::from(next)]);
    [&from.octets()[..], &to.octets(), &length].concat()
}

/// Echo request.
pub(crate) fn ping6((from, to): (Ipv6Addr, Ipv6Addr), id: u16, data: &[u8]) -> Vec<u8> {
    icmpv6(from, to, &[&words(&[128 << 8, 0, id, 1]), data].concat())
}

/// Who has this address? To everybody who may have it.
pub(crate) fn solicitation(from: Ipv6Addr, of: Ipv6Addr, data: &[u8]) -> Vec<u8> {
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &of.octets(), data].concat();
    icmpv6(from, solicited(of), &message)
}

/// The group of all who may have this address (RFC 4291).
pub(crate) fn solicited(address: Ipv6Addr) -> Ipv6Addr {
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&address.octets()[13..]);
    group.into()
}

/// The address that a card gives itself (RFC 4291).
pub(crate) fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    let word = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f))
}

/// The Ethernet address to which frames for an IPv6 group go (RFC 2464).
pub(crate) fn group_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn put(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}

/// That of the internet protocols (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    !((sum >> 16) + sum) as u16
}
