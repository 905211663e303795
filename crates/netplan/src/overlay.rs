//! Group networks that span machines: one VXLAN (RFC 7348) for each, between known addresses.

use crate::nft::{Table, drop, field, is, is_not};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::NetworkTag;

/// The UDP port of VXLAN.
pub const VXLAN_PORT: u16 = 4789;

/// What VXLAN adds to a packet, bytes: an Ethernet header, its own, UDP's and IPv4's.
const OVERHEAD: u32 = 14 + 8 + 8 + 20;

/// The largest packet of plain Ethernet. Interfaces of instances have this size, so a larger one
/// would not reach all of them.
pub(crate) const PLAIN: u16 = 1500;

/// The VXLAN between this machine and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The address of this machine that the others know; none when the kernel may choose.
    pub local: Option<Ipv4Addr>,
    /// The addresses of the other machines. Nobody else is listened to.
    pub peers: BTreeSet<Ipv4Addr>,
}

impl Overlay {
    /// The device that joins the bridge of a network with the other machines: `euvx<tag>`.
    pub fn device(tag: NetworkTag) -> String {
        format!("euvx{tag}")
    }
}

/// The largest packet of a group network over machines that send each other packets of at most
/// `underlay` bytes.
pub fn overlay_mtu(underlay: u32) -> u16 {
    u16::try_from(underlay.saturating_sub(OVERHEAD)).unwrap_or(u16::MAX).min(PLAIN)
}

/// The largest segment of a TCP connection through networks with this MTU; none when that of
/// Ethernet fits.
pub(crate) fn most_segment(mtu: u16) -> Option<u16> {
    (mtu < PLAIN).then(|| mtu.saturating_sub(40))
}

/// Drops VXLAN packets of strangers, at the beginning of a table's chain for what comes in.
pub(crate) fn listen_to(peers: &BTreeSet<Ipv4Addr>, table: Table, input: &str) -> [Value; 2] {
    let elements = peers.iter().map(|peer| peer.to_string().into()).collect();
    let stranger = is_not(field("ip", "saddr"), "@peers");
    let vxlan = is(field("udp", "dport"), VXLAN_PORT);
    [
        table.set("peers", json!("ipv4_addr"), false, elements),
        table.rule(input, vec![vxlan, stranger, drop()]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_and_its_envelope_fit_the_machines_network() {
        for (underlay, mtu, segment) in
            [(1500, 1450, Some(1410)), (1400, 1350, Some(1310)), (1549, 1499, Some(1459))]
        {
            assert_eq!((overlay_mtu(underlay), most_segment(mtu)), (mtu, segment));
        }
        for roomy in [1550, 9000, 65_536, u32::MAX] {
            assert_eq!(overlay_mtu(roomy), 1500);
        }
        assert_eq!(most_segment(1500), None);
        assert_eq!(overlay_mtu(20), 0);
    }
}
