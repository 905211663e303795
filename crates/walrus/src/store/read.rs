//! Looking things up, each time in one snapshot of the ordered store.

use super::record::{BUCKETS, Bucket, Content, INLINE, OBJECTS, Object, decode, object_key};
use super::{Error, Shared};
use bytes::Bytes;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};
use std::fs::File;
use std::io;
use types::AccountId;

/// A bucket and what has a key in it.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) bucket: Bucket,
    pub(crate) object: Option<T>,
}

impl<T> Found<T> {
    /// The same with something else in the object's place.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found { bucket: self.bucket, object: self.object.map(change) }
    }
}

/// The bytes of an object, safe from deletes and overwrites that come later.
#[derive(Debug)]
pub(crate) enum Source {
    Bytes(Bytes),
    File(File),
}

/// An overwrite between look-up and open makes the file vanish; then it is looked up again.
const TRIES: usize = 8;

impl Shared {
    /// The bucket with this name.
    pub(crate) fn bucket(&self, name: &str) -> Result<Option<Bucket>, Error> {
        bucket(&self.db.begin_read()?, name)
    }

    /// All buckets of an owner, by name.
    pub(crate) fn buckets_of(&self, owner: AccountId) -> Result<Vec<(String, Bucket)>, Error> {
        let txn = self.db.begin_read()?;
        let mut buckets = Vec::new();
        for entry in txn.open_table(BUCKETS)?.iter()? {
            let (name, record) = entry?;
            let bucket: Bucket = decode(record.value())?;
            if bucket.owner == owner {
                buckets.push((name.value().to_owned(), bucket));
            }
        }
        Ok(buckets)
    }

    /// A bucket and the object with this key.
    pub(crate) fn find(&self, name: &str, key: &str) -> Result<Option<Found<Object>>, Error> {
        let txn = self.db.begin_read()?;
        let Some(bucket) = bucket(&txn, name)? else { return Ok(None) };
        let object = object(&txn, &bucket, key)?;
        Ok(Some(Found { bucket, object }))
    }

    /// As [`find`](Self::find), with the object's bytes.
    pub(crate) fn open(
        &self,
        name: &str,
        key: &str,
    ) -> Result<Option<Found<(Object, Source)>>, Error> {
        let mut lost = None;
        for _ in 0..TRIES {
            let txn = self.db.begin_read()?;
            let Some(bucket) = bucket(&txn, name)? else { return Ok(None) };
            let Some(object) = object(&txn, &bucket, key)? else {
                return Ok(Some(Found { bucket, object: None }));
            };
            match self.source(&txn, &object) {
                Ok(source) => {
                    return Ok(Some(Found { bucket, object: Some((object, source)) }));
                }
                Err(Error::Blob(error)) if error.kind() == io::ErrorKind::NotFound => {
                    lost = Some(object.content);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Corrupt(format!("the bytes of {name}/{key} are missing: {lost:?}")))
    }

    fn source(&self, txn: &ReadTransaction, object: &Object) -> Result<Source, Error> {
        match object.content {
            Content::Inline(id) => {
                let table = txn.open_table(INLINE)?;
                let bytes = table.get(id.0)?.map(|bytes| Bytes::copy_from_slice(bytes.value()));
                let bytes = bytes.filter(|bytes| bytes.len() as u64 == object.size);
                bytes
                    .map(Source::Bytes)
                    .ok_or_else(|| Error::Corrupt(format!("the bytes of content {id} are missing")))
            }
            Content::Blob(id) => {
                let file = self.blobs.read(id)?;
                if file.metadata()?.len() != object.size {
                    return Err(Error::Corrupt(format!("blob {id} has not the size it had")));
                }
                Ok(Source::File(file))
            }
        }
    }
}

fn bucket(txn: &ReadTransaction, name: &str) -> Result<Option<Bucket>, Error> {
    let table = txn.open_table(BUCKETS)?;
    table.get(name)?.map(|record| decode(record.value())).transpose()
}

fn object(txn: &ReadTransaction, bucket: &Bucket, key: &str) -> Result<Option<Object>, Error> {
    let table = txn.open_table(OBJECTS)?;
    let record = table.get(object_key(bucket.id, key).as_slice())?;
    record.map(|record| decode(record.value())).transpose()
}
