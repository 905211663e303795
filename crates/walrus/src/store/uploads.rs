//! Looking at uploads in parts that are not complete yet.

use super::content::read_parts;
use super::listing::{AFTER_ALL, ListQuery};
use super::record::{Id, PARTS, Part, UPLOADS, Upload, decode, object_key, upload_key};
use super::{Error, Shared};
use redb::ReadableDatabase;

/// The bytes behind the key: a NUL and the id.
const TAIL: usize = 1 + 16;

/// Which uploads of a bucket to list, in the order of their keys, each key's as they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct UploadsQuery {
    /// Which keys; after the one that is named there, or after this upload of it.
    pub(crate) keys: ListQuery,
    pub(crate) after: Option<Id>,
}

/// One line of a listing.
#[derive(Debug, Clone)]
pub(crate) enum UploadLine {
    Upload(String, Id, Box<Upload>),
    /// What the keys of a group begin with.
    Group(String),
}

/// A page of uploads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads {
    pub(crate) lines: Vec<UploadLine>,
    /// There is more after the last one.
    pub(crate) truncated: bool,
}

impl UploadsQuery {
    fn start(&self, bucket: Id) -> Vec<u8> {
        let key = self.keys.after.as_str();
        let after = match (self.keys.group(key), self.after) {
            _ if key.is_empty() => Vec::new(),
            (Some(group), _) => after_group(bucket, group),
            (None, Some(upload)) => [upload_key(bucket, key, upload), vec![0]].concat(),
            // after all ids of the key, and before the next one
            (None, None) => [object_key(bucket, key), vec![1]].concat(),
        };
        after.max(object_key(bucket, &self.keys.prefix))
    }
}

fn after_group(bucket: Id, group: &str) -> Vec<u8> {
    [object_key(bucket, group), vec![AFTER_ALL]].concat()
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
        // no key contains a NUL, but places do
        if query.keys.limit == 0 || query.keys.prefix.contains('\0') {
            return Ok(page);
        }
        let table = self.db.begin_read()?.open_table(UPLOADS)?;
        let wanted = object_key(bucket, &query.keys.prefix);
        let mut range = table.range(query.start(bucket).as_slice()..)?;
        while let Some((place, record)) = range.next().transpose()? {
            let place = place.value();
            if !place.starts_with(&wanted) {
                break;
            }
            if page.lines.len() == query.keys.limit {
                page.truncated = true;
                break;
            }
            let damaged = || Error::Corrupt("the place of an upload".to_owned());
            let end = place.len().checked_sub(TAIL).ok_or_else(damaged)?;
            let (key, id) = place.split_at(end);
            let key = key.get(16..).and_then(|key| std::str::from_utf8(key).ok());
            let id = id.last_chunk().map(|id| Id(u128::from_be_bytes(*id)));
            let (key, id) = key.zip(id).ok_or_else(damaged)?;
            if let Some(group) = query.keys.group(key) {
                page.lines.push(UploadLine::Group(group.to_owned()));
                range = table.range(after_group(bucket, group).as_slice()..)?;
                continue;
            }
            let upload = Box::new(decode(record.value())?);
            page.lines.push(UploadLine::Upload(key.to_owned(), id, upload));
        }
        Ok(page)
    }
}
