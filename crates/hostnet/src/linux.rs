//! The real host: netlink, sysctl, `nft` and DHCP sockets.

mod check;
mod devices;
mod dhcp;
mod nft;
mod sysctl;

use crate::{Applied, HostNet, HostNetError};
use async_trait::async_trait;
use devices::{Bridge, Devices};
use dhcp::DhcpServers;
use netplan::{NodePlan, RouterBridge, RouterPlan};
use nft::Tables;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::Mutex;
use types::NetworkTag;

/// The network of the host that this process runs on, or of its network namespace.
///
/// DHCP is answered by tasks of the runtime that applied the plan, until the value is dropped.
#[derive(Debug, Default)]
pub struct LinuxNet {
    router: Mutex<RouterSide>,
    node: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct RouterSide {
    tables: Tables,
    dhcp: DhcpServers,
}

#[async_trait]
impl HostNet for LinuxNet {
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        let mut side = self.router.lock().await;
        let mut applied = Applied::default();
        // Rules before devices: a bridge is never open while its rules are missing.
        applied.note(side.tables.ensure(RouterPlan::TABLES, plan.rules.as_ref()).await?);
        let devices = Devices::open()?;
        let found = devices.bridges().await?;
        for (tag, bridge) in &found {
            if plan.bridges.iter().all(|wanted| wanted.tag != *tag) {
                leave(&devices, *tag, bridge, &mut applied).await?;
            }
        }
        let mut bridges = BTreeMap::new();
        for wanted in &plan.bridges {
            let bridge = ensure_bridge(&devices, wanted.tag, found.get(&wanted.tag), &mut applied);
            let bridge = bridge.await?;
            ensure_gateway(&devices, wanted, &bridge, &mut applied).await?;
            bridges.insert(wanted.tag, bridge.index);
        }
        let served = side.dhcp.serve(&plan.dhcp, &bridges, &mut applied);
        if plan.rules.is_some() {
            applied.note(sysctl::ensure("ipv4/ip_forward", "1")?);
        }
        served.map(|()| applied)
    }

    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError> {
        let mut tables = self.node.lock().await;
        let mut applied = Applied::default();
        applied.note(tables.ensure(NodePlan::TABLES, plan.rules.as_ref()).await?);
        let devices = Devices::open()?;
        let found = devices.bridges().await?;
        remove_unused(&devices, &found, &plan.bridges, &mut applied).await?;
        for tag in &plan.bridges {
            ensure_bridge(&devices, *tag, found.get(tag), &mut applied).await?;
            // Requests for metadata are sent on to 127.0.0.1 (netplan: `node/rules.rs`).
            let local = format!("ipv4/conf/{}/route_localnet", tag.bridge());
            applied.note(sysctl::ensure(&local, "1")?);
        }
        Ok(applied)
    }

    async fn check(&self) -> Vec<String> {
        check::problems().await
    }
}

impl Applied {
    fn note(&mut self, change: Option<String>) {
        self.changes.extend(change);
    }
}

/// Makes the bridge be there, up, without IPv6 and spanning tree.
async fn ensure_bridge(
    devices: &Devices,
    tag: NetworkTag,
    found: Option<&Bridge>,
    applied: &mut Applied,
) -> Result<Bridge, HostNetError> {
    let name = tag.bridge();
    let bridge = match found {
        Some(bridge) => bridge.clone(),
        None => {
            devices.create(tag).await?;
            applied.note(Some(format!("bridge {name} made")));
            devices.bridges().await?.remove(&tag).ok_or_else(|| HostNetError::Device {
                what: format!("making bridge {name}"),
                cause: "there is a device of this name that is no bridge; rename it".to_owned(),
            })?
        }
    };
    // Before it is up: the kernel makes itself a link-local address then.
    applied.note(sysctl::ensure(&format!("ipv6/conf/{name}/disable_ipv6"), "1")?);
    if !bridge.plain {
        devices.make_plain(&bridge).await?;
        applied.note(Some(format!("spanning tree of {name} turned off")));
    }
    if !bridge.up {
        devices.set_up(&bridge).await?;
        applied.note(Some(format!("{name} set up")));
    }
    Ok(bridge)
}

async fn ensure_gateway(
    devices: &Devices,
    wanted: &RouterBridge,
    bridge: &Bridge,
    applied: &mut Applied,
) -> Result<(), HostNetError> {
    let name = wanted.tag.bridge();
    if bridge.mac != Some(wanted.mac) {
        devices.set_mac(bridge, wanted.mac).await?;
        applied.note(Some(format!("{name} has Ethernet address {}", wanted.mac)));
    }
    for removed in devices.keep_only(bridge, Some(wanted.address)).await? {
        applied.note(Some(format!("address {removed} removed from {name}")));
    }
    if !bridge.has(wanted.address) {
        devices.add_address(bridge, wanted.address).await?;
        applied.note(Some(format!("address {} added to {name}", wanted.address)));
    }
    Ok(())
}

/// The router's side gives up a bridge; the last one to leave deletes it.
async fn leave(
    devices: &Devices,
    tag: NetworkTag,
    bridge: &Bridge,
    applied: &mut Applied,
) -> Result<(), HostNetError> {
    for removed in devices.keep_only(bridge, None).await? {
        applied.note(Some(format!("address {removed} removed from {}", tag.bridge())));
    }
    if bridge.ports == 0 {
        devices.delete(bridge).await?;
        applied.note(Some(format!("bridge {} deleted", tag.bridge())));
    }
    Ok(())
}

/// The node's side gives up bridges that have neither instances nor a gateway.
async fn remove_unused(
    devices: &Devices,
    found: &BTreeMap<NetworkTag, Bridge>,
    wanted: &BTreeSet<NetworkTag>,
    applied: &mut Applied,
) -> Result<(), HostNetError> {
    for (tag, bridge) in found {
        if !wanted.contains(tag) && bridge.ports == 0 && bridge.addresses.is_empty() {
            devices.delete(bridge).await?;
            applied.note(Some(format!("bridge {} deleted", tag.bridge())));
        }
    }
    Ok(())
}
