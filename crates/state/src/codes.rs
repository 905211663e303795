//! Codes that mails carry: each is good for one thing, once, for a while. Only the digest of one is
//! kept, so that who reads the database can use none, and looking one up tells nothing of others.

use crate::database::{Connection, State};
use crate::deeds::Deed;
use crate::error::Result;
use crate::fields::Fields;
use types::{AccountId, Secret, Timestamp};

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To confirm an account.
    Confirm,
    /// To put a new password in place of one that was forgotten.
    Recover,
    /// To fetch credentials without a session (1.4's certificate code).
    Credentials,
}

impl Purpose {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Recover => "recover",
            Self::Credentials => "credentials",
        }
    }
}

/// A code to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// SHA-256 of the code, in hex.
    pub digest: String,
    /// When it ends.
    pub ends: Timestamp,
}

/// A code that was taken.
pub(crate) struct Taken {
    pub(crate) account: AccountId,
    pub(crate) password: Option<Secret<String>>,
}

impl State {
    /// Keeps a code; earlier ones of the account for the same purpose end. For
    /// [`Purpose::Recover`] with the hash of the new password.
    ///
    /// # Errors
    /// A database error when there is no such account.
    pub async fn add_code(
        &self,
        account: AccountId,
        purpose: Purpose,
        code: Code,
        password: Option<Secret<String>>,
        deed: Deed,
    ) -> Result<()> {
        self.write(move |db| {
            Box::pin(async move {
                store(db, account, purpose, code, password).await?;
                deed.record(db).await
            })
        })
        .await
    }

    /// Uses up the account's code; answers whether it was good.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn use_code(
        &self,
        account: AccountId,
        purpose: Purpose,
        digest: String,
        now: Timestamp,
    ) -> Result<bool> {
        self.write(move |db| {
            Box::pin(
                async move { Ok(take(db, &digest, purpose, now, Some(account)).await?.is_some()) },
            )
        })
        .await
    }
}

pub(crate) async fn store(
    db: &mut Connection,
    account: AccountId,
    purpose: Purpose,
    code: Code,
    password: Option<Secret<String>>,
) -> Result<()> {
    sqlx::query("DELETE FROM codes WHERE account = $1 AND purpose = $2")
        .bind(account.to_string())
        .bind(purpose.as_str())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO codes (digest, account, purpose, password, ends_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(code.digest)
    .bind(account.to_string())
    .bind(purpose.as_str())
    .bind(password.as_ref().map(|hash| hash.expose().as_str()))
    .bind(code.ends.millis())
    .execute(db)
    .await?;
    Ok(())
}

/// Uses up a code for this purpose, of this account if one is given.
pub(crate) async fn take(
    db: &mut Connection,
    digest: &str,
    purpose: Purpose,
    now: Timestamp,
    account: Option<AccountId>,
) -> Result<Option<Taken>> {
    let row = sqlx::query(
        "DELETE FROM codes WHERE digest = $1 AND purpose = $2 AND ends_ms > $3
             AND (account = $4 OR $4 IS NULL) RETURNING account, password",
    )
    .bind(digest)
    .bind(purpose.as_str())
    .bind(now.millis())
    .bind(account.map(|account| account.to_string()))
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let password = row.maybe_text("password")?.map(Secret::new);
    Ok(Some(Taken { account: row.parsed("account")?, password }))
}
