//! Bridges and their addresses, over netlink.

mod neighbour;
mod policy;
mod public;
mod site;
mod tunnel;
mod view;
mod vlan;

use crate::HostNetError;
use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;
use tokio::task::JoinHandle;
use types::{MacAddr, NetworkTag};

pub(super) use policy::SiteRoute;
pub(super) use public::Port;
pub(super) use tunnel::Tunnel;
pub(super) use vlan::VlanDevice;

/// A bridge of ours as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bridge {
    pub(super) index: u32,
    pub(super) mac: Option<MacAddr>,
    pub(super) up: bool,
    /// As [`plain`] says.
    pub(super) plain: bool,
    /// How many instances are plugged in.
    pub(super) ports: usize,
    /// The IPv4 addresses, and how the kernel described each.
    pub(super) addresses: Vec<(Ipv4Net, AddressMessage)>,
}

impl Bridge {
    pub(super) fn has(&self, address: Ipv4Net) -> bool {
        self.addresses.iter().any(|(net, _)| *net == address)
    }
}

/// An open conversation with the kernel.
pub(super) struct Devices {
    handle: Handle,
    connection: JoinHandle<()>,
}

impl Drop for Devices {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Devices {
    pub(super) fn open() -> Result<Self, HostNetError> {
        let (connection, handle, _) = rtnetlink::new_connection()
            .map_err(|cause| device_error("opening a netlink socket", &cause))?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    /// Every bridge named `eucabr<tag>`.
    pub(super) async fn bridges(&self) -> Result<BTreeMap<NetworkTag, Bridge>, HostNetError> {
        let links = self.links().await?;
        let mut found: BTreeMap<NetworkTag, Bridge> = links.iter().filter_map(our_bridge).collect();
        let addresses = self.addresses().await?;
        for bridge in found.values_mut() {
            let is_port =
                |link: &&LinkMessage| controller(link) == Some(bridge.index) && !is_trunk(link);
            bridge.ports = links.iter().filter(is_port).count();
            let here = addresses.iter().filter(|address| address.header.index == bridge.index);
            bridge.addresses = here.filter_map(|it| Some((net_of(it)?, it.clone()))).collect();
        }
        Ok(found)
    }

    /// The IPv4 addresses of this host.
    async fn addresses(&self) -> Result<Vec<AddressMessage>, HostNetError> {
        let mut listing = self.handle.address().get();
        listing.message_mut().header.family = AddressFamily::Inet;
        listing.execute().try_collect().await.map_err(netlink("listing addresses"))
    }

    async fn links(&self) -> Result<Vec<LinkMessage>, HostNetError> {
        let listing = self.handle.link().get().execute().try_collect().await;
        listing.map_err(netlink("listing devices"))
    }

    /// Makes the bridge, down. No error when it is there already.
    pub(super) async fn create(&self, tag: NetworkTag) -> Result<(), HostNetError> {
        let name = tag.bridge();
        let message = LinkMessageBuilder::<LinkBridge>::new(&name)
            .set_info_data(InfoData::Bridge(plain().to_vec()))
            .build();
        let made = self.handle.link().add(message).execute().await;
        unless(Errno::EXIST, made, &format!("making bridge {name}"))
    }

    /// One setting after the other: the kernel takes no delay of 0 while spanning tree is on.
    pub(super) async fn make_plain(&self, bridge: &Bridge) -> Result<(), HostNetError> {
        for setting in plain() {
            let message = LinkMessageBuilder::<LinkBridge>::new_with_info_kind(InfoKind::Bridge)
                .index(bridge.index)
                .set_info_data(InfoData::Bridge(vec![setting]));
            let done = self.handle.link().change(message.build()).execute().await;
            done.map_err(netlink("turning spanning tree off"))?;
        }
        Ok(())
    }

    pub(super) async fn set_up(&self, index: u32) -> Result<(), HostNetError> {
        let message = LinkUnspec::new_with_index(index).up().build();
        let done = self.handle.link().change(message).execute().await;
        done.map_err(netlink("setting a device up"))
    }

    pub(super) async fn set_mac(&self, bridge: &Bridge, mac: MacAddr) -> Result<(), HostNetError> {
        let message = LinkUnspec::new_with_index(bridge.index).address(mac.0.to_vec()).build();
        let done = self.handle.link().change(message).execute().await;
        done.map_err(netlink("setting the Ethernet address of a bridge"))
    }

    pub(super) async fn add_address(
        &self,
        bridge: &Bridge,
        address: Ipv4Net,
    ) -> Result<(), HostNetError> {
        let ip = IpAddr::V4(address.addr());
        let add = self.handle.address().add(bridge.index, ip, address.prefix_len());
        unless(Errno::EXIST, add.execute().await, &format!("adding address {address}"))
    }

    pub(super) async fn remove_address(&self, kept: &AddressMessage) -> Result<(), HostNetError> {
        let gone = self.handle.address().del(kept.clone()).execute().await;
        unless(Errno::ADDRNOTAVAIL, gone, "removing an address")
    }

    pub(super) async fn delete(&self, index: u32) -> Result<(), HostNetError> {
        let gone = self.handle.link().del(index).execute().await;
        unless(Errno::NODEV, gone, "deleting a device")
    }
}

/// Spanning tree off, and no delay before a new port forwards.
fn plain() -> [InfoBridge; 2] {
    [InfoBridge::StpState(BridgeStpState::Disabled), InfoBridge::ForwardDelay(0)]
}

fn our_bridge(link: &LinkMessage) -> Option<(NetworkTag, Bridge)> {
    let mut bridge = Bridge {
        index: link.header.index,
        mac: None,
        up: link.header.flags.contains(LinkFlags::Up),
        plain: false,
        ports: 0,
        addresses: Vec::new(),
    };
    let (mut tag, mut is_bridge) = (None, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => tag = tag_of(name),
            LinkAttribute::Address(mac) => bridge.mac = mac.as_slice().try_into().ok().map(MacAddr),
            LinkAttribute::LinkInfo(infos) => {
                is_bridge = infos.contains(&LinkInfo::Kind(InfoKind::Bridge));
                bridge.plain = infos.iter().any(is_plain);
            }
            _ => {}
        }
    }
    tag.filter(|_| is_bridge).map(|tag| (tag, bridge))
}

fn is_plain(info: &LinkInfo) -> bool {
    let LinkInfo::Data(InfoData::Bridge(settings)) = info else { return false };
    plain().iter().all(|wanted| settings.contains(wanted))
}

fn tag_of(name: &str) -> Option<NetworkTag> {
    tag_after("eucabr", name)
}

/// The network that a device is named after.
fn tag_after(prefix: &str, name: &str) -> Option<NetworkTag> {
    let tag: u16 = name.strip_prefix(prefix)?.parse().ok()?;
    NetworkTag::try_from(tag).ok().filter(|tag| format!("{prefix}{tag}") == name)
}

/// Whether a device leads to other machines.
fn is_trunk(link: &LinkMessage) -> bool {
    let is_tunnel = link.attributes.iter().any(|attribute| {
        matches!(attribute, LinkAttribute::IfName(name) if tunnel::tag_of(name).is_some())
    });
    is_tunnel || vlan::is_ours(link)
}

fn controller(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Controller(index) => Some(*index),
        _ => None,
    })
}

fn net_of(address: &AddressMessage) -> Option<Ipv4Net> {
    let local = address.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(ip)) => Some(*ip),
        _ => None,
    })?;
    Ipv4Net::new(local, address.header.prefix_len).ok()
}

fn device_error(what: &str, cause: &dyn std::fmt::Display) -> HostNetError {
    HostNetError::Device { what: what.to_owned(), cause: cause.to_string() }
}

fn netlink(what: &str) -> impl Fn(rtnetlink::Error) -> HostNetError {
    move |error| match &error {
        rtnetlink::Error::NetlinkError(refusal) => device_error(what, &refusal.to_io()),
        _ => device_error(what, &error),
    }
}

/// Takes one refusal for success: another process did the same a moment before.
fn unless(
    harmless: Errno,
    done: Result<(), rtnetlink::Error>,
    what: &str,
) -> Result<(), HostNetError> {
    let is_harmless =
        |refusal: std::io::Error| refusal.raw_os_error() == Some(harmless.raw_os_error());
    match done {
        Err(rtnetlink::Error::NetlinkError(refusal)) if is_harmless(refusal.to_io()) => Ok(()),
        done => done.map_err(netlink(what)),
    }
}
