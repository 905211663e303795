//! Adapters that stop answering at a chosen call, as they do for a process that is killed there.

use async_trait::async_trait;
use disks::{DiskError, DiskRequest, Disks, PreparedDisks, Progress, SimDisks};
use hostnet::{Applied, HostNet, HostNetError, Passage, Path, Sightings, SimNet};
use hypervisor::{Domain, DomainSpec, Hypervisor, HypervisorError, SimHypervisor};
use netplan::{NodePlan, RouterPlan, SiteBridge};
use protocol::ImageSource;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use types::{Figures, InstanceId, UserName};

/// Where in a call the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The call does nothing any more.
    Begin,
    /// The call has its effect, but nobody learns of it.
    End,
}

/// Counts the calls that change something; blows at the one that was chosen. A blown fuse stays
/// blown for the process that burned it.
#[derive(Debug)]
pub(super) struct Fuse {
    left: Mutex<Option<(u32, At)>>,
    blown: watch::Sender<bool>,
    /// Preparations of disks wait here.
    pub(super) preparing: Gate,
    /// Answers about domains wait here, and grow old.
    pub(super) surveying: Gate,
}

impl Default for Fuse {
    fn default() -> Self {
        Self {
            left: Mutex::new(None),
            blown: watch::Sender::new(false),
            preparing: Gate::default(),
            surveying: Gate::default(),
        }
    }
}

/// Lets calls through, or holds them until it is opened.
#[derive(Debug, Default)]
pub(super) struct Gate {
    closed: watch::Sender<bool>,
    held: watch::Sender<bool>,
}

impl Gate {
    pub(super) fn close(&self) {
        self.held.send_replace(false);
        self.closed.send_replace(true);
    }

    pub(super) fn open(&self) {
        self.closed.send_replace(false);
    }

    /// Completes when a call is held.
    pub(super) async fn holds_a_call(&self) {
        let _ = self.held.subscribe().wait_for(|held| *held).await;
    }

    async fn pass(&self) {
        if *self.closed.borrow() {
            self.held.send_replace(true);
            let _ = self.closed.subscribe().wait_for(|closed| !closed).await;
        }
    }
}

impl Fuse {
    /// Blows at the call after `calls` more.
    pub(super) fn set(&self, calls: u32, at: At) {
        *self.left.lock().unwrap() = Some((calls, at));
    }

    pub(super) fn mend(&self) {
        *self.left.lock().unwrap() = None;
        self.blown.send_replace(false);
    }

    pub(super) fn is_blown(&self) -> bool {
        *self.blown.borrow()
    }

    pub(super) async fn blows(&self) {
        let _ = self.blown.subscribe().wait_for(|blown| *blown).await;
    }

    /// What becomes of the next call.
    fn burn(&self) -> Option<At> {
        let mut left = self.left.lock().unwrap();
        let (calls, at) = left.as_mut()?;
        if *calls > 0 {
            *calls -= 1;
            return None;
        }
        let now = if self.is_blown() { At::Begin } else { *at };
        self.blown.send_replace(true);
        Some(now)
    }

    /// Lets a call happen, or happen unheard, or not happen.
    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        match self.burn() {
            None => call.await,
            Some(At::Begin) => std::future::pending().await,
            Some(At::End) => {
                call.await;
                std::future::pending().await
            }
        }
    }

    fn pass_blocking<T>(
        &self,
        call: impl FnOnce() -> Result<T, HypervisorError>,
    ) -> Result<T, HypervisorError> {
        let lost = || HypervisorError::Unreachable("the caller is dead".to_owned());
        match self.burn() {
            None => call(),
            Some(At::Begin) => Err(lost()),
            Some(At::End) => call().and(Err(lost())),
        }
    }
}

pub(super) struct Hypervisors(pub(super) SimHypervisor, pub(super) Arc<Fuse>);

impl Hypervisor for Hypervisors {
    fn capacity(&self) -> Result<Figures, HypervisorError> {
        self.0.capacity()
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let domains = self.0.domains();
        tokio::runtime::Handle::current().block_on(self.1.surveying.pass());
        domains
    }

    fn obstacle(&self) -> Result<Option<String>, HypervisorError> {
        self.0.obstacle()
    }

    fn start(&self, spec: &DomainSpec) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.start(spec))
    }

    fn keep(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.keep(id))
    }

    fn shutdown(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.shutdown(id))
    }

    fn reboot(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.reboot(id))
    }

    fn destroy(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.destroy(id))
    }

    fn resume(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.resume(id))
    }

    fn reset(&self, id: InstanceId) -> Result<(), HypervisorError> {
        self.1.pass_blocking(|| self.0.reset(id))
    }
}

pub(super) struct DisksOf(pub(super) SimDisks, pub(super) Arc<Fuse>);

#[async_trait]
impl Disks for DisksOf {
    async fn capacity_gb(&self) -> Result<u64, DiskError> {
        self.0.capacity_gb().await
    }

    async fn prepare(
        &self,
        request: &DiskRequest,
        images: &dyn ImageSource,
        progress: Progress<'_>,
    ) -> Result<PreparedDisks, DiskError> {
        self.1.preparing.pass().await;
        self.1.pass(self.0.prepare(request, images, progress)).await
    }

    async fn discard(&self, user: &UserName, id: InstanceId) -> Result<(), DiskError> {
        self.1.pass(self.0.discard(user, id)).await
    }
}

pub(super) struct NetOf(pub(super) Arc<SimNet>, pub(super) Arc<Fuse>);

#[async_trait]
impl HostNet for NetOf {
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        self.0.apply_router(plan).await
    }

    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError> {
        // A plan that is in force already changes nothing, so it cannot be interrupted.
        if self.0.node() == *plan {
            return self.0.apply_node(plan).await;
        }
        self.1.pass(self.0.apply_node(plan)).await
    }

    async fn refused(
        &self,
        wanted: &BTreeSet<Ipv4Addr>,
        interface: Option<&str>,
    ) -> Result<BTreeMap<Ipv4Addr, String>, HostNetError> {
        self.0.refused(wanted, interface).await
    }

    async fn site_bridge(&self, name: &str) -> Result<Option<SiteBridge>, HostNetError> {
        self.0.site_bridge(name).await
    }

    fn sightings(&self) -> watch::Receiver<Sightings> {
        self.0.sightings()
    }

    async fn path_to(&self, host: &str) -> Result<Path, HostNetError> {
        self.0.path_to(host).await
    }

    async fn router_rules_hold(&self) -> Option<bool> {
        self.0.router_rules_hold().await
    }

    async fn check(&self, passages: &[Passage]) -> Vec<String> {
        self.0.check(passages).await
    }
}
