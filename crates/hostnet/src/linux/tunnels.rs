//! Which bridges are joined with the other machines: one VXLAN device for each, which floods what
//! it has learnt no machine for to all of them.

use super::devices::{Bridge, Devices, Tunnel};
use super::{Pass, sysctl};
use crate::HostNetError;
use netplan::Overlay;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::{NetworkTag, crash_point};

/// Makes each of these bridges have its device with just these peers, or none.
pub(super) async fn ensure(
    devices: &Devices,
    overlay: Option<&Overlay>,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) {
    let done = match overlay {
        Some(overlay) => join(devices, overlay, bridges, pass).await,
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
    let tunnels = devices.tunnels().await?;
    if tunnels.is_empty() {
        return Ok(());
    }
    let bridges = devices.bridges().await?;
    for (tag, tunnel) in tunnels.iter().filter(|(tag, _)| !bridges.contains_key(tag)) {
        remove(devices, *tag, tunnel, pass).await;
    }
    Ok(())
}

async fn part(
    devices: &Devices,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    for (tag, tunnel) in devices.tunnels().await? {
        if bridges.contains_key(&tag) {
            remove(devices, tag, &tunnel, pass).await;
        }
    }
    Ok(())
}

async fn remove(devices: &Devices, tag: NetworkTag, tunnel: &Tunnel, pass: &mut Pass) {
    let done = devices.delete(tunnel.index).await;
    pass.attempt(done.map(|()| Some(format!("{} deleted", Overlay::device(tag)))));
}

async fn join(
    devices: &Devices,
    overlay: &Overlay,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    let mut found = devices.tunnels().await?;
    let mut is_missing = false;
    for (tag, bridge) in bridges {
        let right = |tunnel: &&Tunnel| tunnel.is_right && tunnel.local == overlay.local;
        if found.get(tag).as_ref().is_some_and(right) {
            continue;
        }
        if let Some(wrong) = found.get(tag) {
            remove(devices, *tag, wrong, pass).await;
        }
        is_missing = true;
        let made = devices.create_tunnel(*tag, bridge, overlay.local).await;
        crash_point("hostnet.trunk-made");
        pass.attempt(made.map(|()| Some(format!("{} made", Overlay::device(*tag)))));
    }
    if is_missing {
        found = devices.tunnels().await?;
    }
    let mut floods = devices.floods().await?;
    for (tag, bridge) in bridges {
        let Some(tunnel) = found.get(tag) else { continue };
        let has = floods.remove(&tunnel.index).unwrap_or_default();
        flood(devices, *tag, tunnel, (&has, &overlay.peers), pass).await;
        settle(devices, *tag, tunnel, bridge, pass).await;
    }
    Ok(())
}

async fn flood(
    devices: &Devices,
    tag: NetworkTag,
    tunnel: &Tunnel,
    (has, wanted): (&BTreeSet<Ipv4Addr>, &BTreeSet<Ipv4Addr>),
    pass: &mut Pass,
) {
    let name = Overlay::device(tag);
    for peer in wanted.difference(has) {
        let done = devices.add_flood(tunnel, *peer).await;
        pass.attempt(done.map(|()| Some(format!("{name} leads to {peer}"))));
    }
    for stranger in has.difference(wanted) {
        let done = devices.remove_flood(tunnel, *stranger).await;
        pass.attempt(done.map(|()| Some(format!("{name} leads no more to {stranger}"))));
    }
}

async fn settle(
    devices: &Devices,
    tag: NetworkTag,
    tunnel: &Tunnel,
    bridge: &Bridge,
    pass: &mut Pass,
) {
    let name = Overlay::device(tag);
    // Before it is up, as for bridges.
    pass.attempt(sysctl::ensure(&format!("ipv6/conf/{name}/disable_ipv6"), "1"));
    if tunnel.bridge != Some(bridge.index) {
        let done = devices.plug_in(tunnel.index, bridge).await;
        pass.attempt(done.map(|()| Some(format!("{name} joined to {}", tag.bridge()))));
    }
    if !tunnel.up {
        let done = devices.set_up(tunnel.index).await;
        pass.attempt(done.map(|()| Some(format!("{name} set up"))));
    }
}
