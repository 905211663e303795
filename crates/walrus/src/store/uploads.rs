//! Looking at uploads in parts that are not complete yet.

use super::content::read_parts;
use super::record::{Id, PARTS, Part, UPLOADS, Upload, decode, object_key, upload_key};
use super::{Error, Shared};
use redb::ReadableDatabase;

/// The bytes behind the key: a NUL and the id.
const TAIL: usize = 1 + 16;

/// Which uploads of a bucket to list, in the order of their keys, each key's as they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadsQuery {
    /// Only keys that start so.
    pub(crate) prefix: String,
    /// Only after this key, or after this upload of the key.
    pub(crate) after: (String, Option<Id>),
    /// The most uploads.
    pub(crate) limit: usize,
}

/// A page of uploads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads {
    pub(crate) uploads: Vec<(String, Id, Upload)>,
    /// There is more after the last one.
    pub(crate) truncated: bool,
}

impl UploadsQuery {
    fn start(&self, bucket: Id) -> Vec<u8> {
        let after = match &self.after {
            (key, _) if key.is_empty() => Vec::new(),
            (key, Some(upload)) => [upload_key(bucket, key, *upload), vec![0]].concat(),
            // after all ids of the key, and before the next one
            (key, None) => [object_key(bucket, key), vec![1]].concat(),
        };
        after.max(object_key(bucket, &self.prefix))
    }
}

impl Shared {
    /// An upload, if it is there.
    pub(crate) fn upload(&self, bucket: Id, key: &str, id: Id) -> Result<Option<Upload>, Error> {
        let table = self.db.begin_read()?.open_table(UPLOADS)?;
        let record = table.get(upload_key(bucket, key, id).as_slice())?;
        record.map(|record| decode(record.value())).transpose()
    }

    /// The parts of an upload, by number.
    pub(crate) fn parts(&self, upload: Id) -> Result<Vec<(u16, Part)>, Error> {
        read_parts(&self.db.begin_read()?.open_table(PARTS)?, upload)
    }

    /// A page of a bucket's uploads.
    pub(crate) fn uploads(&self, bucket: Id, query: &UploadsQuery) -> Result<Uploads, Error> {
        let mut page = Uploads::default();
        if query.limit == 0 {
            return Ok(page);
        }
        let table = self.db.begin_read()?.open_table(UPLOADS)?;
        let wanted = object_key(bucket, &query.prefix);
        for entry in table.range(query.start(bucket).as_slice()..)? {
            let (place, record) = entry?;
            let place = place.value();
            if !place.starts_with(&wanted) {
                break;
            }
            if page.uploads.len() == query.limit {
                page.truncated = true;
                break;
            }
            let damaged = || Error::Corrupt("the place of an upload".to_owned());
            let (key, id) = place.split_at_checked(place.len() - TAIL).ok_or_else(damaged)?;
            let key = key.get(16..).and_then(|key| std::str::from_utf8(key).ok());
            let id = id.last_chunk().map(|id| Id(u128::from_be_bytes(*id)));
            let (key, id) = key.zip(id).ok_or_else(damaged)?;
            page.uploads.push((key.to_owned(), id, decode(record.value())?));
        }
        Ok(page)
    }
}
