//! What the node controller is told at its start.

use hypervisor::NicModel;
use std::io;
use std::path::PathBuf;
use types::{DiskBus, Factor, Figures, NodeName, VnetMode};

/// A node controller's settings, from `eucalyptus.conf`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's name, as it stands in NODES and in its certificate.
    pub name: NodeName,
    /// INSTANCE_PATH.
    pub instance_path: PathBuf,
    /// Names the time from one start of the host to the next; see [`host_boot_id`].
    pub boot_id: String,
    /// What of the machine instances may use.
    pub limits: Limits,
    /// USE_VIRTIO_ROOT: what the disks of new instances are attached to.
    pub bus: DiskBus,
    /// USE_VIRTIO_NET: the network card that instances get at their next start.
    pub nic: NicModel,
    /// VNET_MODE, which its cluster must have too.
    pub mode: VnetMode,
    /// VNET_BRIDGE: the administrator's bridge for instances on the site's own network. Without it
    /// none of these is started.
    pub site_bridge: Option<String>,
    /// What each instance costs beside the figures of its VM type.
    pub overhead: Figures,
    /// VNET_INTERFACE; empty when it is not configured.
    pub interface: String,
    /// The port of 127.0.0.1 at which the metadata service listens.
    pub metadata_port: u16,
    /// How many launches are worked on at once; the others wait.
    pub concurrent_launches: usize,
}

/// Memory that the host keeps for itself, in MB: its kernel, libvirtd and, on a machine that is the
/// whole cloud, the three processes, which together take less than this. It is a fixed figure, as
/// in 1.4 (32 MB there, FACTS 3.5), so that what a machine offers is easily told from what it has.
pub const HOST_MEMORY_MB: u64 = 256;

/// What the administrator lets instances use. None means: what there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Memory in MB that is not offered: [`HOST_MEMORY_MB`].
    pub kept_memory_mb: u64,
    /// OVERCOMMIT_CORES: how many cores are offered for each one found.
    pub cores: Factor,
    /// OVERCOMMIT_MEM.
    pub memory: Factor,
    /// OVERCOMMIT_DISK.
    pub disk: Factor,
    /// MAX_CORES: replaces the number of cores that was found, up or down.
    pub max_cores: Option<u32>,
    /// MAX_MEM, in MB; only ever less than what was found, over-committed.
    pub max_memory_mb: Option<u64>,
    /// MAX_DISK, in MB; only ever less than what was found, over-committed.
    pub max_disk_mb: Option<u64>,
}

impl Limits {
    /// The capacity of a node on which `found` was found.
    pub fn apply(&self, found: &Figures) -> Figures {
        let cores = u32::try_from(self.cores.of(found.cores.into())).unwrap_or(u32::MAX);
        let memory_mb = self.memory.of(found.memory_mb.saturating_sub(self.kept_memory_mb));
        let most_disk_gb = self.max_disk_mb.map_or(u64::MAX, |mb| mb / 1024);
        Figures {
            cores: self.max_cores.unwrap_or(cores),
            memory_mb: memory_mb.min(self.max_memory_mb.unwrap_or(u64::MAX)),
            disk_gb: self.disk.of(found.disk_gb).min(most_disk_gb),
        }
    }
}

/// The boot id of this host: it changes with every start of its kernel.
///
/// # Errors
/// When `/proc` is not mounted.
pub fn host_boot_id() -> io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Figures = Figures { cores: 2, memory_mb: 4096, disk_gb: 50 };

    #[test]
    fn cores_go_both_ways_memory_and_disk_only_down() {
        assert_eq!(Limits::default().apply(&FOUND), FOUND);
        let more = Limits {
            max_cores: Some(16),
            max_memory_mb: Some(9999),
            max_disk_mb: Some(100 * 1024),
            ..Limits::default()
        };
        assert_eq!(more.apply(&FOUND), Figures { cores: 16, ..FOUND });
        let less = Limits {
            max_cores: Some(1),
            max_memory_mb: Some(1024),
            max_disk_mb: Some(10_000),
            ..Limits::default()
        };
        assert_eq!(less.apply(&FOUND), Figures { cores: 1, memory_mb: 1024, disk_gb: 9 });
    }

    #[test]
    fn over_commit_multiplies_what_is_left_for_instances_and_limits_come_last() {
        let factor = |text: &str| text.parse().unwrap();
        let over = Limits {
            kept_memory_mb: HOST_MEMORY_MB,
            cores: factor("4"),
            memory: factor("1.5"),
            disk: factor("2.25"),
            ..Limits::default()
        };
        let offered = Figures { cores: 8, memory_mb: 5760, disk_gb: 112 };
        assert_eq!(over.apply(&FOUND), offered);
        let limited = Limits {
            max_cores: Some(6),
            max_memory_mb: Some(5000),
            max_disk_mb: Some(200 * 1024),
            ..over
        };
        let within = Figures { cores: 6, memory_mb: 5000, ..offered };
        assert_eq!(limited.apply(&FOUND), within);
        let tiny = Figures { cores: 1, memory_mb: 128, disk_gb: 0 };
        assert_eq!(over.apply(&tiny), Figures { cores: 4, memory_mb: 0, disk_gb: 0 });
    }

    #[test]
    fn this_host_has_a_boot_id() {
        assert_eq!(host_boot_id().unwrap().len(), 36);
    }
}
