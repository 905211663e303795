//! The VNET_ variables.

use crate::reader::Reader;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use types::{AddressPool, FEWEST_PER_NET};

/// How instances are connected, VNET_MODE. The guides' SYSTEM and STATIC are not offered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VnetMode {
    /// Every user's group has a network of its own, with the cluster controller as its router.
    Managed,
}

/// What carries the group networks between machines, VNET_TRANSPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VnetTransport {
    /// Nothing: all nodes are on the cluster controller's machine.
    None,
    /// Frames with a tag (IEEE 802.1Q) on VNET_INTERFACE, as in the guides.
    Vlan,
    /// VXLAN, over any network.
    Vxlan,
}

/// The addresses that instances are given in MANAGED mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressSpace {
    /// VNET_SUBNET and VNET_NETMASK: all of them.
    pub subnet: Ipv4Net,
    /// VNET_ADDRSPERNET: how many addresses each group network takes, a power of two.
    pub addrs_per_net: u32,
    /// VNET_DNS: the name server that instances are told.
    pub dns: Ipv4Addr,
}

/// Group networks are numbered from 10, and the first number that takes addresses is 2 (FACTS
/// 4.1), so nine networks' worth of addresses are needed for the first.
const NETWORKS_TO_THE_FIRST: u64 = 9;

pub(crate) fn mode(reader: &mut Reader<'_>) -> VnetMode {
    reader.or(
        "VNET_MODE",
        VnetMode::Managed,
        "MANAGED (SYSTEM and STATIC are not offered yet)",
        |v| v.eq_ignore_ascii_case("managed").then_some(VnetMode::Managed),
    )
}

pub(crate) fn transport(reader: &mut Reader<'_>) -> VnetTransport {
    let right = "\"vlan\", \"vxlan\", or \"none\" when all nodes are on this machine";
    reader.or("VNET_TRANSPORT", VnetTransport::Vlan, right, |v| {
        let is = |name: &str| v.eq_ignore_ascii_case(name);
        match () {
            () if is("vlan") => Some(VnetTransport::Vlan),
            () if is("vxlan") => Some(VnetTransport::Vxlan),
            () if is("none") => Some(VnetTransport::None),
            () => None,
        }
    })
}

pub(crate) fn interface(reader: &mut Reader<'_>) -> Option<String> {
    let right = "the name of a network interface (1 to 15 characters, see: ip link)";
    reader.optional("VNET_INTERFACE", right, |v| {
        let plain = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
        (v.len() <= 15 && v.chars().all(plain) && v != "." && v != "..").then(|| v.to_owned())
    })
}

/// The pool of public addresses, empty when it is not configured.
pub(crate) fn public_addresses(
    reader: &mut Reader<'_>,
    space: Option<&AddressSpace>,
) -> AddressPool {
    let right = "addresses with blanks between: single ones (192.0.2.9), ranges \
                 (192.0.2.10-192.0.2.20) and networks (192.0.2.32/28, without its first and last \
                 address); !192.0.2.12 takes one out";
    let pool = reader.or("VNET_PUBLICIPS", AddressPool::default(), right, |text| {
        let usable = |ip: Ipv4Addr| !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast());
        text.parse().ok().filter(|pool: &AddressPool| pool.iter().all(usable))
    });
    if let Some(space) = space
        && let Some(inside) = pool.iter().find(|ip| space.subnet.contains(ip))
    {
        let wrong = format!(
            "has {inside}, which is in VNET_SUBNET ({}): those are the private addresses of \
             instances; take it out",
            space.subnet
        );
        reader.problem("VNET_PUBLICIPS", &wrong);
    }
    pool
}

/// The address space; none when it is not configured. `required` when this machine runs the
/// cloud or a cluster controller, which cannot do without.
pub(crate) fn address_space(reader: &mut Reader<'_>, required: bool) -> Option<AddressSpace> {
    let base = reader.optional("VNET_SUBNET", "an IPv4 address such as 10.128.0.0", address);
    let mask = reader.optional("VNET_NETMASK", "a netmask such as 255.255.0.0", |v| {
        address(v).and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok())
    });
    let addrs_per_net = reader.or("VNET_ADDRSPERNET", 64, "a power of two from 4 to 65536", |v| {
        let ok = |n: &u32| n.is_power_of_two() && (FEWEST_PER_NET..=65536).contains(n);
        v.parse().ok().filter(ok)
    });
    let right = "the IPv4 address of a name server that instances can reach (not 127.x.x.x)";
    let dns = reader.optional("VNET_DNS", right, |v| {
        address(v).filter(|a| !a.is_loopback() && !a.is_unspecified() && !a.is_multicast())
    });
    for key in ["VNET_SUBNET", "VNET_NETMASK", "VNET_DNS"] {
        if required && reader.text(key).is_none() {
            reader.problem(key, "is missing; euca_conf --setup chooses a value for this machine");
        }
    }
    let subnet = checked_subnet(reader, base?, mask?, addrs_per_net)?;
    Some(AddressSpace { subnet, addrs_per_net, dns: dns? })
}

fn checked_subnet(
    reader: &mut Reader<'_>,
    base: Ipv4Addr,
    prefix: u8,
    addrs_per_net: u32,
) -> Option<Ipv4Net> {
    let subnet = Ipv4Net::new(base, prefix).ok()?;
    let network = subnet.network();
    let wrong = if network != base {
        Some(format!("is {base}, which is inside the network; write its first address, {network}"))
    } else if base.is_loopback() || base.is_link_local() || base.is_multicast() || prefix == 0 {
        Some(format!("is {subnet}, which instances cannot use; take a private one, 10.128.0.0"))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        reader.problem("VNET_SUBNET", &wrong);
        return None;
    }
    if (1_u64 << (32 - prefix)) < NETWORKS_TO_THE_FIRST * u64::from(addrs_per_net) {
        let right = "has no room for a group network: it must hold at least nine times \
                     VNET_ADDRSPERNET addresses; 255.255.0.0 holds 65536";
        reader.problem("VNET_NETMASK", right);
        return None;
    }
    Some(subnet)
}

fn address(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}
