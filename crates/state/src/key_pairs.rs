//! Key pairs: the public halves. The private ones are given to their owners and not kept.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::users::taken;
use types::{AccountId, KeyName, KeyPairId, Timestamp};

/// How many key pairs an account may have (Amazon's limit).
const MOST_KEY_PAIRS: i64 = 5000;

/// A key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Its name, unique to its owner.
    pub name: KeyName,
    /// The fingerprint that clients compare, in hex with colons.
    pub fingerprint: String,
    /// One line in the form of `authorized_keys`.
    pub public_key: String,
    /// When it was made.
    pub created: Timestamp,
}

impl State {
    /// Keeps a new key pair.
    ///
    /// # Errors
    /// [`Error::KeyPairExists`], [`Error::LimitReached`].
    pub async fn add_key_pair(&self, account: AccountId, new: KeyPair) -> Result<()> {
        self.write(move |db| Box::pin(add(db, account, new))).await
    }

    /// Forgets a key pair; instances that were launched with it keep it. True if there was one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn delete_key_pair(&self, account: AccountId, name: KeyName) -> Result<bool> {
        self.write(move |db| Box::pin(delete(db, account, name))).await
    }

    /// All key pairs of an account, by name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn key_pairs(&self, account: AccountId) -> Result<Vec<KeyPair>> {
        let rows = sqlx::query(
            "SELECT name, fingerprint, public_key, created_ms FROM key_pairs
             WHERE account = $1 ORDER BY name",
        )
        .bind(account.to_string())
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(key_pair).collect()
    }
}

fn key_pair(row: &Row) -> Result<KeyPair> {
    Ok(KeyPair {
        name: row.parsed("name")?,
        fingerprint: row.text("fingerprint")?,
        public_key: row.text("public_key")?,
        created: row.time("created_ms")?,
    })
}

async fn add(db: &mut Connection, account: AccountId, new: KeyPair) -> Result<()> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM key_pairs WHERE account = $1")
        .bind(account.to_string())
        .fetch_one(&mut *db)
        .await?;
    if count >= MOST_KEY_PAIRS {
        return Err(Error::LimitReached { what: "key pairs of an account", most: MOST_KEY_PAIRS });
    }
    sqlx::query(
        "INSERT INTO key_pairs (account, name, fingerprint, public_key, created_ms, id)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(account.to_string())
    .bind(new.name.as_str())
    .bind(&new.fingerprint)
    .bind(&new.public_key)
    .bind(new.created.millis())
    .bind(KeyPairId::random()?.to_string())
    .execute(db)
    .await
    .map_err(|error| taken(error, Error::KeyPairExists(new.name)))?;
    Ok(())
}

async fn delete(db: &mut Connection, account: AccountId, name: KeyName) -> Result<bool> {
    let deleted = sqlx::query("DELETE FROM key_pairs WHERE account = $1 AND name = $2")
        .bind(account.to_string())
        .bind(name.as_str())
        .execute(db)
        .await?;
    Ok(deleted.rows_affected() == 1)
}
