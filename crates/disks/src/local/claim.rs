//! Who may change a directory: one at a time, and until the last of its file work has ended.
//!
//! A preparation may be dropped at any point, but file work that a thread has begun, or has still
//! to begin, goes on. Whoever comes next must not meet it, so the work itself holds the claim.

use super::fault::Fault;
use super::files;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The claims of all directories.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<HashMap<PathBuf, Weak<AsyncMutex<()>>>>);

/// A directory that nobody else changes now.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    directory: PathBuf,
    alone: Arc<OwnedMutexGuard<()>>,
}

impl Claims {
    /// Claims a directory; calls `waiting` when somebody else has it.
    pub(super) async fn claim(&self, directory: PathBuf, waiting: impl FnOnce()) -> Claim {
        if let Some(claim) = self.try_claim(&directory) {
            return claim;
        }
        waiting();
        let alone = Arc::new(self.lock(&directory).lock_owned().await);
        Claim { directory, alone }
    }

    /// Claims a directory unless somebody else has it.
    pub(super) fn try_claim(&self, directory: &Path) -> Option<Claim> {
        let alone = self.lock(directory).try_lock_owned().ok()?;
        Some(Claim { directory: directory.to_owned(), alone: Arc::new(alone) })
    }

    fn lock(&self, directory: &Path) -> Arc<AsyncMutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(directory).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(directory.to_owned(), Arc::downgrade(&lock));
        lock
    }
}

impl Claim {
    /// What is claimed.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file in it.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Runs file work where it may block. The directory stays claimed until it has ended, also
    /// when its caller is gone.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let alone = Arc::clone(&self.alone);
        files::blocking(move || {
            let _alone = alone;
            work()
        })
        .await
    }
}
