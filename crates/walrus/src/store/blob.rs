//! Blob files: the bytes of one large object each, written once.
//!
//! A blob is created under its final, unique name. What makes it part of the store is the
//! metadata that refers to it; a file without metadata is an orphan that the sweeper unlinks.

use super::record::Id;
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The directory of all blobs.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: PathBuf,
    pinned: Arc<Mutex<Pinned>>,
}

/// Blobs that stay although nothing of the store refers to them any more.
#[derive(Debug, Default)]
struct Pinned {
    /// How many readers each has.
    readers: HashMap<Id, usize>,
    /// To be unlinked by the last of them.
    doomed: HashSet<Id>,
}

impl Blobs {
    /// Opens the directory and makes its 256 parts when they are not there.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        let blobs = Self { root, pinned: Arc::default() };
        let mut builder = DirBuilder::new();
        builder.mode(0o700).recursive(true);
        for part in 0..=255 {
            builder.create(blobs.dir(part))?;
        }
        sync_dir(&blobs.root)?;
        Ok(blobs)
    }

    fn dir(&self, part: u8) -> PathBuf {
        self.root.join(format!("{part:02x}"))
    }

    /// Blobs that are made within the same four seconds share a directory, so that a batch of
    /// them costs one directory sync.
    fn part(id: Id) -> u8 {
        (id.0 >> 92) as u8
    }

    fn path(&self, id: Id) -> PathBuf {
        self.dir(Self::part(id)).join(id.to_string())
    }

    /// Starts a blob.
    pub(crate) fn create(&self, id: Id) -> io::Result<PendingBlob> {
        let path = self.path(id);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(PendingBlob { id, path, file, keep: false })
    }

    /// Opens a blob for reading.
    pub(crate) fn read(&self, id: Id) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Makes the names of these blobs durable.
    pub(crate) fn sync_names(&self, ids: impl Iterator<Item = Id>) -> io::Result<()> {
        let mut parts: Vec<u8> = ids.map(Self::part).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.into_iter().try_for_each(|part| sync_dir(&self.dir(part)))
    }

    /// Keeps blobs on the disk until the pins are dropped.
    pub(crate) fn pin(&self, ids: Vec<Id>) -> Pins {
        let mut pinned = self.pinned();
        for id in &ids {
            *pinned.readers.entry(*id).or_default() += 1;
        }
        drop(pinned);
        Pins { blobs: self.clone(), ids }
    }

    fn pinned(&self) -> MutexGuard<'_, Pinned> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Unlinks a blob, now or when its last pin is dropped; it may be gone already. After a crash
    /// it is an orphan.
    pub(crate) fn remove(&self, id: Id) -> io::Result<()> {
        let mut pinned = self.pinned();
        if pinned.readers.contains_key(&id) {
            pinned.doomed.insert(id);
            return Ok(());
        }
        drop(pinned);
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The ids of all blob files in one of the 256 directories.
    pub(crate) fn list(&self, part: u8) -> io::Result<Vec<Id>> {
        let names = fs::read_dir(self.dir(part))?.collect::<io::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| name.file_name().to_str()?.parse().ok()).collect())
    }
}

/// Blobs that somebody reads.
#[derive(Debug)]
pub(crate) struct Pins {
    blobs: Blobs,
    ids: Vec<Id>,
}

impl Drop for Pins {
    fn drop(&mut self) {
        let mut unlink = Vec::new();
        let mut pinned = self.blobs.pinned();
        for id in &self.ids {
            let Some(count) = pinned.readers.get_mut(id) else { continue };
            *count -= 1;
            if *count == 0 {
                pinned.readers.remove(id);
                unlink.extend(pinned.doomed.take(id));
            }
        }
        drop(pinned);
        for id in unlink {
            if let Err(error) = self.blobs.remove(id) {
                tracing::warn!(%id, %error, "cannot unlink a blob");
            }
        }
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A blob that is being written. It is unlinked when dropped before [`keep`](Self::keep).
#[derive(Debug)]
pub(crate) struct PendingBlob {
    id: Id,
    path: PathBuf,
    file: File,
    keep: bool,
}

impl PendingBlob {
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the bytes durable (not yet the name).
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// The metadata that refers to this blob is, or may be, durable.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for PendingBlob {
    fn drop(&mut self) {
        if !self.keep {
            // whatever stays behind is an orphan, which the next start sweeps
            let _ = fs::remove_file(&self.path);
        }
    }
}
