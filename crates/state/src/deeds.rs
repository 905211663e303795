//! What is kept along with a change, in its own transaction: who made it, and the mails that tell
//! of it. So nothing is done unseen, and no mail tells of what was not done.

use crate::database::{Connection, Row, State};
use crate::error::Result;
use crate::fields::Fields;
use types::{RequestId, Timestamp};

/// How many entries the log of deeds keeps.
const MOST_ENTRIES: i64 = 100_000;

/// A deed, to be kept with what it does.
#[derive(Debug, Clone)]
pub struct Deed {
    /// Who does it: a user's name.
    pub actor: String,
    /// What: a few words, "approve account".
    pub action: &'static str,
    /// To what.
    pub object: String,
    /// Mails that tell of it.
    pub mails: Vec<NewMail>,
    /// When.
    pub at: Timestamp,
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Names it.
    pub id: String,
    /// When it was.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
}

impl State {
    /// Notes a deed that changes nothing here.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn note(&self, deed: Deed) -> Result<()> {
        self.write(move |db| Box::pin(async move { deed.record(db).await })).await
    }

    /// The newest entries of the log, at most `most` of them before `before`; of all or, where an
    /// actor is given, of theirs.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn deeds(
        &self,
        actor: Option<&str>,
        before: Timestamp,
        most: u32,
    ) -> Result<Vec<Logged>> {
        let rows = sqlx::query(
            "SELECT id, at_ms, actor, action, object FROM audit
             WHERE at_ms < $1 AND (actor = $2 OR $2 IS NULL) ORDER BY at_ms DESC, id LIMIT $3",
        )
        .bind(before.millis())
        .bind(actor)
        .bind(i64::from(most))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(logged).collect()
    }
}

fn logged(row: &Row) -> Result<Logged> {
    Ok(Logged {
        id: row.text("id")?,
        at: row.time("at_ms")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        object: row.text("object")?,
    })
}

impl Deed {
    /// Keeps the deed and queues its mails.
    pub(crate) async fn record(self, db: &mut Connection) -> Result<()> {
        sqlx::query(
            "INSERT INTO audit (id, at_ms, actor, action, object) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(RequestId::random().to_string())
        .bind(self.at.millis())
        .bind(self.actor)
        .bind(self.action)
        .bind(self.object)
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "DELETE FROM audit WHERE at_ms < (SELECT at_ms FROM audit
                 ORDER BY at_ms DESC LIMIT 1 OFFSET $1)",
        )
        .bind(MOST_ENTRIES)
        .execute(&mut *db)
        .await?;
        for mail in self.mails {
            crate::mails::queue(db, mail, self.at).await?;
        }
        Ok(())
    }
}
