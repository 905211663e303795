//! Which bridges there are and which addresses they have. The two sides share them: the router's
//! side owns the addresses, the node's side the ports, and the last to leave deletes the bridge.

use super::devices::{Bridge, Devices};
use super::{Pass, sysctl};
use crate::HostNetError;
use netplan::{NodeBridge, RouterBridge};
use std::collections::{BTreeMap, BTreeSet};
use types::{NetworkTag, crash_point};

type Bridges = BTreeMap<NetworkTag, Bridge>;

/// Makes the bridges be there, up, without IPv6 and spanning tree. Gives those that are.
pub(super) async fn ensure(
    devices: &Devices,
    tags: BTreeSet<NetworkTag>,
    mut found: Bridges,
    pass: &mut Pass,
) -> Result<Bridges, HostNetError> {
    let missing: Vec<_> = tags.iter().filter(|tag| !found.contains_key(tag)).collect();
    for tag in &missing {
        let made = devices.create(**tag).await;
        crash_point("hostnet.bridge-made");
        pass.attempt(made.map(|()| Some(format!("bridge {} made", tag.bridge()))));
    }
    if !missing.is_empty() {
        found = devices.bridges().await?;
    }
    found.retain(|tag, _| tags.contains(tag));
    for tag in tags {
        match found.get(&tag) {
            Some(bridge) => settle(devices, tag, bridge, pass).await,
            None => pass.attempt(Err(no_bridge(tag))),
        }
    }
    Ok(found)
}

fn no_bridge(tag: NetworkTag) -> HostNetError {
    HostNetError::Device {
        what: format!("making bridge {}", tag.bridge()),
        cause: "there is a device of this name that is no bridge, rename it".to_owned(),
    }
}

async fn settle(devices: &Devices, tag: NetworkTag, bridge: &Bridge, pass: &mut Pass) {
    let name = tag.bridge();
    // Before it is up: the kernel makes itself a link-local address then.
    pass.attempt(sysctl::ensure(&format!("ipv6/conf/{name}/disable_ipv6"), "1"));
    if !bridge.plain {
        let done = devices.make_plain(bridge).await;
        pass.attempt(done.map(|()| Some(format!("spanning tree of {name} turned off"))));
    }
    if !bridge.up {
        let done = devices.set_up(bridge.index).await;
        pass.attempt(done.map(|()| Some(format!("{name} set up"))));
    }
}

/// Gives bridges the gateway's addresses and no others.
pub(super) async fn ensure_gateways(
    devices: &Devices,
    wanted: &[RouterBridge],
    found: &Bridges,
    pass: &mut Pass,
) {
    for gateway in wanted {
        let Some(bridge) = found.get(&gateway.tag) else { continue };
        let name = gateway.tag.bridge();
        if bridge.mac != Some(gateway.mac) {
            let done = devices.set_mac(bridge, gateway.mac).await;
            let change = format!("{name} has Ethernet address {}", gateway.mac);
            pass.attempt(done.map(|()| Some(change)));
        }
        remove_others(devices, gateway.tag, bridge, Some(gateway), pass).await;
        if !bridge.has(gateway.address) {
            let done = devices.add_address(bridge, gateway.address).await;
            let change = format!("address {} added to {name}", gateway.address);
            pass.attempt(done.map(|()| Some(change)));
        }
    }
}

async fn remove_others(
    devices: &Devices,
    tag: NetworkTag,
    bridge: &Bridge,
    kept: Option<&RouterBridge>,
    pass: &mut Pass,
) {
    for (net, message) in &bridge.addresses {
        if kept.is_some_and(|gateway| gateway.address == *net) {
            continue;
        }
        let done = devices.remove_address(message).await;
        let change = format!("address {net} removed from {}", tag.bridge());
        pass.attempt(done.map(|()| Some(change)));
    }
}

/// The router's side gives up all bridges but the wanted ones.
pub(super) async fn leave(
    devices: &Devices,
    found: &Bridges,
    wanted: &[RouterBridge],
    pass: &mut Pass,
) {
    for (tag, bridge) in found {
        if wanted.iter().any(|gateway| gateway.tag == *tag) {
            continue;
        }
        remove_others(devices, *tag, bridge, None, pass).await;
        if bridge.ports == 0 {
            delete(devices, *tag, bridge, pass).await;
        }
    }
}

/// The node's side gives up bridges that have neither instances nor a gateway.
pub(super) async fn remove_unused(
    devices: &Devices,
    found: &Bridges,
    wanted: &BTreeMap<NetworkTag, NodeBridge>,
    pass: &mut Pass,
) {
    for (tag, bridge) in found {
        if !wanted.contains_key(tag) && bridge.ports == 0 && bridge.addresses.is_empty() {
            delete(devices, *tag, bridge, pass).await;
        }
    }
}

async fn delete(devices: &Devices, tag: NetworkTag, bridge: &Bridge, pass: &mut Pass) {
    let done = devices.delete(bridge.index).await;
    crash_point("hostnet.bridge-deleted");
    pass.attempt(done.map(|()| Some(format!("bridge {} deleted", tag.bridge()))));
}
