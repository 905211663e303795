//! One writer with group commit.
//!
//! Each job but the first runs in a savepoint of its own, so that a refused one leaves nothing
//! behind; all that were waiting share one commit. Nobody is answered before that commit.

use crate::database::{BEGIN_WRITE, Connection};
use crate::error::{Error, Result};
use futures_util::future::BoxFuture;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// How many writes may wait. More are refused: the disk does not keep up.
const QUEUE: usize = 4096;
/// How many share a commit at most, so that the first of them does not wait for ever.
const BATCH: usize = 256;

/// A transaction that somebody waits for.
trait Job: Send {
    /// Runs it; the answer is whether its changes are to be kept.
    fn run<'c>(&'c mut self, connection: &'c mut Connection) -> BoxFuture<'c, bool>;
    /// Answers, once it is known whether the commit that it was part of is on disk.
    fn answer(self: Box<Self>, committed: Result<()>);
}

struct Waiting<T, F> {
    job: Option<F>,
    result: Option<Result<T>>,
    tell: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Waiting<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T>> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut Connection) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            if let Some(job) = self.job.take() {
                self.result = Some(job(connection).await);
            }
            matches!(self.result, Some(Ok(_)))
        })
    }

    fn answer(self: Box<Self>, committed: Result<()>) {
        let result = self.result.unwrap_or_else(|| Err(stopped()));
        // A caller that has gone away needs no answer.
        let _ = self.tell.send(committed.and(result));
    }
}

fn stopped() -> Error {
    Error::Database(Arc::new(sqlx::Error::WorkerCrashed))
}

/// The queue of the one task that writes. The task ends when the last clone is gone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the task. It connects anew with `options` should its connection fail.
    pub(crate) fn start(connection: Connection, options: SqliteConnectOptions) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(Task { jobs, options, connection: Some(connection) }.run());
        Self { queue }
    }

    /// Runs `job`, and returns what it returned once its changes are on disk.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let waiting = Waiting { job: Some(job), result: None, tell };
        self.queue.try_send(Box::new(waiting)).map_err(|_| Error::Overloaded)?;
        told.await.map_err(|_| stopped())?
    }
}

struct Task {
    jobs: mpsc::Receiver<Box<dyn Job>>,
    options: SqliteConnectOptions,
    connection: Option<Connection>,
}

impl Task {
    async fn run(mut self) {
        while let Some(first) = self.jobs.recv().await {
            let mut batch = vec![first];
            let committed = self.commit(&mut batch).await;
            if let Err(error) = &committed {
                tracing::error!(%error, changes = batch.len(), "changes could not be stored");
                // In whatever state the connection is, nothing of this batch may survive in it.
                self.connection = None;
            }
            for job in batch {
                job.answer(committed.clone());
            }
        }
    }

    /// Runs the jobs of `batch`, adding to it what waits meanwhile, and commits once.
    async fn commit(&mut self, batch: &mut Vec<Box<dyn Job>>) -> Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await?),
        };
        execute(connection, BEGIN_WRITE).await?;
        let mut done = 0;
        while let Some(job) = batch.get_mut(done) {
            match done {
                // Most batches are one job, which then needs no savepoint.
                0 => run_alone(connection, job.as_mut()).await?,
                _ => run_in_savepoint(connection, job.as_mut()).await?,
            }
            done += 1;
            if done < BATCH {
                batch.extend(self.jobs.try_recv());
            }
        }
        execute(connection, "COMMIT").await
    }
}

async fn run_alone(connection: &mut Connection, job: &mut dyn Job) -> Result<()> {
    if !job.run(connection).await {
        execute(connection, "ROLLBACK").await?;
        execute(connection, BEGIN_WRITE).await?;
    }
    Ok(())
}

async fn run_in_savepoint(connection: &mut Connection, job: &mut dyn Job) -> Result<()> {
    execute(connection, "SAVEPOINT job").await?;
    if !job.run(connection).await {
        execute(connection, "ROLLBACK TO SAVEPOINT job").await?;
    }
    execute(connection, "RELEASE SAVEPOINT job").await
}

async fn execute(connection: &mut Connection, statement: &'static str) -> Result<()> {
    sqlx::query(statement).execute(connection).await?;
    Ok(())
}
