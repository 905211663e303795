//! Disks as files under INSTANCE_PATH.
//!
//! ```text
//! INSTANCE_PATH/eucalyptus/cache/<digest>/image         the image, verified, read-only
//! INSTANCE_PATH/eucalyptus/cache/<digest>/image.part    the part of it that has arrived
//! INSTANCE_PATH/eucalyptus/cache/<digest>/base-<GB>     the image grown to a VM type's disk
//! INSTANCE_PATH/<user>/<id>/root                        the instance's overlay over such a base
//! ```
//! Everything is made under another name and renamed when complete, so a file with its final name
//! is whole whenever the process may have died. The modification time of a cached file is that of
//! its last use. Directories let others through but not look around (0711): QEMU runs as a user
//! of its own, and cached files, which every instance may share, belong to root and are read-only.

mod base;
mod cache;
mod count;
mod download;
mod fault;
mod files;
mod fuse;
mod key;
mod tool;

use crate::{DiskError, DiskRequest, Disks, PreparedDisks, Progress};
use async_trait::async_trait;
use cache::{Cache, Origin};
use fault::{Doing, Fault};
use metrics::Book;
use protocol::{ImageRef, ImageSource};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tool::Tool;
use tracing::{info, warn};
use types::{InstanceId, UserName};

/// The instance's root disk, in its directory.
const ROOT: &str = "root";
/// The same while it is being made.
const ROOT_BEING_MADE: &str = "root.tmp";

/// The disks of this machine's instances.
#[derive(Debug)]
pub struct LocalDisks {
    instance_path: PathBuf,
    cache: Cache,
}

impl LocalDisks {
    /// Takes charge of INSTANCE_PATH: makes what is missing, removes what a process that died left
    /// half made in the cache. Directories that it does not know stay as they are.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub async fn open(instance_path: impl Into<PathBuf>) -> Result<Self, DiskError> {
        let instance_path = instance_path.into();
        // The tools are run in other directories, and libvirt in yet another.
        let instance_path = std::path::absolute(&instance_path)
            .doing(|| format!("INSTANCE_PATH {}", instance_path.display()))
            .map_err(|fault| fault.under(&instance_path))?;
        let cache = instance_path.join("eucalyptus/cache");
        let made = files::blocking(move || {
            files::ensure_dir(&cache)?;
            Cache::open(cache)
        });
        match made.await {
            Ok(cache) => Ok(Self { instance_path, cache }),
            Err(fault) => Err(fault.under(&instance_path)),
        }
    }

    fn directory(&self, user: &UserName, id: InstanceId) -> PathBuf {
        self.instance_path.join(user.as_str()).join(id.to_string())
    }

    async fn make(
        &self,
        request: &DiskRequest,
        origin: Origin<'_>,
    ) -> Result<PreparedDisks, Fault> {
        let directory = self.directory(&request.user, request.id);
        let made = directory.clone();
        files::blocking(move || files::ensure_dir(&made)).await?;
        tidy(&directory).await?;
        let kernel = self.boot_file(request.kernel.as_ref(), origin).await?;
        let ramdisk = self.boot_file(request.ramdisk.as_ref(), origin).await?;
        let base = self.cache.base(&request.root, request.disk_gb, origin).await?;
        let root = make_root(&directory, &base, request).await;
        if root.is_err() {
            tidy(&directory).await?;
        }
        Ok(PreparedDisks { root: root?, kernel, ramdisk })
    }

    async fn boot_file(
        &self,
        image: Option<&ImageRef>,
        origin: Origin<'_>,
    ) -> Result<Option<PathBuf>, Fault> {
        match image {
            Some(image) => self.cache.image(image, origin).await.map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Disks for LocalDisks {
    async fn capacity_gb(&self) -> Result<u64, DiskError> {
        let path = self.instance_path.clone();
        let bytes = files::blocking(move || {
            Ok(files::free_bytes(&path)?.saturating_add(files::held_bytes(&path, ROOT)?))
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
        let directory = self.directory(user, id);
        let removed = async {
            tidy(&directory).await?;
            files::blocking(move || files::remove(&directory.join(ROOT))).await
        };
        removed.await.map_err(|fault| fault.under(&self.instance_path))
    }
}

/// Makes the overlay with the key in it. An older one of the same instance is replaced.
async fn make_root(directory: &Path, base: &Path, request: &DiskRequest) -> Result<PathBuf, Fault> {
    make_overlay(directory, base).await?;
    if let Some(line) = &request.public_key {
        match key::insert(directory, ROOT_BEING_MADE, base, line).await {
            Ok(()) => {}
            Err(fault @ Fault::NoSpace(_)) => return Err(fault),
            Err(fault) => {
                // A key that metadata offers as well is no reason to refuse the launch.
                warn!(id = %request.id, cause = %fault, "no key was written into the root disk");
                tidy(directory).await?;
                make_overlay(directory, base).await?;
            }
        }
    }
    let (made, root) = (directory.join(ROOT_BEING_MADE), directory.join(ROOT));
    let target = root.clone();
    files::blocking(move || files::publish(&made, &target, 0o600)).await?;
    Ok(root)
}

async fn make_overlay(directory: &Path, base: &Path) -> Result<(), Fault> {
    let options = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"].map(OsStr::new);
    let tool = Tool::new("qemu-img", Duration::from_secs(60)).directory(directory);
    tool.args(options).args([base.as_os_str(), OsStr::new(ROOT_BEING_MADE)]).run().await.map(drop)
}

/// Removes what an interrupted preparation may have left in an instance's directory.
async fn tidy(directory: &Path) -> Result<(), Fault> {
    let directory = directory.to_owned();
    files::blocking(move || {
        fuse::detach(&directory);
        let names = [ROOT_BEING_MADE, fuse::MOUNT_POINT, key::NEW_KEYS];
        names.iter().try_for_each(|name| files::remove(&directory.join(name)))
    })
    .await
}

#[cfg(test)]
mod tests;
