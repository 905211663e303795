//! What the node controller is told at its start.

use hypervisor::NicModel;
use std::io;
use std::path::PathBuf;
use types::{DiskBus, Figures, NodeName};

/// A node controller's settings, from `eucalyptus.conf`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node's name, as it stands in NODES and in its certificate.
    pub name: NodeName,
    /// INSTANCE_PATH.
    pub instance_path: PathBuf,
    /// Names the time from one start of the host to the next; see [`host_boot_id`].
    pub boot_id: String,
    /// MAX_CORES, MAX_MEM and MAX_DISK.
    pub limits: Limits,
    /// USE_VIRTIO_ROOT: what the disks of new instances are attached to.
    pub bus: DiskBus,
    /// USE_VIRTIO_NET: the network card that instances get at their next start.
    pub nic: NicModel,
    /// The port of 127.0.0.1 at which the metadata service listens.
    pub metadata_port: u16,
    /// How many launches are worked on at once; the others wait.
    pub concurrent_launches: usize,
}

/// What the administrator lets instances use. None means: what there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// MAX_CORES: replaces the number of cores that was found, up or down.
    pub max_cores: Option<u32>,
    /// MAX_MEM, in MB; only ever less than what was found.
    pub max_memory_mb: Option<u64>,
    /// MAX_DISK, in MB; only ever less than what was found.
    pub max_disk_mb: Option<u64>,
}

impl Limits {
    /// The capacity of a node on which `found` was found.
    pub fn apply(&self, found: &Figures) -> Figures {
        let disk_gb = self.max_disk_mb.map_or(u64::MAX, |mb| mb / 1024);
        Figures {
            cores: self.max_cores.unwrap_or(found.cores),
            memory_mb: found.memory_mb.min(self.max_memory_mb.unwrap_or(u64::MAX)),
            disk_gb: found.disk_gb.min(disk_gb),
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

    #[test]
    fn cores_go_both_ways_memory_and_disk_only_down() {
        let found = Figures { cores: 2, memory_mb: 4096, disk_gb: 50 };
        assert_eq!(Limits::default().apply(&found), found);
        let more = Limits {
            max_cores: Some(16),
            max_memory_mb: Some(9999),
            max_disk_mb: Some(100 * 1024),
        };
        assert_eq!(more.apply(&found), Figures { cores: 16, ..found });
        let less =
            Limits { max_cores: Some(1), max_memory_mb: Some(1024), max_disk_mb: Some(10_000) };
        assert_eq!(less.apply(&found), Figures { cores: 1, memory_mb: 1024, disk_gb: 9 });
    }

    #[test]
    fn this_host_has_a_boot_id() {
        assert_eq!(host_boot_id().unwrap().len(), 36);
    }
}
