//! The versions of a key. Its newest one is at the key's place among the objects if it is an
//! object; all others, and a delete marker though it is the newest, are kept apart, the newest
//! first. So what is read and listed most costs the same however many versions there are.

use super::change::{Freed, Place};
use super::content::free;
use super::record::{
    Bucket, Id, NULL_VERSIONS, OBJECTS, Object, VERSIONS, decode, encode, object_key, version_key,
};
use super::tables::Tables;
use super::usage::{Usage, count};
use super::version::{Marker, Version, VersionId, Versioning};
use super::{Done, Error};
use redb::WriteTransaction;
use serde::{Deserialize, Serialize};

/// A version: what is kept apart, or what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Entry {
    Object(Box<Object>),
    Marker(Marker),
}

impl Entry {
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Object(object) => object.version,
            Self::Marker(marker) => marker.version,
        }
    }

    fn set_version(&mut self, version: Version) {
        match self {
            Self::Object(object) => object.version = version,
            Self::Marker(marker) => marker.version = version,
        }
    }
}

/// What stands before the places of a key's versions that are kept apart. No key contains a NUL.
fn beginning(bucket: Id, key: &str) -> Vec<u8> {
    [object_key(bucket, key).as_slice(), &[0]].concat()
}

/// The object that has the key.
pub(super) fn object(tables: &impl Tables, bucket: Id, key: &str) -> Result<Option<Object>, Error> {
    let record = tables.at(OBJECTS, &object_key(bucket, key))?;
    record.map(|record| decode(&record)).transpose()
}

/// The newest of the versions that are kept apart, but for one.
fn newest_apart(
    tables: &impl Tables,
    bucket: Id,
    key: &str,
    but: Option<Version>,
) -> Result<Option<Entry>, Error> {
    for record in tables.first(VERSIONS, &beginning(bucket, key), 2)? {
        let entry: Entry = decode(&record)?;
        if Some(entry.version()) != but {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// A version of a key or, when none is named, what it is now.
pub(super) fn find(
    tables: &impl Tables,
    bucket: Id,
    key: &str,
    wanted: Option<VersionId>,
) -> Result<Option<Entry>, Error> {
    let newest = object(tables, bucket, key)?.map(|object| Entry::Object(Box::new(object)));
    let Some(wanted) = wanted else {
        return match newest {
            None => newest_apart(tables, bucket, key, None),
            newest => Ok(newest),
        };
    };
    match newest.filter(|newest| newest.version().id() == wanted) {
        None => apart(tables, bucket, key, wanted),
        newest => Ok(newest),
    }
}

/// A version that is kept apart.
fn apart(
    tables: &impl Tables,
    bucket: Id,
    key: &str,
    wanted: VersionId,
) -> Result<Option<Entry>, Error> {
    let order = match wanted {
        VersionId::Named(id) => Some(id),
        VersionId::Null => null_apart(tables, bucket, key)?,
    };
    let Some(order) = order else { return Ok(None) };
    let record = tables.at(VERSIONS, &version_key(bucket, key, order))?;
    let entry: Option<Entry> = record.map(|record| decode(&record)).transpose()?;
    Ok(entry.filter(|entry| entry.version().id() == wanted))
}

/// The bytes of what a new object of the key takes the place of.
pub(super) fn replaced(
    tables: &impl Tables,
    bucket: &Bucket,
    key: &str,
    current: Option<&Object>,
) -> Result<u64, Error> {
    let is_replaced = |object: &&Object| match bucket.versioning {
        Versioning::Never => true,
        Versioning::Enabled => false,
        Versioning::Suspended => object.version.is_null,
    };
    if let Some(object) = current.filter(is_replaced) {
        return Ok(object.size);
    }
    if bucket.versioning != Versioning::Suspended {
        return Ok(0);
    }
    Ok(match apart(tables, bucket.id, key, VersionId::Null)? {
        Some(Entry::Object(object)) => object.size,
        _ => 0,
    })
}

/// Where among those kept apart the null version is.
fn null_apart(tables: &impl Tables, bucket: Id, key: &str) -> Result<Option<Id>, Error> {
    let record = tables.at(NULL_VERSIONS, &object_key(bucket, key))?;
    let order = record.map(|record| record.as_slice().try_into().map(u128::from_be_bytes));
    let order = order.transpose().map_err(|_| Error::Corrupt("the place of a version".into()))?;
    Ok(order.map(Id))
}

impl Place<'_> {
    /// Makes a new version the newest one. `current` is the object that has the key now.
    pub(super) fn push(
        &self,
        txn: &WriteTransaction,
        bucket: &Bucket,
        current: Option<Object>,
        mut new: Entry,
        freed: &mut Freed,
    ) -> Result<Done, Error> {
        let is_marker = matches!(new, Entry::Marker(_));
        if bucket.versioning == Versioning::Never {
            match &mut new {
                Entry::Object(object) => {
                    object.version = Version::default();
                    self.write(txn, object)?;
                }
                Entry::Marker(_) => self.remove(txn)?,
            }
            current.map_or(Ok(()), |old| free(txn, old.content, freed))?;
            return Ok(Done::default());
        }
        let newest = match &current {
            Some(object) => Some(object.version),
            None => newest_apart(txn, self.id, self.key, None)?.map(|entry| entry.version()),
        };
        let after = newest.map_or(Id(0), |newest| Id(newest.order.0.saturating_add(1)));
        let is_null = bucket.versioning == Versioning::Suspended;
        let version = Version { order: new.version().order.max(after), is_null };
        new.set_version(version);
        let current = if is_null { self.drop_null(txn, current, freed)? } else { current };
        if let Some(current) = current {
            self.keep_apart(txn, &Entry::Object(Box::new(current)))?;
        }
        match &new {
            Entry::Object(object) => self.write(txn, object)?,
            Entry::Marker(_) => {
                self.remove(txn)?;
                self.keep_apart(txn, &new)?;
            }
        }
        Ok(Done { version: Some(version.id()), is_marker })
    }

    /// Removes a version for good; what was before it may be the newest then.
    pub(super) fn remove_version(
        &self,
        txn: &WriteTransaction,
        bucket: &Bucket,
        entry: &Entry,
        freed: &mut Freed,
    ) -> Result<Done, Error> {
        let version = entry.version();
        let current = object(txn, self.id, self.key)?;
        let is_current = current.as_ref().is_some_and(|current| current.version == version);
        let next = match current {
            Some(_) if !is_current => None,
            _ => newest_apart(txn, self.id, self.key, Some(version))?,
        };
        if is_current {
            self.remove(txn)?;
        } else {
            self.take_from_apart(txn, version)?;
        }
        self.promote(txn, next)?;
        if let Entry::Object(object) = entry {
            free(txn, object.content, freed)?;
        }
        let is_marker = matches!(entry, Entry::Marker(_));
        Ok(Done { version: bucket.versioning.shown(version.id()), is_marker })
    }

    /// Puts an object that is the newest version now where such objects are.
    fn promote(&self, txn: &WriteTransaction, next: Option<Entry>) -> Result<(), Error> {
        let Some(Entry::Object(object)) = next else { return Ok(()) };
        self.take_from_apart(txn, object.version)?;
        self.write(txn, &object)
    }

    /// Removes the null version, wherever it is, and gives the current one back if it is another.
    fn drop_null(
        &self,
        txn: &WriteTransaction,
        current: Option<Object>,
        freed: &mut Freed,
    ) -> Result<Option<Object>, Error> {
        if let Some(current) = &current
            && current.version.is_null
        {
            self.remove(txn)?;
            free(txn, current.content, freed)?;
            return Ok(None);
        }
        if let Some(entry) = apart(txn, self.id, self.key, VersionId::Null)? {
            self.take_from_apart(txn, entry.version())?;
            if let Entry::Object(object) = entry {
                free(txn, object.content, freed)?;
            }
        }
        Ok(current)
    }

    /// Writes a version again that was looked at and is still there.
    pub(super) fn rewrite(&self, txn: &WriteTransaction, object: Object) -> Result<(), Error> {
        let current = self::object(txn, self.id, self.key)?;
        if current.is_some_and(|current| current.version == object.version) {
            return self.write(txn, &object);
        }
        self.keep_apart(txn, &Entry::Object(Box::new(object)))
    }

    fn write(&self, txn: &WriteTransaction, object: &Object) -> Result<(), Error> {
        let (key, record) = (object_key(self.id, self.key), encode(object)?);
        let gone = match txn.open_table(OBJECTS)?.insert(key.as_slice(), record.as_slice())? {
            Some(old) => Usage::of_bytes(decode::<Object>(old.value())?.size),
            None => Usage::NONE,
        };
        count(txn, self.id, Usage::of_bytes(object.size), gone)
    }

    fn remove(&self, txn: &WriteTransaction) -> Result<(), Error> {
        let key = object_key(self.id, self.key);
        let gone = match txn.open_table(OBJECTS)?.remove(key.as_slice())? {
            Some(old) => Usage::of_bytes(decode::<Object>(old.value())?.size),
            None => Usage::NONE,
        };
        count(txn, self.id, Usage::NONE, gone)
    }

    fn keep_apart(&self, txn: &WriteTransaction, entry: &Entry) -> Result<(), Error> {
        let Version { order, is_null } = entry.version();
        let (place, record) = (version_key(self.id, self.key, order), encode(entry)?);
        let gone = match txn.open_table(VERSIONS)?.insert(place.as_slice(), record.as_slice())? {
            Some(old) => Usage::of_entry(&decode(old.value())?),
            None => Usage::NONE,
        };
        count(txn, self.id, Usage::of_entry(entry), gone)?;
        if is_null {
            let place = object_key(self.id, self.key);
            let order = order.0.to_be_bytes();
            txn.open_table(NULL_VERSIONS)?.insert(place.as_slice(), order.as_slice())?;
        }
        Ok(())
    }

    fn take_from_apart(&self, txn: &WriteTransaction, version: Version) -> Result<(), Error> {
        let place = version_key(self.id, self.key, version.order);
        let gone = match txn.open_table(VERSIONS)?.remove(place.as_slice())? {
            Some(old) => Usage::of_entry(&decode(old.value())?),
            None => Usage::NONE,
        };
        count(txn, self.id, Usage::NONE, gone)?;
        if version.is_null {
            let place = object_key(self.id, self.key);
            txn.open_table(NULL_VERSIONS)?.remove(place.as_slice())?;
        }
        Ok(())
    }
}

/// Whether this is all there is of a key.
pub(super) fn is_only(
    tables: &impl Tables,
    bucket: Id,
    key: &str,
    entry: &Entry,
) -> Result<bool, Error> {
    let found = newest_apart(tables, bucket, key, None)?;
    let other = newest_apart(tables, bucket, key, Some(entry.version()))?;
    let object = object(tables, bucket, key)?;
    Ok(found.as_ref() == Some(entry) && other.is_none() && object.is_none())
}

/// Whether a bucket has any version of any key.
pub(super) fn has_any(tables: &impl Tables, bucket: Id) -> Result<bool, Error> {
    let start = bucket.0.to_be_bytes();
    let is_empty = |table| tables.first(table, &start, 1).map(|found| found.is_empty());
    Ok(!is_empty(OBJECTS)? || !is_empty(VERSIONS)?)
}
