//! Key pairs: the public halves. The private ones are given to their owners and not kept.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::tags;
use crate::unused::unused;
use crate::users::taken;
use types::{AccountId, KeyName, KeyPairId, Tags, Timestamp};

/// How many key pairs an account may have (Amazon's limit).
const MOST_KEY_PAIRS: i64 = 5000;

/// The kinds of keys that ssh logs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyType {
    /// EC2's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Rsa, Self::Ed25519].into_iter().find(|known| known.as_str() == word)
    }
}

/// A key pair to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKeyPair {
    /// Its name, unique to its owner.
    pub name: KeyName,
    /// The kind of its keys.
    pub kind: KeyType,
    /// The fingerprint that clients compare.
    pub fingerprint: String,
    /// One line in the form of `authorized_keys`.
    pub public_key: String,
    /// Its tags.
    pub tags: Tags,
}

/// A key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Its name, unique to its owner.
    pub name: KeyName,
    /// The kind of its keys.
    pub kind: KeyType,
    /// The fingerprint that clients compare.
    pub fingerprint: String,
    /// One line in the form of `authorized_keys`.
    pub public_key: String,
    /// When it was made or imported.
    pub created: Timestamp,
}

/// How a request names a key pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPairRef {
    /// By its name.
    Name(KeyName),
    /// By its id.
    Id(KeyPairId),
}

impl State {
    /// Keeps a new key pair.
    ///
    /// # Errors
    /// [`Error::KeyPairExists`], [`Error::LimitReached`].
    pub async fn add_key_pair(
        &self,
        account: AccountId,
        new: NewKeyPair,
        now: Timestamp,
    ) -> Result<KeyPair> {
        self.write(move |db| Box::pin(add(db, account, new, now))).await
    }

    /// Forgets a key pair; instances that were launched with it keep it. Its id, if there was
    /// one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn delete_key_pair(
        &self,
        account: AccountId,
        which: KeyPairRef,
    ) -> Result<Option<KeyPairId>> {
        self.write(move |db| Box::pin(delete(db, account, which))).await
    }

    /// All key pairs of an account, by name.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn key_pairs(&self, account: AccountId) -> Result<Vec<KeyPair>> {
        let rows = sqlx::query(
            "SELECT id, name, type, fingerprint, public_key, created_ms FROM key_pairs
             WHERE account = $1 ORDER BY name",
        )
        .bind(account.to_string())
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        rows.iter().map(key_pair).collect()
    }
}

fn key_pair(row: &Row) -> Result<KeyPair> {
    let kind = row.text("type")?;
    Ok(KeyPair {
        id: row.parsed("id")?,
        name: row.parsed("name")?,
        kind: KeyType::from_word(&kind).ok_or_else(|| corrupt("type", kind))?,
        fingerprint: row.text("fingerprint")?,
        public_key: row.text("public_key")?,
        created: row.time("created_ms")?,
    })
}

async fn add(
    db: &mut Connection,
    account: AccountId,
    new: NewKeyPair,
    now: Timestamp,
) -> Result<KeyPair> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM key_pairs WHERE account = $1")
        .bind(account.to_string())
        .fetch_one(&mut *db)
        .await?;
    if count >= MOST_KEY_PAIRS {
        return Err(Error::LimitReached { what: "key pairs of an account", most: MOST_KEY_PAIRS });
    }
    let NewKeyPair { name, kind, fingerprint, public_key, tags } = new;
    let id = unused(db, "SELECT id FROM key_pairs WHERE id = $1", KeyPairId::random).await?;
    sqlx::query(
        "INSERT INTO key_pairs (account, name, fingerprint, public_key, created_ms, id, type)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .bind(&fingerprint)
    .bind(&public_key)
    .bind(now.millis())
    .bind(id.to_string())
    .bind(kind.as_str())
    .execute(&mut *db)
    .await
    .map_err(|error| taken(error, Error::KeyPairExists(name.clone())))?;
    tags::put(db, account, id, &tags).await?;
    Ok(KeyPair { id, name, kind, fingerprint, public_key, created: now })
}

async fn delete(
    db: &mut Connection,
    account: AccountId,
    which: KeyPairRef,
) -> Result<Option<KeyPairId>> {
    let (name, id) = match which {
        KeyPairRef::Name(name) => (Some(name.as_str().to_owned()), None),
        KeyPairRef::Id(id) => (None, Some(id.to_string())),
    };
    let row = sqlx::query(
        "DELETE FROM key_pairs WHERE account = $1 AND (name = $2 OR id = $3) RETURNING id",
    )
    .bind(account.to_string())
    .bind(name)
    .bind(id)
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id = row.parsed("id")?;
    tags::forget(db, id).await?;
    Ok(Some(id))
}
