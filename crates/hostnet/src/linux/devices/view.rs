//! Every device of the host, to be looked at.

use super::{Devices, controller, net_of, netlink};
use crate::{DeviceView, HostNetError};
use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressMessage;
use rtnetlink::packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use std::collections::BTreeMap;

impl Devices {
    /// The devices, by name.
    pub(in crate::linux) async fn views(
        &self,
    ) -> Result<BTreeMap<String, DeviceView>, HostNetError> {
        let links = self.links().await?;
        let mut listing = self.handle.address().get();
        listing.message_mut().header.family = AddressFamily::Inet;
        let addresses: Vec<AddressMessage> =
            listing.execute().try_collect().await.map_err(netlink("listing addresses"))?;
        let mut peers = self.floods().await?;
        let names: BTreeMap<u32, String> =
            links.iter().filter_map(|link| Some((link.header.index, name_of(link)?))).collect();
        let view = |link: &LinkMessage| {
            let index = link.header.index;
            let here = addresses.iter().filter(|address| address.header.index == index);
            let view = DeviceView {
                kind: kind_of(link),
                up: link.header.flags.contains(LinkFlags::Up),
                carrier: link.header.flags.contains(LinkFlags::LowerUp),
                addresses: here.filter_map(net_of).collect(),
                bridge: controller(link).and_then(|index| names.get(&index).cloned()),
                peers: peers.remove(&index).unwrap_or_default(),
            };
            Some((name_of(link)?, view))
        };
        Ok(links.iter().filter_map(view).collect())
    }

    /// The number of a device.
    pub(in crate::linux) async fn index(&self, name: &str) -> Result<Option<u32>, HostNetError> {
        let links = self.links().await?;
        let named = links.iter().find(|link| name_of(link).as_deref() == Some(name));
        Ok(named.map(|link| link.header.index))
    }
}

fn name_of(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.clone()),
        _ => None,
    })
}

fn kind_of(link: &LinkMessage) -> String {
    let infos = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(infos) => Some(infos),
        _ => None,
    });
    let kind = infos.into_iter().flatten().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    });
    kind.unwrap_or_default()
}
