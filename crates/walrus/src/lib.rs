//! Walrus: the S3 service of the cloud, and the store below it.
//!
//! [`Walrus::handle`] answers S3 requests under a path prefix (`/services/Walrus`), path style,
//! signature version 2 and 4. Everything is private to the bucket's owner; the canned ACL
//! `aws-exec-read` lets the cloud itself read, through [`Walrus::open_object`].
//!
//! A 200 to a PUT or a 204 to a DELETE means that the change is on the disk. What is not offered
//! answers NotImplemented with its name.

mod access;
mod accounts;
mod body;
mod checksum;
mod disk;
mod fault;
mod image;
mod ingest;
mod operation;
mod request;
mod store;
mod walrus;
mod xml;

pub use accounts::{Account, Accounts, LookupError};
pub use body::Body;
pub use disk::{Blob, Disk, NewBlob};
pub use image::{ObjectInfo, ObjectReader};
pub use operation::Operation;
pub use request::Peer;
pub use store::Error;
pub use walrus::{Settings, Walrus};

/// The location constraint in the body of a CreateBucket request; none when the body is refused.
/// For tests that send it anything.
#[doc(hidden)]
pub fn location_constraint(body: &[u8]) -> Option<String> {
    xml::location_constraint(body).ok()
}

/// The keys in the body of a DeleteObjects request; none when the body is refused. For the same
/// tests.
#[doc(hidden)]
pub fn keys_to_delete(body: &[u8]) -> Option<Vec<String>> {
    operation::keys_to_delete(body).ok()
}

/// The numbers in the body of a CompleteMultipartUpload request; none when it is refused. For the
/// same tests.
#[doc(hidden)]
pub fn parts_to_complete(body: &[u8]) -> Option<Vec<u16>> {
    operation::parts_to_complete(body).ok()
}

/// Whether the body of a PutBucketPolicy request is a policy of this bucket. For the same tests.
#[doc(hidden)]
pub fn is_policy(body: &[u8], bucket: &str) -> bool {
    access::Policy::read(body, bucket).is_ok()
}

/// How many grants the body of a PutBucketAcl request has; none when it is refused. For the same
/// tests.
#[doc(hidden)]
pub fn grants(body: &[u8], owner: types::AccountId) -> Option<usize> {
    operation::read_acl(body, owner).ok().map(|acl| acl.0.len())
}
