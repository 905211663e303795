//! A machine that runs instances, and the node controllers that come and go on it.

use crate::adapters::{FusedDisks, FusedHypervisor, FusedNet, Shelf, SimHost};
use crate::clock::SimClock;
use crate::fuse::Fuse;
use crate::rng::Rng;
use crate::wire::{Caller, Wire};
use cloud::Cloud;
use hostnet::SimNet;
use hypervisor::{Domain, Hypervisor, SimHypervisor};
use nc::metadata::Unattended;
use nc::{Adapters, Limits, Nc, Settings};
use protocol::NodeDesired;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use types::{Figures, MacAddr, NodeName, VnetMode};

/// The port of the metadata service, which nobody serves here.
pub(crate) const METADATA_PORT: u16 = 8776;

/// VNET_BRIDGE, which every administrator of these machines has made.
pub(crate) const BRIDGE: (&str, MacAddr) = ("br0", MacAddr([2, 0, 0, 0, 0, 1]));

/// What each instance costs a machine beside its figures: the disk of its swap partition.
pub(crate) const OVERHEAD: Figures = Figures { cores: 0, memory_mb: 0, disk_gb: 1 };

pub(crate) struct Machine {
    pub(crate) name: NodeName,
    pub(crate) capacity: Figures,
    /// The place of its cluster in the list of clusters.
    pub(crate) site: usize,
    /// VNET_MODE.
    pub(crate) mode: VnetMode,
    pub(crate) hypervisor: SimHypervisor,
    /// Whether the hypervisor can be reached.
    reachable: bool,
    pub(crate) shelf: Shelf,
    pub(crate) net: Arc<SimNet>,
    /// Domains that somebody else started.
    pub(crate) foreign: BTreeSet<String>,
    pub(crate) wire: Arc<Wire<Nc, NodeDesired>>,
    pub(crate) fuse: Arc<Fuse>,
    instance_path: PathBuf,
    concurrent_launches: usize,
    boots: u32,
    /// Whether it is being shut down.
    goes_down: Arc<AtomicBool>,
}

impl Machine {
    pub(crate) fn new(
        (name, capacity, site): (NodeName, Figures, usize),
        net: Arc<SimNet>,
        instance_path: PathBuf,
        concurrent_launches: usize,
        rng: Rng,
    ) -> Self {
        Self {
            name,
            capacity,
            site,
            mode: VnetMode::Managed,
            hypervisor: SimHypervisor::new(capacity),
            reachable: true,
            shelf: Shelf::new(capacity.disk_gb),
            net,
            foreign: BTreeSet::new(),
            wire: Wire::new(rng),
            fuse: Arc::default(),
            instance_path,
            concurrent_launches,
            boots: 0,
            goes_down: Arc::default(),
        }
    }

    /// Starts a node controller over what the last one left.
    pub(crate) fn open(&mut self, clock: &Arc<SimClock>, images: &Arc<Wire<Cloud, ()>>) {
        self.fuse = Arc::default();
        let (bridge, mac) = BRIDGE;
        self.net.set_bridge(bridge, Some(mac));
        let fuse = || Arc::clone(&self.fuse);
        let settings = Settings {
            name: self.name.clone(),
            instance_path: self.instance_path.clone(),
            boot_id: format!("boot-{}", self.boots),
            limits: Limits::default(),
            bus: types::DiskBus::Virtio,
            nic: hypervisor::NicModel::Virtio,
            overhead: OVERHEAD,
            interface: String::new(),
            mode: self.mode,
            site_bridge: (self.mode != VnetMode::Managed).then(|| bridge.to_owned()),
            metadata_port: METADATA_PORT,
            concurrent_launches: self.concurrent_launches,
        };
        let adapters = Adapters {
            hypervisor: Arc::new(FusedHypervisor(self.hypervisor.clone(), fuse())),
            disks: Arc::new(FusedDisks(self.shelf.clone(), fuse())),
            net: Arc::new(FusedNet(Arc::clone(&self.net), fuse())),
            images: Arc::new(Caller { wire: Arc::clone(images), fuse: fuse() }),
            clock: Arc::<SimClock>::clone(clock),
            metadata: Arc::new(Unattended),
            host: Arc::new(SimHost(Arc::clone(&self.goes_down))),
        };
        self.wire.plug(Arc::new(Nc::open(settings, adapters).expect("the journal is readable")));
    }

    /// Somebody starts a domain that is none of our business.
    pub(crate) fn add_foreign(&mut self, name: &str) {
        self.hypervisor.add_foreign(name);
        self.foreign.insert(name.to_owned());
    }

    /// The machine loses power and comes back; its node controller must be dead already.
    pub(crate) fn power_cut(&mut self) {
        self.hypervisor.power_cut();
        self.net.reboot();
        self.foreign.clear();
        self.boots += 1;
        self.goes_down.store(false, Ordering::SeqCst);
    }

    /// The machine begins to shut down, and its guests have done what libvirt asks of them then.
    pub(crate) fn begin_to_shut_down(&self) {
        self.goes_down.store(true, Ordering::SeqCst);
        for id in self.hypervisor.ever_started() {
            if self.hypervisor.is_running(id) {
                self.hypervisor.power_off(id);
            }
        }
    }

    pub(crate) fn set_reachable(&mut self, reachable: bool) {
        self.reachable = reachable;
        self.hypervisor.set_reachable(reachable);
    }

    /// The domains, whether or not the hypervisor can be reached by others.
    pub(crate) fn domains(&self) -> Vec<Domain> {
        self.hypervisor.set_reachable(true);
        let domains = self.hypervisor.domains().expect("it can be reached");
        self.hypervisor.set_reachable(self.reachable);
        domains
    }

    /// All that is wrong with its parts is repaired.
    pub(crate) fn repair(&mut self) {
        self.set_reachable(true);
        self.shelf.set_quick(true);
        self.net.fail_with(None);
    }
}
