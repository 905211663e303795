//! Addresses, tags, protocols and ports.

use crate::InstanceId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Text or a number that is not a valid network value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" is not valid: {rule}")]
pub struct InvalidNet {
    /// What kind of value it should be.
    pub what: &'static str,
    /// What was given.
    pub text: String,
    /// The rule, as a sentence part.
    pub rule: &'static str,
}

fn invalid(what: &'static str, text: impl fmt::Display, rule: &'static str) -> InvalidNet {
    InvalidNet { what, text: text.to_string().chars().take(64).collect(), rule }
}

/// The smallest VNET_ADDRSPERNET: the network itself, its router, one instance, broadcast.
pub const FEWEST_PER_NET: u32 = 4;

/// The host of `host:port`; an IPv6 address is without its brackets.
pub fn host_of_endpoint(endpoint: &str) -> &str {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// The address of an instance: `d0:0d` and the four bytes of its id (FACTS 4.1).
    pub const fn of_instance(id: InstanceId) -> Self {
        let [a, b, c, d] = id.bits().to_be_bytes();
        Self([0xd0, 0x0d, a, b, c, d])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = InvalidNet;
    fn from_str(text: &str) -> Result<Self, InvalidNet> {
        let bad = || invalid("MAC address", text, "six pairs of hex digits joined by ':'");
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|p| p.len() == 2 && !p.starts_with('+'));
            *byte = pair.and_then(|p| u8::from_str_radix(p, 16).ok()).ok_or_else(bad)?;
        }
        if pairs.next().is_some() { Err(bad()) } else { Ok(Self(bytes)) }
    }
}

impl TryFrom<String> for MacAddr {
    type Error = InvalidNet;
    fn try_from(text: String) -> Result<Self, InvalidNet> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> String {
        mac.to_string()
    }
}

/// The number of a group network: its VLAN tag, 10 to 4094.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct NetworkTag(u16);

impl NetworkTag {
    /// The first tag that is given out.
    pub const FIRST: Self = Self(10);
    /// The last tag that 802.1Q can carry.
    pub const LAST: Self = Self(4094);

    /// The tag as a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The bridge that carries this network on a machine: `eucabr<tag>`.
    pub fn bridge(self) -> String {
        format!("eucabr{}", self.0)
    }
}

impl TryFrom<u16> for NetworkTag {
    type Error = InvalidNet;
    fn try_from(tag: u16) -> Result<Self, InvalidNet> {
        if (Self::FIRST.0..=Self::LAST.0).contains(&tag) {
            return Ok(Self(tag));
        }
        Err(invalid("network tag", tag, "a number from 10 to 4094"))
    }
}

impl From<NetworkTag> for u16 {
    fn from(tag: NetworkTag) -> u16 {
        tag.0
    }
}

impl fmt::Display for NetworkTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NetworkTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the instances of a cluster are connected, VNET_MODE (Administrator's Guide, "Network
/// Configuration").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VnetMode {
    /// On the site's own network, where they get addresses from the site's DHCP server.
    System,
    /// On the site's own network, with addresses of the administrator's list.
    Static,
    /// Every user's group has a network of its own, with the cluster controller as its router.
    Managed,
}

impl VnetMode {
    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "SYSTEM",
            Self::Static => "STATIC",
            Self::Managed => "MANAGED",
        }
    }
}

impl fmt::Display for VnetMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VnetMode {
    type Err = InvalidNet;
    fn from_str(text: &str) -> Result<Self, InvalidNet> {
        let all = [Self::System, Self::Static, Self::Managed];
        let named = all.into_iter().find(|mode| text.eq_ignore_ascii_case(mode.as_str()));
        named.ok_or_else(|| invalid("network mode", text, "SYSTEM, STATIC or MANAGED"))
    }
}

/// An Ethernet address and the IPv4 address that goes with it, of VNET_MACMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressPair {
    /// The Ethernet address.
    pub mac: MacAddr,
    /// The IPv4 address.
    pub ip: Ipv4Addr,
}

/// The protocol of a security group's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP; its "ports" are type and code.
    Icmp,
    /// Every IP protocol, those that rules cannot name too; it has no ports.
    #[serde(rename = "-1")]
    All,
}

impl Protocol {
    /// EC2's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::All => "-1",
        }
    }

    /// The protocol with this name or IP protocol number, case ignored.
    ///
    /// # Errors
    /// For anything but tcp, udp, icmp, 6, 17, 1, and all or -1.
    pub fn parse(text: &str) -> Result<Self, InvalidNet> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" | "6" => Ok(Self::Tcp),
            "udp" | "17" => Ok(Self::Udp),
            "icmp" | "1" => Ok(Self::Icmp),
            "all" | "-1" => Ok(Self::All),
            _ => Err(invalid("protocol", text, "tcp, udp, icmp or their numbers, or -1 for all")),
        }
    }
}

/// The ports of a tcp or udp rule (0 to 65535, both ends included), or the ICMP type and code
/// (0 to 255, or -1 for all). A rule for all protocols has [`ALL`](Self::ALL).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    /// First port, or ICMP type.
    pub from: i32,
    /// Last port, or ICMP code.
    pub to: i32,
}

impl PortRange {
    /// What a rule for all protocols has in the place of ports; also every ICMP type and code.
    pub const ALL: Self = Self { from: -1, to: -1 };

    /// Checks the two numbers against the protocol. Those of a rule for all protocols have no
    /// meaning, as in EC2.
    ///
    /// # Errors
    /// When a number is outside its range, or the first port is above the last.
    pub fn checked(protocol: Protocol, from: i32, to: i32) -> Result<Self, InvalidNet> {
        let shown = format!("{from}-{to}");
        match protocol {
            Protocol::Tcp | Protocol::Udp => {
                if !(0..=65535).contains(&from) || !(0..=65535).contains(&to) || from > to {
                    let rule = "ports are 0 to 65535, the first not above the last";
                    return Err(invalid("port range", shown, rule));
                }
            }
            Protocol::Icmp => {
                if !(-1..=255).contains(&from)
                    || !(-1..=255).contains(&to)
                    || (from == -1 && to != -1)
                {
                    let rule = "type and code are -1 (all) or 0 to 255; all types means all codes";
                    return Err(invalid("ICMP type and code", shown, rule));
                }
            }
            Protocol::All => return Ok(Self::ALL),
        }
        Ok(Self { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_of_an_instance_carries_its_id() {
        let mac = MacAddr::of_instance("i-AABBCCDD".parse().unwrap());
        assert_eq!(mac.to_string(), "d0:0d:aa:bb:cc:dd");
        assert_eq!("D0:0D:AA:BB:CC:DD".parse::<MacAddr>().unwrap(), mac);
        for bad in ["", "d0:0d:aa:bb:cc", "d0:0d:aa:bb:cc:dd:ee", "d0:0d:aa:bb:cc:+d", "d0-0d"] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_of_an_endpoint_is_told_from_its_port() {
        for (endpoint, host) in [
            ("head:8773", "head"),
            ("192.0.2.1:8773", "192.0.2.1"),
            ("[2001:db8::1]:8773", "2001:db8::1"),
            ("head", "head"),
            ("", ""),
        ] {
            assert_eq!(host_of_endpoint(endpoint), host);
        }
    }

    #[test]
    fn ports_and_icmp_have_their_own_rules() {
        assert!(PortRange::checked(Protocol::Tcp, 22, 22).is_ok());
        assert!(PortRange::checked(Protocol::Tcp, -1, -1).is_err());
        assert!(PortRange::checked(Protocol::Udp, 9, 8).is_err());
        assert!(PortRange::checked(Protocol::Icmp, -1, -1).is_ok());
        assert!(PortRange::checked(Protocol::Icmp, 8, -1).is_ok());
        assert!(PortRange::checked(Protocol::Icmp, -1, 0).is_err());
        assert_eq!(PortRange::checked(Protocol::All, 22, 22), Ok(PortRange::ALL));
    }

    #[test]
    fn protocols_have_names_and_numbers() {
        for (text, protocol) in [
            ("TCP", Protocol::Tcp),
            ("17", Protocol::Udp),
            ("1", Protocol::Icmp),
            ("-1", Protocol::All),
            ("all", Protocol::All),
        ] {
            assert_eq!(Protocol::parse(text), Ok(protocol));
            assert_eq!(Protocol::parse(protocol.as_str()), Ok(protocol));
        }
        for unknown in ["", "50", "esp", "icmpv6", "-2"] {
            assert!(Protocol::parse(unknown).is_err(), "{unknown}");
        }
    }
}
