//! What a launch refers to by name: key pairs and security groups.

use crate::database::Connection;
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::group_rules;
use crate::groups::{GroupRef, find};
use crate::unused::unused;
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
    named: &[GroupRef],
    now: Timestamp,
) -> Result<Vec<(GroupId, GroupName)>> {
    let default = DEFAULT_GROUP.parse().map_err(|rule| corrupt("group_name", rule))?;
    let default = [GroupRef::Name(default)];
    let named = if named.is_empty() { &default } else { named };
    let mut groups: Vec<(GroupId, GroupName)> = Vec::new();
    for group in named {
        let group = find(db, account, group, now).await?;
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// The account's default group, made if it is not there; it then lets nothing in.
pub(crate) async fn default_group(
    db: &mut Connection,
    account: AccountId,
    now: Timestamp,
) -> Result<()> {
    let id = unused(db, GROUP, GroupId::random).await?;
    let made = sqlx::query(
        "INSERT INTO security_groups (id, account, name, description, created_ms)
         VALUES ($1, $2, $3, 'default group', $4) ON CONFLICT (account, name) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(account.to_string())
    .bind(DEFAULT_GROUP)
    .bind(now.millis())
    .execute(&mut *db)
    .await?;
    if made.rows_affected() == 0 { Ok(()) } else { group_rules::start(db, id).await }
}

/// Finds a group by its id, for an id that no group has.
pub(crate) const GROUP: &str = "SELECT id FROM security_groups WHERE id = $1";
