//! Who is logged in on the console. They stay so over a restart of the cloud.

use crate::database::{Connection, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use types::{AccountId, Timestamp, UserName};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// A session that was not asked to be remembered ends after this time without a request.
const IDLE_MS: i64 = 12 * 60 * MINUTE_MS;
/// One that was ends so long after its begin (1.4's "Remember me on this computer").
const REMEMBERED_MS: i64 = 7 * DAY_MS;
/// When a session was used is written down no more often than this.
const USED_EVERY_MS: i64 = MINUTE_MS;

/// How many sessions a user may have; with one more the oldest ends.
const MOST_SESSIONS: i64 = 50;

/// A session to begin.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// SHA-256 of what the browser is given, in hex.
    pub digest: String,
    /// Who has logged in.
    pub account: AccountId,
    /// Whether it lasts beyond the browser's run.
    pub remembered: bool,
}

impl State {
    /// Begins a session, and forgets those that have ended.
    ///
    /// # Errors
    /// A database error when there is no such account.
    pub async fn begin_session(&self, new: NewSession, now: Timestamp) -> Result<()> {
        self.write(move |db| Box::pin(begin(db, new, now))).await
    }

    /// Whose session it is that a browser shows, if it goes on.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn session(&self, digest: &str, now: Timestamp) -> Result<Option<UserName>> {
        let row = sqlx::query(
            "SELECT name, used_ms FROM sessions JOIN users ON users.account = sessions.account
             WHERE digest = $1
             AND ((remembered = 1 AND begun_ms > $2) OR (remembered = 0 AND used_ms > $3))",
        )
        .bind(digest)
        .bind(now.millis() - REMEMBERED_MS)
        .bind(now.millis() - IDLE_MS)
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let used: i64 = row.number("used_ms")?;
        if now.millis() - used > USED_EVERY_MS {
            self.note_use(digest.to_owned(), now).await?;
        }
        Ok(Some(row.parsed("name")?))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn end_session(&self, digest: String) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                sqlx::query("DELETE FROM sessions WHERE digest = $1")
                    .bind(digest)
                    .execute(db)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn note_use(&self, digest: String, now: Timestamp) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                sqlx::query("UPDATE sessions SET used_ms = $1 WHERE digest = $2")
                    .bind(now.millis())
                    .bind(digest)
                    .execute(db)
                    .await?;
                Ok::<_, Error>(())
            })
        })
        .await
    }
}

async fn begin(db: &mut Connection, new: NewSession, now: Timestamp) -> Result<()> {
    sqlx::query(
        "DELETE FROM sessions WHERE (remembered = 1 AND begun_ms <= $1)
             OR (remembered = 0 AND used_ms <= $2)",
    )
    .bind(now.millis() - REMEMBERED_MS)
    .bind(now.millis() - IDLE_MS)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE account = $1
             ORDER BY used_ms DESC, digest LIMIT -1 OFFSET $2)",
    )
    .bind(new.account.to_string())
    .bind(MOST_SESSIONS - 1)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO sessions (digest, account, remembered, begun_ms, used_ms)
         VALUES ($1, $2, $3, $4, $4)",
    )
    .bind(new.digest)
    .bind(new.account.to_string())
    .bind(i64::from(new.remembered))
    .bind(now.millis())
    .execute(db)
    .await?;
    Ok(())
}
