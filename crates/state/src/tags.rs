//! Tags: what users note on things, each for themselves.

use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::images;
use crate::users::{self, User};
use std::collections::HashMap;
use std::fmt::Display;
use types::{
    AccountId, AllocationId, GroupId, ImageId, InstanceId, KeyPairId, RuleId, TagKey, Tags,
};

/// How many tags a user may have on one thing (Amazon's limit).
const MOST_TAGS: i64 = 50;
/// How many tags a user may have altogether.
const MOST_OF_ACCOUNT: i64 = 20_000;

/// A thing that can be tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taggable {
    /// An instance of the user; an administrator may tag everybody's.
    Instance(InstanceId),
    /// An image that the user may launch.
    Image(ImageId),
    /// A security group of the user.
    Group(GroupId),
    /// A rule of a security group of the user.
    Rule(RuleId),
    /// A key pair of the user.
    KeyPair(KeyPairId),
    /// A public address of the user.
    Address(AllocationId),
}

impl Display for Taggable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Instance(id) => id.fmt(f),
            Self::Image(id) => id.fmt(f),
            Self::Group(id) => id.fmt(f),
            Self::Rule(id) => id.fmt(f),
            Self::KeyPair(id) => id.fmt(f),
            Self::Address(id) => id.fmt(f),
        }
    }
}

/// The tags of many things, by their ids.
#[derive(Debug, Default)]
pub struct TagMap(HashMap<String, Tags>);

impl TagMap {
    /// The tags of a thing, if it has any.
    pub fn get(&self, id: impl Display) -> Option<&Tags> {
        if self.0.is_empty() { None } else { self.0.get(&id.to_string()) }
    }

    /// The tags of a thing.
    pub fn of(&self, id: impl Display) -> Tags {
        self.get(id).cloned().unwrap_or_default()
    }
}

impl<Id: Display> FromIterator<(Id, Tags)> for TagMap {
    fn from_iter<I: IntoIterator<Item = (Id, Tags)>>(things: I) -> Self {
        let tagged = things.into_iter().filter(|(_, tags)| !tags.is_empty());
        Self(tagged.map(|(id, tags)| (id.to_string(), tags)).collect())
    }
}

impl State {
    /// Notes tags on things, in the place of those with the same keys. All or none.
    ///
    /// `derived` are the ids of things that exist without a row: the caller has seen them.
    ///
    /// # Errors
    /// [`Error::NotTaggable`] for a thing that does not exist or is not the user's to tag,
    /// [`Error::TooManyTags`].
    pub async fn create_tags(
        &self,
        account: AccountId,
        things: Vec<Taggable>,
        derived: Vec<String>,
        tags: Tags,
    ) -> Result<()> {
        self.write(move |db| Box::pin(create(db, account, things, derived, tags))).await
    }

    /// Removes tags from things: those with these keys, and this value where one is given; all of
    /// them when no key is given. What is not there is passed over.
    ///
    /// # Errors
    /// [`Error::NotTaggable`].
    pub async fn delete_tags(
        &self,
        account: AccountId,
        things: Vec<Taggable>,
        derived: Vec<String>,
        keys: Vec<(TagKey, Option<String>)>,
    ) -> Result<()> {
        self.write(move |db| Box::pin(delete(db, account, things, derived, keys))).await
    }

    /// A user's tags on the things whose ids begin with one of these prefixes, such as `i-`.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn tags(&self, account: AccountId, prefixes: &[&str]) -> Result<TagMap> {
        let mut snapshot = self.snapshot().await?;
        let mut found = TagMap::default();
        for prefix in prefixes {
            // `-` ends every prefix and `.` is the character after it.
            let rows = sqlx::query(
                "SELECT resource, key, value FROM tags
                 WHERE account = $1 AND resource >= $2 AND resource < $3",
            )
            .bind(account.to_string())
            .bind(*prefix)
            .bind(prefix.replace('-', "."))
            .fetch_all(&mut *snapshot)
            .await?;
            rows.iter().try_for_each(|row| add(&mut found, row))?;
        }
        Ok(found)
    }

    /// All tags of a user: the id of the thing, key and value, by id and key.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn all_tags(&self, account: AccountId) -> Result<Vec<(String, TagKey, String)>> {
        let rows = sqlx::query(
            "SELECT resource, key, value FROM tags WHERE account = $1 ORDER BY resource, key",
        )
        .bind(account.to_string())
        .fetch_all(&mut *self.snapshot().await?)
        .await?;
        let tag = |row: &Row| Ok((row.text("resource")?, row.parsed("key")?, row.text("value")?));
        rows.iter().map(tag).collect()
    }
}

fn add(found: &mut TagMap, row: &Row) -> Result<()> {
    let tags = found.0.entry(row.text("resource")?).or_default();
    tags.insert(row.parsed("key")?, row.text("value")?);
    Ok(())
}

async fn create(
    db: &mut Connection,
    account: AccountId,
    things: Vec<Taggable>,
    derived: Vec<String>,
    tags: Tags,
) -> Result<()> {
    let many = (things.len() + derived.len()).saturating_mul(tags.len());
    if i64::try_from(many).is_ok_and(|many| many > MOST_OF_ACCOUNT) {
        return Err(Error::LimitReached { what: "tags of an account", most: MOST_OF_ACCOUNT });
    }
    for id in checked(db, account, things, derived).await? {
        put(db, account, &id, &tags).await?;
    }
    check_account(db, account).await
}

/// Makes sure that a user has not more tags than a user may have; to be called once after
/// [`put`]s.
///
/// # Errors
/// [`Error::LimitReached`].
pub(crate) async fn check_account(db: &mut Connection, account: AccountId) -> Result<()> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM tags WHERE account = $1")
        .bind(account.to_string())
        .fetch_one(db)
        .await?;
    let limit = Error::LimitReached { what: "tags of an account", most: MOST_OF_ACCOUNT };
    if count > MOST_OF_ACCOUNT { Err(limit) } else { Ok(()) }
}

/// Notes tags on a thing that the transaction knows to be there.
pub(crate) async fn put(
    db: &mut Connection,
    account: AccountId,
    id: impl Display,
    tags: &Tags,
) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let id = id.to_string();
    for (key, value) in tags {
        sqlx::query(
            "INSERT INTO tags (account, resource, key, value) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, resource, key) DO UPDATE SET value = excluded.value",
        )
        .bind(account.to_string())
        .bind(&id)
        .bind(key.as_str())
        .bind(value)
        .execute(&mut *db)
        .await?;
    }
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM tags WHERE account = $1 AND resource = $2")
            .bind(account.to_string())
            .bind(&id)
            .fetch_one(db)
            .await?;
    if count > MOST_TAGS { Err(Error::TooManyTags { id, most: MOST_TAGS }) } else { Ok(()) }
}

async fn delete(
    db: &mut Connection,
    account: AccountId,
    things: Vec<Taggable>,
    derived: Vec<String>,
    keys: Vec<(TagKey, Option<String>)>,
) -> Result<()> {
    for id in checked(db, account, things, derived).await? {
        if keys.is_empty() {
            sqlx::query("DELETE FROM tags WHERE account = $1 AND resource = $2")
                .bind(account.to_string())
                .bind(&id)
                .execute(&mut *db)
                .await?;
        }
        for (key, value) in &keys {
            sqlx::query(
                "DELETE FROM tags WHERE account = $1 AND resource = $2 AND key = $3
                 AND (value = $4 OR $4 IS NULL)",
            )
            .bind(account.to_string())
            .bind(&id)
            .bind(key.as_str())
            .bind(value)
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

/// Removes everybody's tags from a thing that is gone.
pub(crate) async fn forget(db: &mut Connection, id: impl Display) -> Result<()> {
    sqlx::query("DELETE FROM tags WHERE resource = $1").bind(id.to_string()).execute(db).await?;
    Ok(())
}

/// Removes the tags of instances of which there is no record any more, and of their interfaces.
pub(crate) async fn forget_purged_instances(db: &mut Connection) -> Result<()> {
    sqlx::query(
        "DELETE FROM tags WHERE (resource >= 'i-' AND resource < 'i.'
             AND NOT EXISTS (SELECT 1 FROM instances WHERE id = resource))
         OR (resource >= 'eni-' AND resource < 'eni.'
             AND NOT EXISTS (SELECT 1 FROM instances WHERE id = 'i-' || SUBSTR(resource, 5)))",
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The ids of things, all of which the user may tag.
async fn checked(
    db: &mut Connection,
    account: AccountId,
    things: Vec<Taggable>,
    derived: Vec<String>,
) -> Result<Vec<String>> {
    let user = users::by_account(db, account).await?;
    let mut ids = derived;
    for thing in things {
        if !may_tag(db, &user, thing).await? {
            return Err(Error::NotTaggable(thing));
        }
        ids.push(thing.to_string());
    }
    Ok(ids)
}

async fn may_tag(db: &mut Connection, user: &User, thing: Taggable) -> Result<bool> {
    let statement = match thing {
        Taggable::Image(id) => {
            return match images::launchable(db, id, user).await {
                Ok(_) => Ok(true),
                Err(Error::ImageNotFound(_)) => Ok(false),
                Err(other) => Err(other),
            };
        }
        Taggable::Instance(_) => {
            "SELECT COUNT(*) FROM instances WHERE id = $1 AND (account = $2 OR $2 IS NULL)"
        }
        Taggable::Group(_) => "SELECT COUNT(*) FROM security_groups WHERE id = $1 AND account = $2",
        Taggable::Rule(_) => {
            "SELECT COUNT(*) FROM group_rules
             JOIN security_groups ON security_groups.id = group_rules.group_id
             WHERE group_rules.id = $1 AND account = $2"
        }
        Taggable::KeyPair(_) => "SELECT COUNT(*) FROM key_pairs WHERE id = $1 AND account = $2",
        Taggable::Address(_) => {
            "SELECT COUNT(*) FROM addresses WHERE allocation = $1 AND account = $2"
        }
    };
    let everybodys = user.admin && matches!(thing, Taggable::Instance(_));
    let count: i64 = sqlx::query_scalar(statement)
        .bind(thing.to_string())
        .bind((!everybodys).then(|| user.account.to_string()))
        .fetch_one(db)
        .await?;
    Ok(count == 1)
}
