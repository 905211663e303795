//! Security groups.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::ingress;
use crate::launch::{DEFAULT_GROUP, default_group};
use protocol::IngressRule;
use std::fmt;
use types::{AccountId, GroupId, GroupName, Timestamp};

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
    /// What may come in, in a fixed order.
    pub ingress: Vec<IngressRule>,
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
}

/// The account's group of this id or name, within a transaction. The default group is made if it
/// is not there.
pub(crate) async fn find(
    db: &mut Connection,
    account: AccountId,
    group: &GroupRef,
    now: Timestamp,
) -> Result<(GroupId, GroupName)> {
    if matches!(group, GroupRef::Name(name) if name.as_str() == DEFAULT_GROUP) {
        default_group(db, account, now).await?;
    }
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
        .await?
        .ok_or_else(|| Error::GroupNotFound(group.to_string()))?;
    Ok((row.parsed("id")?, row.parsed("name")?))
}

async fn all(db: &mut Connection, account: AccountId) -> Result<Vec<SecurityGroup>> {
    let mut ingress = ingress::by_group(db, account).await?;
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
            ingress: ingress.remove(&id).unwrap_or_default(),
        })
    };
    rows.iter().map(group).collect()
}
