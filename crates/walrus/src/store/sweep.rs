//! The thread that unlinks blobs: those that deletes and overwrites have set free, and, once
//! after the start, what a crash left.
//!
//! Unlinking never waits for readers: a reader has the file open, or looks the object up again.

use super::record::{BLOBS, GARBAGE, Id};
use super::{Error, Shared};
use redb::{ReadableDatabase, ReadableTable};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

/// The handle of the sweeper thread, held by the committer. Dropping it ends the thread and waits
/// for that, so that the store can be opened again.
pub(super) struct Sweeper {
    freed: Option<mpsc::Sender<Vec<Id>>>,
    thread: Option<JoinHandle<()>>,
    /// Ends the search for orphans early.
    stopping: Arc<AtomicBool>,
    /// Unlinked, and not yet taken out of the garbage table.
    unlinked: Arc<Mutex<Vec<Id>>>,
}

impl Sweeper {
    pub(super) fn start(shared: Arc<Shared>, start: Id) -> Result<Self, Error> {
        let (freed, blobs) = mpsc::channel();
        let unlinked = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::clone(&unlinked);
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = thread::Builder::new().name("walrus-sweep".to_owned()).spawn(move || {
            if let Err(error) = sweep(&shared, start, &done, &stop) {
                tracing::warn!(%error, "blobs that a crash left were not all unlinked");
            }
            for ids in blobs {
                unlink(&shared, ids, &done);
            }
        })?;
        Ok(Self { freed: Some(freed), thread: Some(thread), stopping, unlinked })
    }

    /// Has these blobs unlinked in the background.
    pub(super) fn unlink(&self, ids: Vec<Id>) {
        if let Some(freed) = self.freed.as_ref().filter(|_| !ids.is_empty()) {
            // without the thread the next start unlinks them
            let _ = freed.send(ids);
        }
    }

    /// The ids to take out of the garbage table.
    pub(super) fn take_unlinked(&self) -> Vec<Id> {
        std::mem::take(&mut *self.unlinked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.freed = None;
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // a panic of the thread has been reported already
            let _ = thread.join();
        }
    }
}

fn unlink(shared: &Shared, ids: Vec<Id>, done: &Mutex<Vec<Id>>) {
    for id in ids {
        match shared.blobs.remove(id) {
            Ok(()) => done.lock().unwrap_or_else(PoisonError::into_inner).push(id),
            Err(error) => tracing::warn!(%id, %error, "cannot unlink a blob"),
        }
    }
}

/// Unlinks what the garbage table names and every blob file from before the start that no
/// object refers to.
fn sweep(
    shared: &Shared,
    start: Id,
    done: &Mutex<Vec<Id>>,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let txn = shared.db.begin_read()?;
    let mut garbage = Vec::new();
    for entry in txn.open_table(GARBAGE)?.iter()? {
        garbage.push(Id(entry?.0.value()));
    }
    unlink(shared, garbage, done);
    let live = txn.open_table(BLOBS)?;
    for part in 0..=255 {
        if stop.load(Ordering::Acquire) {
            break;
        }
        for id in shared.blobs.list(part)? {
            if id < start && live.get(id.0)?.is_none() {
                tracing::info!(%id, "unlinking a blob that no object refers to");
                shared.blobs.remove(id)?;
            }
        }
    }
    Ok(())
}
