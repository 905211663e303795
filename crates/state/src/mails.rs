//! Mail that waits for the mail server: kept until it has taken it, tried again later and later.

use crate::database::{Connection, Row, State};
use crate::deeds::NewMail;
use crate::error::{Error, Result};
use crate::fields::Fields;
use types::{RequestId, Timestamp};

/// How many mails may wait: strangers cause some of them.
const MOST_WAITING: i64 = 2000;
/// How long a mail is tried for before it is given up.
const TRIED_FOR_MS: i64 = 4 * 24 * 3_600_000;
const FIRST_PAUSE_MS: i64 = 30_000;
const LONGEST_PAUSE_MS: i64 = 3_600_000;

/// A mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Names it.
    pub id: String,
    /// The mail.
    pub mail: NewMail,
    /// Since when it waits.
    pub queued: Timestamp,
    /// When it is tried next.
    pub next: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub problem: Option<String>,
}

impl State {
    /// The mails that wait, those first that are tried next.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn mails(&self, most: u32) -> Result<Vec<Mail>> {
        let rows = sqlx::query(
            "SELECT id, recipient, subject, body, queued_ms, next_ms, attempts, problem FROM mails
             ORDER BY next_ms, id LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(mail).collect()
    }

    /// Forgets a mail: the mail server has it, or an administrator wants it no more.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn forget_mail(&self, id: String) -> Result<()> {
        self.write(move |db| Box::pin(forget(db, id))).await
    }

    /// Notes why a mail could not be sent; it is tried again later, or given up when it is too
    /// old. Whether it will be tried again.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn mail_failed(&self, id: String, problem: String, now: Timestamp) -> Result<bool> {
        self.write(move |db| Box::pin(failed(db, id, problem, now))).await
    }

    /// Lets all mails that wait be tried now.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn hurry_mails(&self, now: Timestamp) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                sqlx::query("UPDATE mails SET next_ms = $1 WHERE next_ms > $1")
                    .bind(now.millis())
                    .execute(db)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn mail(row: &Row) -> Result<Mail> {
    Ok(Mail {
        id: row.text("id")?,
        mail: NewMail {
            recipient: row.text("recipient")?,
            subject: row.text("subject")?,
            body: row.text("body")?,
        },
        queued: row.time("queued_ms")?,
        next: row.time("next_ms")?,
        attempts: row.number("attempts")?,
        problem: row.maybe_text("problem")?,
    })
}

pub(crate) async fn queue(db: &mut Connection, mail: NewMail, now: Timestamp) -> Result<()> {
    let waiting: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM mails").fetch_one(&mut *db).await?;
    if waiting >= MOST_WAITING {
        return Err(Error::LimitReached { what: "mails that wait to be sent", most: MOST_WAITING });
    }
    sqlx::query(
        "INSERT INTO mails (id, recipient, subject, body, queued_ms, next_ms, attempts)
         VALUES ($1, $2, $3, $4, $5, $5, 0)",
    )
    .bind(RequestId::random().to_string())
    .bind(mail.recipient)
    .bind(mail.subject)
    .bind(mail.body)
    .bind(now.millis())
    .execute(db)
    .await?;
    Ok(())
}

async fn forget(db: &mut Connection, id: String) -> Result<()> {
    sqlx::query("DELETE FROM mails WHERE id = $1").bind(id).execute(db).await?;
    Ok(())
}

async fn failed(db: &mut Connection, id: String, problem: String, now: Timestamp) -> Result<bool> {
    let row = sqlx::query("SELECT queued_ms, attempts FROM mails WHERE id = $1")
        .bind(&id)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(false) };
    if now.millis() - row.time("queued_ms")?.millis() > TRIED_FOR_MS {
        forget(db, id).await?;
        return Ok(false);
    }
    let attempts: u32 = row.number("attempts")?;
    let pause = FIRST_PAUSE_MS.saturating_mul(1 << attempts.min(20)).min(LONGEST_PAUSE_MS);
    sqlx::query("UPDATE mails SET attempts = $1, next_ms = $2, problem = $3 WHERE id = $4")
        .bind(i64::from(attempts) + 1)
        .bind(now.plus_millis(pause).millis())
        .bind(problem)
        .bind(id)
        .execute(db)
        .await?;
    Ok(true)
}
