//! The changes that the store knows, each applied inside a transaction of the committer.

use super::blob::PendingBlob;
use super::content::{bring, share};
use super::history::{self, Entry};
use super::record::{BUCKETS, Bucket, Content, Id, Object, Part, Upload, decode, encode};
use super::usage::{self, Quotas};
use super::version::{Marker, VersionId, Versioning};
use super::{Configuration, Error, Progress, configuration, expire, scrub, upload};
use crate::access::Acl;
use crate::lifecycle::Due;
use bytes::Bytes;
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeMap;

/// A change of the store.
#[derive(Debug)]
pub(crate) enum Change {
    /// Makes a bucket, or sets the ACL of the one that its owner has already.
    CreateBucket { name: String, bucket: Bucket, quotas: Quotas },
    /// Removes an empty bucket.
    DeleteBucket { name: String, id: Id },
    /// Changes who may do what with a bucket.
    SetBucketAcl { name: String, id: Id, acl: Acl },
    /// Says whether a bucket keeps versions from now on.
    SetVersioning { name: String, id: Id, versioning: Versioning },
    /// Sets a bucket's document of this kind, or removes it.
    Configure { name: String, id: Id, kind: Configuration, document: Option<Vec<u8>> },
    /// Makes an object the newest version of its key.
    PutObject { bucket: String, id: Id, key: String, new: NewObject, condition: Precondition },
    /// The same with the bytes of another one, as long as that one has them.
    CopyObject {
        bucket: String,
        id: Id,
        key: String,
        object: Box<Object>,
        condition: Precondition,
        quotas: Quotas,
        /// Its bucket, key and version.
        source: (Id, String, VersionId),
    },
    /// Removes an object if it is there or, where versions are kept, makes a delete marker the
    /// newest version of the key.
    DeleteObject { bucket: String, id: Id, key: String, condition: Precondition, marker: Marker },
    /// Removes a version for good if it is there.
    DeleteVersion {
        bucket: String,
        id: Id,
        key: String,
        version: VersionId,
        condition: Precondition,
    },
    /// Changes what is said of a version, whose bytes must be those that were looked at.
    Amend {
        bucket: String,
        id: Id,
        key: String,
        version: VersionId,
        content: Content,
        amendment: Amendment,
    },
    /// Takes away what is due by this lifecycle, if it still is the bucket's.
    Expire { name: String, id: Id, document: Vec<u8>, due: Vec<Due> },
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
    /// Notes how far the scrubber is.
    NoteScrub(Box<Progress>),
}

/// What can be changed of an object that is there.
#[derive(Debug)]
pub(crate) enum Amendment {
    Acl(Acl),
    Tags(BTreeMap<String, String>),
}

impl Amendment {
    fn apply(&self, object: &mut Object) {
        match self {
            Self::Acl(acl) => object.acl.clone_from(acl),
            Self::Tags(tags) => object.tags.clone_from(tags),
        }
    }
}

/// What a client is told of a change beside that it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Done {
    /// The version that was written, or removed for good; none in a bucket that never had any.
    pub(crate) version: Option<VersionId>,
    /// Whether that is a delete marker.
    pub(crate) is_marker: bool,
}

/// A part whose bytes are ready, as those of a [`NewObject`].
#[derive(Debug)]
pub(crate) struct NewPart {
    pub(crate) part: Part,
    pub(crate) bytes: Bytes,
    pub(crate) blob: Option<PendingBlob>,
    pub(crate) quotas: Quotas,
}

/// An object whose bytes are ready: in memory, or in a blob that is durable but for its name.
#[derive(Debug)]
pub(crate) struct NewObject {
    pub(crate) object: Object,
    pub(crate) bytes: Bytes,
    pub(crate) blob: Option<PendingBlob>,
    /// What there may be with it.
    pub(crate) quotas: Quotas,
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
    NoSuchVersion,
    BucketAlreadyExists,
    BucketNotEmpty,
    TooManyBuckets,
    /// The bucket would have more than so many bytes.
    BucketFull(u64),
    /// The buckets of this bucket's owner would have more than so many bytes.
    UserFull(u64),
    PreconditionFailed,
    NoSuchUpload,
    /// A part is not there, or another one by now.
    InvalidPart,
    /// What is to be copied, or to get an ACL, has other bytes by now, or is gone.
    SourceChanged,
}

/// The blobs that a batch of changes has set free.
pub(super) type Freed = Vec<Id>;
/// The inner error is the client's.
pub(super) type Outcome = Result<Result<Done, Refusal>, Error>;

/// What a change answers of which there is nothing to tell.
pub(super) const DONE: Outcome = Ok(Ok(Done { version: None, is_marker: false }));

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
    pub(super) fn apply(&self, txn: &WriteTransaction, freed: &mut Freed) -> Outcome {
        match self {
            Self::CreateBucket { name, bucket, quotas } => {
                create_bucket(txn, name, bucket, *quotas)
            }
            Self::DeleteBucket { name, id } => delete_bucket(txn, name, *id, freed),
            Self::SetBucketAcl { name, id, acl } => {
                amend_bucket(txn, name, *id, |bucket| bucket.acl.clone_from(acl))
            }
            Self::SetVersioning { name, id, versioning } => {
                amend_bucket(txn, name, *id, |bucket| bucket.versioning = *versioning)
            }
            Self::Configure { name, id, kind, document } => {
                configuration::configure(txn, name, *id, *kind, document.as_deref())
            }
            Self::PutObject { bucket, id, key, new, condition } => {
                put_object(txn, &Place { bucket, id: *id, key }, new, condition, freed)
            }
            Self::CopyObject { bucket, id, key, object, condition, quotas, source } => {
                let place = Place { bucket, id: *id, key };
                copy_object(txn, &place, object, (condition, *quotas), source, freed)
            }
            Self::DeleteObject { bucket, id, key, condition, marker } => {
                delete_object(txn, &Place { bucket, id: *id, key }, condition, marker, freed)
            }
            Self::DeleteVersion { bucket, id, key, version, condition } => {
                delete_version(txn, &Place { bucket, id: *id, key }, *version, condition, freed)
            }
            Self::Amend { bucket, id, key, version, content, amendment } => {
                amend(txn, &Place { bucket, id: *id, key }, (*version, *content), amendment)
            }
            Self::Expire { name, id, document, due } => {
                expire::expire(txn, name, *id, document, due, freed)
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
            Self::NoteScrub(progress) => scrub::note(txn, progress),
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

fn create_bucket(txn: &WriteTransaction, name: &str, bucket: &Bucket, quotas: Quotas) -> Outcome {
    let mut table = txn.open_table(BUCKETS)?;
    let old: Option<Bucket> = table.get(name)?.map(|record| decode(record.value())).transpose()?;
    if let Some(old) = old {
        if old.owner != bucket.owner {
            return Ok(Err(Refusal::BucketAlreadyExists));
        }
        let renewed = Bucket { acl: bucket.acl.clone(), ..old };
        table.insert(name, encode(&renewed)?.as_slice())?;
        return DONE;
    }
    let owned = usage::user_usage(txn, bucket.owner)?.buckets;
    if quotas.buckets_per_user.is_some_and(|most| owned >= most) {
        return Ok(Err(Refusal::TooManyBuckets));
    }
    table.insert(name, encode(bucket)?.as_slice())?;
    usage::add_bucket(txn, bucket)?;
    DONE
}

fn amend_bucket(
    txn: &WriteTransaction,
    name: &str,
    id: Id,
    amend: impl FnOnce(&mut Bucket),
) -> Outcome {
    let Some(mut bucket) = bucket(txn, name, id)? else {
        return Ok(Err(Refusal::NoSuchBucket));
    };
    amend(&mut bucket);
    txn.open_table(BUCKETS)?.insert(name, encode(&bucket)?.as_slice())?;
    DONE
}

fn delete_bucket(txn: &WriteTransaction, name: &str, id: Id, freed: &mut Freed) -> Outcome {
    if bucket(txn, name, id)?.is_none() {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    if history::has_any(txn, id)? {
        return Ok(Err(Refusal::BucketNotEmpty));
    }
    upload::abort_all(txn, id, freed)?;
    configuration::forget(txn, id)?;
    usage::remove_bucket(txn, id)?;
    txn.open_table(BUCKETS)?.remove(name)?;
    DONE
}

/// A key in a bucket.
pub(super) struct Place<'a> {
    pub(super) bucket: &'a str,
    pub(super) id: Id,
    pub(super) key: &'a str,
}

impl Place<'_> {
    /// Its bucket, if that is still there, and the object that has the key now, if the condition
    /// holds for it.
    pub(super) fn current(
        &self,
        txn: &WriteTransaction,
        condition: &Precondition,
    ) -> Result<Result<(Bucket, Option<Object>), Refusal>, Error> {
        let Some(bucket) = bucket(txn, self.bucket, self.id)? else {
            return Ok(Err(Refusal::NoSuchBucket));
        };
        let object = history::object(txn, self.id, self.key)?;
        Ok(condition.check(object.as_ref()).map(|()| (bucket, object)))
    }
}

fn put_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    new: &NewObject,
    condition: &Precondition,
    freed: &mut Freed,
) -> Outcome {
    let (bucket, old) = match place.current(txn, condition)? {
        Ok(current) => current,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let gone = history::replaced(txn, &bucket, place.key, old.as_ref())?;
    if let Err(refusal) = usage::check(txn, &bucket, new.quotas, new.object.size, gone)? {
        return Ok(Err(refusal));
    }
    bring(txn, new.object.content, new.object.size, &new.bytes)?;
    let entry = Entry::Object(Box::new(new.object.clone()));
    place.push(txn, &bucket, old, entry, freed).map(Ok)
}

fn copy_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    object: &Object,
    (condition, quotas): (&Precondition, Quotas),
    (source_bucket, key, version): &(Id, String, VersionId),
    freed: &mut Freed,
) -> Outcome {
    let (bucket, old) = match place.current(txn, condition)? {
        Ok(current) => current,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let is_source = |entry: &Entry| match entry {
        Entry::Object(source) => source.content == object.content,
        Entry::Marker(_) => false,
    };
    if !history::find(txn, *source_bucket, key, Some(*version))?.as_ref().is_some_and(is_source) {
        return Ok(Err(Refusal::SourceChanged));
    }
    let gone = history::replaced(txn, &bucket, place.key, old.as_ref())?;
    if let Err(refusal) = usage::check(txn, &bucket, quotas, object.size, gone)? {
        return Ok(Err(refusal));
    }
    // before the old object gives them up, which may be the source itself
    share(txn, object.content)?;
    place.push(txn, &bucket, old, Entry::Object(Box::new(object.clone())), freed).map(Ok)
}

fn delete_object(
    txn: &WriteTransaction,
    place: &Place<'_>,
    condition: &Precondition,
    marker: &Marker,
    freed: &mut Freed,
) -> Outcome {
    let (bucket, old) = match place.current(txn, condition)? {
        Ok(current) => current,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if old.is_none() && bucket.versioning == Versioning::Never {
        return DONE;
    }
    place.push(txn, &bucket, old, Entry::Marker(marker.clone()), freed).map(Ok)
}

fn delete_version(
    txn: &WriteTransaction,
    place: &Place<'_>,
    version: VersionId,
    condition: &Precondition,
    freed: &mut Freed,
) -> Outcome {
    let Some(bucket) = bucket(txn, place.bucket, place.id)? else {
        return Ok(Err(Refusal::NoSuchBucket));
    };
    let entry = history::find(txn, place.id, place.key, Some(version))?;
    let object = match &entry {
        Some(Entry::Object(object)) => Some(&**object),
        _ => None,
    };
    if let Err(refusal) = condition.check(object) {
        return Ok(Err(refusal));
    }
    let Some(entry) = entry else {
        let version = bucket.versioning.shown(version);
        return Ok(Ok(Done { version, is_marker: false }));
    };
    place.remove_version(txn, &bucket, &entry, freed).map(Ok)
}

fn amend(
    txn: &WriteTransaction,
    place: &Place<'_>,
    (version, content): (VersionId, Content),
    amendment: &Amendment,
) -> Outcome {
    let Some(bucket) = bucket(txn, place.bucket, place.id)? else {
        return Ok(Err(Refusal::NoSuchBucket));
    };
    match history::find(txn, place.id, place.key, Some(version))? {
        Some(Entry::Object(mut object)) if object.content == content => {
            amendment.apply(&mut object);
            place.rewrite(txn, *object)?;
            Ok(Ok(Done { version: bucket.versioning.shown(version), is_marker: false }))
        }
        Some(_) => Ok(Err(Refusal::SourceChanged)),
        None => Ok(Err(Refusal::NoSuchVersion)),
    }
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
