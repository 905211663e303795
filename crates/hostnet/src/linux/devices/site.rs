//! Devices that are not ours: the administrator's bridge, the device that DHCP is answered on, and
//! the taps that libvirt makes.

use super::{Devices, controller, net_of, netlink};
use crate::HostNetError;
use futures_util::TryStreamExt;
use netplan::SiteBridge;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::MacAddr;

/// A device that DHCP can be answered on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::linux) struct Place {
    pub(in crate::linux) name: String,
    pub(in crate::linux) index: u32,
    /// Its IPv4 addresses.
    pub(in crate::linux) addresses: Vec<Ipv4Addr>,
}

impl Devices {
    /// The index of every device.
    pub(in crate::linux) async fn indexes(&self) -> Result<BTreeMap<String, u32>, HostNetError> {
        let links = self.links().await?;
        let named = links.iter().filter_map(|link| Some((name_of(link)?.to_owned(), link)));
        Ok(named.map(|(name, link)| (name, link.header.index)).collect())
    }

    /// The index of every device that is in no bridge.
    pub(in crate::linux) async fn loose(&self) -> Result<BTreeMap<String, u32>, HostNetError> {
        let links = self.links().await?;
        let loose = links.iter().filter(|link| controller(link).is_none());
        let named = loose.filter_map(|link| Some((name_of(link)?.to_owned(), link.header.index)));
        Ok(named.collect())
    }

    /// The index of the device with this name.
    pub(in crate::linux) async fn index_of(&self, name: &str) -> Result<Option<u32>, HostNetError> {
        Ok(self.indexes().await?.remove(name))
    }

    /// The bridge with this name; none when there is no device of this name, or it is no bridge.
    pub(in crate::linux) async fn site_bridge(
        &self,
        name: &str,
    ) -> Result<Option<SiteBridge>, HostNetError> {
        let links = self.links().await?;
        let found = links.iter().find(|link| name_of(link) == Some(name) && is_bridge(link));
        let bridge = |mac| SiteBridge { name: name.to_owned(), mac };
        Ok(found.and_then(mac_of).map(bridge))
    }

    /// Where what comes in by this device is heard: at the bridge that it is a port of, or itself.
    pub(in crate::linux) async fn place(&self, name: &str) -> Result<Option<Place>, HostNetError> {
        let links = self.links().await?;
        let Some(named) = links.iter().find(|link| name_of(link) == Some(name)) else {
            return Ok(None);
        };
        let above = controller(named);
        let over = links.iter().find(|link| Some(link.header.index) == above && is_bridge(link));
        let device = over.unwrap_or(named);
        let mut listing = self.handle.address().get();
        listing.message_mut().header.family = AddressFamily::Inet;
        let addresses: Vec<AddressMessage> =
            listing.execute().try_collect().await.map_err(netlink("listing addresses"))?;
        let index = device.header.index;
        let here = addresses.iter().filter(|address| address.header.index == index);
        let addresses = here.filter_map(net_of).map(|net| net.addr()).collect();
        Ok(name_of(device).map(|name| Place { name: name.to_owned(), index, addresses }))
    }
}

fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

fn mac_of(link: &LinkMessage) -> Option<MacAddr> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(mac) => mac.as_slice().try_into().ok().map(MacAddr),
        _ => None,
    })
}

fn is_bridge(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => infos.contains(&LinkInfo::Kind(InfoKind::Bridge)),
        _ => false,
    })
}
