//! 802.1Q devices.

use super::{Bridge, Devices, controller, netlink};
use crate::HostNetError;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::{LinkUnspec, LinkVlan};
use types::NetworkTag;

/// The device group of ours, from the moment that they are made: an administrator may have tagged
/// devices of the same interface, and of the same name.
const GROUP: u32 = 0xe0ca;

/// A tagged device of ours as it is.
#[derive(Debug, Clone)]
pub(in crate::linux) struct VlanDevice {
    pub(in crate::linux) index: u32,
    pub(in crate::linux) name: String,
    pub(in crate::linux) tag: NetworkTag,
    pub(in crate::linux) up: bool,
    /// The index of the interface that its frames leave by.
    pub(in crate::linux) interface: Option<u32>,
    /// The index of the bridge that it is plugged into.
    pub(in crate::linux) bridge: Option<u32>,
}

impl Devices {
    /// Every tagged device of ours.
    pub(in crate::linux) async fn vlans(&self) -> Result<Vec<VlanDevice>, HostNetError> {
        Ok(self.links().await?.iter().filter_map(our_vlan).collect())
    }

    /// Makes the device, down, as a port of its bridge.
    pub(in crate::linux) async fn create_vlan(
        &self,
        name: &str,
        interface: u32,
        tag: NetworkTag,
        bridge: &Bridge,
    ) -> Result<(), HostNetError> {
        let message = LinkVlan::new(name, interface, tag.get())
            .controller(bridge.index)
            .append_extra_attribute(LinkAttribute::Group(GROUP))
            .build();
        let made = self.handle.link().add(message).execute().await;
        // The kernel says that it exists when the name or the tag of the interface is taken.
        made.map_err(netlink(&format!(
            "making VLAN device {name} (needs a kernel with 802.1Q, else set \
             VNET_TRANSPORT=\"vxlan\"; where it exists already it is not ours: remove it)"
        )))
    }

    pub(in crate::linux) async fn plug_in(
        &self,
        port: u32,
        bridge: &Bridge,
    ) -> Result<(), HostNetError> {
        let message = LinkUnspec::new_with_index(port).controller(bridge.index).build();
        let done = self.handle.link().change(message).execute().await;
        done.map_err(netlink("joining a device to its bridge"))
    }
}

/// Whether a device is a tagged one of ours.
pub(super) fn is_ours(link: &LinkMessage) -> bool {
    our_vlan(link).is_some()
}

fn our_vlan(link: &LinkMessage) -> Option<VlanDevice> {
    let (mut name, mut tag, mut interface, mut ours) = (None, None, None, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(it) => name = Some(it.clone()),
            LinkAttribute::Link(index) => interface = Some(*index),
            LinkAttribute::Group(group) => ours = *group == GROUP,
            LinkAttribute::LinkInfo(infos) if infos.contains(&LinkInfo::Kind(InfoKind::Vlan)) => {
                tag = infos.iter().find_map(tag_of);
            }
            _ => {}
        }
    }
    Some(VlanDevice {
        index: link.header.index,
        name: name?,
        tag: tag.filter(|_| ours)?,
        up: link.header.flags.contains(LinkFlags::Up),
        interface,
        bridge: controller(link),
    })
}

fn tag_of(info: &LinkInfo) -> Option<NetworkTag> {
    let LinkInfo::Data(InfoData::Vlan(settings)) = info else { return None };
    settings.iter().find_map(|setting| match setting {
        InfoVlan::Id(id) => NetworkTag::try_from(*id).ok(),
        _ => None,
    })
}
