//! Walrus: the S3 service of the cloud, and the store below it.
//!
//! [`Walrus::handle`] answers S3 requests, below a path prefix (`/services/Walrus`) or at the root
//! of a port, signed with version 2 or 4, or anonymous. The canned ACL `aws-exec-read` lets the
//! cloud itself read, through [`Walrus::open_object`].
//!
//! A 200 to a PUT or a 204 to a DELETE means that the change is on the disk. What is not offered
//! answers NotImplemented with its name.

mod access;
mod accounts;
mod address;
mod body;
mod checksum;
mod cors;
mod damage;
mod disk;
mod fault;
mod image;
mod ingest;
mod lifecycle;
mod operation;
mod request;
mod room;
mod scrub;
mod store;
mod walrus;
mod xml;

pub use accounts::{Account, Accounts, LookupError};
pub use address::Door;
pub use body::Body;
pub use damage::{Damage, Subject};
pub use disk::{Blob, Disk, NewBlob};
pub use image::{ObjectInfo, ObjectReader};
pub use operation::Operation;
pub use request::Peer;
pub use store::{BucketUsage, Error, Quotas, Usage, UsageReport, UserUsage};
pub use store::{Check, Finding, Flaw, Round, check, check_on};
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

/// The ids of the rules in the body of a PutBucketLifecycleConfiguration request; none when it is
/// refused. For the same tests.
#[doc(hidden)]
pub fn lifecycle_rules(body: &[u8]) -> Option<Vec<String>> {
    let rules = operation::read_lifecycle(body).ok()?;
    Some(rules.into_iter().map(|rule| rule.id).collect())
}

/// What a policy says, for the same tests.
#[doc(hidden)]
#[derive(Debug)]
pub struct PolicySays {
    /// Whether it is public.
    pub is_public: bool,
    /// Whether it lets somebody read the object `a` of whom nothing is known.
    pub opens: bool,
}

/// Reads the body of a PutBucketPolicy request; none when it is refused.
#[doc(hidden)]
pub fn read_policy(body: &[u8], bucket: &str) -> Option<PolicySays> {
    use access::{Action, Context, Effect, Policy, Wish};
    let policy = Policy::read(body, bucket).ok()?;
    let (action, context) = (Action::GetObject, &Context::default());
    let wish = Wish { caller: None, action, bucket, key: Some("a"), context };
    let opens = policy.effect(&wish) == Some(Effect::Allow);
    Some(PolicySays { is_public: policy.is_public(), opens })
}

/// The body of a PutBucketAcl request as the ACL is shown afterwards; none when it is refused.
/// For the same tests.
#[doc(hidden)]
pub fn rewritten_acl(body: &[u8], owner: types::AccountId) -> Option<String> {
    operation::rewritten_acl(body, owner)
}
