//! What the cluster controller is told at its start.

use ipnet::Ipv4Net;
use placement::Policy;
use protocol::Carrier;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use types::AddressPool;

/// A cluster controller's settings, from `eucalyptus.conf`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its memory is kept: `$EUCALYPTUS/var/eucalyptus/cc`.
    pub state_path: PathBuf,
    /// SCHEDPOLICY at the start.
    pub policy: Policy,
    /// For how long an instance waits for a node with room before it is given up.
    pub placement_grace_ms: u64,
    /// VNET_ADDRSPERNET, which the cloud is told.
    pub addrs_per_net: u32,
    /// VNET_PUBLICIPS at the start, which the cloud is told.
    pub public_addresses: AddressPool,
    /// What it needs to know as a router.
    pub router: RouterSettings,
}

/// The router's part of the settings.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// VNET_SUBNET and VNET_NETMASK.
    pub vnet_subnet: Ipv4Net,
    /// VNET_DNS.
    pub dns: Vec<Ipv4Addr>,
    /// The TCP ports of this host that instances may reach (8773 and 8443).
    pub public_ports: Vec<u16>,
    /// The largest packet of a group network, bytes.
    pub mtu: u16,
    /// VNET_TRANSPORT: what carries the group networks to nodes on other machines, if anything.
    pub carrier: Option<Carrier>,
    /// VNET_INTERFACE, which has the public addresses and carries tagged frames; none for the
    /// device of the default route.
    pub interface: Option<String>,
}
