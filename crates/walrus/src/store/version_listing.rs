//! Listing the versions of a bucket: the objects that are the newest of their keys and what is
//! kept apart are two ranges in the order of the keys, which are gone through side by side.

use super::history::{self, Entry};
use super::listing::{AFTER_ALL, ListQuery};
use super::record::{Id, OBJECTS, Object, VERSIONS, decode, object_key, version_key};
use super::version::{VersionId, VersionMarker};
use super::{Error, Shared};
use redb::{Range, ReadOnlyTable, ReadTransaction, ReadableDatabase};

/// The bytes behind the key in the place of what is kept apart: a NUL and the order.
const TAIL: usize = 1 + 16;

/// Which versions to list: by key, each key's from the newest to the oldest.
#[derive(Debug, Clone, Default)]
pub(crate) struct VersionsQuery {
    /// Which keys; after the one that is named there, or after this version of it.
    pub(crate) keys: ListQuery,
    pub(crate) after: Option<VersionMarker>,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Version {
        key: String,
        entry: Entry,
        is_latest: bool,
    },
    /// What the keys of a group begin with.
    Group(String),
}

/// A page of versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) lines: Vec<Line>,
    /// There is more after the last line.
    pub(crate) truncated: bool,
}

/// A range of one of the two tables, at the next of its records.
struct Cursor {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// What stands behind the keys.
    tail: usize,
    /// What all places begin with.
    wanted: Vec<u8>,
    range: Range<'static, &'static [u8], &'static [u8]>,
    next: Option<(String, Vec<u8>)>,
}

impl Cursor {
    fn new(
        table: ReadOnlyTable<&'static [u8], &'static [u8]>,
        tail: usize,
        wanted: Vec<u8>,
        start: &[u8],
    ) -> Result<Self, Error> {
        let range = table.range(start..)?;
        let mut cursor = Self { table, tail, wanted, range, next: None };
        cursor.advance()?;
        Ok(cursor)
    }

    /// Steps over the next record, which is given.
    fn advance(&mut self) -> Result<Option<(String, Vec<u8>)>, Error> {
        let found = self.range.next().transpose()?;
        let found = found.filter(|(place, _)| place.value().starts_with(&self.wanted));
        let next = found.map(|(place, record)| {
            let place = place.value();
            let key = place.len().checked_sub(self.tail).and_then(|end| place.get(16..end));
            let key = key.and_then(|key| std::str::from_utf8(key).ok());
            let key = key.ok_or_else(|| Error::Corrupt("the place of a version".to_owned()))?;
            Ok::<_, Error>((key.to_owned(), record.value().to_vec()))
        });
        Ok(std::mem::replace(&mut self.next, next.transpose()?))
    }

    /// Goes on at this place, unless it is beyond it.
    fn jump(&mut self, start: &[u8]) -> Result<(), Error> {
        self.range = self.table.range(start..)?;
        self.advance().map(drop)
    }

    fn key(&self) -> Option<&str> {
        self.next.as_ref().map(|(key, _)| key.as_str())
    }
}

/// Where the two ranges begin.
fn starts(
    txn: &ReadTransaction,
    bucket: Id,
    VersionsQuery { keys, after }: &VersionsQuery,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let first = object_key(bucket, &keys.prefix);
    let (objects, apart) = match (keys.group(&keys.after), after) {
        _ if keys.after.is_empty() => (Vec::new(), Vec::new()),
        (Some(group), _) => {
            let after = [object_key(bucket, group), vec![AFTER_ALL]].concat();
            (after.clone(), after)
        }
        // after all versions of the key, and before the next one
        (None, None) => {
            let key = object_key(bucket, &keys.after);
            ([key.as_slice(), &[0]].concat(), [key.as_slice(), &[1]].concat())
        }
        (None, Some(marker)) => within(txn, bucket, &keys.after, *marker)?,
    };
    Ok((objects.max(first.clone()), apart.max(first)))
}

/// Where they begin after a version of a key.
fn within(
    txn: &ReadTransaction,
    bucket: Id,
    key: &str,
    marker: VersionMarker,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let place = object_key(bucket, key);
    let version = match marker {
        VersionMarker::At(version) => Some(version),
        VersionMarker::Null => {
            history::find(txn, bucket, key, Some(VersionId::Null))?.map(|entry| entry.version())
        }
    };
    // where it was nobody knows: rather a version twice than one not at all
    let Some(version) = version else { return Ok((place.clone(), place)) };
    let current = history::object(txn, bucket, key)?;
    let comes = current.is_some_and(|current| current.version.order < version.order);
    let objects = if comes { place } else { [place.as_slice(), &[0]].concat() };
    Ok((objects, [version_key(bucket, key, version.order), vec![0]].concat()))
}

impl Shared {
    /// A page of a bucket's versions.
    pub(crate) fn versions(&self, bucket: Id, query: &VersionsQuery) -> Result<Versions, Error> {
        let mut page = Versions::default();
        // no key contains a NUL, but places do
        if query.keys.limit == 0 || query.keys.prefix.contains('\0') {
            return Ok(page);
        }
        let txn = self.db.begin_read()?;
        let (first, first_apart) = starts(&txn, bucket, query)?;
        let wanted = object_key(bucket, &query.keys.prefix);
        let mut objects = Cursor::new(txn.open_table(OBJECTS)?, 0, wanted.clone(), &first)?;
        let mut apart = Cursor::new(txn.open_table(VERSIONS)?, TAIL, wanted, &first_apart)?;
        let goes_on = query.after.is_some() && first_apart != object_key(bucket, &query.keys.after);
        let mut last_key = goes_on.then(|| query.keys.after.clone());
        loop {
            let is_object = match (objects.key(), apart.key()) {
                (None, None) => break,
                (Some(object), Some(apart)) => object <= apart,
                (object, _) => object.is_some(),
            };
            if page.lines.len() == query.keys.limit {
                page.truncated = true;
                break;
            }
            let cursor = if is_object { &mut objects } else { &mut apart };
            let Some((key, record)) = cursor.advance()? else { break };
            if let Some(group) = query.keys.group(&key) {
                let next = [object_key(bucket, group), vec![AFTER_ALL]].concat();
                objects.jump(&next)?;
                apart.jump(&next)?;
                page.lines.push(Line::Group(group.to_owned()));
                continue;
            }
            let entry = if is_object {
                Entry::Object(Box::new(decode::<Object>(&record)?))
            } else {
                decode(&record)?
            };
            let is_latest = last_key.as_deref() != Some(key.as_str());
            last_key = Some(key.clone());
            page.lines.push(Line::Version { key, entry, is_latest });
        }
        Ok(page)
    }
}
