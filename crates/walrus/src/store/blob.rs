//! Blob files: the bytes of one large object each, written once.
//!
//! A blob is created under its final, unique name. What makes it part of the store is the
//! metadata that refers to it; a file without metadata is an orphan that the sweeper unlinks.

use super::record::Id;
use crate::disk::{Blob, Disk, NewBlob};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All blobs.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    disk: Arc<dyn Disk>,
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
    pub(crate) fn on(disk: Arc<dyn Disk>) -> Self {
        Self { disk, pinned: Arc::default() }
    }

    /// Blobs that are made within the same four seconds share a shelf, so that a batch of them
    /// costs one sync of its names.
    pub(super) fn shelf(id: Id) -> u8 {
        (id.0 >> 92) as u8
    }

    /// Starts a blob.
    pub(crate) fn create(&self, id: Id) -> io::Result<PendingBlob> {
        let file = self.disk.create(Self::shelf(id), &id.to_string())?;
        Ok(PendingBlob { id, blobs: self.clone(), file, keep: false })
    }

    /// Opens a blob for reading.
    pub(crate) fn read(&self, id: Id) -> io::Result<Box<dyn Blob>> {
        self.disk.open(Self::shelf(id), &id.to_string())
    }

    /// Makes the names of these blobs durable.
    pub(crate) fn sync_names(&self, ids: impl Iterator<Item = Id>) -> io::Result<()> {
        let mut shelves: Vec<u8> = ids.map(Self::shelf).collect();
        shelves.sort_unstable();
        shelves.dedup();
        shelves.into_iter().try_for_each(|shelf| self.disk.sync_names(shelf))
    }

    /// How much there is room for, in bytes.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
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
        match self.disk.remove(Self::shelf(id), &id.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The ids of all blobs on one of the 256 shelves.
    pub(crate) fn list(&self, shelf: u8) -> io::Result<Vec<Id>> {
        let names = self.disk.list(shelf)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
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

/// A blob that is being written. It is unlinked when dropped before [`keep`](Self::keep).
#[derive(Debug)]
pub(crate) struct PendingBlob {
    id: Id,
    blobs: Blobs,
    file: Box<dyn NewBlob>,
    keep: bool,
}

impl PendingBlob {
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// How much there is room for, in bytes.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        self.blobs.free_bytes()
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)
    }

    /// Makes the bytes durable (not yet the name).
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
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
            let _ = self.blobs.remove(self.id);
        }
    }
}
