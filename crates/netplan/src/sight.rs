//! What passes an instance's tap and says which address the instance has: the site's DHCP server
//! lends it one, or the instance claims one by ARP. Pure.

use std::net::Ipv4Addr;
use types::MacAddr;

/// What a frame says of an interface's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sighting {
    /// A DHCP server has lent it this address (DHCPACK, RFC 2131).
    Leased(Ipv4Addr),
    /// Its guest says so itself, by ARP (RFC 826).
    Claimed(Ipv4Addr),
}

impl Sighting {
    /// The address.
    pub const fn ip(self) -> Ipv4Addr {
        match self {
            Self::Leased(ip) | Self::Claimed(ip) => ip,
        }
    }
}

const ETHERNET_BYTES: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
/// ARP for IPv4 over Ethernet: both types, and the lengths of both addresses.
const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What a frame on the tap of the interface with this Ethernet address says. Whoever captures it
/// sees to its direction: a lease goes to the guest, a claim comes from it.
pub fn sight(frame: &[u8], mac: MacAddr) -> Option<Sighting> {
    let (head, payload) = frame.split_at_checked(ETHERNET_BYTES)?;
    if head[12..] == IPV4 {
        return lease(udp_from_67_to_68(payload)?, mac).map(Sighting::Leased);
    }
    let is_own = head[12..] == ARP && head[6..12] == mac.0;
    claim(payload, mac).filter(|_| is_own).map(Sighting::Claimed)
}

/// The payload of a whole UDP datagram from a DHCP server to a client.
fn udp_from_67_to_68(packet: &[u8]) -> Option<&[u8]> {
    let version_and_length = *packet.first()?;
    let header_bytes = usize::from(version_and_length & 0xf) * 4;
    if version_and_length >> 4 != 4 || header_bytes < 20 {
        return None;
    }
    let (header, datagram) = packet.split_at_checked(header_bytes)?;
    // neither more fragments nor an offset
    let whole = header[6] & 0x3f == 0 && header[7] == 0;
    let (udp, payload) = datagram.split_at_checked(8)?;
    (whole && header[9] == 17 && udp[..4] == [0, 67, 0, 68]).then_some(payload)
}

/// The address that a DHCPACK lends to a client.
fn lease(dhcp: &[u8], mac: MacAddr) -> Option<Ipv4Addr> {
    let (fixed, options) = dhcp.split_at_checked(240)?;
    let to_it = fixed[..3] == [2, 1, 6] && fixed[28..34] == mac.0;
    let is_dhcp = fixed[236..] == [99, 130, 83, 99];
    let ip = ipv4(&fixed[16..20])?;
    (to_it && is_dhcp && kind(options) == Some(5)).then_some(ip)
}

/// The message type, option 53.
fn kind(mut options: &[u8]) -> Option<u8> {
    loop {
        options = match options {
            [53, 1, kind, ..] => return Some(*kind),
            [0, rest @ ..] => rest,
            [255, ..] => return None,
            [_, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

/// The address that the sender of ARP has.
fn claim(arp: &[u8], mac: MacAddr) -> Option<Ipv4Addr> {
    let arp = arp.get(..28)?;
    let is_own = arp[..6] == ARP_HEAD && arp[8..14] == mac.0;
    ipv4(&arp[14..18]).filter(|_| is_own)
}

/// An address that a host can have.
fn ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let ip = Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?);
    let special = ip.octets()[0] == 0
        || ip.is_broadcast()
        || ip.is_multicast()
        || ip.is_loopback()
        || ip.is_link_local();
    (!special).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAC: MacAddr = MacAddr([0xd0, 0x0d, 0, 0, 0, 1]);
    const IP: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 77);

    /// A DHCPACK as a server sends it, with options before its kind.
    fn ack(options: &[u8]) -> Vec<u8> {
        let mut dhcp = vec![0; 240];
        dhcp[..3].copy_from_slice(&[2, 1, 6]);
        dhcp[16..20].copy_from_slice(&IP.octets());
        dhcp[28..34].copy_from_slice(&MAC.0);
        dhcp[236..].copy_from_slice(&[99, 130, 83, 99]);
        dhcp.extend(options);
        dhcp.extend([53, 1, 5, 255]);
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 9, 8, 0]);
        frame.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 192, 168, 1, 1, 255, 255, 255, 255]);
        frame.extend([0, 67, 0, 68, 0, 0, 0, 0]);
        frame.extend(dhcp);
        frame
    }

    fn arp(sender: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend(sender.0);
        frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        frame.extend(sender.0);
        frame.extend(ip.octets());
        frame.extend([0; 10]);
        frame
    }

    #[test]
    fn a_lease_is_what_a_server_lends_to_this_interface() {
        let lent = Some(Sighting::Leased(IP));
        assert_eq!(sight(&ack(&[]), MAC), lent);
        assert_eq!(sight(&ack(&[1, 4, 255, 255, 255, 0, 0, 0, 12, 1, b'a']), MAC), lent);
        assert_eq!(sight(&ack(&[]), MacAddr([2, 0, 0, 0, 0, 7])), None, "another's");
        let spoiled = |at: usize, byte: u8| {
            let mut frame = ack(&[]);
            frame[at] = byte;
            sight(&frame, MAC)
        };
        for (what, at, byte) in [
            ("no IPv4", 12, 0x86),
            ("version 6", 14, 0x65),
            ("a fragment", 20, 0x20),
            ("a later fragment", 21, 1),
            ("TCP", 23, 6),
            ("from a client", 35, 68),
            ("to a server", 37, 67),
            ("a request", 42, 1),
            ("an offer", 284, 2),
            ("a refusal", 284, 6),
            ("0.0.0.77 and so on", 58, 0),
            ("127.168.1.77", 58, 127),
            ("no DHCP", 278, 0),
        ] {
            assert_eq!(spoiled(at, byte), None, "{what}");
        }
    }

    #[test]
    fn a_claim_is_what_the_interface_says_of_itself() {
        assert_eq!(sight(&arp(MAC, IP), MAC), Some(Sighting::Claimed(IP)));
        assert_eq!(sight(&arp(MAC, Ipv4Addr::UNSPECIFIED), MAC), None, "a probe claims nothing");
        assert_eq!(sight(&arp(MacAddr([2, 0, 0, 0, 0, 7]), IP), MAC), None);
        let mut posing = arp(MAC, IP);
        posing[11] = 7;
        assert_eq!(sight(&posing, MAC), None, "its frame is another's");
    }

    proptest! {
        #[test]
        fn no_frame_makes_it_fall_over(
            noise in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..300,
        ) {
            let _ = sight(&noise, MAC);
            let whole = ack(&noise);
            let _ = sight(&whole[..cut.min(whole.len())], MAC);
            let _ = sight(&whole, MAC);
        }
    }
}
