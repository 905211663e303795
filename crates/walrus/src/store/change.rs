//! The changes that the store knows, each applied inside a transaction of the committer.

use super::blob::PendingBlob;
use super::content::{bring, free, share};
use super::record::{
    BUCKETS, Bucket, Content, Id, OBJECTS, Object, Part, Upload, decode, encode, object_key,
};
use super::{Configuration, Error, configuration, upload};
use crate::access::Acl;
use bytes::Bytes;
use redb::{ReadableTable, WriteTransaction};
use types::AccountId;

/// A change of the store.
#[derive(Debug)]
pub(crate) enum Change {
    /// Makes a bucket, or sets the ACL of the one that its owner has already.
    CreateBucket { name: String, bucket: Bucket, most_buckets: usize },
    /// Removes an empty bucket.
    DeleteBucket { name: String, id: Id },
    /// Changes who may do what with a bucket.
    SetBucketAcl { name: String, id: Id, acl: Acl },
    /// Sets a bucket's document of this kind, or removes it.
    Configure { name: String, id: Id, kind: Configuration, document: Option<Vec<u8>> },
    /// Writes an object over whatever has its key.
    PutObject { bucket: String, id: Id, key: String, new: NewObject, condition: Precondition },
    /// Writes an object that has the bytes of another one, as long as that one has them.
    CopyObject {
        bucket: String,
        id: Id,
        key: String,
        object: Box<Object>,
        condition: Precondition,
        source: (Id, String),
    },
    /// Removes an object if it is there.
    DeleteObject { bucket: String, id: Id, key: String, condition: Precondition },
    /// Changes who may do what with an object, which must be the one that was looked at.
    SetObjectAcl { bucket: String, id: Id, key: String, content: Content, acl: Acl },
    /// Begins an upload in parts.
    StartUpload { bucket: String, id: Id, key: String, upload: Id, record: Box<Upload> },
    /// Writes a part of an upload over the one that has its number.
    PutPart { bucket: String, id: Id, key: String, upload: Id, number: u16, new: NewPart },
    /// Makes an object of these parts, which must still be as they were, and drops the others.
    CompleteUpload {
        bucket: String,
        id: Id,
        key: String,
        upload: Id,
        parts: Vec<(u16, Content)>,
        object: Box<Object>,
        condition: Precondition,
    },
    /// Drops an upload with its parts.
    AbortUpload { bucket: String, id: Id, key: String, upload: Id },
}

/// A part whose bytes are ready, as those of a [`NewObject`].
#[derive(Debug)]
pub(crate) struct NewPart {
    pub(crate) part: Part,
    pub(crate) bytes: Bytes,
    pub(crate) blob: Option<PendingBlob>,
}

/// An object whose bytes are ready: in memory, or in a blob that is durable but for its name.
#[derive(Debug)]
pub(crate) struct NewObject {
    pub(crate) object: Object,
    pub(crate) bytes: Bytes,
    pub(crate) blob: Option<PendingBlob>,
}

/// What must be true of the object that has the key now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Precondition {
    #[default]
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`: its ETag without quotes, or `*`.
    Matches(String),
}

/// Why a change is refused: the client's error, not the store's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoSuchBucket,
    NoSuchKey,
    BucketAlreadyExists,
    BucketNotEmpty,
    TooManyBuckets,
    PreconditionFailed,
    NoSuchUpload,
    /// A part is not there, or another one by now.
    InvalidPart,
    /// What is to be copied, or to get an ACL, has other bytes by now, or is gone.
    SourceChanged,
}

/// The blobs that a batch of changes has set free.
pub(super) type Freed = Vec<Id>;

impl Change {
    /// The blob that this change brings.
    pub(super) fn blob(&self) -> Option<Id> {
        match self {
            Self::PutObject { new, .. } => new.blob.as_ref().map(PendingBlob::id),
            Self::PutPart { new, .. } => new.blob.as_ref().map(PendingBlob::id),
            _ => None,
        }
    }

    /// Says that the blob of this change must stay, because metadata may refer to it.
    pub(super) fn keep_blob(self) {
        if let Self::PutObject { new: NewObject { blob: Some(blob), .. }, .. }
        | Self::PutPart { new: NewPart { blob: Some(blob), .. }, .. } = self
        {
            blob.keep();
        }
    }

    /// Applies the change. A refused change has changed nothing.
    pub(super) fn apply(
        &self,
        txn: &WriteTransaction,
        freed: &mut Freed,
    ) -> Result<Result<(), Refusal>, Error> {
        match self {
            Self::CreateBucket { name, bucket, most_buckets } => {
                create_bucket(txn, name, bucket, *most_buckets)
            }
            Self::DeleteBucket { name, id } => delete_bucket(txn, name, *id, freed),
            Self::SetBucketAcl { name, id, acl } => {
                let Some(mut bucket) = bucket(txn, name, *id)? else {
                    return Ok(Err(Refusal::NoSuchBucket));
                };
                bucket.acl.clone_from(acl);
                txn.open_table(BUCKETS)?.insert(name.as_str(), encode(&bucket)?.as_slice())?;
                Ok(Ok(()))
            }
            Self::Configure { name, id, kind, document } => {
                configuration::configure(txn, name, *id, *kind, document.as_deref())
            }
            Self::PutObject { bucket, id, key, new, condition } => {
                let place = Place { bucket, id: *id, key };
                put_object(txn, &place, new, condition, freed)
            }
            Self::CopyObject { bucket, id, key, object, condition, source } => {
                let place = Place { bucket, id: *id, key };
                copy_object(txn, &place, object, condition, source, freed)
            }
            Self::DeleteObject { bucket, id, key, condition } => {
                delete_object(txn, &Place { bucket, id: *id, key }, condition, freed)
            }
            Self::SetObjectAcl { bucket, id, key, content, acl } => {
                let place = Place { bucket, id: *id, key };
                let Some(mut object) = place.object(txn)? else {
                    return Ok(Err(Refusal::NoSuchKey));
                };
                if object.content != *content {
                    return Ok(Err(Refusal::SourceChanged));
                }
                object.acl.clone_from(acl);
                place.write(txn, &object)?;
                Ok(Ok(()))
            }
            Self::StartUpload { bucket, id, key, upload, record } => {
                upload::start(txn, &Place { bucket, id: *id, key }, *upload, record)
            }
            Self::PutPart { bucket, id, key, upload, number, new } => {
                let place = Place { bucket, id: *id, key };
                upload::put_part(txn, &place, *upload, *number, new, freed)
            }
            Self::CompleteUpload { bucket, id, key, upload, parts, object, condition } => {
                let place = Place { bucket, id: *id, key };
                upload::complete(txn, &place, *upload, parts, object, condition, freed)
            }
            Self::AbortUpload { bucket, id, key, upload } => {
                upload::abort(txn, &Place { bucket, id: *id, key }, *upload, freed)
            }
        }
    }
}

/// The bucket with this name, if it is still the same bucket.
pub(super) fn bucket(txn: &WriteTransaction, name: &str, id: Id) -> Result<Option<Bucket>, Error> {
    let table = txn.open_table(BUCKETS)?;
    let Some(record) = table.get(name)? else { return Ok(None) };
    let bucket: Bucket = decode(record.value())?;
    Ok(Some(bucket).filter(|bucket| bucket.id == id))
}

fn create_bucket(
    txn: &WriteTransaction,
    name: &str,
    bucket: &Bucket,
    most_buckets: usize,
) -> Result<Result<(), Refusal>, Error> {
    let mut table = txn.open_table(BUCKETS)?;
    let old: Option<Bucket> = table.get(name)?.map(|record| decode(record.value())).transpose()?;
    if let Some(old) = old {
        if old.owner != bucket.owner {
            return Ok(Err(Refusal::BucketAlreadyExists));
        }
        let renewed = Bucket { acl: bucket.acl.clone(), ..old };
        table.insert(name, encode(&renewed)?.as_slice())?;
        return Ok(Ok(()));
    }
    if owned(&table, bucket.owner)? >= most_buckets {
        return Ok(Err(Refusal::TooManyBuckets));
    }
    table.insert(name, encode(bucket)?.as_slice())?;
    Ok(Ok(()))
}

fn owned(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    owner: AccountId,
) -> Result<usize, Error> {
    let mut count = 0;
    for entry in table.iter()? {
        let bucket: Bucket = decode(entry?.1.value())?;
        count += usize::from(bucket.owner == owner);
    }
    Ok(count)
}

fn delete_bucket(
    txn: &WriteTransaction,
    name: &str,
    id: Id,
    freed: &mut Freed,
) -> Result<Result<(), Refusal>, Error> {
    if bucket(txn, name, id)?.is_none() {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    let objects = txn.open_table(OBJECTS)?;
    let first = objects.range(object_key(id, "").as_slice()..)?.next().transpose()?;
    if first.is_some_and(|(key, _)| key.value().starts_with(&id.0.to_be_bytes())) {
        return Ok(Err(Refusal::BucketNotEmpty));
    }
    drop(objects);
    upload::abort_all(txn, id, freed)?;
    configuration::forget(txn, id)?;
    txn.open_table(BUCKETS)?.remove(name)?;
    Ok(Ok(()))
}

/// A key in a bucket.
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) id: Id,
    pub(super) key: &'a str,
}

impl Place<'_> {
    /// Whether its bucket is still there.
    pub(super) fn exists(&self, txn: &WriteTransaction) -> Result<bool, Error> {
        Ok(bucket(txn, self.bucket, self.id)?.is_some())
    }

    fn object(&self, txn: &WriteTransaction) -> Result<Option<Object>, Error> {
        let table = txn.open_table(OBJECTS)?;
        let record = table.get(object_key(self.id, self.key).as_slice())?;
        record.map(|record| decode(record.value())).transpose()
    }

    /// What has the key now, if the condition holds for it.
    pub(super) fn current(
        &self,
        txn: &WriteTransaction,
        condition: &Precondition,
    ) -> Result<Result<Option<Object>, Refusal>, Error> {
        let object = self.object(txn)?;
        Ok(condition.check(object.as_ref()).map(|()| object))
    }

    /// Writes an object whose bytes are there over the old one.
    pub(super) fn write_over(
        &self,
        txn: &WriteTransaction,
        old: Option<Object>,
        object: &Object,
        freed: &mut Freed,
    ) -> Result<(), Error> {
        self.write(txn, object)?;
        old.map_or(Ok(()), |old| free(txn, old.content, freed))
    }

    fn write(&self, txn: &WriteTransaction, object: &Object) -> Result<(), Error> {
        let key = object_key(self.id, self.key);
        txn.open_table(OBJECTS)?.insert(key.as_slice(), encode(object)?.as_slice())?;
        Ok(())
    }
}

fn put_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    new: &NewObject,
    condition: &Precondition,
    freed: &mut Freed,
) -> Result<Result<(), Refusal>, Error> {
    if !place.exists(txn)? {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    let old = match place.current(txn, condition)? {
        Ok(old) => old,
        Err(refusal) => return Ok(Err(refusal)),
    };
    bring(txn, new.object.content, new.object.size, &new.bytes)?;
    place.write_over(txn, old, &new.object, freed)?;
    Ok(Ok(()))
}

fn copy_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    object: &Object,
    condition: &Precondition,
    (bucket, key): &(Id, String),
    freed: &mut Freed,
) -> Result<Result<(), Refusal>, Error> {
    if !place.exists(txn)? {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    let source = Place { bucket: "", id: *bucket, key }.object(txn)?;
    if source.is_none_or(|source| source.content != object.content) {
        return Ok(Err(Refusal::SourceChanged));
    }
    let old = match place.current(txn, condition)? {
        Ok(old) => old,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // before the old object gives them up, which may be the source itself
    share(txn, object.content)?;
    place.write_over(txn, old, object, freed)?;
    Ok(Ok(()))
}

fn delete_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    condition: &Precondition,
    freed: &mut Freed,
) -> Result<Result<(), Refusal>, Error> {
    let old = match place.current(txn, condition)? {
        Ok(old) => old,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Some(old) = old {
        txn.open_table(OBJECTS)?.remove(object_key(place.id, place.key).as_slice())?;
        free(txn, old.content, freed)?;
    }
    Ok(Ok(()))
}

impl Precondition {
    fn check(&self, current: Option<&Object>) -> Result<(), Refusal> {
        match (self, current) {
            (Self::Absent, Some(_)) => Err(Refusal::PreconditionFailed),
            (Self::Matches(_), None) => Err(Refusal::NoSuchKey),
            (Self::Matches(etag), Some(object)) if etag != "*" && *etag != object.etag => {
                Err(Refusal::PreconditionFailed)
            }
            _ => Ok(()),
        }
    }
}
