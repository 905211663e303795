//! Listing a bucket: a scan over one range of the ordered store, which jumps over the keys of
//! a group (a common prefix) as soon as it has seen the first of them.

use super::record::{Id, OBJECTS, Object, decode, object_key};
use super::{Error, Shared};
use redb::ReadableDatabase;

/// Sorts after every continuation of a prefix, because no UTF-8 contains it.
pub(super) const AFTER_ALL: u8 = 0xff;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ListQuery {
    /// Only keys that start so.
    pub(crate) prefix: String,
    /// Keys that share their part up to its first occurrence after the prefix are one group;
    /// empty for none.
    pub(crate) delimiter: String,
    /// Only keys and groups after this one.
    pub(crate) after: String,
    /// The most entries.
    pub(crate) limit: usize,
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Object(String, Box<Object>),
    Group(String),
}

impl Entry {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Object(name, _) | Self::Group(name) => name,
        }
    }
}

/// A page of a listing, in the order of the bytes of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    /// There is more after the last entry.
    pub(crate) truncated: bool,
}

impl ListQuery {
    /// The group that a key belongs to.
    pub(super) fn group<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix(self.prefix.as_str())?;
        if self.delimiter.is_empty() {
            return None;
        }
        let end = rest.find(&self.delimiter)? + self.delimiter.len();
        Some(&key[..self.prefix.len() + end])
    }

    /// The first place that can be listed: what comes after a key of a group is after the group.
    fn start(&self, bucket: Id) -> Vec<u8> {
        let after = match self.group(&self.after) {
            Some(group) => [object_key(bucket, group), vec![AFTER_ALL]].concat(),
            None if self.after.is_empty() => Vec::new(),
            None => [object_key(bucket, &self.after), vec![0]].concat(),
        };
        after.max(object_key(bucket, &self.prefix))
    }
}

impl Shared {
    /// A page of a bucket's listing.
    pub(crate) fn list(&self, bucket: Id, query: &ListQuery) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        if query.limit == 0 {
            return Ok(listing);
        }
        let txn = self.db.begin_read()?;
        let table = txn.open_table(OBJECTS)?;
        let wanted = object_key(bucket, &query.prefix);
        let mut range = table.range(query.start(bucket).as_slice()..)?;
        while let Some((place, record)) = range.next().transpose()? {
            let place = place.value();
            if !place.starts_with(&wanted) {
                break;
            }
            if listing.entries.len() == query.limit {
                listing.truncated = true;
                break;
            }
            let key = std::str::from_utf8(&place[16..])
                .map_err(|_| Error::Corrupt("a key is not UTF-8".to_owned()))?;
            if let Some(group) = query.group(key) {
                listing.entries.push(Entry::Group(group.to_owned()));
                let mut next = object_key(bucket, group);
                next.push(AFTER_ALL);
                range = table.range(next.as_slice()..)?;
            } else {
                let object = Box::new(decode(record.value())?);
                listing.entries.push(Entry::Object(key.to_owned(), object));
            }
        }
        Ok(listing)
    }
}
