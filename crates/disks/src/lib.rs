//! Instance disks: an image cache keyed by digest, overlays, partitions, growth, and the key that
//! lets root in.
//!
//! No user's filesystem is ever mounted by the host's kernel.

mod layout;
mod local;
mod sim;
#[cfg(test)]
mod test_images;

pub use layout::Layout;
pub use local::{LocalDisks, Options};
pub use sim::SimDisks;

use async_trait::async_trait;
use metrics::Book;
use protocol::{ImageRef, ImageSource};
use std::path::PathBuf;
use types::{InstanceId, Uefi, UserName};

/// Why disks could not be made, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// The filesystem under INSTANCE_PATH is full.
    #[error("no space left under {path} (INSTANCE_PATH): {detail}")]
    NoSpace {
        /// The directory.
        path: String,
        /// What was being written.
        detail: String,
    },
    /// The image could not be fetched, or is not what was registered.
    #[error("image {image}: {detail}")]
    Image {
        /// The image's id.
        image: String,
        /// What is wrong.
        detail: String,
    },
    /// A tool or the filesystem failed.
    #[error("{0}")]
    Failed(String),
}

/// What an instance's disks are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskRequest {
    /// The instance.
    pub id: InstanceId,
    /// Its owner; the instance's directory is `INSTANCE_PATH/<user>/<id>`.
    pub user: UserName,
    /// `host:port` of the image source.
    pub image_source: String,
    /// The root image; whether it is a filesystem or a disk that boots by itself is part of it.
    pub root: ImageRef,
    /// The kernel.
    pub kernel: Option<ImageRef>,
    /// The ramdisk.
    pub ramdisk: Option<ImageRef>,
    /// The size of the root filesystem, or of the disk that boots by itself, in GB.
    pub disk_gb: u64,
    /// The line for root's `authorized_keys`.
    pub public_key: Option<String>,
}

/// An instance's disks, ready to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedDisks {
    /// The root disk, a qcow2 overlay.
    pub root: PathBuf,
    /// The kernel.
    pub kernel: Option<PathBuf>,
    /// The ramdisk.
    pub ramdisk: Option<PathBuf>,
    /// What is on the root disk, and which disks there are beside it.
    pub layout: Layout,
    /// What a machine that boots with UEFI needs.
    pub uefi: Option<Uefi>,
}

/// Told what is being done, for the `reason` of a pending instance.
pub type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);

/// Where instances' files live.
#[async_trait]
pub trait Disks: Send + Sync {
    /// Gigabytes that instances may use altogether: what is free now and what instances hold.
    ///
    /// # Errors
    /// See [`DiskError`]; so for every method.
    async fn capacity_gb(&self) -> Result<u64, DiskError>;

    /// Makes an instance's disks. Repeating it after a crash gives the same result; it never
    /// touches the disks of a domain that runs (callers look first).
    async fn prepare(
        &self,
        request: &DiskRequest,
        images: &dyn ImageSource,
        progress: Progress<'_>,
    ) -> Result<PreparedDisks, DiskError>;

    /// What is measured of them, if anything is.
    fn book(&self) -> Option<&Book> {
        None
    }

    /// Removes an instance's disks; the console log and the journal entry stay.
    async fn discard(&self, user: &UserName, id: InstanceId) -> Result<(), DiskError>;
}
