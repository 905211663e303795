//! A node controller over simulated adapters, told things, restarted and looked at.

mod ends;
mod faults;
mod host;
mod joined;
mod launch;
#[macro_use]
mod restart;
mod power;
mod reboot;
mod site;
mod sync;
mod watched;

use crate::metadata::Unattended;
use crate::settings::{Limits, Settings};
use crate::testing::{in_group, instance};
use crate::{Adapters, Host, Nc};
use async_trait::async_trait;
use disks::SimDisks;
use faults::Fuse;
use hostnet::SimNet;
use hypervisor::SimHypervisor;
use netplan::NodePlan;
use protocol::{
    CallError, Goal, ImageRef, ImageSource, InstanceDesired, InstanceObserved, InstancePhase,
    NodeApi, NodeDesired,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::AsyncRead;
use types::{Clock, Figures, InstanceId, Timestamp, VnetMode};

const ONE: &str = "i-00000001";
const TWO: &str = "i-00000002";
/// The administrator's bridge, in the modes that need one.
const BRIDGE: &str = "br0";
const CAPACITY: Figures = Figures { cores: 8, memory_mb: 8192, disk_gb: 100 };

/// A host that outlives the node controllers that run on it.
struct World {
    home: TempDir,
    hypervisor: SimHypervisor,
    disks: SimDisks,
    net: Arc<SimNet>,
    clock: Arc<ManualClock>,
    /// What the node controller calls burns it.
    fuse: Arc<Fuse>,
    host: Arc<FakeHost>,
    boot_id: String,
    limits: Limits,
    mode: VnetMode,
    overhead: Figures,
    generation: u64,
    nc: Option<Nc>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            home: tempfile::tempdir().unwrap(),
            hypervisor: SimHypervisor::new(CAPACITY),
            disks: SimDisks::new(CAPACITY.disk_gb),
            net: Arc::default(),
            clock: Arc::default(),
            fuse: Arc::default(),
            host: Arc::default(),
            boot_id: "boot-1".to_owned(),
            limits: Limits::default(),
            mode: VnetMode::Managed,
            overhead: Figures::default(),
            generation: 0,
            nc: None,
        };
        world.restart();
        world
    }

    /// Kills the node controller and starts another.
    fn restart(&mut self) {
        self.nc = None;
        let settings = Settings {
            name: "node1".parse().unwrap(),
            instance_path: self.home.path().to_owned(),
            boot_id: self.boot_id.clone(),
            limits: self.limits,
            bus: types::DiskBus::Virtio,
            nic: hypervisor::NicModel::Virtio,
            mode: self.mode,
            site_bridge: (self.mode != VnetMode::Managed).then(|| BRIDGE.to_owned()),
            overhead: self.overhead,
            interface: "eth0".to_owned(),
            metadata_port: 8776,
            concurrent_launches: 4,
        };
        self.nc = Some(Nc::open(settings, self.adapters()).unwrap());
    }

    fn adapters(&self) -> Adapters {
        Adapters {
            hypervisor: Arc::new(faults::Hypervisors(self.hypervisor.clone(), self.fuse.clone())),
            disks: Arc::new(faults::DisksOf(self.disks.clone(), self.fuse.clone())),
            net: Arc::new(faults::NetOf(self.net.clone(), self.fuse.clone())),
            images: Arc::new(NoImages),
            clock: self.clock.clone(),
            metadata: Arc::new(Unattended),
            host: self.host.clone(),
        }
    }

    /// The host loses power and comes back.
    fn reboot_host(&mut self) {
        self.hypervisor.power_cut();
        self.net.reboot();
        self.boot_id.push('+');
        self.restart();
    }

    fn nc(&self) -> &Nc {
        self.nc.as_ref().unwrap()
    }

    fn desired(&mut self, instances: Vec<InstanceDesired>) -> NodeDesired {
        self.generation += 1;
        NodeDesired {
            generation: self.generation,
            sequence: 0,
            node: "node1".parse().unwrap(),
            cluster: "zone".parse().unwrap(),
            image_source: "head:8773".to_owned(),
            instances,
            networks: Vec::new(),
            fabric: None,
        }
    }

    /// Tells the node what should be, without a pass.
    async fn tell(&mut self, instances: Vec<InstanceDesired>) {
        let desired = self.desired(instances);
        self.nc().sync(desired).await.unwrap();
    }

    /// Tells the node what should be and waits until it has done what it can.
    async fn bring_about(&mut self, instances: Vec<InstanceDesired>) {
        self.tell(instances).await;
        self.settle().await;
    }

    /// Passes until nothing changes any more.
    async fn settle(&self) {
        let mut before = None;
        for _ in 0..10 {
            self.nc().pass().await;
            self.nc().settle().await;
            let now = self.nc().observe(None, 0).await.unwrap().revision;
            if before == Some(now) {
                return;
            }
            before = Some(now);
        }
        panic!("the node does not come to rest");
    }

    async fn observed(&self, id: &str) -> Option<InstanceObserved> {
        let id: InstanceId = id.parse().unwrap();
        let observed = self.nc().observe(None, 0).await.unwrap();
        observed.instances.into_iter().find(|instance| instance.id == id)
    }

    async fn phase(&self, id: &str) -> Option<InstancePhase> {
        self.observed(id).await.map(|it| it.phase)
    }

    async fn reason(&self, id: &str) -> String {
        self.observed(id).await.unwrap().reason.unwrap_or_default()
    }

    async fn problems(&self) -> Vec<String> {
        self.nc().observe(None, 0).await.unwrap().problems
    }

    /// The names of the domains that the hypervisor has.
    fn domains(&self) -> Vec<String> {
        let domains = hypervisor::Hypervisor::domains(&self.hypervisor).unwrap();
        domains.into_iter().map(|domain| domain.name).collect()
    }

    fn starts(&self, id: &str) -> u32 {
        self.hypervisor.starts(id.parse().unwrap())
    }

    fn directory(&self, id: &str) -> PathBuf {
        self.home.path().join("alice").join(id)
    }

    /// Nothing of any instance is left but journal and console.
    fn assert_all_given_back(&self, context: &str) {
        assert!(self.domains().is_empty(), "domains {context}");
        assert_eq!(self.disks.held(), [], "disks {context}");
        assert_eq!(self.net.node(), empty_plan(), "network {context}");
    }
}

/// What a node without instances applies.
fn empty_plan() -> NodePlan {
    netplan::node_plan(&netplan::NodeInput {
        metadata_port: 8776,
        interface: "eth0",
        ..netplan::NodeInput::default()
    })
}

fn ended(id: &str) -> InstanceDesired {
    InstanceDesired { goal: Goal::Terminate, ..instance(id) }
}

fn rebooted(id: &str, reboots: u32) -> InstanceDesired {
    InstanceDesired { reboots, ..instance(id) }
}

#[derive(Default)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn advance(&self, millis: u64) {
        self.0.fetch_add(millis as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What the host says of itself, and how often it was asked.
#[derive(Default)]
struct FakeHost {
    goes_down: Mutex<Option<Result<bool, String>>>,
    asked: AtomicI64,
}

impl FakeHost {
    fn says(&self, goes_down: Result<bool, &str>) {
        *self.goes_down.lock().unwrap() = Some(goes_down.map_err(str::to_owned));
    }
}

#[async_trait]
impl Host for FakeHost {
    async fn goes_down(&self) -> Result<bool, String> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.goes_down.lock().unwrap().clone().unwrap_or(Ok(false))
    }
}

/// The simulated disks fetch nothing.
struct NoImages;

#[async_trait]
impl ImageSource for NoImages {
    async fn open(
        &self,
        _from: &str,
        image: &ImageRef,
        _offset: u64,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, CallError> {
        Err(CallError::NotFound(image.id.to_string()))
    }
}
