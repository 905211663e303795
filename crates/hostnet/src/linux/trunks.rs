//! Which bridges are joined with the other machines, and by what.

use super::devices::{Bridge, Devices};
use super::{Pass, tunnels, vlans};
use netplan::Trunk;
use std::collections::BTreeMap;
use types::{NetworkTag, crash_point};

/// Makes each of these bridges have the device of its trunk and none of another kind, and removes
/// the devices whose bridge is gone.
pub(super) async fn ensure(
    devices: &Devices,
    trunk: Option<&Trunk>,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) {
    crash_point("hostnet.bridges-ready");
    let (overlay, vlan) = match trunk {
        None => (None, None),
        Some(Trunk::Vxlan(overlay)) => (Some(overlay), None),
        Some(Trunk::Vlan(vlan)) => (None, Some(vlan)),
    };
    // What goes first: two devices in one bridge would make a loop of two machines.
    if overlay.is_none() {
        tunnels::ensure(devices, None, bridges, pass).await;
    }
    vlans::ensure(devices, vlan, bridges, pass).await;
    if overlay.is_some() {
        tunnels::ensure(devices, overlay, bridges, pass).await;
    }
    tunnels::sweep(devices, pass).await;
    vlans::sweep(devices, pass).await;
}
