//! Signed SOAP messages: each is taken once, also after a restart.

use crate::database::{Connection, State};
use crate::error::Result;
use types::Timestamp;

impl State {
    /// Remembers a message until a time, when it is too old to be taken; whether it was not known
    /// before. It is on disk when this returns.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn remember_message(
        &self,
        digest: String,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(move |db| Box::pin(remember(db, digest, until, now))).await
    }
}

async fn remember(
    db: &mut Connection,
    digest: String,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    sqlx::query("DELETE FROM soap_messages WHERE until_ms <= $1")
        .bind(now.millis())
        .execute(&mut *db)
        .await?;
    let inserted = sqlx::query(
        "INSERT INTO soap_messages (digest, until_ms) VALUES ($1, $2)
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(digest)
    .bind(until.millis())
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
