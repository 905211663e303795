//! What users hold in Walrus, and what they may.

use serde::{Deserialize, Serialize};
use types::{AccountId, UserName};

/// Where the limits are, as `types::WalrusLimits`.
pub const WALRUS_LIMITS: &str = "/v1/walrus-limits";
/// Where [`WalrusUsage`] is.
pub const WALRUS_USAGE: &str = "/v1/walrus-usage";

/// Who holds how much in Walrus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalrusUsage {
    /// All buckets by name.
    pub buckets: Vec<BucketUsage>,
    /// All users who own a bucket.
    pub users: Vec<UserUsage>,
}

/// What a bucket holds: objects are versions, delete markers and parts of uploads that are not
/// complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketUsage {
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub owner: AccountId,
    /// How many objects there are in it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What the buckets of a user hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserUsage {
    /// Who owns them.
    pub account: AccountId,
    /// His name, as long as he is there.
    pub name: Option<UserName>,
    /// How many buckets there are.
    pub buckets: u64,
    /// How many objects there are in them.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}
