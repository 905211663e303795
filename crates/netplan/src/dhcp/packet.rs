//! DHCP packets on the wire (RFC 2131 section 2, RFC 2132): just what a server for known clients
//! needs. Written here because the crate `dhcproto` 0.15 panics on options of a wrong length, so
//! that any instance could have ended the controller with one packet.

use std::net::Ipv4Addr;
use types::MacAddr;

/// The length of the part before the options, the magic number included.
const HEADER_BYTES: usize = 240;
const MAGIC: [u8; 4] = [99, 130, 83, 99];
/// The shortest reply: BOOTP had 300, and some clients drop what is shorter.
const LEAST_REPLY_BYTES: usize = 300;

const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;

/// What a packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
    Nak = 6,
    Inform = 8,
}

/// The numbers of the options that are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    SubnetMask = 1,
    Router = 3,
    Dns = 6,
    Hostname = 12,
    Mtu = 26,
    Broadcast = 28,
    RequestedAddress = 50,
    LeaseTime = 51,
    Kind = 53,
    Server = 54,
}

const PAD: u8 = 0;
const END: u8 = 255;

/// A client's packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) kind: Kind,
    pub(super) mac: MacAddr,
    /// The address that the client uses already; 0.0.0.0 for none.
    pub(super) current: Ipv4Addr,
    /// The address that it asks for.
    pub(super) wanted: Option<Ipv4Addr>,
    /// The server that it means.
    pub(super) server: Option<Ipv4Addr>,
    transaction: [u8; 4],
    flags: [u8; 2],
}

impl Request {
    /// None for anything but a DHCP packet that an Ethernet client sent to us directly.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let options = packet.get(HEADER_BYTES..)?;
        let from_client = packet[..3] == [REQUEST, ETHERNET, 6] && packet[236..240] == MAGIC;
        let relayed = packet[24..28] != [0; 4];
        if !from_client || relayed {
            return None;
        }
        let mut request = Self {
            kind: Kind::Discover,
            mac: MacAddr(packet[28..34].try_into().ok()?),
            current: address(&packet[12..16])?,
            wanted: None,
            server: None,
            transaction: packet[4..8].try_into().ok()?,
            flags: packet[10..12].try_into().ok()?,
        };
        request.read_options(options).then_some(request)
    }

    /// Whether the options are well formed and say what the packet is for.
    fn read_options(&mut self, mut options: &[u8]) -> bool {
        let mut kind = None;
        while let [code, rest @ ..] = options {
            options = rest;
            match *code {
                PAD => continue,
                END => break,
                _ => {}
            }
            let Some((length, rest)) = options.split_first() else { return false };
            let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else {
                return false;
            };
            options = rest;
            match *code {
                code if code == Code::Kind as u8 => kind = kind_of(value),
                code if code == Code::RequestedAddress as u8 => self.wanted = address(value),
                code if code == Code::Server as u8 => self.server = address(value),
                _ => {}
            }
        }
        self.kind = kind.unwrap_or(self.kind);
        kind.is_some()
    }

    /// A reply with this purpose and client address, and no other option yet.
    pub(super) fn reply(&self, kind: Kind, given: Ipv4Addr) -> Reply {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..3].copy_from_slice(&[REPLY, ETHERNET, 6]);
        bytes[4..8].copy_from_slice(&self.transaction);
        bytes[10..12].copy_from_slice(&self.flags);
        if kind != Kind::Nak {
            bytes[12..16].copy_from_slice(&self.current.octets());
        }
        bytes[16..20].copy_from_slice(&given.octets());
        bytes[28..34].copy_from_slice(&self.mac.0);
        bytes[236..240].copy_from_slice(&MAGIC);
        let mut reply = Reply(bytes);
        reply.put(Code::Kind, &[kind as u8]);
        reply
    }
}

/// A reply that is being written.
#[derive(Debug)]
pub(super) struct Reply(Vec<u8>);

impl Reply {
    /// Adds an option; a value of more than 255 bytes is cut.
    pub(super) fn put(&mut self, code: Code, value: &[u8]) {
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        self.0.extend([code as u8, length]);
        self.0.extend(value.iter().take(usize::from(length)));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(END);
        let length = self.0.len().max(LEAST_REPLY_BYTES);
        self.0.resize(length, PAD);
        self.0
    }
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

fn kind_of(value: &[u8]) -> Option<Kind> {
    let kinds = [Kind::Discover, Kind::Request, Kind::Inform];
    kinds.into_iter().find(|kind| value == [*kind as u8])
}
