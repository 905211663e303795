//! What a host's network looks like, for somebody who wants to know what is wrong with it.

use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// A host's network as it was found. Looking changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostView {
    /// The devices, by name.
    pub devices: BTreeMap<String, DeviceView>,
    /// Whether IPv4 packets are forwarded.
    pub forwards: bool,
    /// Our tables, each as `family name`.
    pub tables: BTreeSet<String>,
    /// The networks that the router's rules know: bridge and addresses.
    pub ruled: BTreeMap<String, Ipv4Net>,
    /// What the router's chains counted, by name of the chain.
    pub counted: BTreeMap<String, Counted>,
    /// What of somebody else's keeps instances from being reached, each with its remedy.
    pub hindrances: Vec<String>,
    /// Why rules cannot be read; none when they can.
    pub unreadable: Option<String>,
}

/// A device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceView {
    /// What the kernel says that it is, `bridge` for example; empty for plain hardware.
    pub kind: String,
    /// Whether it was set up.
    pub up: bool,
    /// Whether something is at the other end.
    pub carrier: bool,
    /// Its IPv4 addresses.
    pub addresses: Vec<Ipv4Net>,
    /// The bridge that it is plugged into.
    pub bridge: Option<String>,
    /// The machines that a VXLAN device sends to.
    pub peers: BTreeSet<Ipv4Addr>,
}

/// What a chain's rules counted since they were written last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets that were let in.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that no rule let in.
    pub refused: u64,
}
