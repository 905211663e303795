//! The store: metadata and small objects in one ordered, transactional file (redb), large
//! objects in files of their own, one committer thread that makes changes durable in batches.
//!
//! The ordered store has buckets, their configuration, objects, uploads and their parts, and the
//! bytes of small ones (record.rs). There is one blob per object or part of more than 64 KiB.
//!
//! The order of a PUT is: blob durable, then its name, then metadata, then the answer. A crash
//! leaves at most blobs without metadata, which the sweeper unlinks after the next start.

mod blob;
mod change;
mod check;
mod committer;
mod configuration;
mod content;
mod expire;
mod history;
mod keeper;
mod listing;
mod parts;
mod read;
mod record;
mod recount;
mod scrub;
mod stored;
mod sweep;
mod tables;
mod upload;
mod uploads;
mod usage;
mod version;
mod version_listing;

pub(crate) use blob::{Blobs, PendingBlob};
pub(crate) use change::{Amendment, Change, Done, NewObject, NewPart, Precondition, Refusal};
pub use check::{Check, Finding, Flaw, check, check_on};
pub(crate) use configuration::Configuration;
pub(crate) use history::Entry as VersionEntry;
pub(crate) use listing::{Entry, ListQuery, Listing};
pub(crate) use read::{Found, Source};
pub(crate) use record::{Bucket, Content, Id, Ids, Object, Part, PartsChecksum, Upload};
pub use recount::{BucketUsage, UsageReport, UserUsage};
pub(crate) use scrub::Progress;
pub use scrub::Round;
pub(crate) use stored::Stored;
pub(crate) use uploads::{UploadLine, UploadsQuery};
pub use usage::{Quotas, Usage};
pub(crate) use version::{Marker, Version, VersionId, VersionMarker, Versioning};
pub(crate) use version_listing::{Line, Versions, VersionsQuery};

use crate::disk::Disk;
use committer::{Committer, Job};
use keeper::Keeper;
use redb::{Database, Durability};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::oneshot;
use types::{Clock, Timestamp};

/// The largest object that is kept inside the ordered store.
pub(crate) const INLINE_BYTES: usize = 64 * 1024;
/// Enough for the upper levels of a tree with millions of keys; the page cache does the rest.
const CACHE_BYTES: usize = 24 * 1024 * 1024;

/// Why the store cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A blob could not be written or read.
    #[error("blob: {0}")]
    Blob(#[from] io::Error),
    /// The directory was written by a version that this one does not know.
    #[error(
        "{path} says {found:?}; this version reads {known:?}: use the version that wrote it, or \
         an empty directory"
    )]
    Format {
        /// The FORMAT file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What this version reads.
        known: &'static str,
    },
    /// Another process has the store open.
    #[error("{0} is in use by another process; stop that one first")]
    InUse(PathBuf),
    /// The ordered store failed.
    #[error("ordered store: {0}")]
    Database(Box<redb::Error>),
    /// A record cannot be read.
    #[error("a record of the store is damaged: {0}")]
    Corrupt(String),
    /// A write failed before, so that nothing is written any more until a restart.
    #[error("the store is read-only since a write failed (see the log); restart when repaired")]
    ReadOnly,
    /// The kernel gave no random numbers.
    #[error("the kernel gives no random numbers")]
    NoRandomness,
    /// A task of the runtime was cancelled, because the process is stopping.
    #[error("the process is stopping")]
    Stopping,
}

macro_rules! from_redb {
    ($($kind:ident),*) => {
        $(impl From<redb::$kind> for Error {
            fn from(error: redb::$kind) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })*
    };
}

from_redb!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);

/// What readers, the committer and the sweeper share.
#[derive(Debug)]
pub(crate) struct Shared {
    db: Database,
    pub(crate) blobs: Blobs,
    pub(crate) ids: Ids,
    /// Set when a write failed: what is on disk is unknown until the next start.
    read_only: AtomicBool,
}

/// The open store.
#[derive(Debug)]
pub(crate) struct Store {
    shared: Arc<Shared>,
    /// Before the committer, which it sends changes to.
    keeper: Keeper,
    committer: Committer,
}

impl Store {
    /// Opens the store on a disk, or makes it. Unlinks in the background what a crash left.
    pub(crate) fn open(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let db = open_database(&*disk)?;
        let blobs = Blobs::on(disk);
        let ids = Ids::default();
        let start = ids.next(clock.now())?;
        let read_only = AtomicBool::new(false);
        let shared = Arc::new(Shared { db, blobs, ids, read_only });
        let committer = Committer::start(Arc::clone(&shared), start)?;
        let queue = committer.queue().ok_or(Error::Stopping)?;
        let keeper = Keeper::start(Arc::clone(&shared), queue, clock)?;
        Ok(Self { shared, keeper, committer })
    }

    /// Carries out the lifecycles of all buckets now.
    pub(crate) async fn carry_out_lifecycles(&self) -> Result<(), Error> {
        self.keeper.poke().await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Makes a change durable. The outer error is the store's, the inner one the client's.
    pub(crate) async fn change(&self, change: Change) -> Result<Result<Done, Refusal>, Error> {
        let (reply, answer) = oneshot::channel();
        self.committer.send(Job { change, reply }).await?;
        answer.await.map_err(|_| Error::ReadOnly)?
    }

    /// Runs a read of the store where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || read(&shared)).await.map_err(|_| Error::Stopping)?
    }

    pub(crate) fn new_id(&self, now: Timestamp) -> Result<Id, Error> {
        self.shared.ids.next(now)
    }
}

fn open_database(disk: &dyn Disk) -> Result<Database, Error> {
    let db = disk.database(Database::builder().set_cache_size(CACHE_BYTES))?;
    let mut start = db.begin_write()?;
    durably(&mut start)?;
    start.open_table(record::BUCKETS)?;
    start.open_table(configuration::CONFIGURATIONS)?;
    start.open_table(record::OBJECTS)?;
    start.open_table(record::VERSIONS)?;
    start.open_table(record::NULL_VERSIONS)?;
    start.open_table(record::INLINE)?;
    start.open_table(record::BLOBS)?;
    start.open_table(record::SHARED)?;
    start.open_table(record::UPLOADS)?;
    start.open_table(record::PARTS)?;
    start.open_table(record::GARBAGE)?;
    start.open_table(scrub::SCRUB)?;
    start.commit()?;
    recount::count_once(&db)?;
    Ok(db)
}

/// Every transaction is synced, in two phases so that a torn write cannot pass for a commit, and
/// with what lets a start after a crash skip the scan of the whole file.
fn durably(transaction: &mut redb::WriteTransaction) -> Result<(), Error> {
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(())
}
