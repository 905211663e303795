//! What buckets and their owners hold, counted in the transaction of each change, and what they
//! may hold.
//!
//! As S3's own metrics do, it counts versions, delete markers and the parts of uploads that are
//! not complete as objects, and their bytes as the clients see them: a copy counts in full although
//! it shares the bytes of its source. The owner of the bucket is who uses them.

use super::history::{self, Entry};
use super::record::{Bucket, Id, PARTS, Part, decode, encode};
use super::tables::{ByKey, Tables};
use super::{Error, Refusal, Shared};
use redb::{ReadableDatabase, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign};
use types::AccountId;

/// Bucket id → [`OfBucket`].
pub(super) const USAGE: ByKey = ByKey::new("usage");
/// Account number → [`OfUser`], for those who own a bucket.
pub(super) const USER_USAGE: ByKey = ByKey::new("user-usage");

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Versions, delete markers and parts of uploads that are not complete.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Usage {
    pub(super) const NONE: Self = Self { objects: 0, bytes: 0 };

    pub(super) fn of_bytes(bytes: u64) -> Self {
        Self { objects: 1, bytes }
    }

    pub(super) fn of_entry(entry: &Entry) -> Self {
        match entry {
            Entry::Object(object) => Self::of_bytes(object.size),
            Entry::Marker(_) => Self::of_bytes(0),
        }
    }

    pub(super) fn of_parts(parts: &[(u16, Part)]) -> Self {
        parts.iter().fold(Self::NONE, |sum, (_, part)| sum + Self::of_bytes(part.size))
    }

    /// What is there after this came and that went.
    fn after(self, come: Self, gone: Self) -> Self {
        let Self { objects, bytes } = self + come;
        Self {
            objects: objects.saturating_sub(gone.objects),
            bytes: bytes.saturating_sub(gone.bytes),
        }
    }
}

impl Add for Usage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            objects: self.objects.saturating_add(other.objects),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfBucket {
    pub(super) owner: AccountId,
    pub(super) held: Usage,
}

/// What a user's buckets hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OfUser {
    pub(super) buckets: u64,
    pub(super) held: Usage,
}

/// The most that users may have. Whoever has more keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Buckets of one user; none for as many as he likes, as for the others.
    pub buckets_per_user: Option<u64>,
    /// Bytes in one bucket.
    pub bucket_bytes: Option<u64>,
    /// Bytes in all buckets of one user.
    pub user_bytes: Option<u64>,
}

impl Quotas {
    /// For those who may have as much as they like.
    pub(crate) const NONE: Self =
        Self { buckets_per_user: None, bucket_bytes: None, user_bytes: None };

    pub(crate) fn limit_bytes(self) -> bool {
        self.bucket_bytes.is_some() || self.user_bytes.is_some()
    }
}

fn user_place(owner: AccountId) -> Vec<u8> {
    owner.to_string().into_bytes()
}

fn bucket_usage(tables: &impl Tables, bucket: Id) -> Result<Option<OfBucket>, Error> {
    tables.at(USAGE, &bucket.0.to_be_bytes())?.map(|record| decode(&record)).transpose()
}

pub(super) fn user_usage(tables: &impl Tables, owner: AccountId) -> Result<OfUser, Error> {
    let record = tables.at(USER_USAGE, &user_place(owner))?;
    Ok(record.map(|record| decode(&record)).transpose()?.unwrap_or_default())
}

pub(super) fn set_bucket(txn: &WriteTransaction, bucket: Id, usage: OfBucket) -> Result<(), Error> {
    let (place, record) = (bucket.0.to_be_bytes(), encode(&usage)?);
    txn.open_table(USAGE)?.insert(place.as_slice(), record.as_slice())?;
    Ok(())
}

/// Nothing is kept of a user who has no bucket.
pub(super) fn set_user(
    txn: &WriteTransaction,
    owner: AccountId,
    usage: OfUser,
) -> Result<(), Error> {
    let (mut table, place) = (txn.open_table(USER_USAGE)?, user_place(owner));
    if usage.buckets == 0 {
        table.remove(place.as_slice())?;
    } else {
        table.insert(place.as_slice(), encode(&usage)?.as_slice())?;
    }
    Ok(())
}

/// Counts what came into a bucket and what went.
pub(super) fn count(
    txn: &WriteTransaction,
    bucket: Id,
    come: Usage,
    gone: Usage,
) -> Result<(), Error> {
    if come == gone {
        return Ok(());
    }
    let Some(mut usage) = bucket_usage(txn, bucket)? else { return Ok(()) };
    usage.held = usage.held.after(come, gone);
    set_bucket(txn, bucket, usage)?;
    let mut user = user_usage(txn, usage.owner)?;
    user.held = user.held.after(come, gone);
    set_user(txn, usage.owner, user)
}

/// Counts a new bucket.
pub(super) fn add_bucket(txn: &WriteTransaction, bucket: &Bucket) -> Result<(), Error> {
    set_bucket(txn, bucket.id, OfBucket { owner: bucket.owner, held: Usage::NONE })?;
    let mut user = user_usage(txn, bucket.owner)?;
    user.buckets = user.buckets.saturating_add(1);
    set_user(txn, bucket.owner, user)
}

/// Counts that a bucket is gone, with whatever there was in it.
pub(super) fn remove_bucket(txn: &WriteTransaction, bucket: Id) -> Result<(), Error> {
    let Some(usage) = bucket_usage(txn, bucket)? else { return Ok(()) };
    txn.open_table(USAGE)?.remove(bucket.0.to_be_bytes().as_slice())?;
    let mut user = user_usage(txn, usage.owner)?;
    user.buckets = user.buckets.saturating_sub(1);
    user.held = user.held.after(Usage::NONE, usage.held);
    set_user(txn, usage.owner, user)
}

/// How many bytes may come into a bucket where so many go, and why not more; none when there is no
/// limit. Whoever is over a limit may still write over what is there with something that is not
/// longer.
pub(super) fn room(
    tables: &impl Tables,
    bucket: &Bucket,
    quotas: Quotas,
    gone: u64,
) -> Result<Option<(u64, Refusal)>, Error> {
    let mut least: Option<(u64, Refusal)> = None;
    let mut limit = |most: u64, held: u64, refusal| {
        let room = most.saturating_sub(held).saturating_add(gone);
        least = Some(least.map_or((room, refusal), |(other, why)| {
            if other <= room { (other, why) } else { (room, refusal) }
        }));
    };
    if let Some(most) = quotas.bucket_bytes {
        let held = bucket_usage(tables, bucket.id)?.map_or(0, |usage| usage.held.bytes);
        limit(most, held, Refusal::BucketFull(most));
    }
    if let Some(most) = quotas.user_bytes {
        limit(most, user_usage(tables, bucket.owner)?.held.bytes, Refusal::UserFull(most));
    }
    Ok(least)
}

/// Why so many bytes may not come into a bucket where others go, if they may not.
pub(super) fn check(
    tables: &impl Tables,
    bucket: &Bucket,
    quotas: Quotas,
    come: u64,
    gone: u64,
) -> Result<Result<(), Refusal>, Error> {
    Ok(match room(tables, bucket, quotas, gone)? {
        Some((room, refusal)) if come > room => Err(refusal),
        _ => Ok(()),
    })
}

impl Shared {
    /// How many bytes a new object of this key, or a new part of an upload, may have.
    pub(crate) fn room(
        &self,
        bucket: &Bucket,
        key: &str,
        part: Option<(Id, u16)>,
        quotas: Quotas,
    ) -> Result<Option<(u64, Refusal)>, Error> {
        let txn = self.db.begin_read()?;
        let gone = match part {
            Some((upload, number)) => {
                let record = txn.open_table(PARTS)?.get((upload.0, number))?;
                let part: Option<Part> = record.map(|it| decode(it.value())).transpose()?;
                part.map_or(0, |part| part.size)
            }
            None => {
                let current = history::object(&txn, bucket.id, key)?;
                history::replaced(&txn, bucket, key, current.as_ref())?
            }
        };
        room(&txn, bucket, quotas, gone)
    }
}
