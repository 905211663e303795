//! The ingress rules of security groups.

use crate::database::{Connection, State};
use crate::desired::rule;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::groups::{GroupRef, find};
use crate::networks::rules_changed;
use crate::users::taken;
use protocol::{IngressRule, RuleSource};
use std::collections::HashMap;
use types::{AccountId, GroupId, RuleId, Timestamp};

/// How many rules a group may have. Amazon's default is 60, its highest 1,000.
const MOST_RULES: i64 = 1000;

impl State {
    /// Lets into a group of `account` what these rules say. All or none.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`] for the group or the source group of a rule,
    /// [`Error::RuleExists`], [`Error::LimitReached`].
    pub async fn authorize_ingress(
        &self,
        account: AccountId,
        group: GroupRef,
        rules: Vec<IngressRule>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(authorize(db, account, group, rules, now))).await
    }

    /// No longer lets in what these rules say. All or none.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], [`Error::RuleNotFound`].
    pub async fn revoke_ingress(
        &self,
        account: AccountId,
        group: GroupRef,
        rules: Vec<IngressRule>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(revoke(db, account, group, rules, now))).await
    }
}

/// The rules of all groups of an account, each group's in a fixed order, within a transaction.
pub(crate) async fn by_group(
    db: &mut Connection,
    account: AccountId,
) -> Result<HashMap<GroupId, Vec<IngressRule>>> {
    let rows = sqlx::query(
        "SELECT group_rules.* FROM group_rules
         JOIN security_groups ON security_groups.id = group_rules.group_id
         WHERE security_groups.account = $1 AND egress = 0",
    )
    .bind(account.to_string())
    .fetch_all(db)
    .await?;
    let mut rules: HashMap<GroupId, Vec<IngressRule>> = HashMap::new();
    for row in &rows {
        rules.entry(row.parsed("group_id")?).or_default().push(rule(row)?);
    }
    rules.values_mut().for_each(|rules| rules.sort());
    Ok(rules)
}

async fn authorize(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    rules: Vec<IngressRule>,
    now: Timestamp,
) -> Result<()> {
    let (id, _) = find(db, account, &group, now).await?;
    for rule in rules {
        if let RuleSource::Group { account, group } = &rule.source {
            find(db, *account, &GroupRef::Name(group.clone()), now).await?;
        }
        insert(db, id, &rule).await?;
    }
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM group_rules WHERE group_id = $1 AND egress = 0")
            .bind(id.to_string())
            .fetch_one(&mut *db)
            .await?;
    if count > MOST_RULES {
        return Err(Error::LimitReached { what: "rules of a security group", most: MOST_RULES });
    }
    rules_changed(db, id).await
}

async fn revoke(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    rules: Vec<IngressRule>,
    now: Timestamp,
) -> Result<()> {
    let (id, _) = find(db, account, &group, now).await?;
    for rule in rules {
        remove(db, id, &rule).await?;
    }
    rules_changed(db, id).await
}

/// A rule's source as its three columns; what is not used is the empty text.
fn source_columns(source: &RuleSource) -> [String; 3] {
    match source {
        RuleSource::Cidr(net) => [net.to_string(), String::new(), String::new()],
        RuleSource::Group { account, group } => {
            [String::new(), account.to_string(), group.to_string()]
        }
    }
}

async fn insert(db: &mut Connection, id: GroupId, rule: &IngressRule) -> Result<()> {
    let [cidr, source_account, source_group] = source_columns(&rule.source);
    sqlx::query(
        "INSERT INTO group_rules (group_id, egress, protocol, from_port, to_port, cidr,
             peer_account, peer_group, id, description)
         VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, '')",
    )
    .bind(id.to_string())
    .bind(rule.protocol.as_str())
    .bind(i64::from(rule.ports.from))
    .bind(i64::from(rule.ports.to))
    .bind(cidr)
    .bind(source_account)
    .bind(source_group)
    .bind(RuleId::random()?.to_string())
    .execute(db)
    .await
    .map_err(|error| taken(error, Error::RuleExists))?;
    Ok(())
}

async fn remove(db: &mut Connection, id: GroupId, rule: &IngressRule) -> Result<()> {
    let [cidr, source_account, source_group] = source_columns(&rule.source);
    let removed = sqlx::query(
        "DELETE FROM group_rules WHERE group_id = $1 AND egress = 0 AND protocol = $2 AND from_port = $3
         AND to_port = $4 AND cidr = $5 AND peer_account = $6 AND peer_group = $7",
    )
    .bind(id.to_string())
    .bind(rule.protocol.as_str())
    .bind(i64::from(rule.ports.from))
    .bind(i64::from(rule.ports.to))
    .bind(cidr)
    .bind(source_account)
    .bind(source_group)
    .execute(db)
    .await?;
    if removed.rows_affected() == 0 { Err(Error::RuleNotFound) } else { Ok(()) }
}
