//! What a launch refers to by name: key pairs and security groups.

use crate::database::Connection;
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use types::{AccountId, GroupId, GroupName, KeyName, Timestamp};

/// The group that every account has, made when it is first needed (User's Guide, "Networking").
pub(crate) const DEFAULT_GROUP: &str = "default";

/// The account's public key with this name.
pub(crate) async fn public_key(
    db: &mut Connection,
    account: AccountId,
    name: &KeyName,
) -> Result<String> {
    sqlx::query("SELECT public_key FROM key_pairs WHERE account = $1 AND name = $2")
        .bind(account.to_string())
        .bind(name.as_str())
        .fetch_optional(db)
        .await?
        .ok_or_else(|| Error::KeyPairNotFound(name.clone()))?
        .text("public_key")
}

/// The groups of a launch in their order: those named, or the default group.
pub(crate) async fn groups(
    db: &mut Connection,
    account: AccountId,
    names: &[GroupName],
    now: Timestamp,
) -> Result<Vec<(GroupId, GroupName)>> {
    let default = [DEFAULT_GROUP.parse().map_err(|rule| corrupt("group_name", rule))?];
    let names = if names.is_empty() { &default } else { names };
    let mut groups: Vec<(GroupId, GroupName)> = Vec::new();
    for name in names {
        let id = match name.as_str() {
            DEFAULT_GROUP => default_group(db, account, now).await?,
            _ => group(db, account, name.as_str()).await?,
        };
        if groups.iter().all(|(known, _)| *known != id) {
            groups.push((id, name.clone()));
        }
    }
    Ok(groups)
}

/// The account's default group, made without rules if it is not there.
pub(crate) async fn default_group(
    db: &mut Connection,
    account: AccountId,
    now: Timestamp,
) -> Result<GroupId> {
    let id = unused_group_id(db).await?;
    sqlx::query(
        "INSERT INTO security_groups (id, account, name, description, created_ms)
         VALUES ($1, $2, $3, 'default group', $4) ON CONFLICT (account, name) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(account.to_string())
    .bind(DEFAULT_GROUP)
    .bind(now.millis())
    .execute(&mut *db)
    .await?;
    group(db, account, DEFAULT_GROUP).await
}

async fn group(db: &mut Connection, account: AccountId, name: &str) -> Result<GroupId> {
    sqlx::query("SELECT id FROM security_groups WHERE account = $1 AND name = $2")
        .bind(account.to_string())
        .bind(name)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| Error::GroupNotFound(name.to_owned()))?
        .parsed("id")
}

/// An id that no group has.
pub(crate) async fn unused_group_id(db: &mut Connection) -> Result<GroupId> {
    loop {
        let id = GroupId::random()?;
        let row = sqlx::query("SELECT id FROM security_groups WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *db)
            .await?;
        if row.is_none() {
            return Ok(id);
        }
    }
}
