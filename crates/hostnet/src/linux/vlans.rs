//! Which bridges are joined with the other machines by tagged frames: one 802.1Q device for each.

use super::devices::{Bridge, Devices, VlanDevice};
use super::{Pass, sysctl};
use crate::HostNetError;
use netplan::Vlan;
use std::collections::BTreeMap;
use types::{NetworkTag, crash_point};

/// Makes each of these bridges have its device, or none.
pub(super) async fn ensure(
    devices: &Devices,
    vlan: Option<&Vlan>,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) {
    let done = match vlan {
        Some(vlan) => join(devices, vlan, bridges, pass).await,
        None => part(devices, bridges, pass).await,
    };
    pass.attempt(done.map(|()| None));
}

/// Removes the devices whose bridge is gone.
pub(super) async fn sweep(devices: &Devices, pass: &mut Pass) {
    let done = remove_stray(devices, pass).await;
    pass.attempt(done.map(|()| None));
}

async fn remove_stray(devices: &Devices, pass: &mut Pass) -> Result<(), HostNetError> {
    let vlans = devices.vlans().await?;
    if vlans.is_empty() {
        return Ok(());
    }
    let bridges = devices.bridges().await?;
    for vlan in vlans.iter().filter(|vlan| !bridges.contains_key(&vlan.tag)) {
        remove(devices, vlan, pass).await;
    }
    Ok(())
}

async fn part(
    devices: &Devices,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    for vlan in devices.vlans().await? {
        if bridges.contains_key(&vlan.tag) {
            remove(devices, &vlan, pass).await;
        }
    }
    Ok(())
}

async fn remove(devices: &Devices, vlan: &VlanDevice, pass: &mut Pass) {
    let done = devices.delete(vlan.index).await;
    pass.attempt(done.map(|()| Some(format!("{} deleted", vlan.name))));
}

async fn join(
    devices: &Devices,
    vlan: &Vlan,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    if bridges.is_empty() {
        return Ok(());
    }
    let interface = devices.index_of(&vlan.interface).await?;
    let interface = interface.ok_or_else(|| no_interface(vlan))?;
    let mut found = devices.vlans().await?;
    let mut is_changed = false;
    for (tag, bridge) in bridges {
        let name = vlan.device(*tag);
        let mut right = false;
        for old in found.iter().filter(|old| old.tag == *tag) {
            if old.name == name && old.interface == Some(interface) {
                right = true;
            } else {
                remove(devices, old, pass).await;
            }
        }
        if !right {
            is_changed = true;
            let made = devices.create_vlan(&name, interface, *tag, bridge).await;
            crash_point("hostnet.trunk-made");
            pass.attempt(made.map(|()| Some(format!("{name} made"))));
        }
    }
    if is_changed {
        found = devices.vlans().await?;
    }
    for device in &found {
        if let Some(bridge) = bridges.get(&device.tag) {
            settle(devices, device, bridge, pass).await;
        }
    }
    Ok(())
}

fn no_interface(vlan: &Vlan) -> HostNetError {
    HostNetError::Device {
        what: format!("carrying group networks with tags on \"{}\"", vlan.interface),
        cause: "there is no such device; name this machine's interface to the other machines in \
                VNET_INTERFACE and restart the component"
            .to_owned(),
    }
}

async fn settle(devices: &Devices, device: &VlanDevice, bridge: &Bridge, pass: &mut Pass) {
    let name = &device.name;
    // Before it is up, as for bridges.
    pass.attempt(sysctl::ensure(&format!("ipv6/conf/{name}/disable_ipv6"), "1"));
    if device.bridge != Some(bridge.index) {
        let done = devices.plug_in(device.index, bridge).await;
        let change = format!("{name} joined to {}", device.tag.bridge());
        pass.attempt(done.map(|()| Some(change)));
    }
    if !device.up {
        let done = devices.set_up(device.index).await;
        pass.attempt(done.map(|()| Some(format!("{name} set up"))));
    }
}
