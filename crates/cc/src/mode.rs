//! The network mode of the cluster, which its instances and its nodes must share.

use crate::cluster::{CcError, State};
use crate::memory::{Placement, Placements};
use crate::sighting::Sighting;
use protocol::{ClusterDesired, InstanceDesired};
use types::{NodeName, VnetMode};

/// So many instances are named to those who have changed the mode.
const NAMED: usize = 10;

/// Refuses to begin in another mode than that of instances which are not known to be gone: they
/// would lose their network without having done anything.
pub(crate) fn check_instances(
    mode: VnetMode,
    desired: Option<&ClusterDesired>,
    placements: &Placements,
) -> Result<(), CcError> {
    let ended =
        |it: &&InstanceDesired| matches!(placements.of.get(&it.id), Some(Placement::Ended { .. }));
    let instances = desired.iter().flat_map(|desired| &desired.instances);
    let others: Vec<_> =
        instances.filter(|it| !ended(it)).filter(|it| it.nic.mode() != mode).collect();
    let Some(first) = others.first() else { return Ok(()) };
    Err(CcError::ModeChanged {
        now: mode,
        then: first.nic.mode(),
        count: others.len(),
        instances: others.iter().take(NAMED).map(|it| it.id.to_string()).collect(),
    })
}

impl State {
    /// VNET_MODE.
    pub(crate) const fn mode(&self) -> VnetMode {
        self.networks.mode()
    }

    /// The mode of a node's own configuration, where it is another than the cluster's.
    pub(crate) fn other_mode(&self, sighting: &Sighting) -> Option<VnetMode> {
        let observed = sighting.observed.as_ref()?;
        // one from before there were others knows this one
        let theirs = observed.mode.unwrap_or(VnetMode::Managed);
        (theirs != self.mode()).then_some(theirs)
    }

    /// What is wrong about that, with the remedy.
    pub(crate) fn mode_problem(&self, name: &NodeName, sighting: &Sighting) -> Option<String> {
        let theirs = self.other_mode(sighting)?;
        let ours = self.mode();
        let bridge = if ours == VnetMode::Managed { "" } else { " and VNET_BRIDGE" };
        Some(format!(
            "node {name} has VNET_MODE {theirs} and its cluster {ours}, so it gets no instances: \
             set VNET_MODE=\"{ours}\"{bridge} in its eucalyptus.conf and restart the node controller"
        ))
    }
}
