//! What the ordered store holds, and how it is written there.
//!
//! Records are JSON: a later version adds fields with a default and reads what an earlier one
//! wrote.

use super::Error;
use super::blob::Blobs;
use super::tables::ByKey;
use super::version::{Version, Versioning};
use crate::access::Acl;
use crate::checksum::Algorithm;
use redb::TableDefinition;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use types::{AccountId, Timestamp, UserName};

/// Bucket name → [`Bucket`].
pub(super) const BUCKETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("buckets");
/// [`object_key`] → [`Object`], for every key whose newest version is one.
pub(super) const OBJECTS: ByKey = TableDefinition::new("objects");
/// [`version_key`] → [`Entry`](super::history::Entry), for all other versions.
pub(super) const VERSIONS: ByKey = TableDefinition::new("versions");
/// [`object_key`] → the order of the null version, if it is among [`VERSIONS`].
pub(super) const NULL_VERSIONS: ByKey = TableDefinition::new("null-versions");
/// Content id → the bytes of a small object.
pub(super) const INLINE: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("inline");
/// Content id → size, for every blob file that an object or a part refers to.
pub(super) const BLOBS: TableDefinition<'_, u128, u64> = TableDefinition::new("blobs");
/// Content id → how many objects refer to it beside the first one; absent for none.
pub(super) const SHARED: TableDefinition<'_, u128, u32> = TableDefinition::new("shared");
/// [`upload_key`] → [`Upload`].
pub(super) const UPLOADS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("uploads");
/// Upload id and number → [`Part`], for uploads and for the objects that they became.
pub(super) const PARTS: TableDefinition<'_, (u128, u16), &[u8]> = TableDefinition::new("parts");
/// Ids of blob files that no object refers to any more and that are yet to be unlinked.
pub(super) const GARBAGE: TableDefinition<'_, u128, ()> = TableDefinition::new("garbage");

/// The id of a bucket or of an object's content: milliseconds since 1970 (48 bits), then 80
/// random bits. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Id(pub(super) u128);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let id = u128::from_str_radix(text, 16).ok().map(Self);
        id.filter(|id| id.to_string() == text).ok_or_else(|| format!("{text:?} is not an id"))
    }
}

impl TryFrom<String> for Id {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.to_string()
    }
}

/// Makes ids that grow for as long as the process lives, even when the clock is set back.
#[derive(Debug, Default)]
pub(crate) struct Ids(Mutex<u128>);

impl Ids {
    /// A new id, higher than any before.
    pub(crate) fn next(&self, now: Timestamp) -> Result<Id, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random[6..]).map_err(|_| Error::NoRandomness)?;
        let time = (now.millis() as u128 & 0xffff_ffff_ffff) << 80;
        let mut last = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = (time | u128::from_be_bytes(random)).max(*last + 1);
        Ok(Id(*last))
    }
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) id: Id,
    pub(crate) owner: AccountId,
    pub(crate) owner_name: UserName,
    pub(crate) acl: Acl,
    pub(crate) created: Timestamp,
    /// The location constraint that it was created with; empty when none was.
    pub(crate) location: String,
    #[serde(default)]
    pub(crate) versioning: Versioning,
}

/// Where an object's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// In the ordered store.
    Inline(Id),
    /// In a file of their own.
    Blob(Id),
    /// In the parts of this upload.
    Parts(Id),
}

impl Content {
    /// The id under which the bytes are kept.
    pub(crate) fn id(self) -> Id {
        let (Self::Inline(id) | Self::Blob(id) | Self::Parts(id)) = self;
        id
    }

    /// Where an administrator finds the bytes.
    pub(super) fn place(self) -> String {
        match self {
            Self::Inline(id) => format!("in walrus.redb, {id}"),
            Self::Blob(id) => format!("blobs/{:02x}/{id}", Blobs::shelf(id)),
            Self::Parts(id) => format!("parts of {id}"),
        }
    }
}

/// An object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    #[serde(default, skip_serializing_if = "Version::is_only")]
    pub(crate) version: Version,
    pub(crate) content: Content,
    pub(crate) size: u64,
    /// Without its quotes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    /// None for the owner of the bucket.
    #[serde(default)]
    pub(crate) owner: Option<AccountId>,
    pub(crate) acl: Acl,
    /// Response headers that the client chose (`content-type`, `cache-control` …).
    pub(crate) headers: BTreeMap<String, String>,
    /// The `x-amz-meta-` headers, names without the prefix.
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// Checksums that the client sent and that were verified: `crc32` → base64. One of parts'
    /// checksums ends with `-` and their number.
    pub(crate) checksums: BTreeMap<String, String>,
}

/// An upload in parts that is not complete yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) initiated: Timestamp,
    /// Who began it and will own the object; none for the owner of the bucket.
    #[serde(default)]
    pub(crate) owner: Option<AccountId>,
    pub(crate) acl: Acl,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// The checksum that the client will send with the parts.
    pub(crate) checksum: Option<PartsChecksum>,
}

/// How the checksum of an object is made of those of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartsChecksum {
    pub(crate) algorithm: Algorithm,
    /// That of all bytes, as if they had come at once; else one of the parts' checksums.
    pub(crate) full_object: bool,
}

/// A part of an upload, or of the object that it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) content: Content,
    pub(crate) size: u64,
    /// The hex MD5 of its bytes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    /// Verified checksums, as of [`Object::checksums`].
    pub(crate) checksums: BTreeMap<String, String>,
}

/// The place of an object in the ordered store: its bucket's id, then its key, so that a bucket
/// is one range in the order that S3 lists.
pub(super) fn object_key(bucket: Id, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + key.len());
    bytes.extend_from_slice(&bucket.0.to_be_bytes());
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The place of a version among those that are kept apart: its key's, a NUL, which no key contains,
/// and its order turned round, so that the newest is the first.
pub(super) fn version_key(bucket: Id, key: &str, order: Id) -> Vec<u8> {
    [object_key(bucket, key).as_slice(), &[0], &(!order.0).to_be_bytes()].concat()
}

/// The place of an upload: its object's, a NUL, which no key contains, and its id.
pub(super) fn upload_key(bucket: Id, key: &str, upload: Id) -> Vec<u8> {
    [object_key(bucket, key).as_slice(), &[0], &upload.0.to_be_bytes()].concat()
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(record).map_err(|cause| Error::Corrupt(cause.to_string()))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|cause| Error::Corrupt(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_when_the_clock_goes_back() {
        let ids = Ids::default();
        let late = ids.next(Timestamp::from_millis(2000)).unwrap();
        let early = ids.next(Timestamp::from_millis(1000)).unwrap();
        assert!(early > late);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert!("12".parse::<Id>().is_err(), "an id has 32 digits");
    }

    #[test]
    fn an_object_of_an_earlier_version_is_the_bucket_owners() {
        let id = "0".repeat(32);
        for acl in ["private", "aws-exec-read"] {
            let old = format!(
                r#"{{"content":{{"inline":"{id}"}},"size":0,"etag":"","modified":0,"acl":"{acl}",
                "headers":{{}},"metadata":{{}},"checksums":{{}}}}"#
            );
            let object: Object = decode(old.as_bytes()).unwrap();
            assert_eq!((object.owner, object.acl.grants_ec2()), (None, acl == "aws-exec-read"));
            assert_eq!(object.version, Version::default());
            let again = String::from_utf8(encode(&object).unwrap()).unwrap();
            assert!(!again.contains("version"), "it is as long as before: {again}");
        }
        let old = r#"{"initiated":0,"acl":"private","headers":{},"metadata":{},"checksum":null}"#;
        assert_eq!(decode::<Upload>(old.as_bytes()).unwrap().owner, None);
    }
}
