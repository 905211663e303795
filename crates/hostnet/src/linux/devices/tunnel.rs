//! VXLAN devices and what they lead to.

use super::{Bridge, Devices, controller, netlink, tag_after, unless};
use crate::HostNetError;
use futures_util::{StreamExt, TryStreamExt};
use netplan::{Overlay, VXLAN_PORT};
use rtnetlink::LinkVxlan;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::NetworkTag;

/// Stands for every Ethernet address that was not learnt.
const ANY_MAC: [u8; 6] = [0; 6];

/// It carries whole Ethernet frames: what then is too large for the machines' own network is
/// refused with an ICMP message, or sent in parts. A smaller device would lose it silently.
const MTU: u32 = 1500;

/// A device `euvx<tag>` as it is.
#[derive(Debug, Clone)]
pub(in crate::linux) struct Tunnel {
    pub(in crate::linux) index: u32,
    pub(in crate::linux) up: bool,
    /// Its kind, number, port and size are as they should be.
    pub(in crate::linux) is_right: bool,
    pub(in crate::linux) local: Option<Ipv4Addr>,
    /// The index of the bridge that it is plugged into.
    pub(in crate::linux) bridge: Option<u32>,
}

impl Devices {
    /// Every device named `euvx<tag>`.
    pub(in crate::linux) async fn tunnels(
        &self,
    ) -> Result<BTreeMap<NetworkTag, Tunnel>, HostNetError> {
        Ok(self.links().await?.iter().filter_map(our_tunnel).collect())
    }

    /// Makes the device, down, as a port of its bridge.
    pub(in crate::linux) async fn create_tunnel(
        &self,
        tag: NetworkTag,
        bridge: &Bridge,
        local: Option<Ipv4Addr>,
    ) -> Result<(), HostNetError> {
        let name = Overlay::device(tag);
        let mut device = LinkVxlan::new(&name, tag.get().into())
            .port(VXLAN_PORT)
            .mtu(MTU)
            .controller(bridge.index);
        if let Some(local) = local {
            device = device.local(local);
        }
        let made = self.handle.link().add(device.build()).execute().await;
        // The kernel says that it exists when another device has the number.
        made.map_err(netlink(&format!("making VXLAN device {name} (id {tag}, port {VXLAN_PORT})")))
    }

    /// Where each device sends what is for all, or for nobody known.
    pub(in crate::linux) async fn floods(
        &self,
    ) -> Result<BTreeMap<u32, BTreeSet<Ipv4Addr>>, HostNetError> {
        let listing = self.handle.neighbours().get().set_address_family(AddressFamily::Bridge);
        let entries: Vec<NeighbourMessage> = listing
            .execute()
            .try_collect()
            .await
            .map_err(netlink("listing what VXLAN devices lead to"))?;
        let mut floods: BTreeMap<u32, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        for entry in &entries {
            if let Some(peer) = flooded(entry) {
                floods.entry(entry.header.ifindex).or_default().insert(peer);
            }
        }
        Ok(floods)
    }

    /// One more machine: the library's own request would replace the ones before it.
    pub(in crate::linux) async fn add_flood(
        &self,
        tunnel: &Tunnel,
        peer: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let message = RouteNetlinkMessage::NewNeighbour(flood(tunnel, peer));
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
        let mut answers = self.handle.clone().request(request).map_err(netlink(&leads_to(peer)))?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(refusal) = answer.payload {
                let refusal = rtnetlink::Error::NetlinkError(refusal);
                return Err(netlink(&leads_to(peer))(refusal));
            }
        }
        Ok(())
    }

    pub(in crate::linux) async fn remove_flood(
        &self,
        tunnel: &Tunnel,
        peer: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let gone = self.handle.neighbours().del(flood(tunnel, peer)).execute().await;
        unless(Errno::NOENT, gone, &leads_to(peer))
    }
}

fn leads_to(peer: Ipv4Addr) -> String {
    format!("changing whether a VXLAN device leads to {peer}")
}

fn flood(tunnel: &Tunnel, peer: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = tunnel.index;
    message.header.state = NeighbourState::Permanent;
    message.header.flags = NeighbourFlags::Own;
    message.attributes = vec![
        NeighbourAttribute::LinkLayerAddress(ANY_MAC.to_vec()),
        NeighbourAttribute::Destination(NeighbourAddress::Inet(peer)),
    ];
    message
}

fn flooded(entry: &NeighbourMessage) -> Option<Ipv4Addr> {
    let (mut is_flood, mut peer) = (false, None);
    for attribute in &entry.attributes {
        match attribute {
            NeighbourAttribute::LinkLayerAddress(mac) => is_flood = *mac == ANY_MAC,
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => peer = Some(*ip),
            // The family of the entry is not that of the address.
            NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => {
                peer = <[u8; 4]>::try_from(bytes.as_slice()).ok().map(Ipv4Addr::from);
            }
            _ => {}
        }
    }
    peer.filter(|_| is_flood)
}

fn our_tunnel(link: &LinkMessage) -> Option<(NetworkTag, Tunnel)> {
    let mut tunnel = Tunnel {
        index: link.header.index,
        up: link.header.flags.contains(LinkFlags::Up),
        is_right: false,
        local: None,
        bridge: controller(link),
    };
    let (mut tag, mut mtu, mut settings) = (None, 0, None);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(name) => tag = tag_of(name),
            LinkAttribute::Mtu(bytes) => mtu = *bytes,
            LinkAttribute::LinkInfo(infos) if infos.contains(&LinkInfo::Kind(InfoKind::Vxlan)) => {
                settings = infos.iter().find_map(|info| match info {
                    LinkInfo::Data(InfoData::Vxlan(settings)) => Some(settings.as_slice()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let (tag, settings) = (tag?, settings.unwrap_or_default());
    tunnel.is_right = mtu == MTU
        && settings.contains(&InfoVxlan::Id(tag.get().into()))
        && settings.contains(&InfoVxlan::Port(VXLAN_PORT));
    tunnel.local = settings.iter().find_map(|setting| match setting {
        InfoVxlan::Local(local) => Some(*local),
        _ => None,
    });
    Some((tag, tunnel))
}

/// The network whose device has this name.
pub(super) fn tag_of(name: &str) -> Option<NetworkTag> {
    tag_after("euvx", name)
}
