//! Whether the instances are plugged into their bridges. libvirt does that when it starts them; a
//! bridge that was deleted by hand has let them go.

use super::Pass;
use super::devices::{Bridge, Devices};
use crate::HostNetError;
use netplan::NodeBridge;
use std::collections::BTreeMap;
use types::NetworkTag;

/// Plugs in what hangs loose. A tap in another bridge was put there by somebody and stays.
pub(super) async fn ensure(
    devices: &Devices,
    wanted: &BTreeMap<NetworkTag, NodeBridge>,
    found: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) {
    let done = plug(devices, wanted, found, pass).await;
    pass.attempt(done.map(|()| None));
}

async fn plug(
    devices: &Devices,
    wanted: &BTreeMap<NetworkTag, NodeBridge>,
    found: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Result<(), HostNetError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let loose = devices.loose().await?;
    for (tag, bridge) in found {
        let taps = wanted.get(tag).into_iter().flat_map(|wanted| &wanted.taps);
        for (tap, port) in taps.filter_map(|tap| Some((tap, *loose.get(tap)?))) {
            let done = devices.plug_in(port, bridge).await;
            pass.attempt(done.map(|()| Some(format!("{tap} joined to {}", tag.bridge()))));
        }
    }
    Ok(())
}
