//! Opening the database: backend, migrations, reader pool. The one file that names SQLite.

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::writer::Writer;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};
use std::path::Path;
use std::time::Duration;
use types::{RequestId, Timestamp};

/// A connection within a transaction.
pub(crate) type Connection = sqlx::SqliteConnection;
/// A row of a result.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// A transaction that reads one consistent state.
pub(crate) type Snapshot = sqlx::Transaction<'static, sqlx::Sqlite>;

/// How the writer starts its transaction: holding the write lock from the beginning, so that it
/// never has to give up half way.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// How long a statement waits for another process that holds the file (a backup, for example).
const LOCK_WAIT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// The versions of the schema; a database at version N has had the first N applied.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_ec2_api.sql"),
    include_str!("../migrations/0003_clusters.sql"),
    include_str!("../migrations/0004_images.sql"),
    include_str!("../migrations/0005_nodes.sql"),
    include_str!("../migrations/0006_capacity.sql"),
    include_str!("../migrations/0007_addresses.sql"),
    include_str!("../migrations/0008_modes.sql"),
    include_str!("../migrations/0009_people.sql"),
    include_str!("../migrations/0010_soap.sql"),
];

/// The cloud's state. Cheap to clone; all clones share one writer and one pool of readers.
#[derive(Clone)]
pub struct State {
    writer: Writer,
    readers: SqlitePool,
    /// The call on whose behalf things are changed.
    pub(crate) request: Option<RequestId>,
}

impl State {
    /// Opens the database at `url` (`sqlite:PATH`), making and migrating it as needed.
    ///
    /// # Errors
    /// For a URL of another kind, a database of a later version, and whatever keeps the file from
    /// being opened.
    pub async fn open(url: &str) -> Result<Self> {
        let options = options(url)?;
        let mut connection = options.connect().await?;
        migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // a file does not hang up
            .test_before_acquire(false)
            .connect_with(options.clone().read_only(true).create_if_missing(false))
            .await?;
        Ok(Self { writer: Writer::start(connection, options), readers, request: None })
    }

    /// The same state for what one call changes: desired state then carries the call's id.
    #[must_use]
    pub fn on_behalf_of(&self, request: RequestId) -> Self {
        Self { request: Some(request), ..self.clone() }
    }

    /// Writes something that means nothing, to find out whether anything can be written.
    ///
    /// # Errors
    /// With what keeps the database from being written.
    pub async fn check_writable(&self, now: Timestamp) -> Result<()> {
        self.write(move |db| Box::pin(probe(db, now))).await
    }

    /// Runs `job` as one transaction of the writer; its changes are on disk when this returns.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// The readers, for a single statement: that is a consistent view of its own.
    pub(crate) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// A consistent view of the newest committed state, for several statements.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot> {
        Ok(self.readers.begin().await?)
    }
}

fn options(url: &str) -> Result<SqliteConnectOptions> {
    let (kind, path) = url.split_once(':').unwrap_or(("without a scheme", ""));
    if kind != "sqlite" || path.is_empty() {
        return Err(Error::UnsupportedDatabase { kind: kind.chars().take(20).collect() });
    }
    let path = path.strip_prefix("//").unwrap_or(path);
    Ok(SqliteConnectOptions::new()
        .filename(Path::new(path))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LOCK_WAIT)
        .disable_statement_logging())
}

async fn probe(db: &mut Connection, now: Timestamp) -> Result<()> {
    sqlx::query("UPDATE health SET probed_ms = $1").bind(now.millis()).execute(db).await?;
    Ok(())
}

async fn migrate(connection: &mut Connection) -> Result<()> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    sqlx::query("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .execute(&mut *connection)
        .await?;
    let found = schema_version(connection).await?;
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    for (version, statements) in (1i64..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0))
    {
        apply(connection, version, statements).await?;
        tracing::info!(version, "database schema migrated");
    }
    Ok(())
}

async fn schema_version(connection: &mut Connection) -> Result<i64> {
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version")
        .fetch_one(connection)
        .await?;
    row.number("version")
}

async fn apply(connection: &mut Connection, version: i64, statements: &'static str) -> Result<()> {
    let mut transaction = sqlx::Connection::begin(connection).await?;
    sqlx::raw_sql(statements).execute(&mut *transaction).await?;
    sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
        .bind(version)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
