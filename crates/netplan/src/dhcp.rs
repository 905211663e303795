//! What the DHCP server answers (RFC 2131, RFC 2132). Pure: a packet and a table in, a packet out.

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};
use ipnet::Ipv4Net;
use protocol::InstanceDesired;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::{MacAddr, NetworkTag};

/// The largest request that is looked at, bytes: an Ethernet frame's worth.
pub const MOST_DHCP_BYTES: usize = 1500;

/// The shortest reply, bytes: BOOTP had 300, and some clients drop what is shorter.
const LEAST_REPLY_BYTES: usize = 300;

/// How long an address is lent, seconds: long, for instances must outlive a dead controller.
const LEASE_S: u32 = 12 * 3600;

/// An instance's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who has it.
    pub mac: MacAddr,
    /// The address.
    pub ip: Ipv4Addr,
    /// The network that it is in.
    pub tag: NetworkTag,
    /// The name that the instance is told.
    pub hostname: String,
}

impl Lease {
    /// The address of an instance, with a host name as EC2 makes it: `ip-192-168-2-2`.
    pub fn of(instance: &InstanceDesired) -> Self {
        let nic = &instance.nic;
        let hostname = format!("ip-{}", nic.ip.to_string().replace('.', "-"));
        Self { mac: nic.mac, ip: nic.ip, tag: nic.tag, hostname }
    }
}

/// What is answered on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpNetwork {
    /// The addresses of the network.
    pub subnet: Ipv4Net,
    /// The gateway, which is also the server.
    pub router: Ipv4Addr,
    /// The DNS servers.
    pub dns: Vec<Ipv4Addr>,
    /// The largest packet, bytes.
    pub mtu: u16,
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
    let request = read(packet)?;
    let mac = MacAddr(request.chaddr().try_into().ok()?);
    let lease = network.leases.get(&mac)?;
    let kind = reply_type(&request, lease, network.router)?;
    let mut bytes = write(&request, kind, lease, network).to_vec().ok()?;
    bytes.resize(bytes.len().max(LEAST_REPLY_BYTES), 0);
    Some(DhcpReply { to: receiver(&request, kind), bytes })
}

fn read(packet: &[u8]) -> Option<Message> {
    if packet.len() > MOST_DHCP_BYTES {
        return None;
    }
    let request = Message::decode(&mut Decoder::new(packet)).ok()?;
    let direct = request.giaddr().is_unspecified() && request.hlen() == 6;
    (request.opcode() == Opcode::BootRequest && direct).then_some(request)
}

/// RFC 2131 section 4.3.
fn reply_type(request: &Message, lease: &Lease, server: Ipv4Addr) -> Option<MessageType> {
    let options = request.opts();
    let Some(DhcpOption::MessageType(kind)) = options.get(OptionCode::MessageType) else {
        return None;
    };
    if let Some(DhcpOption::ServerIdentifier(meant)) = options.get(OptionCode::ServerIdentifier)
        && *meant != server
    {
        return None;
    }
    match kind {
        MessageType::Discover => Some(MessageType::Offer),
        MessageType::Inform => Some(MessageType::Ack),
        MessageType::Request => {
            let wanted = match options.get(OptionCode::RequestedIpAddress) {
                Some(DhcpOption::RequestedIpAddress(wanted)) => *wanted,
                _ => request.ciaddr(),
            };
            Some(if wanted == lease.ip { MessageType::Ack } else { MessageType::Nak })
        }
        _ => None,
    }
}

fn write(request: &Message, kind: MessageType, lease: &Lease, network: &DhcpNetwork) -> Message {
    let mut reply = Message::new_with_id(
        request.xid(),
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::UNSPECIFIED,
        request.chaddr(),
    );
    reply.set_opcode(Opcode::BootReply).set_flags(request.flags());
    let options = reply.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(network.router));
    if kind == MessageType::Nak {
        return reply;
    }
    options.insert(DhcpOption::SubnetMask(network.subnet.netmask()));
    options.insert(DhcpOption::BroadcastAddr(network.subnet.broadcast()));
    options.insert(DhcpOption::Router(vec![network.router]));
    options.insert(DhcpOption::DomainNameServer(network.dns.clone()));
    options.insert(DhcpOption::Hostname(lease.hostname.clone()));
    options.insert(DhcpOption::InterfaceMtu(network.mtu));
    let only_asks = request.opts().has_msg_type(MessageType::Inform);
    if !only_asks {
        options.insert(DhcpOption::AddressLeaseTime(LEASE_S));
        reply.set_yiaddr(lease.ip);
    }
    reply.set_ciaddr(request.ciaddr());
    reply
}

/// A client that has an address is answered there; one that has none cannot be found by ARP yet,
/// and one that is refused should no longer use its address.
fn receiver(request: &Message, kind: MessageType) -> Ipv4Addr {
    if kind == MessageType::Nak || request.ciaddr().is_unspecified() {
        Ipv4Addr::BROADCAST
    } else {
        request.ciaddr()
    }
}
