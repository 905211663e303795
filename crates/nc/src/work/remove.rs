//! From any phase to nothing but an entry and a console.

use super::Setback;
use crate::entry::Phase;
use crate::node::Node;
use types::{InstanceId, crash_point};

impl Node {
    /// Ends an instance and gives back its domain, its place in the network and its disks, in
    /// this order. Each step is noted before the next begins, and may be taken twice.
    pub(super) async fn remove(
        &self,
        id: InstanceId,
        reason: Option<String>,
    ) -> Result<(), Setback> {
        let _turn = self.ends.acquire().await.map_err(|e| Setback::Wait(e.to_string()))?;
        self.note(id, None);
        if self.known(id)?.phase < Phase::Removing {
            self.record(id, |entry| {
                entry.phase = Phase::Removing;
                entry.reason = reason;
            })
            .await;
        }
        self.end_its_domain(id).await?;
        self.record(id, |entry| entry.phase = Phase::Removed).await;
        self.fit_network().await.map_err(Setback::Wait)?;
        let entry = self.known(id)?;
        let discarded = self.adapters.disks.discard(&entry.desired.user, id).await;
        discarded.map_err(|e| Setback::Wait(format!("its disks could not be removed: {e}")))?;
        crash_point("nc.disks-discarded");
        let now = self.adapters.clock.now();
        self.record(id, |entry| {
            entry.phase = Phase::Terminated;
            entry.disks = None;
            entry.ended_at = Some(now);
        })
        .await;
        tracing::info!(%id, reason = entry.reason, "terminated");
        Ok(())
    }

    pub(super) async fn end_its_domain(&self, id: InstanceId) -> Result<(), Setback> {
        let ended = self.end_domain(id).await;
        if !ended.map_err(Setback::of_hypervisor("its domain could not be ended"))? {
            return Err(Setback::Wait("its domain does not end; it is tried again".to_owned()));
        }
        crash_point("nc.domain-ended");
        Ok(())
    }
}
