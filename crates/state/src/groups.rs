//! Security groups.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::group_rules::{self, SecurityGroupRule};
use crate::launch::{DEFAULT_GROUP, GROUP, default_group};
use crate::tags;
use crate::unused::unused;
use crate::users::taken;
use std::fmt;
use types::{AccountId, GroupId, GroupName, Tags, Timestamp};

/// How many groups an account may have; Amazon's default for a region is 2,500.
pub const MOST_GROUPS: i64 = 500;

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: GroupId,
    /// Its owner.
    pub account: AccountId,
    /// Its name, unique to its owner.
    pub name: GroupName,
    /// What its owner says it is for.
    pub description: String,
    /// What may come in and go out, in a fixed order: first what comes in.
    pub rules: Vec<SecurityGroupRule>,
}

/// How a request names a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupRef {
    /// By its id.
    Id(GroupId),
    /// By its name.
    Name(GroupName),
}

impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl State {
    /// All security groups of an account, by name, the default group among them.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn security_groups(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<SecurityGroup>> {
        let groups = all(&mut *self.snapshot().await?, account).await?;
        if groups.iter().any(|group| group.name.as_str() == DEFAULT_GROUP) {
            return Ok(groups);
        }
        self.write(move |db| Box::pin(default_group(db, account, now))).await?;
        all(&mut *self.snapshot().await?, account).await
    }

    /// Makes a security group that lets nothing in and everything out.
    ///
    /// # Errors
    /// [`Error::GroupExists`], [`Error::GroupReserved`] for the default group,
    /// [`Error::LimitReached`], [`Error::TooManyTags`].
    pub async fn create_security_group(
        &self,
        account: AccountId,
        name: GroupName,
        description: String,
        tags: Tags,
        now: Timestamp,
    ) -> Result<GroupId> {
        self.write(move |db| Box::pin(create(db, account, name, description, tags, now))).await
    }

    /// Deletes a security group that neither instances nor rules of the account's other groups
    /// refer to.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], [`Error::GroupInUse`], [`Error::GroupReserved`] for the default
    /// group.
    pub async fn delete_security_group(
        &self,
        account: AccountId,
        group: GroupRef,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(delete(db, account, group, now))).await
    }
}

fn not_default(name: &GroupName) -> Result<()> {
    if name.as_str() == DEFAULT_GROUP {
        return Err(Error::GroupReserved(name.clone()));
    }
    Ok(())
}

async fn create(
    db: &mut Connection,
    account: AccountId,
    name: GroupName,
    description: String,
    tags: Tags,
    now: Timestamp,
) -> Result<GroupId> {
    not_default(&name)?;
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM security_groups WHERE account = $1")
        .bind(account.to_string())
        .fetch_one(&mut *db)
        .await?;
    if count >= MOST_GROUPS {
        let what = "security groups of an account";
        return Err(Error::LimitReached { what, most: MOST_GROUPS });
    }
    let id = unused(db, GROUP, GroupId::random).await?;
    sqlx::query(
        "INSERT INTO security_groups (id, account, name, description, created_ms)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(id.to_string())
    .bind(account.to_string())
    .bind(name.as_str())
    .bind(description)
    .bind(now.millis())
    .execute(&mut *db)
    .await
    .map_err(|error| taken(error, Error::GroupExists(name)))?;
    group_rules::start(db, id).await?;
    tags::put(db, account, id, &tags).await?;
    Ok(id)
}

async fn delete(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    now: Timestamp,
) -> Result<()> {
    let (id, name) = find(db, account, &group, now).await?;
    not_default(&name)?;
    if let Some(user) = user_of(db, account, id, &name).await? {
        return Err(Error::GroupInUse { group: name, user });
    }
    forget_peer(db, account, &name).await?;
    let rules = sqlx::query("DELETE FROM group_rules WHERE group_id = $1 RETURNING id")
        .bind(id.to_string())
        .fetch_all(&mut *db)
        .await?;
    forget_tags(db, &rules).await?;
    sqlx::query("DELETE FROM security_groups WHERE id = $1")
        .bind(id.to_string())
        .execute(&mut *db)
        .await?;
    tags::forget(db, id).await
}

/// Removes the rules that name a group which is about to go: they would be true of the next group
/// of its name.
async fn forget_peer(db: &mut Connection, account: AccountId, name: &GroupName) -> Result<()> {
    sqlx::query(
        "UPDATE clusters SET generation = generation + 1 WHERE name IN
             (SELECT networks.cluster FROM networks
              JOIN group_rules ON group_rules.group_id = networks.group_id
              WHERE peer_account = $1 AND peer_group = $2)",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .execute(&mut *db)
    .await?;
    let rules = sqlx::query(
        "DELETE FROM group_rules WHERE peer_account = $1 AND peer_group = $2 RETURNING id",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .fetch_all(&mut *db)
    .await?;
    forget_tags(db, &rules).await
}

/// Removes the tags of rules that were deleted.
async fn forget_tags(db: &mut Connection, rules: &[Row]) -> Result<()> {
    for rule in rules {
        tags::forget(db, rule.text("id")?).await?;
    }
    Ok(())
}

/// An instance in the group, or else another group of the account with a rule that names it.
/// Rules of other accounts do not count: nobody may keep another's group from being deleted.
async fn user_of(
    db: &mut Connection,
    account: AccountId,
    id: GroupId,
    name: &GroupName,
) -> Result<Option<String>> {
    let instance = sqlx::query(
        "SELECT instances.id AS id FROM instances
         JOIN reservation_groups ON reservation_groups.reservation = instances.reservation
         WHERE group_id = $1 AND state <> 'terminated' ORDER BY instances.id LIMIT 1",
    )
    .bind(id.to_string())
    .fetch_optional(&mut *db)
    .await?;
    if let Some(row) = instance {
        return Ok(Some(format!("the instance {}", row.text("id")?)));
    }
    let rule = sqlx::query(
        "SELECT name FROM security_groups
         JOIN group_rules ON group_rules.group_id = security_groups.id
         WHERE account = $1 AND peer_account = $1 AND peer_group = $2
             AND security_groups.id <> $3 ORDER BY name LIMIT 1",
    )
    .bind(account.to_string())
    .bind(name.as_str())
    .bind(id.to_string())
    .fetch_optional(db)
    .await?;
    let Some(row) = rule else { return Ok(None) };
    Ok(Some(format!("a rule of the security group \"{}\"", row.text("name")?)))
}

/// The account's group of this id or name, within a transaction. The default group is made if it
/// is not there.
pub(crate) async fn find(
    db: &mut Connection,
    account: AccountId,
    group: &GroupRef,
    now: Timestamp,
) -> Result<(GroupId, GroupName)> {
    if let Some(found) = existing(db, account, group).await? {
        return Ok(found);
    }
    if matches!(group, GroupRef::Name(name) if name.as_str() == DEFAULT_GROUP) {
        default_group(db, account, now).await?;
    }
    let found = existing(db, account, group).await?;
    found.ok_or_else(|| Error::GroupNotFound(group.to_string()))
}

async fn existing(
    db: &mut Connection,
    account: AccountId,
    group: &GroupRef,
) -> Result<Option<(GroupId, GroupName)>> {
    let query = match group {
        GroupRef::Id(_) => "SELECT id, name FROM security_groups WHERE account = $1 AND id = $2",
        GroupRef::Name(_) => {
            "SELECT id, name FROM security_groups WHERE account = $1 AND name = $2"
        }
    };
    let row = sqlx::query(query)
        .bind(account.to_string())
        .bind(group.to_string())
        .fetch_optional(db)
        .await?;
    row.map(|row| Ok((row.parsed("id")?, row.parsed("name")?))).transpose()
}

async fn all(db: &mut Connection, account: AccountId) -> Result<Vec<SecurityGroup>> {
    let mut rules = group_rules::by_group(db, account).await?;
    let rows = sqlx::query(
        "SELECT id, account, name, description FROM security_groups
         WHERE account = $1 ORDER BY name",
    )
    .bind(account.to_string())
    .fetch_all(db)
    .await?;
    let group = |row: &Row| {
        let id = row.parsed("id")?;
        Ok(SecurityGroup {
            id,
            account: row.parsed("account")?,
            name: row.parsed("name")?,
            description: row.text("description")?,
            rules: rules.remove(&id).unwrap_or_default(),
        })
    };
    rows.iter().map(group).collect()
}
