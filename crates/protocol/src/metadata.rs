//! How an instance's metadata requests are answered.

use serde::{Deserialize, Serialize};

/// EC2's metadata options of an instance (AWS, "Configure the instance metadata options").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether requests are answered at all.
    pub enabled: bool,
    /// Whether only requests with a session token are answered.
    pub tokens_required: bool,
    /// How many hops a session token may travel: the IP time to live of the answer that has it.
    pub hops: u8,
}

impl MetadataOptions {
    /// The most hops.
    pub const MOST_HOPS: u8 = 64;
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self { enabled: true, tokens_required: false, hops: 1 }
    }
}
