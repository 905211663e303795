//! From an accepted instance to a domain that runs.

use super::Setback;
use crate::devices::root_device;
use crate::entry::{DiskPaths, Entry};
use crate::node::Node;
use disks::{DiskRequest, PreparedDisks};
use hypervisor::DomainSpec;
use netplan::tap_name;
use std::time::Instant;
use tokio::sync::SemaphorePermit;
use types::{InstanceId, crash_point};

/// Versions before this one could start a domain and, on a full disk, not note its disks.
const DISKS_NOT_KNOWN: &str = "it has run before, and its node has no note of its disks; they are \
    left as they are in its directory under INSTANCE_PATH, and none are made in their place; save \
    what is on them and terminate it";

impl Node {
    /// Launches an instance. One that cannot be launched is removed with the reason, unless it
    /// has run before: then its disks are somebody's data, and starting it is tried again.
    pub(super) async fn launch(&self, id: InstanceId) -> Result<(), Setback> {
        match self.try_launch(id).await {
            Err(Setback::Fail(reason)) if self.has_never_run(id) => {
                tracing::warn!(%id, reason, "launch failed");
                self.remove(id, Some(reason)).await
            }
            other => other,
        }
    }

    async fn try_launch(&self, id: InstanceId) -> Result<(), Setback> {
        let (_turn, made) = tokio::select! {
            made = self.make_disks(id) => made?,
            // The next pass sees to its end.
            () = self.told_otherwise(id) => return Ok(()),
        };
        if let Some(made) = made {
            crash_point("nc.disks-made");
            self.record_prepared(id, made).await?;
            self.measures.disks_ready(id, self.adapters.clock.now());
        }
        let entry = self.known(id)?;
        let Some(disks) = entry.disks.clone() else { return Ok(()) };
        self.fit_network().await.map_err(Setback::of_network)?;
        crash_point("nc.network-made");
        if !self.state().should_run(id) {
            return Ok(());
        }
        let spec = self.domain_spec(&entry, disks, self.bridge_of(&entry.desired)?);
        self.note(id, Some("starting its domain".to_owned()));
        let begun = Instant::now();
        self.ask(move |hypervisor| hypervisor.start(&spec))
            .await
            .map_err(Setback::of_hypervisor("its domain could not be started"))?;
        crash_point("nc.domain-started");
        if entry.has_to_be_found() {
            self.watch(id).await;
        }
        self.record_started(id).await;
        self.measures.domain_started(id, self.adapters.clock.now());
        tracing::info!(%id, start_ms = begun.elapsed().as_millis(), "its domain runs");
        Ok(())
    }

    /// The instance's turn among the launches, and its disks if they had to be made. May be
    /// dropped at any point, so nothing is recorded here.
    async fn make_disks(
        &self,
        id: InstanceId,
    ) -> Result<(SemaphorePermit<'_>, Option<PreparedDisks>), Setback> {
        let turn = self.turn(id).await?;
        let entry = self.known(id)?;
        if entry.disks.is_some() {
            return Ok((turn, None));
        }
        if entry.started_in.is_some() {
            return Err(Setback::Wait(DISKS_NOT_KNOWN.to_owned()));
        }
        let progress = |doing: String| self.note(id, Some(doing));
        let request = disk_request(&entry);
        let made = self.adapters.disks.prepare(&request, &*self.adapters.images, &progress);
        Ok((turn, Some(made.await.map_err(|error| Setback::of_disks(&error))?)))
    }

    async fn turn(&self, id: InstanceId) -> Result<SemaphorePermit<'_>, Setback> {
        if let Ok(turn) = self.launches.try_acquire() {
            return Ok(turn);
        }
        self.note(id, Some("waiting for other launches on its node".to_owned()));
        self.launches.acquire().await.map_err(|closed| Setback::Wait(closed.to_string()))
    }

    /// Completes when the instance should no longer run.
    async fn told_otherwise(&self, id: InstanceId) {
        let mut told = self.told.subscribe();
        while self.state().should_run(id) {
            // The sender is part of this node and cannot be gone.
            let _ = told.changed().await;
        }
    }

    fn has_never_run(&self, id: InstanceId) -> bool {
        self.entry(id).is_some_and(|entry| entry.started_in.is_none())
    }

    pub(super) fn known(&self, id: InstanceId) -> Result<Entry, Setback> {
        self.entry(id).ok_or_else(|| Setback::Wait("it is not known".to_owned()))
    }

    /// Watches the tap that its domain has now, before its guest asks for an address. When that
    /// fails it is noted as a problem of the node, and the next pass tries again.
    async fn watch(&self, id: InstanceId) {
        let watched = self.repair_network().await.is_ok();
        if let Some(slot) = self.state().slots.get_mut(&id) {
            slot.started_here = watched;
        }
    }

    fn domain_spec(&self, entry: &Entry, disks: DiskPaths, bridge: String) -> DomainSpec {
        let desired = &entry.desired;
        DomainSpec {
            id: desired.id,
            figures: desired.figures,
            vm_type: desired.vm_type.clone(),
            root_device: root_device(&disks),
            further_disks: disks.layout.further_disks(),
            root: disks.root,
            bus: disks.bus,
            kernel: disks.kernel,
            ramdisk: disks.ramdisk,
            uefi: disks.uefi,
            nic: self.settings.nic,
            mac: desired.nic.mac,
            bridge,
            tap: tap_name(desired.id),
            console: self.journal.console_path(&desired.user, desired.id),
        }
    }
}

fn disk_request(entry: &Entry) -> DiskRequest {
    let desired = &entry.desired;
    DiskRequest {
        id: desired.id,
        user: desired.user.clone(),
        image_source: entry.image_source.clone(),
        root: desired.root.clone(),
        kernel: desired.kernel.clone(),
        ramdisk: desired.ramdisk.clone(),
        disk_gb: desired.figures.disk_gb,
        public_key: desired.key.as_ref().map(|key| key.public_key.clone()),
    }
}
