//! From a domain that runs to a stopped instance, whose disks and place in the network stay.

use super::Setback;
use crate::entry::Phase;
use crate::node::Node;
use types::{InstanceId, crash_point};

impl Node {
    /// Asks a guest to shut down. Whether it has, and what to do if it never does, is seen by the
    /// passes that follow.
    pub(super) async fn ask_to_shut_down(&self, id: InstanceId) -> Result<(), Setback> {
        self.record_halting(id).await?;
        self.ask(move |hypervisor| hypervisor.shutdown(id))
            .await
            .map_err(Setback::of_hypervisor("its guest could not be asked to shut down"))?;
        crash_point("nc.shutdown-asked");
        let now = self.adapters.clock.now();
        if let Some(slot) = self.state().slots.get_mut(&id) {
            slot.asked = Some(now);
        }
        tracing::info!(%id, "its guest was asked to shut down");
        Ok(())
    }

    /// Ends a domain, if there still is one, and notes that its instance is stopped. That is told
    /// only once it is on disk: the instance may be started again as soon as it is told.
    pub(super) async fn power_off(&self, id: InstanceId) -> Result<(), Setback> {
        let _turn = self.ends.acquire().await.map_err(|e| Setback::Wait(e.to_string()))?;
        self.record_halting(id).await?;
        self.end_its_domain(id).await?;
        self.record_for_sure(id, |entry| {
            entry.phase = Phase::Halted;
            entry.halting_since = None;
        })
        .await?;
        crash_point("nc.halted");
        self.forget_asked(id);
        tracing::info!(%id, "stopped");
        Ok(())
    }

    async fn record_halting(&self, id: InstanceId) -> Result<(), Setback> {
        if self.known(id)?.phase == Phase::Halting {
            return Ok(());
        }
        let now = self.adapters.clock.now();
        self.record_for_sure(id, |entry| {
            entry.phase = Phase::Halting;
            entry.halting_since = Some(now);
            entry.rebooting = None;
            entry.reason = None;
        })
        .await
    }
}
