//! Neighbours and routes of bridges.

use super::{Bridge, Devices, netlink, unless};
use crate::HostNetError;
use futures_util::TryStreamExt;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use types::MacAddr;

impl Devices {
    /// The permanent neighbours, by the index of their device.
    pub(in crate::linux) async fn neighbours(
        &self,
    ) -> Result<BTreeMap<u32, BTreeMap<Ipv4Addr, MacAddr>>, HostNetError> {
        let listing = self.handle.neighbours().get().set_address_family(AddressFamily::Inet);
        let listed: Vec<NeighbourMessage> =
            listing.execute().try_collect().await.map_err(netlink("listing neighbours"))?;
        let mut found: BTreeMap<u32, BTreeMap<_, _>> = BTreeMap::new();
        for entry in listed.iter().filter(|it| it.header.state == NeighbourState::Permanent) {
            if let Some((ip, mac)) = ends(entry) {
                found.entry(entry.header.ifindex).or_default().insert(ip, mac);
            }
        }
        Ok(found)
    }

    pub(in crate::linux) async fn add_neighbour(
        &self,
        device: u32,
        ip: Ipv4Addr,
        mac: MacAddr,
    ) -> Result<(), HostNetError> {
        let add = self.handle.neighbours().add(device, IpAddr::V4(ip));
        let added = add.link_layer_address(&mac.0).replace().execute().await;
        added.map_err(netlink(&format!("noting the Ethernet address of {ip}")))
    }

    /// What the kernel knows of the neighbours on a device.
    pub(in crate::linux) async fn neighbour_states(
        &self,
        index: u32,
    ) -> Result<BTreeMap<Ipv4Addr, NeighbourState>, HostNetError> {
        let listing = self.handle.neighbours().get().set_address_family(AddressFamily::Inet);
        let listed: Vec<NeighbourMessage> =
            listing.execute().try_collect().await.map_err(netlink("listing neighbours"))?;
        let here = listed.iter().filter(|entry| entry.header.ifindex == index);
        Ok(here.filter_map(|entry| Some((address(entry)?, entry.header.state))).collect())
    }

    /// Makes the kernel ask for a neighbour: one that it knows when `state` is to probe it, else one
    /// that it does not know.
    pub(in crate::linux) async fn poke_neighbour(
        &self,
        index: u32,
        ip: Ipv4Addr,
        state: NeighbourState,
    ) -> Result<(), HostNetError> {
        let mut add = self.handle.neighbours().add(index, IpAddr::V4(ip)).state(state).replace();
        if state == NeighbourState::None {
            add = add.flags(NeighbourFlags::Use);
        }
        add.execute().await.map_err(netlink(&format!("asking for {ip}")))
    }

    pub(in crate::linux) async fn remove_neighbour(
        &self,
        device: u32,
        ip: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let mut entry = NeighbourMessage::default();
        entry.header.family = AddressFamily::Inet;
        entry.header.ifindex = device;
        entry.attributes = vec![NeighbourAttribute::Destination(NeighbourAddress::Inet(ip))];
        let gone = self.handle.neighbours().del(entry).execute().await;
        unless(Errno::NOENT, gone, &format!("forgetting the Ethernet address of {ip}"))
    }

    /// The routes to single addresses that the kernel did not make by itself, by the index of
    /// their device.
    pub(in crate::linux) async fn routes(
        &self,
    ) -> Result<BTreeMap<u32, BTreeMap<Ipv4Addr, RouteMessage>>, HostNetError> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let listed: Vec<RouteMessage> = self
            .handle
            .route()
            .get(all)
            .execute()
            .try_collect()
            .await
            .map_err(netlink("listing routes"))?;
        let mut found: BTreeMap<u32, BTreeMap<_, _>> = BTreeMap::new();
        for route in listed {
            if let Some((device, ip)) = to_one(&route) {
                found.entry(device).or_default().insert(ip, route);
            }
        }
        Ok(found)
    }

    pub(in crate::linux) async fn add_route(
        &self,
        bridge: &Bridge,
        ip: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(ip, 32)
            .output_interface(bridge.index)
            .scope(RouteScope::Link);
        let added = self.handle.route().add(route.build()).execute().await;
        added.map_err(netlink(&format!("adding a route to {ip}")))
    }

    pub(in crate::linux) async fn remove_route(
        &self,
        route: RouteMessage,
    ) -> Result<(), HostNetError> {
        let gone = self.handle.route().del(route).execute().await;
        unless(Errno::SRCH, gone, "removing a route to an instance")
    }
}

fn ends(entry: &NeighbourMessage) -> Option<(Ipv4Addr, MacAddr)> {
    let mac = entry.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(found) => found.as_slice().try_into().ok(),
        _ => None,
    });
    address(entry).zip(mac.map(MacAddr))
}

fn address(entry: &NeighbourMessage) -> Option<Ipv4Addr> {
    entry.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => Some(*found),
        _ => None,
    })
}

fn to_one(route: &RouteMessage) -> Option<(u32, Ipv4Addr)> {
    let header = &route.header;
    let is_ours = header.destination_prefix_length == 32
        && header.kind == RouteType::Unicast
        && header.protocol != RouteProtocol::Kernel;
    let (mut device, mut ip) = (None, None);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => device = Some(*index),
            RouteAttribute::Destination(RouteAddress::Inet(to)) => ip = Some(*to),
            _ => {}
        }
    }
    device.zip(ip).filter(|_| is_ours)
}
