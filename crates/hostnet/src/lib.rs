//! Makes a host's kernel match a plan of `netplan`, and answers DHCP. One trait, netlink and
//! nftables behind it, and a simulated twin.
//!
//! Applying a plan twice changes nothing; applying it after a crash, or after somebody deleted a
//! bridge or flushed a table, repairs. Each side owns its own tables and nothing else of the host
//! is touched. A bridge is shared: the router's side owns its address, the node's side its ports.
//! Public addresses are put on a device of the administrator's, with a label by which they are
//! known as ours for as long as they are there.

mod linux;
mod passage;
mod sim;
mod view;

pub use linux::LinuxNet;
pub use linux::dhcpd::{DhcpdError, DhcpdFiles, DhcpdProgram};
pub use linux::preload::{PreloadError, preload};
pub use linux::probe;
pub use passage::Passage;
pub use sim::SimNet;
pub use view::{Counted, DeviceView, HostView};

use async_trait::async_trait;
use netplan::{NodePlan, RouterPlan, Sighting, SiteBridge};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use tokio::sync::watch;

/// Why a host's network could not be made to match a plan. What was done stays; applying again
/// goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostNetError {
    /// The kernel refused a change to a device, an address or a setting.
    #[error("{what} failed: {cause}; the component must run as root with CAP_NET_ADMIN")]
    Device {
        /// What was tried, with the name of the device.
        what: String,
        /// The kernel's answer.
        cause: String,
    },
    /// The DHCP server cannot listen on a bridge.
    #[error(
        "no DHCP on {bridge}: {cause}; is another DHCP server bound to port 67 of every device?"
    )]
    Dhcp {
        /// The bridge.
        bridge: String,
        /// The kernel's answer.
        cause: String,
    },
    /// dhcpd does not run, or not as it should.
    #[error("no DHCP by dhcpd (VNET_DHCPDAEMON): {cause}{}", dhcpd_remedy(cause))]
    Dhcpd {
        /// Its own words, or the kernel's answer.
        cause: String,
    },
    /// The DHCP server cannot answer on the site's network.
    #[error(
        "no DHCP on {device} (VNET_INTERFACE): {cause}; name the device of this machine that is on \
         the instances' network, with an address of this machine on it"
    )]
    SiteDhcp {
        /// VNET_INTERFACE.
        device: String,
        /// What is missing.
        cause: String,
    },
    /// It is not known where another machine is.
    #[error("the address of {host} was not found: {cause}; add it to DNS or to /etc/hosts")]
    Path {
        /// Its name.
        host: String,
        /// The resolver's or the kernel's answer.
        cause: String,
    },
    /// There is no device that public addresses could be on.
    #[error(
        "public addresses lead nowhere: {0}; set VNET_INTERFACE to the device that leads to those \
         who use them, and restart the cluster controller"
    )]
    NoInterface(String),
    /// `nft` could not be run.
    #[error("nft could not be run: {0}; install the package nftables")]
    NoNft(String),
    /// `nft` refused the rules; those before stay in force.
    #[error("nft refused the rules: {0}")]
    Rules(String),
}

impl HostNetError {
    pub(crate) const fn dhcpd(cause: String) -> Self {
        Self::Dhcpd { cause }
    }
}

/// What dhcpd's own words do not say.
fn dhcpd_remedy(cause: &str) -> &'static str {
    if cause.contains("ermission denied") {
        "; where AppArmor confines dhcpd, let it use these files (docs/networks.md, \"A DHCP server \
         of your own\")"
    } else if cause.contains("Address already in use") {
        "; another DHCP server of this machine has port 67: end it"
    } else {
        ""
    }
}

/// Where a machine is, seen from this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// It is this one.
    Here,
    /// It is another one.
    Elsewhere {
        /// The address that it sees of this one.
        ours: Ipv4Addr,
        /// Its address.
        theirs: Ipv4Addr,
    },
}

/// What applying a plan changed: one line for each change, none when all was as planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The changes, for the log.
    pub changes: Vec<String>,
}

/// What was seen last on each tap that is watched for its address, by the tap's name.
pub type Sightings = BTreeMap<String, Sighting>;

/// The network of one host.
#[async_trait]
pub trait HostNet: Send + Sync {
    /// Makes the router's side match: bridges with their addresses, DHCP, public addresses, table
    /// `inet eucalyptus`.
    /// The default plan removes all of it.
    ///
    /// # Errors
    /// See [`HostNetError`]; so for [`apply_node`](Self::apply_node).
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError>;

    /// Makes the node's side match: bridges, [`NodePlan::TABLES`], the way of metadata to the site's
    /// network, and which taps are watched. The default plan removes all of it.
    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError>;

    /// Which of these public addresses this host must not take, and why: they are somebody else's,
    /// on the wire or on this host. Those that were taken before are not looked for again. May
    /// take half a second.
    ///
    /// # Errors
    /// [`HostNetError::NoInterface`], [`HostNetError::Device`].
    async fn refused(
        &self,
        wanted: &BTreeSet<Ipv4Addr>,
        interface: Option<&str>,
    ) -> Result<BTreeMap<Ipv4Addr, String>, HostNetError>;

    /// The administrator's bridge as it is; none when there is no bridge of this name.
    ///
    /// # Errors
    /// When the devices cannot be listed.
    async fn site_bridge(&self, name: &str) -> Result<Option<SiteBridge>, HostNetError>;

    /// What is seen on the taps that the plan which was applied last has watched.
    fn sightings(&self) -> watch::Receiver<Sightings>;

    /// Where the machine with this name or address is. May take as long as the resolver does.
    ///
    /// # Errors
    /// [`HostNetError::Path`], when the name cannot be resolved or the kernel knows no way there.
    async fn path_to(&self, host: &str) -> Result<Path, HostNetError>;

    /// Whether the router's rules are in the kernel as they were applied last; none when none were
    /// applied yet, or they cannot be read. Changes nothing.
    async fn router_rules_hold(&self) -> Option<bool>;

    /// What on this host keeps instances from being reached although the plans are applied, each
    /// with its remedy, as far as it concerns what this host does for them.
    async fn check(&self, passages: &[Passage]) -> Vec<String>;
}
