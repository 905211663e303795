//! What a plan's rules do with a packet, without a kernel: for tests and for diagnosis.

use super::RouterPlan;
use crate::{Trunk, VXLAN_PORT};
use std::net::Ipv4Addr;
use types::{NetworkTag, Protocol};

/// The ICMP type of ping.
const ECHO_REQUEST: u16 = 8;

/// The first packet of a connection that is to be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The group network that it comes from; none for the world outside.
    pub from: Option<NetworkTag>,
    /// Its source address.
    pub source: Ipv4Addr,
    /// Its destination address.
    pub destination: Ipv4Addr,
    /// Its protocol; [`Protocol::All`] for one that rules cannot name.
    pub protocol: Protocol,
    /// Its destination port; for ICMP the type times 256 plus the code.
    pub port: u16,
}

impl RouterPlan {
    /// Whether the rules forward this packet. Says what `router/rules.rs` writes for the kernel.
    pub fn forwards(&self, packet: &Packet) -> bool {
        let Some(vnet) = self.vnet_subnet else { return true };
        if !self.is_honest(packet, &vnet) {
            return false;
        }
        let group = self.groups.iter().find(|group| group.subnet.contains(&packet.destination));
        if group.is_some_and(|group| packet.from == Some(group.tag)) {
            return true;
        }
        if !self.may_leave(packet) {
            return false;
        }
        if let Some(group) = group {
            let lets_in =
                |cell: &crate::Cell| cell.holds(packet.protocol, packet.port, packet.source);
            return group.ingress.iter().any(lets_in);
        }
        let is_nobodys = vnet.contains(&packet.destination);
        !is_nobodys && (packet.from.is_none() || self.may_go_outside(packet))
    }

    /// Whether what is outside the networks is for instances.
    fn may_go_outside(&self, packet: &Packet) -> bool {
        let is_joined = self.trunk.as_ref().and_then(Trunk::peers).is_some();
        let is_vxlan = packet.protocol == Protocol::Udp && packet.port == VXLAN_PORT;
        if packet.destination.is_link_local() || (is_vxlan && is_joined) {
            return false;
        }
        !self.machines.contains(&packet.destination)
            || match packet.protocol {
                Protocol::Tcp if self.public_ports.contains(&packet.port) => true,
                Protocol::Icmp => packet.port >> 8 == ECHO_REQUEST,
                _ => self.asks_dns(packet),
            }
    }

    /// Whether the group that the packet comes from lets it out: by a rule, or to ask a DNS server.
    fn may_leave(&self, packet: &Packet) -> bool {
        let Some(from) = packet.from else { return true };
        let lets_out =
            |cell: &crate::Cell| cell.holds(packet.protocol, packet.port, packet.destination);
        let group = self.groups.iter().find(|group| group.tag == from);
        if group.is_some_and(|group| group.egress.iter().any(lets_out)) {
            return true;
        }
        self.asks_dns(packet)
    }

    fn asks_dns(&self, packet: &Packet) -> bool {
        let server = |network: &crate::DhcpNetwork| network.dns.contains(&packet.destination);
        let network = packet.from.and_then(|from| self.dhcp.get(&from));
        matches!(packet.protocol, Protocol::Tcp | Protocol::Udp)
            && packet.port == 53
            && network.is_some_and(server)
    }

    /// Whether the source belongs to where the packet comes from.
    fn is_honest(&self, packet: &Packet, vnet: &ipnet::Ipv4Net) -> bool {
        let Some(from) = packet.from else { return !vnet.contains(&packet.source) };
        let group = self.groups.iter().find(|group| group.tag == from);
        group.is_some_and(|group| group.subnet.contains(&packet.source))
    }
}
