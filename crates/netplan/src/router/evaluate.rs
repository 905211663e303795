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

/// Whom the receiver of a packet takes for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The sender, by this address of its own.
    Sender(Ipv4Addr),
    /// This host, by the address that it has towards the receiver.
    Router,
}

impl RouterPlan {
    /// Whether the rules forward this packet. Says what `router/rules.rs` writes for the kernel.
    pub fn forwards(&self, packet: &Packet) -> bool {
        let Some(vnet) = self.vnet_subnet else { return true };
        if !self.is_honest(packet, &vnet) {
            return false;
        }
        let called = self.public.leads.get(&packet.destination);
        let packet = &called.map_or(*packet, |private| Packet { destination: *private, ..*packet });
        let group = self.groups.iter().find(|group| group.subnet.contains(&packet.destination));
        if called.is_none() && group.is_some_and(|group| packet.from == Some(group.tag)) {
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

    /// The source that a packet which is forwarded has when it arrives. Says what
    /// `router/public.rs` writes for the kernel.
    pub fn source_of(&self, packet: &Packet) -> Source {
        let is_inside = |ip: &Ipv4Addr| self.vnet_subnet.is_some_and(|vnet| vnet.contains(ip));
        let called = self.public.leads.get(&packet.destination);
        let destination = called.unwrap_or(&packet.destination);
        let own = self.public.of_instance(packet.source);
        match (is_inside(&packet.source), own) {
            (false, _) => Source::Sender(packet.source),
            (true, _) if self.machines.contains(destination) => Source::Router,
            (true, Some(public)) if called.is_some() || !is_inside(destination) => {
                Source::Sender(public)
            }
            (true, None) if !is_inside(destination) => Source::Router,
            (true, None) if called.is_some() && self.share_a_group(packet.source, *destination) => {
                Source::Router
            }
            (true, _) => Source::Sender(packet.source),
        }
    }

    fn share_a_group(&self, one: Ipv4Addr, other: Ipv4Addr) -> bool {
        let has_both = |group: &crate::GroupChain| {
            group.subnet.contains(&one) && group.subnet.contains(&other)
        };
        self.groups.iter().any(has_both)
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
