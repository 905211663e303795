//! Public addresses on a device that is the administrator's.

use super::{Devices, net_of, netlink, unless};
use crate::HostNetError;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rustix::io::Errno;
use std::net::{IpAddr, Ipv4Addr};

/// What the label of an address of ours ends with. The kernel keeps it as long as the address, and
/// `ip addr show` shows it.
const MARK: &str = ":euca";

/// The most bytes of a label.
const LONGEST: usize = 15;

/// An address of this host.
pub(in crate::linux) struct HostAddress {
    pub(in crate::linux) ip: Ipv4Addr,
    /// The index of its device.
    pub(in crate::linux) device: u32,
    /// Whether it was put there by us.
    pub(in crate::linux) ours: bool,
    pub(in crate::linux) message: AddressMessage,
}

/// A device of this host.
pub(in crate::linux) struct Port {
    pub(in crate::linux) name: String,
    pub(in crate::linux) index: u32,
}

impl Devices {
    pub(in crate::linux) async fn host_addresses(&self) -> Result<Vec<HostAddress>, HostNetError> {
        let addresses = self.addresses().await?.into_iter();
        Ok(addresses.filter_map(host_address).collect())
    }

    /// The device of this name; none when there is none.
    pub(in crate::linux) async fn port(&self, name: &str) -> Result<Option<Port>, HostNetError> {
        let links = self.links().await?;
        let found = links.iter().find(|link| name_of(link) == Some(name));
        Ok(found.map(|link| Port { name: name.to_owned(), index: link.header.index }))
    }

    /// Adds a public address. Its scope is that of the link, so that this host and instances
    /// without one never take it for an address of their own.
    pub(in crate::linux) async fn add_public(
        &self,
        port: &Port,
        ip: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let mut add = self.handle.address().add(port.index, IpAddr::V4(ip), 32);
        let message = add.message_mut();
        message.header.scope = AddressScope::Link;
        message.attributes.retain(|it| !matches!(it, AddressAttribute::Broadcast(_)));
        message.attributes.push(AddressAttribute::Label(label(&port.name)));
        add.execute().await.map_err(netlink(&format!("adding address {ip} to {}", port.name)))
    }

    pub(in crate::linux) async fn remove_public(
        &self,
        address: &HostAddress,
    ) -> Result<(), HostNetError> {
        let gone = self.handle.address().del(address.message.clone()).execute().await;
        unless(Errno::ADDRNOTAVAIL, gone, &format!("removing address {}", address.ip))
    }
}

fn label(device: &str) -> String {
    let room = LONGEST - MARK.len();
    format!("{}{MARK}", device.get(..room).unwrap_or(device))
}

fn host_address(message: AddressMessage) -> Option<HostAddress> {
    let is_mark = |it: &AddressAttribute| matches!(it, AddressAttribute::Label(label) if label.ends_with(MARK));
    Some(HostAddress {
        ip: net_of(&message)?.addr(),
        device: message.header.index,
        ours: message.attributes.iter().any(is_mark),
        message,
    })
}

fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}
