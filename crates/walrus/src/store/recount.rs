//! Counting all that the store holds: once for a store that was written before anything was
//! counted, and to compare with what is counted change by change.

use super::content::read_parts;
use super::history::Entry;
use super::record::{BUCKETS, Bucket, Id, OBJECTS, Object, PARTS, UPLOADS, VERSIONS, decode};
use super::tables::ByKey;
use super::usage::{OfBucket, OfUser, USAGE, USER_USAGE, Usage, set_bucket, set_user};
use super::{Error, Shared, durably};
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableError, WriteTransaction,
};
use std::collections::BTreeMap;
use types::AccountId;

/// What a bucket holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUsage {
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: AccountId,
    /// How much there is in it.
    pub held: Usage,
}

/// What the buckets of a user hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserUsage {
    /// Who owns them.
    pub owner: AccountId,
    /// How many there are.
    pub buckets: u64,
    /// How much there is in all of them.
    pub held: Usage,
}

/// Who holds what: the buckets by name, the users by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageReport {
    /// All buckets.
    pub buckets: Vec<BucketUsage>,
    /// All users who own a bucket.
    pub users: Vec<UserUsage>,
}

type Counted = BTreeMap<Id, OfBucket>;

/// Counts a store that was written before there was anything to count with.
pub(super) fn count_once(db: &Database) -> Result<(), Error> {
    let txn = db.begin_read()?;
    match txn.open_table(USAGE) {
        Ok(_) => return Ok(()),
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let counted = recount(&txn)?;
    drop(txn);
    let mut txn = db.begin_write()?;
    durably(&mut txn)?;
    write(&txn, &counted)?;
    txn.commit()?;
    Ok(())
}

/// Writes what was counted in place of what was there.
pub(super) fn write(txn: &WriteTransaction, counted: &Counted) -> Result<(), Error> {
    for table in [USAGE, USER_USAGE] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    for (bucket, usage) in counted {
        set_bucket(txn, *bucket, *usage)?;
    }
    users(counted).into_iter().try_for_each(|(owner, usage)| set_user(txn, owner, usage))
}

/// What the buckets hold by their records. What cannot be read does not count.
pub(super) fn recount(txn: &ReadTransaction) -> Result<Counted, Error> {
    let mut counted = Counted::new();
    for entry in txn.open_table(BUCKETS)?.iter()? {
        let (_, record) = entry?;
        if let Some(bucket) = readable(decode::<Bucket>(record.value()))? {
            counted.insert(bucket.id, OfBucket { owner: bucket.owner, held: Usage::NONE });
        }
    }
    each(txn, OBJECTS, &mut counted, |_, record| {
        Ok(Usage::of_bytes(decode::<Object>(record)?.size))
    })?;
    each(txn, VERSIONS, &mut counted, |_, record| Ok(Usage::of_entry(&decode::<Entry>(record)?)))?;
    let parts = txn.open_table(PARTS)?;
    each(txn, UPLOADS, &mut counted, |place, _| {
        let id = place.last_chunk().map(|id| Id(u128::from_be_bytes(*id)));
        let id = id.ok_or_else(|| Error::Corrupt("an upload without its id".to_owned()))?;
        Ok(Usage::of_parts(&read_parts(&parts, id)?))
    })?;
    Ok(counted)
}

/// Counts the records of a table whose places begin with the id of their bucket.
fn each(
    txn: &ReadTransaction,
    table: ByKey,
    counted: &mut Counted,
    usage: impl Fn(&[u8], &[u8]) -> Result<Usage, Error>,
) -> Result<(), Error> {
    for entry in txn.open_table(table)?.iter()? {
        let (place, record) = entry?;
        let bucket = place.value().first_chunk().map(|id| Id(u128::from_be_bytes(*id)));
        let Some(bucket) = bucket.and_then(|id| counted.get_mut(&id)) else { continue };
        if let Some(usage) = readable(usage(place.value(), record.value()))? {
            bucket.held += usage;
        }
    }
    Ok(())
}

fn readable<T>(record: Result<T, Error>) -> Result<Option<T>, Error> {
    match record {
        Ok(record) => Ok(Some(record)),
        Err(Error::Corrupt(why)) => {
            tracing::error!(why, "a record cannot be read and does not count");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn users(counted: &Counted) -> BTreeMap<AccountId, OfUser> {
    let mut users = BTreeMap::<_, OfUser>::new();
    for usage in counted.values() {
        let user = users.entry(usage.owner).or_default();
        user.buckets += 1;
        user.held += usage.held;
    }
    users
}

impl Shared {
    /// Who holds what, as it was counted change by change.
    pub(crate) fn usage(&self) -> Result<UsageReport, Error> {
        let txn = self.db.begin_read()?;
        let mut counted = Counted::new();
        for entry in txn.open_table(USAGE)?.iter()? {
            let (place, record) = entry?;
            let id = place.value().try_into().map(u128::from_be_bytes);
            let id = id.map_err(|_| Error::Corrupt("the place of a bucket's usage".to_owned()))?;
            counted.insert(Id(id), decode(record.value())?);
        }
        let mut of_users = BTreeMap::new();
        for entry in txn.open_table(USER_USAGE)?.iter()? {
            let (place, record) = entry?;
            let owner = std::str::from_utf8(place.value()).ok().and_then(|it| it.parse().ok());
            let owner = owner.ok_or_else(|| Error::Corrupt("whose usage it is".to_owned()))?;
            of_users.insert(owner, decode(record.value())?);
        }
        report(&txn, counted, of_users)
    }

    /// The same, counted now.
    pub(crate) fn recounted(&self) -> Result<UsageReport, Error> {
        let txn = self.db.begin_read()?;
        let counted = recount(&txn)?;
        let of_users = users(&counted);
        report(&txn, counted, of_users)
    }
}

fn report(
    txn: &ReadTransaction,
    counted: Counted,
    users: BTreeMap<AccountId, OfUser>,
) -> Result<UsageReport, Error> {
    let mut names = BTreeMap::new();
    for entry in txn.open_table(BUCKETS)?.iter()? {
        let (name, record) = entry?;
        if let Some(bucket) = readable(decode::<Bucket>(record.value()))? {
            names.insert(bucket.id, name.value().to_owned());
        }
    }
    let bucket = |(id, OfBucket { owner, held }): (Id, OfBucket)| {
        // one that is not there is shown all the same, so that it is seen to be wrong
        let name = names.remove(&id).unwrap_or_else(|| id.to_string());
        BucketUsage { name, owner, held }
    };
    let mut buckets: Vec<_> = counted.into_iter().map(bucket).collect();
    buckets.sort_by(|one, other| one.name.cmp(&other.name));
    let user = |(owner, OfUser { buckets, held })| UserUsage { owner, buckets, held };
    Ok(UsageReport { buckets, users: users.into_iter().map(user).collect() })
}
