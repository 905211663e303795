//! What the cluster controller is told at its start.

use hostnet::Passage;
use ipnet::Ipv4Net;
use placement::Policy;
use protocol::{Carrier, Networks};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use types::{AddressPair, AddressPool};

/// A cluster controller's settings, from `eucalyptus.conf`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its memory is kept: `$EUCALYPTUS/var/eucalyptus/cc`.
    pub state_path: PathBuf,
    /// SCHEDPOLICY at the start.
    pub policy: Policy,
    /// For how long an instance waits for a node with room before it is given up.
    pub placement_grace_ms: u64,
    /// VNET_PUBLICIPS at the start, which the cloud is told.
    pub public_addresses: AddressPool,
    /// VNET_MODE, and what it needs to know in it.
    pub network: Network,
}

/// How the instances of the cluster are connected.
#[derive(Debug, Clone)]
pub enum Network {
    /// Each group has a network of its own, and this host is their router.
    Managed(RouterSettings),
    /// All are on the site's network, and this host gives them addresses.
    Static(StaticSettings),
    /// All are on the site's network, and this host has nothing to do with it.
    System,
}

impl Network {
    /// What the cloud is told.
    pub(crate) fn reported(&self) -> Networks {
        match self {
            Self::Managed(router) => Networks::Managed {
                subnet: router.vnet_subnet,
                addrs_per_net: router.addrs_per_net,
            },
            Self::Static(site) => {
                Networks::Static { subnet: site.subnet, pairs: site.pairs.clone() }
            }
            Self::System => Networks::System,
        }
    }

    /// The router's settings; none where there is none.
    pub(crate) const fn router(&self) -> Option<&RouterSettings> {
        match self {
            Self::Managed(router) => Some(router),
            Self::Static(_) | Self::System => None,
        }
    }

    /// What this host does for instances.
    pub(crate) fn passages(&self) -> Vec<Passage> {
        match self {
            Self::Managed(_) => vec![Passage::Router],
            Self::Static(site) => vec![Passage::SiteDhcp(site.device.clone())],
            Self::System => Vec::new(),
        }
    }

    /// VNET_INTERFACE of a router; none for the device of the default route.
    pub(crate) fn interface(&self) -> Option<&str> {
        self.router()?.interface.as_deref()
    }

    /// What joins the machines, if anything.
    pub(crate) fn carrier(&self) -> Option<Carrier> {
        self.router()?.carrier
    }
}

/// The site's network and who may have which of its addresses.
#[derive(Debug, Clone)]
pub struct StaticSettings {
    /// VNET_INTERFACE: where DHCP is answered.
    pub device: String,
    /// VNET_SUBNET and VNET_NETMASK.
    pub subnet: Ipv4Net,
    /// VNET_BROADCAST.
    pub broadcast: Ipv4Addr,
    /// VNET_ROUTER.
    pub router: Ipv4Addr,
    /// VNET_DNS.
    pub dns: Vec<Ipv4Addr>,
    /// The largest packet of the site's network, bytes.
    pub mtu: u16,
    /// VNET_MACMAP, which the cloud is told.
    pub pairs: Vec<AddressPair>,
}

/// The router's part of the settings.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// VNET_ADDRSPERNET, which the cloud is told.
    pub addrs_per_net: u32,
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
