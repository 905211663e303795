//! Which addresses a group network has (FACTS 4.1).

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use types::NetworkTag;

/// The addresses of one group network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupSubnet {
    /// The tag that it belongs to.
    pub tag: NetworkTag,
    /// All its addresses.
    pub subnet: Ipv4Net,
    /// The gateway: the first host of the subnet.
    pub router: Ipv4Addr,
}

impl GroupSubnet {
    /// The addresses for instances, lowest first: all but network, router and broadcast.
    pub fn hosts(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        let router = u32::from(self.router);
        (router + 1..u32::from(self.subnet.broadcast())).map(Ipv4Addr::from)
    }
}

/// The addresses of the network with this tag: the first is `VNET_SUBNET + (tag - 2) *
/// ADDRSPERNET`, so tag 10 in 192.168.0.0/16 with 64 addresses has 192.168.2.0/26.
///
/// None when the network does not fit into VNET_SUBNET, or `addrs_per_net` is not a power of two
/// of at least 4.
pub fn subnet_of(tag: NetworkTag, vnet_subnet: Ipv4Net, addrs_per_net: u32) -> Option<GroupSubnet> {
    if !addrs_per_net.is_power_of_two() || addrs_per_net < 4 {
        return None;
    }
    let skipped = (u32::from(tag.get()) - 2).checked_mul(addrs_per_net)?;
    let base = u32::from(vnet_subnet.network()).checked_add(skipped)?;
    let prefix = u8::try_from(32 - addrs_per_net.trailing_zeros()).ok()?;
    let subnet = Ipv4Net::new(base.into(), prefix).ok()?;
    let fits = subnet.network() == Ipv4Addr::from(base) && vnet_subnet.contains(&subnet);
    fits.then(|| GroupSubnet { tag, subnet, router: Ipv4Addr::from(base + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tag: u16, range: &str, addrs: u32) -> Option<GroupSubnet> {
        subnet_of(tag.try_into().unwrap(), range.parse().unwrap(), addrs)
    }

    #[test]
    fn first_group_has_the_third_kilobyte_that_the_guide_shows() {
        let first = of(10, "192.168.0.0/16", 64).unwrap();
        assert_eq!(first.subnet.to_string(), "192.168.2.0/26");
        assert_eq!(first.router.to_string(), "192.168.2.1");
        let hosts: Vec<_> = first.hosts().collect();
        assert_eq!(hosts.len(), 61);
        assert_eq!(hosts[0].to_string(), "192.168.2.2");
        assert_eq!(hosts[60].to_string(), "192.168.2.62");
    }

    #[test]
    fn networks_end_where_the_range_ends() {
        for (tag, range, addrs, expect) in [
            (11, "192.168.0.0/16", 64, Some("192.168.2.64/26")),
            (1025, "192.168.0.0/16", 64, Some("192.168.255.192/26")),
            (1026, "192.168.0.0/16", 64, None),
            (10, "10.0.0.0/8", 256, Some("10.0.8.0/24")),
            (4094, "10.0.0.0/8", 4096, Some("10.255.192.0/20")),
            (4094, "10.0.0.0/8", 8192, None),
            (10, "172.19.0.0/24", 32, None),
            (10, "172.19.0.0/24", 16, Some("172.19.0.128/28")),
            (10, "255.255.255.0/24", 16, Some("255.255.255.128/28")),
            (4094, "255.255.255.0/24", 1 << 31, None),
            (10, "10.0.0.0/8", 48, None),
            (10, "10.0.0.0/8", 2, None),
            (10, "10.0.0.0/8", 0, None),
            (10, "10.0.0.16/28", 64, None),
        ] {
            let subnet = of(tag, range, addrs).map(|s| s.subnet.to_string());
            assert_eq!(subnet.as_deref(), expect, "tag {tag} of {range} by {addrs}");
        }
    }
}
