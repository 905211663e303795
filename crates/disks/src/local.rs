//! Disks as files under INSTANCE_PATH.
//!
//! ```text
//! INSTANCE_PATH/eucalyptus/cache/<digest>/image          the image, verified, read-only
//! INSTANCE_PATH/eucalyptus/cache/<digest>/image.part     the part of it that has arrived
//! INSTANCE_PATH/eucalyptus/cache/<digest>/part-<GB>-<MB>-<MB>
//!                                                        a disk of three partitions: the image
//!                                                        grown, ephemeral filesystem, swap
//! INSTANCE_PATH/eucalyptus/cache/<digest>/disk-<GB>      a disk that boots by itself, longer
//! INSTANCE_PATH/eucalyptus/cache/blank/ephemeral-<MB>    an empty filesystem; swap-<MB>: swap
//! …/<name>.seal                                          what such a base looked like when made
//! INSTANCE_PATH/<user>/<id>/base, kernel, ramdisk, …     links to what the instance uses of these
//! INSTANCE_PATH/<user>/<id>/root, ephemeral, swap        its overlays over such bases
//! INSTANCE_PATH/<user>/<id>/nvram                        what its firmware remembers (UEFI)
//! ```
//! Everything is made under another name and renamed when complete, so a file with its final name
//! is whole whenever the process may have died. Directories let others through but not look around
//! (0711): QEMU runs as a user of its own, and cached files, which every instance may share, belong
//! to root and are read-only.

mod base;
mod cache;
mod check;
mod claim;
mod count;
mod download;
mod evict;
mod fault;
mod files;
mod firmware;
mod fuse;
mod instance;
mod key;
mod seal;
mod tool;

use crate::{DiskError, DiskRequest, Disks, PreparedDisks, Progress};
use async_trait::async_trait;
use cache::{Cache, Origin};
use fault::{Doing, Fault};
use metrics::Book;
use protocol::ImageSource;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};
use types::{InstanceId, UserName};

/// Between two looks whether the cache has become too large, or the disk too full.
const TEND_EVERY: Duration = Duration::from_secs(60);

/// What the administrator decides about disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// NC_CACHE_SIZE: the MB that the cache may have. What instances use stays even if it is more.
    pub cache_mb: u64,
    /// SWAP_SIZE: the MB of swap space that an instance gets; 0 for none.
    pub swap_mb: u64,
    /// EPHEMERAL_SIZE: the MB of the ephemeral filesystem that an instance gets; 0 for none.
    pub ephemeral_mb: u64,
}

/// The disks of this machine's instances.
#[derive(Debug)]
pub struct LocalDisks {
    instance_path: PathBuf,
    cache: Arc<Cache>,
    options: Options,
}

impl LocalDisks {
    /// Takes charge of INSTANCE_PATH: makes what is missing, removes what a process that died left
    /// half made in the cache. Directories that it does not know stay as they are.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub async fn open(
        instance_path: impl Into<PathBuf>,
        options: Options,
    ) -> Result<Self, DiskError> {
        let instance_path = instance_path.into();
        // The tools are run in other directories, and libvirt in yet another.
        let instance_path = std::path::absolute(&instance_path)
            .doing(|| format!("INSTANCE_PATH {}", instance_path.display()))
            .map_err(|fault| fault.under(&instance_path))?;
        let path = instance_path.clone();
        let made = files::blocking(move || {
            let cache = path.join("eucalyptus/cache");
            files::ensure_dir(&cache)?;
            instance::adopt(&path, &cache)?;
            Cache::open(cache, options.cache_mb.saturating_mul(1 << 20))
        });
        match made.await {
            Ok(cache) => Ok(Self { instance_path, cache: Arc::new(cache), options }),
            Err(fault) => Err(fault.under(&instance_path)),
        }
    }

    /// Checks all that is in the cache once, then keeps the cache as small and the disk as free as
    /// they should be, until `shutdown` completes.
    pub async fn tend(&self, shutdown: impl Future<Output = ()>) {
        let work = async {
            if let Err(fault) = check::check(&self.cache).await {
                warn!(cause = %fault, "the cache was not checked");
            }
            loop {
                if let Err(fault) = evict::make_room(&self.cache, 0, &[]).await {
                    warn!(cause = %fault, "the cache was not made smaller");
                }
                tokio::time::sleep(TEND_EVERY).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown => {}
        }
    }

    fn directory(&self, user: &UserName, id: InstanceId) -> PathBuf {
        self.instance_path.join(user.as_str()).join(id.to_string())
    }

    /// Makes an instance's disks, once more if the disk was full and something of the cache could
    /// go.
    async fn make(
        &self,
        request: &DiskRequest,
        origin: Origin<'_>,
    ) -> Result<PreparedDisks, Fault> {
        match self.try_to_make(request, origin).await {
            Err(Fault::NoSpace(doing)) if self.make_room(request).await? > 0 => {
                info!(id = %request.id, doing, "the disk was full; trying again after making room");
                self.try_to_make(request, origin).await
            }
            made => made,
        }
    }

    async fn try_to_make(
        &self,
        request: &DiskRequest,
        origin: Origin<'_>,
    ) -> Result<PreparedDisks, Fault> {
        let directory = self.directory(&request.user, request.id);
        let waiting = || (origin.progress)("waiting for its earlier preparation to end".to_owned());
        let claim = self.cache.claims.claim(directory, waiting).await;
        cache::ensure(&claim).await?;
        instance::tidy(&claim).await?;
        let made = instance::make(&claim, request, &self.cache, &self.options, origin).await;
        if made.is_err() {
            instance::tidy(&claim).await?;
        }
        made
    }

    /// Removes from the cache what this launch does not use, as far as its disks want room when
    /// they are written full.
    async fn make_room(&self, request: &DiskRequest) -> Result<u64, Fault> {
        let images = [Some(&request.root), request.kernel.as_ref(), request.ramdisk.as_ref()];
        let of = |image: &protocol::ImageRef| self.cache.path.join(image.digest.to_string());
        let keep: Vec<PathBuf> = images.into_iter().flatten().map(of).collect();
        let Options { ephemeral_mb, swap_mb, .. } = self.options;
        let disks = request.disk_gb.saturating_mul(1 << 30);
        let further = ephemeral_mb.saturating_add(swap_mb).saturating_mul(1 << 20);
        evict::make_room(&self.cache, disks.saturating_add(further), &keep).await
    }
}

#[async_trait]
impl Disks for LocalDisks {
    async fn capacity_gb(&self) -> Result<u64, DiskError> {
        let (path, cache) = (self.instance_path.clone(), Arc::clone(&self.cache));
        let bytes = files::blocking(move || {
            let held = files::held_bytes(&path, &instance::OWN)?;
            // What no instance uses gives way when it must.
            let evictable = evict::evictable_bytes(&cache)?;
            Ok(files::free_bytes(&path)?.saturating_add(held).saturating_add(evictable))
        });
        bytes.await.map(|bytes| bytes >> 30).map_err(|fault| fault.under(&self.instance_path))
    }

    fn book(&self) -> Option<&Book> {
        Some(&self.cache.counts.book)
    }

    async fn prepare(
        &self,
        request: &DiskRequest,
        images: &dyn ImageSource,
        progress: Progress<'_>,
    ) -> Result<PreparedDisks, DiskError> {
        let started = Instant::now();
        let origin = Origin { from: &request.image_source, images, progress };
        let made = self.make(request, origin).await;
        let made = made.map_err(|fault| fault.under(&self.instance_path))?;
        info!(id = %request.id, ms = started.elapsed().as_millis(), "disks are ready");
        Ok(made)
    }

    async fn discard(&self, user: &UserName, id: InstanceId) -> Result<(), DiskError> {
        let claim = self.cache.claims.claim(self.directory(user, id), || ()).await;
        let removed = instance::discard(&claim).await;
        removed.map_err(|fault| fault.under(&self.instance_path))
    }
}

#[cfg(test)]
mod tests;
