//! The simulated adapters of one component: they stop working when it dies.

use crate::fuse::Fuse;
use async_trait::async_trait;
use disks::{DiskError, DiskRequest, Disks, PreparedDisks, Progress, SimDisks};
use hostnet::{Applied, HostNet, HostNetError, Passage, Path, Sightings, SimNet};
use hypervisor::{Domain, DomainSpec, Hypervisor, HypervisorError, SimHypervisor};
use nc::Host;
use netplan::{NodePlan, RouterPlan, SiteBridge};
use protocol::{Digest, ImageRef, ImageSource};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use types::{Figures, InstanceId, UserName};

/// How often a download is begun before it is given up.
const ATTEMPTS: u32 = 3;

pub(crate) struct FusedHypervisor(pub(crate) SimHypervisor, pub(crate) Arc<Fuse>);

impl Hypervisor for FusedHypervisor {
    fn capacity(&self) -> Result<Figures, HypervisorError> {
        self.0.capacity()
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.0.domains()
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

/// Whether the machine is being shut down.
pub(crate) struct SimHost(pub(crate) Arc<AtomicBool>);

#[async_trait]
impl Host for SimHost {
    async fn goes_down(&self) -> Result<bool, String> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct FusedNet(pub(crate) Arc<SimNet>, pub(crate) Arc<Fuse>);

#[async_trait]
impl HostNet for FusedNet {
    async fn apply_router(&self, plan: &RouterPlan) -> Result<Applied, HostNetError> {
        self.1.pass(self.0.apply_router(plan)).await
    }

    async fn apply_node(&self, plan: &NodePlan) -> Result<Applied, HostNetError> {
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

/// A machine's disks, with an image cache; they outlive its node controllers.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) disks: SimDisks,
    cached: Arc<Mutex<BTreeSet<Digest>>>,
    /// False while nothing can be made.
    quick: watch::Sender<bool>,
}

impl Shelf {
    pub(crate) fn new(capacity_gb: u64) -> Self {
        Self {
            disks: SimDisks::new(capacity_gb),
            cached: Arc::default(),
            quick: watch::Sender::new(true),
        }
    }

    /// Holds all preparations up, or lets them go on.
    pub(crate) fn set_quick(&self, quick: bool) {
        self.quick.send_replace(quick);
    }

    pub(crate) fn is_quick(&self) -> bool {
        *self.quick.borrow()
    }

    async fn fetch(
        &self,
        request: &DiskRequest,
        images: &dyn ImageSource,
    ) -> Result<(), DiskError> {
        for image in [Some(&request.root), request.kernel.as_ref(), request.ramdisk.as_ref()] {
            let Some(image) = image else { continue };
            if !self.cached.lock().unwrap().contains(&image.digest) {
                download(&request.image_source, image, images).await?;
                self.cached.lock().unwrap().insert(image.digest);
            }
        }
        Ok(())
    }
}

/// Fetches an image and looks at its bytes.
async fn download(from: &str, image: &ImageRef, images: &dyn ImageSource) -> Result<(), DiskError> {
    let mut detail = String::new();
    for _ in 0..ATTEMPTS {
        match images.open(from, image, 0).await {
            Ok(mut stream) => {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await.expect("a simulated image can be read");
                let found = signature::sha256_hex(&bytes);
                assert_eq!(found, image.digest.to_string(), "the cloud sent other bytes");
                return Ok(());
            }
            Err(error) => detail = error.to_string(),
        }
    }
    Err(DiskError::Image { image: image.id.to_string(), detail })
}

pub(crate) struct FusedDisks(pub(crate) Shelf, pub(crate) Arc<Fuse>);

#[async_trait]
impl Disks for FusedDisks {
    async fn capacity_gb(&self) -> Result<u64, DiskError> {
        self.0.disks.capacity_gb().await
    }

    async fn prepare(
        &self,
        request: &DiskRequest,
        images: &dyn ImageSource,
        progress: Progress<'_>,
    ) -> Result<PreparedDisks, DiskError> {
        let mut quick = self.0.quick.subscribe();
        // The sender is part of the shelf and cannot be gone.
        let _ = quick.wait_for(|quick| *quick).await;
        self.0.fetch(request, images).await?;
        self.1.pass(self.0.disks.prepare(request, images, progress)).await
    }

    async fn discard(&self, user: &UserName, id: InstanceId) -> Result<(), DiskError> {
        self.1.pass(self.0.disks.discard(user, id)).await
    }
}
