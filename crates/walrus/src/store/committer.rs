//! The one thread that writes: it takes everything that is queued, makes it durable in one
//! transaction and answers all of it (group commit). A sync costs the same for one change as for
//! a batch.

use super::change::{Change, Freed, Outcome};
use super::record::{GARBAGE, Id};
use super::sweep::Sweeper;
use super::{Error, Shared, durably};
use redb::WriteTransaction;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// The most changes that one transaction takes.
const BATCH: usize = 256;
/// Changes that may wait; clients beyond it wait to be queued.
const QUEUE: usize = 1024;

/// A change and the one who waits for it.
pub(super) struct Job {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// The committer thread's handle. Dropping it writes what is queued and ends the thread.
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread. Blobs with an id below `start` that have no metadata are orphans.
    pub(super) fn start(shared: Arc<Shared>, start: Id) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let sweeper = Sweeper::start(Arc::clone(&shared), start)?;
        let thread = thread::Builder::new()
            .name("walrus-commit".to_owned())
            .spawn(move || run(&shared, &sweeper, jobs))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// For those who send changes of their own. As long as it is there the thread goes on.
    pub(super) fn queue(&self) -> Option<mpsc::Sender<Job>> {
        self.queue.clone()
    }

    pub(super) async fn send(&self, job: Job) -> Result<(), Error> {
        let queue = self.queue.as_ref().ok_or(Error::Stopping)?;
        queue.send(job).await.map_err(|_| Error::Stopping)
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // a panic of the thread has been reported already
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, sweeper: &Sweeper, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        handle(shared, sweeper, batch);
    }
}

fn handle(shared: &Shared, sweeper: &Sweeper, batch: Vec<Job>) {
    let outcome = if shared.read_only.load(Ordering::Acquire) {
        Err(Error::ReadOnly)
    } else {
        commit(shared, sweeper, &batch)
    };
    match outcome {
        Ok(results) => {
            for (job, result) in batch.into_iter().zip(results) {
                if matches!(result, Ok(Ok(_))) {
                    job.change.keep_blob();
                }
                // whoever asked may have gone away
                let _ = job.reply.send(result);
            }
        }
        Err(error) => {
            if !shared.read_only.swap(true, Ordering::AcqRel) {
                tracing::error!(%error, "a write failed, walrus is read-only until a restart");
            }
            for job in batch {
                // the metadata may have reached the disk all the same
                job.change.keep_blob();
                let _ = job.reply.send(Err(Error::ReadOnly));
            }
        }
    }
}

/// Names of blobs first, then the metadata that refers to them.
fn commit(shared: &Shared, sweeper: &Sweeper, batch: &[Job]) -> Result<Vec<Outcome>, Error> {
    shared.blobs.sync_names(batch.iter().filter_map(|job| job.change.blob()))?;
    types::crash_point("walrus.blobs-durable");
    let mut txn = shared.db.begin_write()?;
    durably(&mut txn)?;
    let mut freed = Freed::new();
    let results = apply(&txn, batch, &mut freed)?;
    {
        let mut garbage = txn.open_table(GARBAGE)?;
        for id in sweeper.take_unlinked() {
            garbage.remove(id.0)?;
        }
    }
    txn.commit()?;
    types::crash_point("walrus.committed");
    sweeper.unlink(freed);
    Ok(results)
}

/// Applies a batch. A damaged record is met before its change has changed anything, so it spoils
/// that change only; any other error spoils the transaction.
fn apply(txn: &WriteTransaction, batch: &[Job], freed: &mut Freed) -> Result<Vec<Outcome>, Error> {
    batch
        .iter()
        .map(|job| match job.change.apply(txn, freed) {
            Err(error @ Error::Corrupt(_)) => Ok(Err(error)),
            Err(error) => Err(error),
            Ok(result) => Ok(Ok(result)),
        })
        .collect()
}
