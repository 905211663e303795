//! The thread that carries out the lifecycles of buckets: an hour after the other it goes through
//! the buckets that have one, and has the committer take away what is due. It keeps nothing in
//! mind from one time to the next, so a crash costs nothing but time.

use super::change::Change;
use super::committer::Job;
use super::configuration::Configuration;
use super::listing::ListQuery;
use super::record::Bucket;
use super::uploads::{UploadLine, UploadsQuery};
use super::version::{Marker, Version, VersionMarker};
use super::version_listing::{Line, VersionsQuery};
use super::{Error, Shared};
use crate::lifecycle::{Due, Lifecycle, Walk, What};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::{mpsc as queue, oneshot};
use types::{Clock, Timestamp};

/// The first time is soon after the start, when clients come back too.
const FIRST: Duration = Duration::from_secs(60);
const PERIOD: Duration = Duration::from_secs(60 * 60);
/// How much is looked at in one snapshot, and taken away by one change.
const PAGE: usize = 1000;
const BATCH: usize = 100;

type Reply = oneshot::Sender<Result<(), Error>>;

/// The thread's handle. Dropping it ends the thread and waits for that.
#[derive(Debug)]
pub(super) struct Keeper {
    pokes: Option<mpsc::Sender<Reply>>,
    thread: Option<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
}

impl Keeper {
    pub(super) fn start(
        shared: Arc<Shared>,
        queue: queue::Sender<Job>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (pokes, poked) = mpsc::channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let pass = Pass { shared, queue, clock, stopping: Arc::clone(&stopping) };
        let thread = thread::Builder::new()
            .name("walrus-lifecycle".to_owned())
            .spawn(move || pass.run(&poked))?;
        Ok(Self { pokes: Some(pokes), thread: Some(thread), stopping })
    }

    /// Has the thread go through all buckets now, and waits until it has.
    pub(super) async fn poke(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let pokes = self.pokes.as_ref().ok_or(Error::Stopping)?;
        pokes.send(reply).map_err(|_| Error::Stopping)?;
        answer.await.map_err(|_| Error::Stopping)?
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pokes = None;
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // a panic of the thread has been reported already
            let _ = thread.join();
        }
    }
}

struct Pass {
    shared: Arc<Shared>,
    queue: queue::Sender<Job>,
    clock: Arc<dyn Clock>,
    stopping: Arc<AtomicBool>,
}

/// A bucket with its lifecycle.
struct Kept {
    name: String,
    bucket: Bucket,
    document: Vec<u8>,
}

impl Pass {
    fn run(&self, poked: &mpsc::Receiver<Reply>) {
        let mut wait = FIRST;
        loop {
            match poked.recv_timeout(wait) {
                // whoever asked may have gone away
                Ok(reply) => drop(reply.send(self.all())),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = self.all() {
                        tracing::warn!(%error, "the lifecycles of buckets are not carried out");
                    }
                    wait = PERIOD;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn all(&self) -> Result<(), Error> {
        let now = self.clock.now();
        for (name, bucket) in self.shared.buckets()? {
            let document = self.shared.configuration(bucket.id, Configuration::Lifecycle)?;
            let Some(document) = document else { continue };
            let kept = Kept { name, bucket, document };
            match self.one(&kept, now) {
                // one bucket must not keep the others from being looked at
                Err(Error::Corrupt(why)) => {
                    tracing::error!(bucket = kept.name, why, "its lifecycle is not carried out");
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn one(&self, kept: &Kept, now: Timestamp) -> Result<(), Error> {
        let lifecycle = Lifecycle::decode(&kept.document, &kept.name)?;
        self.versions(kept, &lifecycle, now)?;
        self.uploads(kept, &lifecycle, now)
    }

    fn versions(&self, kept: &Kept, lifecycle: &Lifecycle, now: Timestamp) -> Result<(), Error> {
        let mut walk = Walk::new(lifecycle, now);
        let prefix = lifecycle.common_prefix().to_owned();
        let keys = ListQuery { prefix, limit: PAGE, ..ListQuery::default() };
        let mut query = VersionsQuery { keys, after: None };
        loop {
            let page = self.shared.versions(kept.bucket.id, &query)?;
            for line in page.lines {
                let Line::Version { key, entry, is_latest } = line else { continue };
                query.after = Some(VersionMarker::At(entry.version()));
                let version = Version::new(self.shared.ids.next(now)?);
                let marker = Marker { version, modified: now, owner: None };
                walk.see(&key, entry, is_latest, marker);
                query.keys.after = key;
                if walk.found() >= BATCH {
                    self.take_away(kept, walk.take())?;
                }
            }
            if !page.truncated {
                break;
            }
        }
        walk.end();
        self.take_away(kept, walk.take())
    }

    fn uploads(&self, kept: &Kept, lifecycle: &Lifecycle, now: Timestamp) -> Result<(), Error> {
        let keys = ListQuery { limit: PAGE, ..ListQuery::default() };
        let mut query = UploadsQuery { keys, after: None };
        loop {
            let page = self.shared.uploads(kept.bucket.id, &query)?;
            let mut due = Vec::new();
            for line in page.lines {
                let UploadLine::Upload(key, id, upload) = line else { continue };
                let aborts = lifecycle.aborts(&key, upload.initiated);
                if aborts.is_some_and(|(due, _)| due <= now) {
                    due.push(Due { key: key.clone(), what: What::Upload(id) });
                }
                (query.keys.after, query.after) = (key, Some(id));
            }
            for batch in due.chunks(BATCH) {
                self.take_away(kept, batch.to_vec())?;
            }
            if !page.truncated {
                return Ok(());
            }
        }
    }

    /// Waits for the committer, so that clients' changes have their turn in between.
    fn take_away(&self, kept: &Kept, due: Vec<Due>) -> Result<(), Error> {
        if self.stopping.load(Ordering::Acquire) {
            return Err(Error::Stopping);
        }
        if due.is_empty() {
            return Ok(());
        }
        tracing::debug!(bucket = kept.name, count = due.len(), "due by the lifecycle");
        let Kept { name, bucket, document } = kept;
        let (name, id, document) = (name.clone(), bucket.id, document.clone());
        let (reply, answer) = oneshot::channel();
        let job = Job { change: Change::Expire { name, id, document, due }, reply };
        self.queue.blocking_send(job).map_err(|_| Error::Stopping)?;
        match answer.blocking_recv().map_err(|_| Error::Stopping)?? {
            Ok(_) => Ok(()),
            // the rules are others by now, or the bucket is gone: the next time will see
            Err(refusal) => {
                tracing::debug!(bucket = kept.name, ?refusal, "its lifecycle has changed");
                Ok(())
            }
        }
    }
}
