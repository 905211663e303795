//! Changes of the journal: first on disk, then in memory and in what is reported.

use super::Setback;
use crate::decide::HOST_GOES_DOWN;
use crate::entry::{DiskPaths, Entry, Phase};
use crate::journal::Journal;
use crate::node::Node;
use crate::state::Concern;
use disks::PreparedDisks;
use durable::DurableError;
use std::sync::Arc;
use types::InstanceId;

impl Node {
    /// Changes an instance's entry. The caller is the only one who works on the instance.
    ///
    /// When the disk refuses, the change holds in memory, the problem is reported, and the next
    /// pass writes again: a full disk must not keep instances from being removed. A crash before
    /// that repeats a step, and every step may be repeated. Not to be dropped half done while the
    /// node controller goes on: the next change could then be overtaken by this one.
    pub(crate) async fn record(&self, id: InstanceId, change: impl FnOnce(&mut Entry)) {
        let Some(mut entry) = self.entry(id) else { return };
        change(&mut entry);
        let stored = self.store(&entry).await;
        self.put(id, entry, !stored);
    }

    /// Changes an instance's entry, or leaves it as it is when the disk refuses: for what must not
    /// be reported, or acted on, before it would outlive a crash.
    ///
    /// # Errors
    /// To wait until the disk takes it.
    pub(super) async fn record_for_sure(
        &self,
        id: InstanceId,
        change: impl FnOnce(&mut Entry),
    ) -> Result<(), Setback> {
        let mut entry = self.known(id)?;
        change(&mut entry);
        if !self.store(&entry).await {
            return Err(Setback::Wait("the node's journal cannot be written".to_owned()));
        }
        self.put(id, entry, false);
        Ok(())
    }

    fn put(&self, id: InstanceId, entry: Entry, dirty: bool) {
        self.change(|state| {
            if let Some(slot) = state.slots.get_mut(&id) {
                slot.entry = entry;
                slot.dirty = dirty;
            }
        });
    }

    /// Notes that an instance has its disks. Its domain may only be started once that is on disk:
    /// who does not know of them makes others in their place.
    pub(super) async fn record_prepared(
        &self,
        id: InstanceId,
        made: PreparedDisks,
    ) -> Result<(), Setback> {
        let disks = DiskPaths::new(made, self.settings.bus);
        self.record_for_sure(id, |entry| {
            entry.disks = Some(disks);
            entry.phase = Phase::Prepared;
        })
        .await
    }

    /// Notes that an instance's domain runs. Reboots that were asked for before it ran count as
    /// done.
    pub(crate) async fn record_started(&self, id: InstanceId) {
        self.record(id, |entry| {
            if entry.phase != Phase::Started {
                entry.reboots = entry.desired.reboots;
            }
            entry.phase = Phase::Started;
            entry.halting_since = None;
            entry.rebooting = None;
            entry.went_down_with_host = false;
            entry.reason.take_if(|reason| reason == HOST_GOES_DOWN);
            entry.started_in = Some(self.settings.boot_id.clone());
        })
        .await;
        self.forget_asked(id);
    }

    /// Notes that an instance has been rebooted this often. What befell it before is over.
    pub(crate) async fn record_rebooted(&self, id: InstanceId, count: u32) {
        self.record(id, |entry| {
            entry.reboots = count;
            entry.rebooting = None;
            entry.reason = None;
        })
        .await;
        self.forget_asked(id);
    }

    /// What its guest was asked for is done, or no longer wanted.
    pub(super) fn forget_asked(&self, id: InstanceId) {
        if let Some(slot) = self.state().slots.get_mut(&id) {
            slot.asked = None;
            slot.reboots_before = None;
        }
    }

    /// Writes the entries that are newer in memory than on disk.
    pub(crate) async fn store_what_is_dirty(&self) {
        let dirty: Vec<Entry> = {
            let state = self.state();
            let slots = state.slots.values().filter(|slot| slot.dirty && !slot.busy);
            slots.map(|slot| slot.entry.clone()).collect()
        };
        for entry in dirty {
            let stored = self.store(&entry).await;
            self.change(|state| {
                if let Some(slot) = state.slots.get_mut(&entry.desired.id) {
                    slot.dirty = !stored;
                }
            });
        }
    }

    /// Removes all that is left of a terminated instance.
    pub(crate) async fn forget(&self, id: InstanceId) {
        let Some(entry) = self.entry(id) else { return };
        let user = entry.desired.user;
        if self.write(move |journal| journal.forget(&user, id)).await.is_ok() {
            self.change(|state| state.slots.remove(&id));
        }
    }

    async fn store(&self, entry: &Entry) -> bool {
        let entry = entry.clone();
        self.write(move |journal| journal.store(&entry)).await.is_ok()
    }

    /// Writes the journal on a thread that may block.
    ///
    /// # Errors
    /// With what is wrong, for a person; it is also noted as a problem of the node.
    pub(crate) async fn write(
        &self,
        write: impl FnOnce(&Journal) -> Result<(), DurableError> + Send + 'static,
    ) -> Result<(), String> {
        let journal = Arc::clone(&self.journal);
        let written = tokio::task::spawn_blocking(move || write(&journal)).await;
        let written = match written {
            Ok(written) => written.map_err(|error| format!("the journal is not written: {error}")),
            Err(died) => Err(format!("writing the journal was broken off: {died}")),
        };
        self.concern(Concern::Journal, written.as_ref().err().cloned());
        written
    }
}
