//! The VNET_ variables.

use crate::reader::Reader;
use crate::settings::absolute;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use types::{AddressPool, FEWEST_PER_NET, VnetMode};

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

/// A DHCP server of the administrator's in place of the built-in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DhcpDaemon {
    /// VNET_DHCPDAEMON.
    pub path: PathBuf,
    /// VNET_DHCPUSER, whom it runs as; none for root.
    pub user: Option<String>,
}

/// Group networks are numbered from 10, and the first number that takes addresses is 2 (FACTS
/// 4.1), so nine networks' worth of addresses are needed for the first.
const NETWORKS_TO_THE_FIRST: u64 = 9;

/// VNET_MODE, with a warning of what it does not do, and of variables that have no effect in it.
pub(crate) fn mode(reader: &mut Reader<'_>) -> VnetMode {
    let right = "SYSTEM, STATIC or MANAGED";
    let mode = reader.or("VNET_MODE", VnetMode::Managed, right, |v| v.parse().ok());
    if mode != VnetMode::Managed {
        reader.warnings.push(format!(
            "VNET_MODE is {mode}: instances are on the site's own network as any other machine is; \
             security groups and elastic addresses have no effect"
        ));
    }
    let idle = |key: &&&str| reader.text(key).is_some();
    let without_effect: Vec<&str> = unused(mode).iter().filter(idle).copied().collect();
    if !without_effect.is_empty() {
        let named = without_effect.join(", ");
        reader.warnings.push(format!("variables that are without effect in {mode} mode: {named}"));
    }
    mode
}

/// What is read in other modes only, where it would be missed. What `euca_conf --setup` writes is
/// not named: it may stay for a later change of mode.
const fn unused(mode: VnetMode) -> &'static [&'static str] {
    match mode {
        VnetMode::Managed => &["VNET_BRIDGE", "VNET_BROADCAST", "VNET_ROUTER", "VNET_MACMAP"],
        VnetMode::Static => &["VNET_PUBLICIPS", "VNET_TRANSPORT"],
        VnetMode::System => &[
            "VNET_PUBLICIPS",
            "VNET_TRANSPORT",
            "VNET_BROADCAST",
            "VNET_ROUTER",
            "VNET_MACMAP",
            "VNET_DHCPDAEMON",
            "VNET_DHCPUSER",
        ],
    }
}

/// VNET_BRIDGE, the administrator's bridge that instances are plugged into. `required` on a
/// machine that runs instances in a mode that needs it.
pub(crate) fn bridge(reader: &mut Reader<'_>, required: bool) -> Option<String> {
    let right = "the name of a bridge (1 to 15 characters, see: ip link show type bridge), other \
                 than those of this cloud, eucabr…";
    let bridge = reader.optional("VNET_BRIDGE", right, |v| {
        device_name(v).filter(|name| !name.starts_with("eucabr"))
    });
    if required && reader.text("VNET_BRIDGE").is_none() {
        let text = "is missing; name the bridge on this machine that leads to the network of the \
                    instances (ip link show type bridge)";
        reader.problem("VNET_BRIDGE", text);
    }
    bridge
}

/// VNET_DHCPDAEMON and VNET_DHCPUSER; none for the built-in server, and where nobody is served.
pub(crate) fn dhcp_daemon(reader: &mut Reader<'_>, mode: VnetMode) -> Option<DhcpDaemon> {
    if mode == VnetMode::System {
        return None;
    }
    let right = "the absolute path of ISC's dhcpd, such as /usr/sbin/dhcpd; without it the \
                 built-in DHCP server answers";
    let path = reader.optional("VNET_DHCPDAEMON", right, absolute);
    let user = reader.optional("VNET_DHCPUSER", "the name of a user of this machine", user_name);
    if user.is_some() && reader.text("VNET_DHCPDAEMON").is_none() {
        let text = "VNET_DHCPUSER is without effect: VNET_DHCPDAEMON is not set";
        reader.warnings.push(text.to_owned());
    }
    Some(DhcpDaemon { path: path?, user })
}

fn user_name(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let ok = text.len() <= 32 && !text.starts_with('-') && text.chars().all(plain);
    ok.then(|| text.to_owned())
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
    reader.optional("VNET_INTERFACE", right, device_name)
}

fn device_name(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
    let ok = text.len() <= 15 && text.chars().all(plain) && text != "." && text != "..";
    ok.then(|| text.to_owned())
}

/// The pool of public addresses, empty when it is not configured or has no effect.
pub(crate) fn public_addresses(
    reader: &mut Reader<'_>,
    space: Option<&AddressSpace>,
    managed: bool,
) -> AddressPool {
    if !managed {
        return AddressPool::default();
    }
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
    let (base, mask) = base_and_prefix(reader);
    let addrs_per_net = reader.or("VNET_ADDRSPERNET", 64, "a power of two from 4 to 65536", |v| {
        let ok = |n: &u32| n.is_power_of_two() && (FEWEST_PER_NET..=65536).contains(n);
        v.parse().ok().filter(ok)
    });
    let dns = name_server(reader);
    for key in ["VNET_SUBNET", "VNET_NETMASK", "VNET_DNS"] {
        if required && reader.text(key).is_none() {
            reader.problem(key, "is missing; euca_conf --setup chooses a value for this machine");
        }
    }
    let subnet = checked_subnet(reader, base?, mask?, addrs_per_net)?;
    Some(AddressSpace { subnet, addrs_per_net, dns: dns? })
}

/// VNET_SUBNET and VNET_NETMASK.
pub(crate) fn base_and_prefix(reader: &mut Reader<'_>) -> (Option<Ipv4Addr>, Option<u8>) {
    let base = reader.optional("VNET_SUBNET", "an IPv4 address such as 10.128.0.0", address);
    let prefix = reader.optional("VNET_NETMASK", "a netmask such as 255.255.0.0", |v| {
        address(v).and_then(|mask| ipnet::ipv4_mask_to_prefix(mask).ok())
    });
    (base, prefix)
}

/// VNET_DNS.
pub(crate) fn name_server(reader: &mut Reader<'_>) -> Option<Ipv4Addr> {
    let right = "the IPv4 address of a name server that instances can reach (not 127.x.x.x)";
    reader.optional("VNET_DNS", right, |v| {
        address(v).filter(|a| !a.is_loopback() && !a.is_unspecified() && !a.is_multicast())
    })
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

pub(crate) fn address(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok()
}
