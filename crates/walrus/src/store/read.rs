//! Looking things up, each time in one snapshot of the ordered store.

use super::configuration::access;
use super::history::{self, Entry};
use super::parts::Parts;
use super::record::{BUCKETS, Bucket, Content, INLINE, Object, decode};
use super::version::{Marker, VersionId};
use super::{Error, Shared};
use crate::access::Documents;
use crate::disk::Blob;
use bytes::{Buf, Bytes};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};
use std::io;
use types::AccountId;

/// A bucket, what says who may do what there, and what has a key in it.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) bucket: Bucket,
    pub(crate) documents: Documents,
    pub(crate) object: Option<T>,
    /// The delete marker that it is instead of an object.
    pub(crate) marker: Option<Marker>,
}

impl<T> Found<T> {
    /// The same with something else in the object's place.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        let Self { bucket, documents, object, marker } = self;
        Found { bucket, documents, object: object.map(change), marker }
    }
}

/// The bytes of an object, safe from deletes and overwrites that come later.
#[derive(Debug)]
pub(crate) enum Source {
    Bytes(Bytes),
    Blob(Box<dyn Blob>),
    Parts(Parts),
}

impl Source {
    /// Fills the buffer with what is there from `at` on. May block.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => {
                let here = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
                let mut here = here.unwrap_or_default();
                here.try_copy_to_slice(buffer).map_err(|_| io::ErrorKind::UnexpectedEof.into())
            }
            Self::Blob(blob) => blob.read_exact_at(buffer, at),
            Self::Parts(parts) => parts.read_exact_at(buffer, at),
        }
    }
}

/// An overwrite between look-up and open makes the file vanish; then it is looked up again.
const TRIES: usize = 8;

impl Shared {
    /// The bucket with this name.
    pub(crate) fn bucket(&self, name: &str) -> Result<Option<Bucket>, Error> {
        bucket(&self.db.begin_read()?, name)
    }

    /// All buckets, by name.
    pub(super) fn buckets(&self) -> Result<Vec<(String, Bucket)>, Error> {
        let txn = self.db.begin_read()?;
        let mut buckets = Vec::new();
        for entry in txn.open_table(BUCKETS)?.iter()? {
            let (name, record) = entry?;
            buckets.push((name.value().to_owned(), decode(record.value())?));
        }
        Ok(buckets)
    }

    /// Those of an owner.
    pub(crate) fn buckets_of(&self, owner: AccountId) -> Result<Vec<(String, Bucket)>, Error> {
        let mut buckets = self.buckets()?;
        buckets.retain(|(_, bucket)| bucket.owner == owner);
        Ok(buckets)
    }

    /// A bucket and what has this key, or this version of it.
    pub(crate) fn find(
        &self,
        name: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Option<Found<Object>>, Error> {
        found(&self.db.begin_read()?, name, key, version)
    }

    /// As [`find`](Self::find), with the object's bytes.
    pub(crate) fn open(
        &self,
        name: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Option<Found<(Object, Source)>>, Error> {
        let mut lost = None;
        for _ in 0..TRIES {
            let txn = self.db.begin_read()?;
            let Some(found) = found(&txn, name, key, version)? else { return Ok(None) };
            let Found { bucket, documents, object, marker } = found;
            let Some(object) = object else {
                return Ok(Some(Found { bucket, documents, object: None, marker }));
            };
            match self.source(&txn, &object) {
                Ok(Source::Parts(_)) if !self.still_has(&bucket, key, &object)? => {
                    lost = Some(object.content);
                }
                Ok(source) => {
                    let object = Some((object, source));
                    return Ok(Some(Found { bucket, documents, object, marker }));
                }
                Err(Error::Blob(error)) if error.kind() == io::ErrorKind::NotFound => {
                    lost = Some(object.content);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Corrupt(format!("the bytes of {name}/{key} are missing: {lost:?}")))
    }

    /// Whether the version has the same bytes now.
    fn still_has(&self, bucket: &Bucket, key: &str, object: &Object) -> Result<bool, Error> {
        let version = Some(object.version.id());
        let now = history::find(&self.db.begin_read()?, bucket.id, key, version)?;
        Ok(matches!(now, Some(Entry::Object(now)) if now.content == object.content))
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
                let blob = self.blobs.read(id)?;
                if blob.size()? != object.size {
                    return Err(Error::Corrupt(format!("blob {id} has not the size it had")));
                }
                Ok(Source::Blob(blob))
            }
            Content::Parts(id) => {
                let parts = self.open_parts(txn, id)?;
                if parts.size() != object.size {
                    return Err(Error::Corrupt(format!("the parts of {id} have another size")));
                }
                Ok(Source::Parts(parts))
            }
        }
    }
}

fn bucket(txn: &ReadTransaction, name: &str) -> Result<Option<Bucket>, Error> {
    let table = txn.open_table(BUCKETS)?;
    table.get(name)?.map(|record| decode(record.value())).transpose()
}

fn found(
    txn: &ReadTransaction,
    name: &str,
    key: &str,
    version: Option<VersionId>,
) -> Result<Option<Found<Object>>, Error> {
    let Some(bucket) = bucket(txn, name)? else { return Ok(None) };
    let documents = access(txn, bucket.id)?;
    let entry = match key {
        "" => None,
        key => history::find(txn, bucket.id, key, version)?,
    };
    let (object, marker) = match entry {
        Some(Entry::Object(object)) => (Some(*object), None),
        Some(Entry::Marker(marker)) => (None, Some(marker)),
        None => (None, None),
    };
    Ok(Some(Found { bucket, documents, object, marker }))
}
