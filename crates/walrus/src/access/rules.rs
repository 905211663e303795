//! What the owner of a bucket has set for all access to it, beside its ACL.

use super::Policy;
use crate::store::Error;
use serde::{Deserialize, Serialize};

/// The documents of a bucket's configuration that say who may do what, and what every answer about
/// an object tells of its lifecycle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    pub(crate) policy: Option<Vec<u8>>,
    pub(crate) public_access_block: Option<Vec<u8>>,
    pub(crate) ownership: Option<Vec<u8>>,
    pub(crate) lifecycle: Option<Vec<u8>>,
}

/// The public access block of a bucket: S3's four settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PublicAccessBlock {
    /// ACLs that give anything to a group are refused.
    pub(crate) block_public_acls: bool,
    /// What ACLs give to groups does not count.
    pub(crate) ignore_public_acls: bool,
    /// A policy that is public is refused.
    pub(crate) block_public_policy: bool,
    /// What a public policy allows counts for the bucket's owner only.
    pub(crate) restrict_public_buckets: bool,
}

/// Who owns the objects that others write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Ownership {
    /// The writer.
    #[default]
    ObjectWriter,
    /// The writer, unless he gives it away by `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// The bucket's owner, and there are no ACLs.
    BucketOwnerEnforced,
}

impl Ownership {
    pub(crate) const ALL: [(Self, &str); 3] = [
        (Self::ObjectWriter, "ObjectWriter"),
        (Self::BucketOwnerPreferred, "BucketOwnerPreferred"),
        (Self::BucketOwnerEnforced, "BucketOwnerEnforced"),
    ];
}

/// All of it, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rules {
    pub(crate) policy: Option<Policy>,
    pub(crate) block: PublicAccessBlock,
    pub(crate) ownership: Ownership,
}

impl Rules {
    /// Reads the documents of a bucket. One that cannot be read closes the bucket.
    pub(crate) fn read(documents: &Documents, bucket: &str) -> Result<Self, Error> {
        let damaged =
            |what: &str, why: String| Error::Corrupt(format!("the {what} of {bucket}: {why}"));
        let policy = documents.policy.as_deref().map(|text| Policy::read(text, bucket));
        let policy = policy.transpose().map_err(|why| damaged("policy", why))?;
        let block = json(documents.public_access_block.as_deref());
        let block = block.map_err(|error| damaged("public access block", error.to_string()))?;
        let ownership = json(documents.ownership.as_deref());
        let ownership = ownership.map_err(|error| damaged("ownership", error.to_string()))?;
        Ok(Self { policy, block, ownership })
    }

    /// Whether ACLs count at all.
    pub(crate) fn has_acls(&self) -> bool {
        self.ownership != Ownership::BucketOwnerEnforced
    }
}

fn json<T: Default + for<'de> Deserialize<'de>>(text: Option<&[u8]>) -> serde_json::Result<T> {
    text.map_or_else(|| Ok(T::default()), serde_json::from_slice)
}
