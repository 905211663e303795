//! The rules of security groups, in both directions.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::groups::{GroupRef, find};
use crate::networks::rules_changed;
use crate::tags;
use crate::unused::unused;
use crate::users::taken;
use protocol::{GroupRule, Peer};
use std::collections::HashMap;
use types::{AccountId, GroupId, PortRange, Protocol, RuleId, Tags, Timestamp};

/// How many rules a group may have in each direction. Amazon's default is 60, its highest 1,000.
const MOST_RULES: i64 = 1000;
/// How many rules all groups of an account may have together.
const MOST_OF_ACCOUNT: i64 = 20_000;
/// Into how many pieces the port ranges of a group's rules in one direction may cut each other.
const MOST_PIECES: usize = 4096;

/// Rules with their group's owner, and the id of the group that they name.
macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT group_rules.*, security_groups.account AS account, peers.id AS peer_id
             FROM group_rules JOIN security_groups ON security_groups.id = group_rules.group_id
             LEFT JOIN security_groups peers
                 ON peers.account = peer_account AND peers.name = peer_group
             WHERE ",
            $condition
        )
    };
}

/// Whether a rule lets traffic in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Into the group.
    Ingress,
    /// Out of the group.
    Egress,
}

impl Direction {
    /// As the column `egress` has it.
    const fn column(self) -> i64 {
        match self {
            Self::Ingress => 0,
            Self::Egress => 1,
        }
    }
}

/// A rule to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRule {
    /// What it allows.
    pub rule: GroupRule,
    /// What its owner says it is for; may be empty.
    pub description: String,
}

impl NewRule {
    /// The egress rule with which every group starts.
    const UNLIMITED: Self = Self { rule: GroupRule::UNLIMITED, description: String::new() };
}

/// A rule of a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: RuleId,
    /// Its group.
    pub group: GroupId,
    /// The group's owner.
    pub account: AccountId,
    /// In or out.
    pub direction: Direction,
    /// What it allows.
    pub rule: GroupRule,
    /// The id of the group that it names.
    pub peer_group: Option<GroupId>,
    /// What its owner says it is for; may be empty.
    pub description: String,
}

/// How a request names a rule of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleRef {
    /// By its id.
    Id(RuleId),
    /// By what it allows, exactly.
    Exact(GroupRule),
}

impl State {
    /// Adds rules with these tags to a group of `account`, all or none, and gives them in the same
    /// order.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`] for the group or a group that a rule names,
    /// [`Error::RuleExists`], [`Error::LimitReached`], [`Error::TooManyTags`].
    pub async fn authorize(
        &self,
        account: AccountId,
        group: GroupRef,
        direction: Direction,
        (rules, tags): (Vec<NewRule>, Tags),
        now: Timestamp,
    ) -> Result<Vec<SecurityGroupRule>> {
        self.write(move |db| Box::pin(authorize(db, account, group, direction, (rules, tags), now)))
            .await
    }

    /// Removes rules from a group of `account`, all or none, and gives those removed.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], [`Error::RuleNotFound`], [`Error::RuleIdNotFound`].
    pub async fn revoke(
        &self,
        account: AccountId,
        group: GroupRef,
        direction: Direction,
        rules: Vec<RuleRef>,
        now: Timestamp,
    ) -> Result<Vec<SecurityGroupRule>> {
        self.write(move |db| Box::pin(revoke(db, account, group, direction, rules, now))).await
    }

    /// Gives rules of a group of `account` other contents; they keep their ids and directions.
    /// All or none.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`] for the group or a group that a rule names,
    /// [`Error::RuleIdNotFound`], [`Error::RuleExists`].
    pub async fn modify_rules(
        &self,
        account: AccountId,
        group: GroupRef,
        rules: Vec<(RuleId, NewRule)>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(modify(db, account, group, rules, now))).await
    }

    /// Gives rules of a group of `account` other descriptions. All or none.
    ///
    /// # Errors
    /// [`Error::GroupNotFound`], [`Error::RuleNotFound`], [`Error::RuleIdNotFound`].
    pub async fn describe_rules_anew(
        &self,
        account: AccountId,
        group: GroupRef,
        direction: Direction,
        rules: Vec<(RuleRef, String)>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |db| Box::pin(describe_anew(db, account, group, direction, rules, now)))
            .await
    }
}

/// The rules of all groups of an account, each group's in a fixed order, within a transaction.
pub(crate) async fn by_group(
    db: &mut Connection,
    account: AccountId,
) -> Result<HashMap<GroupId, Vec<SecurityGroupRule>>> {
    let rows = sqlx::query(select!("security_groups.account = $1"))
        .bind(account.to_string())
        .fetch_all(db)
        .await?;
    let mut groups: HashMap<GroupId, Vec<SecurityGroupRule>> = HashMap::new();
    for row in &rows {
        let rule = stored(row)?;
        groups.entry(rule.group).or_default().push(rule);
    }
    for rules in groups.values_mut() {
        rules.sort_by(|a, b| (a.direction, &a.rule).cmp(&(b.direction, &b.rule)));
    }
    Ok(groups)
}

/// Lets everything out of a new group, within a transaction.
pub(crate) async fn start(db: &mut Connection, group: GroupId) -> Result<()> {
    insert(db, group, Direction::Egress, &NewRule::UNLIMITED).await.map(drop)
}

/// What a row of `group_rules` allows.
pub(crate) fn content(row: &Row) -> Result<GroupRule> {
    let protocol =
        Protocol::parse(&row.text("protocol")?).map_err(|problem| corrupt("protocol", problem))?;
    let peer = if row.text("cidr")?.is_empty() {
        Peer::Group { account: row.parsed("peer_account")?, group: row.parsed("peer_group")? }
    } else {
        Peer::Cidr(row.parsed("cidr")?)
    };
    let ports = PortRange { from: row.number("from_port")?, to: row.number("to_port")? };
    Ok(GroupRule { protocol, ports, peer })
}

/// The direction of a row of `group_rules`.
pub(crate) fn direction(row: &Row) -> Result<Direction> {
    Ok(if row.flag("egress")? { Direction::Egress } else { Direction::Ingress })
}

fn stored(row: &Row) -> Result<SecurityGroupRule> {
    Ok(SecurityGroupRule {
        id: row.parsed("id")?,
        group: row.parsed("group_id")?,
        account: row.parsed("account")?,
        direction: direction(row)?,
        rule: content(row)?,
        peer_group: row.maybe("peer_id")?,
        description: row.text("description")?,
    })
}

async fn authorize(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    direction: Direction,
    (rules, tags): (Vec<NewRule>, Tags),
    now: Timestamp,
) -> Result<Vec<SecurityGroupRule>> {
    let (group, _) = find(db, account, &group, now).await?;
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM group_rules WHERE group_id = $1 AND egress = $2")
            .bind(group.to_string())
            .bind(direction.column())
            .fetch_one(&mut *db)
            .await?;
    let added = i64::try_from(rules.len()).unwrap_or(i64::MAX);
    if count.saturating_add(added) > MOST_RULES {
        let what = "rules of a security group in each direction";
        return Err(Error::LimitReached { what, most: MOST_RULES });
    }
    check_account(db, account, added).await?;
    let mut made = Vec::with_capacity(rules.len());
    for new in &rules {
        peer_exists(db, &new.rule, now).await?;
        let id = insert(db, group, direction, new).await?;
        tags::put(db, account, id, &tags).await?;
        made.push(by_id(db, group, id).await?);
    }
    if !tags.is_empty() {
        tags::check_account(db, account).await?;
    }
    check_pieces(db, group).await?;
    rules_changed(db, group).await?;
    Ok(made)
}

async fn revoke(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    direction: Direction,
    rules: Vec<RuleRef>,
    now: Timestamp,
) -> Result<Vec<SecurityGroupRule>> {
    let (group, _) = find(db, account, &group, now).await?;
    let mut removed = Vec::with_capacity(rules.len());
    for rule in &rules {
        let rule = named(db, group, direction, rule).await?;
        sqlx::query("DELETE FROM group_rules WHERE id = $1")
            .bind(rule.id.to_string())
            .execute(&mut *db)
            .await?;
        tags::forget(db, rule.id).await?;
        removed.push(rule);
    }
    rules_changed(db, group).await?;
    Ok(removed)
}

async fn modify(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    rules: Vec<(RuleId, NewRule)>,
    now: Timestamp,
) -> Result<()> {
    let (group, _) = find(db, account, &group, now).await?;
    for (id, new) in &rules {
        by_id(db, group, *id).await?;
        peer_exists(db, &new.rule, now).await?;
        let [cidr, peer_account, peer_group] = peer_columns(&new.rule.peer);
        sqlx::query(
            "UPDATE group_rules SET protocol = $2, from_port = $3, to_port = $4, cidr = $5,
                 peer_account = $6, peer_group = $7, description = $8 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(new.rule.protocol.as_str())
        .bind(i64::from(new.rule.ports.from))
        .bind(i64::from(new.rule.ports.to))
        .bind(cidr)
        .bind(peer_account)
        .bind(peer_group)
        .bind(&new.description)
        .execute(&mut *db)
        .await
        .map_err(|error| taken(error, Error::RuleExists))?;
    }
    check_pieces(db, group).await?;
    rules_changed(db, group).await
}

async fn describe_anew(
    db: &mut Connection,
    account: AccountId,
    group: GroupRef,
    direction: Direction,
    rules: Vec<(RuleRef, String)>,
    now: Timestamp,
) -> Result<()> {
    let (group, _) = find(db, account, &group, now).await?;
    for (rule, description) in rules {
        let id = named(db, group, direction, &rule).await?.id;
        sqlx::query("UPDATE group_rules SET description = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(description)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// Makes sure that the account's rules, with so many more, are not too many.
async fn check_account(db: &mut Connection, account: AccountId, added: i64) -> Result<()> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM group_rules
         JOIN security_groups ON security_groups.id = group_rules.group_id WHERE account = $1",
    )
    .bind(account.to_string())
    .fetch_one(db)
    .await?;
    if count.saturating_add(added) > MOST_OF_ACCOUNT {
        let what = "rules of all security groups of an account";
        return Err(Error::LimitReached { what, most: MOST_OF_ACCOUNT });
    }
    Ok(())
}

/// Makes sure that the rules of a group do not cut each other into more pieces than a firewall
/// should hold.
async fn check_pieces(db: &mut Connection, group: GroupId) -> Result<()> {
    let rows = sqlx::query(select!("group_rules.group_id = $1"))
        .bind(group.to_string())
        .fetch_all(db)
        .await?;
    for wanted in [Direction::Ingress, Direction::Egress] {
        let mut rules = Vec::new();
        for row in &rows {
            if direction(row)? == wanted {
                rules.push(content(row)?);
            }
        }
        if netplan::pieces(&rules) > MOST_PIECES {
            let what = "pieces into which the port ranges of a group's rules cut each other";
            return Err(Error::LimitReached { what, most: MOST_PIECES as i64 });
        }
    }
    Ok(())
}

/// The group that a rule names, if it names one, must be there.
async fn peer_exists(db: &mut Connection, rule: &GroupRule, now: Timestamp) -> Result<()> {
    if let Peer::Group { account, group } = &rule.peer {
        find(db, *account, &GroupRef::Name(group.clone()), now).await?;
    }
    Ok(())
}

/// A rule of the group, in whichever direction.
async fn by_id(db: &mut Connection, group: GroupId, id: RuleId) -> Result<SecurityGroupRule> {
    let row = sqlx::query(select!("group_id = $1 AND group_rules.id = $2"))
        .bind(group.to_string())
        .bind(id.to_string())
        .fetch_optional(db)
        .await?;
    stored(&row.ok_or(Error::RuleIdNotFound(id))?)
}

/// A rule of the group in this direction.
async fn named(
    db: &mut Connection,
    group: GroupId,
    direction: Direction,
    rule: &RuleRef,
) -> Result<SecurityGroupRule> {
    let rule = match rule {
        RuleRef::Id(id) => {
            let found = by_id(db, group, *id).await?;
            let fits = found.direction == direction;
            return if fits { Ok(found) } else { Err(Error::RuleIdNotFound(*id)) };
        }
        RuleRef::Exact(rule) => rule,
    };
    let [cidr, peer_account, peer_group] = peer_columns(&rule.peer);
    let row = sqlx::query(select!(
        "group_id = $1 AND egress = $2 AND protocol = $3 AND from_port = $4 AND to_port = $5
         AND cidr = $6 AND peer_account = $7 AND peer_group = $8"
    ))
    .bind(group.to_string())
    .bind(direction.column())
    .bind(rule.protocol.as_str())
    .bind(i64::from(rule.ports.from))
    .bind(i64::from(rule.ports.to))
    .bind(cidr)
    .bind(peer_account)
    .bind(peer_group)
    .fetch_optional(db)
    .await?;
    stored(&row.ok_or(Error::RuleNotFound)?)
}

/// A rule's peer as its three columns; what is not used is the empty text.
fn peer_columns(peer: &Peer) -> [String; 3] {
    match peer {
        Peer::Cidr(net) => [net.to_string(), String::new(), String::new()],
        Peer::Group { account, group } => [String::new(), account.to_string(), group.to_string()],
    }
}

async fn insert(
    db: &mut Connection,
    group: GroupId,
    direction: Direction,
    new: &NewRule,
) -> Result<RuleId> {
    let id = unused(db, "SELECT id FROM group_rules WHERE id = $1", RuleId::random).await?;
    let [cidr, peer_account, peer_group] = peer_columns(&new.rule.peer);
    sqlx::query(
        "INSERT INTO group_rules (id, group_id, egress, protocol, from_port, to_port, cidr,
             peer_account, peer_group, description)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id.to_string())
    .bind(group.to_string())
    .bind(direction.column())
    .bind(new.rule.protocol.as_str())
    .bind(i64::from(new.rule.ports.from))
    .bind(i64::from(new.rule.ports.to))
    .bind(cidr)
    .bind(peer_account)
    .bind(peer_group)
    .bind(&new.description)
    .execute(db)
    .await
    .map_err(|error| taken(error, Error::RuleExists))?;
    Ok(id)
}
