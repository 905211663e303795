//! What a host without an address in a network needs to answer the instances in it: the Ethernet
//! address of each, and the device.

use super::Pass;
use super::devices::{Bridge, Devices};
use crate::HostNetError;
use netplan::NodeBridge;
use rtnetlink::packet_route::route::RouteMessage;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use types::{MacAddr, NetworkTag};

/// Makes the bridges have the wanted Ethernet address, and lead to just these instances.
pub(super) async fn ensure(
    devices: &Devices,
    wanted: &BTreeMap<NetworkTag, NodeBridge>,
    found: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) {
    for (tag, bridge) in found {
        let mac = wanted.get(tag).and_then(|wanted| wanted.mac);
        if let Some(mac) = mac.filter(|mac| bridge.mac != Some(*mac)) {
            let done = devices.set_mac(bridge, mac).await;
            let change = format!("{} has Ethernet address {mac}", tag.bridge());
            pass.attempt(done.map(|()| Some(change)));
        }
    }
    let done = lead(devices, wanted, found, pass).await;
    pass.attempt(done.map(|()| None));
}

async fn lead(
    devices: &Devices,
    wanted: &BTreeMap<NetworkTag, NodeBridge>,
    found: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    let mut known = devices.neighbours().await?;
    let is_used = |tag: &NetworkTag, bridge: &Bridge| {
        known.contains_key(&bridge.index)
            || wanted.get(tag).is_some_and(|wanted| !wanted.neighbours.is_empty())
    };
    if !found.iter().any(|(tag, bridge)| is_used(tag, bridge)) {
        // The host may have very many routes, and none is ours.
        return Ok(());
    }
    let mut routes = devices.routes().await?;
    for (tag, bridge) in found {
        let way = Way {
            bridge,
            name: tag.bridge(),
            known: known.remove(&bridge.index).unwrap_or_default(),
            routes: routes.remove(&bridge.index).unwrap_or_default(),
        };
        let wanted = wanted.get(tag).map(|wanted| &wanted.neighbours);
        way.fit(devices, wanted.unwrap_or(&BTreeMap::new()), pass).await;
    }
    Ok(())
}

/// What leads to instances over one bridge.
struct Way<'a> {
    bridge: &'a Bridge,
    name: String,
    known: BTreeMap<Ipv4Addr, MacAddr>,
    routes: BTreeMap<Ipv4Addr, RouteMessage>,
}

impl Way<'_> {
    /// A neighbour is there as long as its route, so that a route that was left is found.
    async fn fit(
        mut self,
        devices: &Devices,
        wanted: &BTreeMap<Ipv4Addr, MacAddr>,
        pass: &mut Pass,
    ) {
        let (bridge, name) = (self.bridge, &self.name);
        for (ip, mac) in wanted {
            if self.known.remove(ip) != Some(*mac) {
                let done = devices.add_neighbour(bridge.index, *ip, *mac).await;
                pass.attempt(done.map(|()| Some(format!("{ip} is {mac} on {name}"))));
            }
            if self.routes.remove(ip).is_none() {
                let done = devices.add_route(bridge, *ip).await;
                pass.attempt(done.map(|()| Some(format!("{ip} is reached over {name}"))));
            }
        }
        for (ip, route) in self.routes {
            let done = devices.remove_route(route).await;
            pass.attempt(done.map(|()| Some(format!("{ip} is no longer reached over {name}"))));
        }
        for ip in self.known.keys() {
            let done = devices.remove_neighbour(bridge.index, *ip).await;
            pass.attempt(done.map(|()| Some(format!("{ip} is no longer known on {name}"))));
        }
    }
}
