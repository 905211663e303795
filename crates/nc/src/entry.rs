//! What the node remembers of one instance.

use disks::{Layout, PreparedDisks};
use protocol::{Attachment, InstanceDesired, InstancePhase};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use types::{ClusterName, DiskBus, Figures, Timestamp, Uefi};

/// How far the node has got with an instance. The order is that of its life; each phase is on
/// disk before the work of the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The node has been told of it.
    Accepted,
    /// Its disks are there.
    Prepared,
    /// Its domain was started.
    Started,
    /// It is being stopped; its domain may still be there. On disk before its guest is asked, so
    /// that a domain that ends is known to have been stopped.
    Halting,
    /// It is stopped: its domain is gone and its disks are there.
    Halted,
    /// It is being removed; its domain may still be there. The words on disk are those of the
    /// time when nothing could be stopped but for good.
    #[serde(rename = "stopping")]
    Removing,
    /// Its domain is gone; its tap and disks are being removed.
    #[serde(rename = "stopped")]
    Removed,
    /// Nothing of it is left but this entry and its console.
    Terminated,
}

/// An instance's journal entry: `INSTANCE_PATH/<user>/<id>/instance.json`.
///
/// It holds all that is needed to run the instance on, to answer its metadata requests and to
/// start it again after the host was rebooted, with nobody else to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The instance as the node was last told it should be.
    pub desired: InstanceDesired,
    /// The cluster that the node belonged to when it was told, which is the availability zone.
    pub cluster: ClusterName,
    /// `host:port` of the image source.
    pub image_source: String,
    /// How far the node has got.
    pub phase: Phase,
    /// Why it is being removed or is gone, or what befell it that its owner did not ask for.
    pub reason: Option<String>,
    /// How many of the wanted reboots are done.
    pub reboots: u32,
    /// The host's boot id when its domain was last started or seen; none before the first start.
    pub started_in: Option<String>,
    /// Its disks, once they are prepared.
    pub disks: Option<DiskPaths>,
    /// What it costs the node beside the figures of its VM type, as configured when the node heard
    /// of it; none when that was before there was such a field.
    #[serde(default)]
    pub overhead: Option<Figures>,
    /// When it was terminated.
    pub ended_at: Option<Timestamp>,
    /// Since when it is being stopped.
    #[serde(default)]
    pub halting_since: Option<Timestamp>,
    /// The reboot that its guest was asked for and is not known to have made.
    #[serde(default)]
    pub rebooting: Option<Rebooting>,
    /// When it was started again because its virtual machine had ended, and not by its guest.
    #[serde(default)]
    pub revived_at: Option<Timestamp>,
    /// Whether its virtual machine ended while its host was being shut down, so that its end is no
    /// wish of its guest's.
    #[serde(default)]
    pub went_down_with_host: bool,
    /// The address that the site's DHCP server gave it, as was seen on its tap.
    #[serde(default)]
    pub found_ip: Option<Ipv4Addr>,
}

/// A reboot that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebooting {
    /// How often the instance has been rebooted once this one is done.
    pub wanted: u32,
    /// When its guest was first asked.
    pub since: Timestamp,
}

/// Where an instance's disks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPaths {
    /// The root disk.
    pub root: PathBuf,
    /// The kernel.
    pub kernel: Option<PathBuf>,
    /// The ramdisk.
    pub ramdisk: Option<PathBuf>,
    /// What is on the root disk, and which disks there are beside it.
    #[serde(default)]
    pub layout: Layout,
    /// What a machine that boots with UEFI needs.
    #[serde(default)]
    pub uefi: Option<Uefi>,
    /// What the disks are attached to. It stays as it was when they were made, because the guest
    /// has been told the devices' names.
    #[serde(default)]
    pub bus: DiskBus,
}

impl DiskPaths {
    /// Disks that were made, and what they will be attached to.
    pub(crate) fn new(made: PreparedDisks, bus: DiskBus) -> Self {
        let PreparedDisks { root, kernel, ramdisk, layout, uefi } = made;
        Self { root, kernel, ramdisk, layout, uefi, bus }
    }
}

impl Entry {
    /// The entry of an instance that the node hears of for the first time.
    pub fn accepted(desired: InstanceDesired, cluster: ClusterName, image_source: String) -> Self {
        Self {
            desired,
            cluster,
            image_source,
            phase: Phase::Accepted,
            reason: None,
            reboots: 0,
            started_in: None,
            disks: None,
            overhead: None,
            ended_at: None,
            halting_since: None,
            rebooting: None,
            revived_at: None,
            went_down_with_host: false,
            found_ip: None,
        }
    }

    /// Its address: the one that it was given, else the one that was found.
    pub fn ip(&self) -> Option<Ipv4Addr> {
        self.desired.nic.ip().or(self.found_ip)
    }

    /// Whether it is on the site's own network.
    pub const fn is_on_site(&self) -> bool {
        matches!(self.desired.nic.attachment, Attachment::Site { .. })
    }

    /// Whether only the site's DHCP server knows its address, so that it has to be found.
    pub const fn has_to_be_found(&self) -> bool {
        matches!(self.desired.nic.attachment, Attachment::Site { ip: None })
    }

    /// Takes over what the node was told last; true when that changes the entry.
    pub(crate) fn renew(&mut self, told: &Self) -> bool {
        let known = (&self.desired, &self.cluster, &self.image_source);
        if known == (&told.desired, &told.cluster, &told.image_source) {
            return false;
        }
        self.desired = told.desired.clone();
        self.cluster = told.cluster.clone();
        self.image_source = told.image_source.clone();
        true
    }

    /// Whether the instance has, or is about to have, a place in its network.
    pub fn is_on_the_network(&self) -> bool {
        self.phase < Phase::Removed
    }

    /// The phase that the node reports: how far it has got towards what it was told. It belongs to
    /// the turn that the entry has.
    pub const fn reported_phase(&self) -> InstancePhase {
        match self.phase {
            Phase::Removing | Phase::Removed => InstancePhase::ShuttingDown,
            Phase::Terminated => InstancePhase::Terminated,
            Phase::Halted if self.desired.should_be_stopped() => InstancePhase::Stopped,
            _ if self.desired.should_be_stopped() => InstancePhase::Stopping,
            Phase::Started => InstancePhase::Running,
            _ => InstancePhase::Pending,
        }
    }
}
