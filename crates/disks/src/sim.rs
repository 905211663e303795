//! Disks in memory: made at once, failing on demand.

use crate::{DiskError, DiskRequest, Disks, Layout, PreparedDisks, Progress};
use async_trait::async_trait;
use protocol::{ImageRef, ImageSource};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{Boot, InstanceId, Uefi, UserName};

/// Simulated disks. Clones are handles on the same ones, so they outlive a simulated restart of
/// the node controller, as real ones do.
#[derive(Debug, Clone)]
pub struct SimDisks {
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Debug, Default)]
struct Shelf {
    capacity_gb: u64,
    held: BTreeMap<InstanceId, DiskRequest>,
    preparations: BTreeMap<InstanceId, u32>,
    failures: VecDeque<DiskError>,
    blind: Option<DiskError>,
}

impl SimDisks {
    /// Room for this many gigabytes, nothing held.
    pub fn new(capacity_gb: u64) -> Self {
        let shelf = Shelf { capacity_gb, ..Shelf::default() };
        Self { shelf: Arc::new(Mutex::new(shelf)) }
    }

    /// The next preparation fails with this error. Errors queue up.
    pub fn fail_next_prepare(&self, error: DiskError) {
        self.shelf().failures.push_back(error);
    }

    /// What there is cannot be told from now on, for this reason, or can again.
    pub fn blind(&self, error: Option<DiskError>) {
        self.shelf().blind = error;
    }

    /// The instances whose disks exist.
    pub fn held(&self) -> Vec<InstanceId> {
        self.shelf().held.keys().copied().collect()
    }

    /// What an instance's disks were made from.
    pub fn request(&self, id: InstanceId) -> Option<DiskRequest> {
        self.shelf().held.get(&id).cloned()
    }

    /// How often an instance's disks were made.
    pub fn preparations(&self, id: InstanceId) -> u32 {
        self.shelf().preparations.get(&id).copied().unwrap_or(0)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Disks for SimDisks {
    async fn capacity_gb(&self) -> Result<u64, DiskError> {
        let shelf = self.shelf();
        shelf.blind.clone().map_or(Ok(shelf.capacity_gb), Err)
    }

    async fn prepare(
        &self,
        request: &DiskRequest,
        _images: &dyn ImageSource,
        progress: Progress<'_>,
    ) -> Result<PreparedDisks, DiskError> {
        progress(format!("making the disks of {}", request.id));
        let mut shelf = self.shelf();
        if let Some(error) = shelf.failures.pop_front() {
            return Err(error);
        }
        shelf.held.insert(request.id, request.clone());
        *shelf.preparations.entry(request.id).or_default() += 1;
        let cached = |image: &ImageRef| PathBuf::from(format!("/sim/cache/{}", image.digest));
        let directory = Path::new("/sim").join(request.user.as_str()).join(request.id.to_string());
        let boot = request.root.boot;
        Ok(PreparedDisks {
            root: directory.join("root"),
            kernel: request.kernel.as_ref().map(cached),
            ramdisk: request.ramdisk.as_ref().map(cached),
            layout: match boot {
                Boot::Kernel => Layout::Partitions { ephemeral: false, swap: true },
                Boot::Bios | Boot::Uefi => {
                    Layout::Disks { ephemeral: None, swap: Some(directory.join("swap")) }
                }
            },
            uefi: (boot == Boot::Uefi).then(|| Uefi {
                code: PathBuf::from("/sim/firmware"),
                nvram: directory.join("nvram"),
            }),
        })
    }

    async fn discard(&self, _user: &UserName, id: InstanceId) -> Result<(), DiskError> {
        self.shelf().held.remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_images::{Images, request};

    #[tokio::test]
    async fn disks_come_and_go_and_a_fault_hits_once() {
        let (sim, images) = (SimDisks::new(7), Images::default());
        let request = request(&images.add(b"root"));
        sim.fail_next_prepare(DiskError::Failed("broken".into()));
        assert!(sim.prepare(&request, &images, &|_| ()).await.is_err());
        assert_eq!(sim.held(), []);
        let other_handle = sim.clone();
        other_handle.prepare(&request, &images, &|_| ()).await.unwrap();
        assert_eq!((sim.held(), sim.preparations(request.id)), (vec![request.id], 1));
        assert_eq!(sim.request(request.id).unwrap(), request);
        sim.discard(&request.user, request.id).await.unwrap();
        sim.discard(&request.user, request.id).await.unwrap();
        assert_eq!((sim.held(), sim.capacity_gb().await.unwrap()), (vec![], 7));
    }
}
