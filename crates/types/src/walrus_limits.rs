//! What users may have in Walrus.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The most that a user may have in Walrus who is no administrator; none for no limit. It is
/// written `buckets=N,bucket-mb=MB,user-mb=MB`, each a number or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalrusLimits {
    /// Buckets of one user.
    #[serde(deserialize_with = "Option::deserialize")]
    pub buckets: Option<u32>,
    /// What one bucket holds, in MB of 1024 × 1024 bytes.
    #[serde(deserialize_with = "Option::deserialize")]
    pub bucket_mb: Option<u32>,
    /// What all buckets of one user hold.
    #[serde(deserialize_with = "Option::deserialize")]
    pub user_mb: Option<u32>,
}

/// A text that sets no limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" sets no limit; write buckets=N, bucket-mb=MB or user-mb=MB, each a number or none"
)]
pub struct MalformedLimits(pub String);

impl WalrusLimits {
    /// The same with the limits that a text names, such as `bucket-mb=5120,user-mb=none`.
    ///
    /// # Errors
    /// When the text names none, one twice or one that is not known.
    pub fn with(self, text: &str) -> Result<Self, MalformedLimits> {
        let mut limits = self;
        let mut set = Vec::new();
        for item in text.split(',') {
            let wrong = || MalformedLimits(item.chars().take(64).collect());
            let (name, value) = item.split_once('=').ok_or_else(wrong)?;
            let value = match value {
                "none" => None,
                number => Some(number.parse().map_err(|_| wrong())?),
            };
            let limit = match name {
                "buckets" => &mut limits.buckets,
                "bucket-mb" => &mut limits.bucket_mb,
                "user-mb" => &mut limits.user_mb,
                _ => return Err(wrong()),
            };
            *limit = value;
            if set.contains(&name) {
                return Err(wrong());
            }
            set.push(name);
        }
        Ok(limits)
    }
}

impl Default for WalrusLimits {
    /// 100 buckets a user, of any size.
    fn default() -> Self {
        Self { buckets: Some(100), bucket_mb: None, user_mb: None }
    }
}

impl FromStr for WalrusLimits {
    type Err = MalformedLimits;
    fn from_str(text: &str) -> Result<Self, MalformedLimits> {
        Self::default().with(text)
    }
}

impl fmt::Display for WalrusLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |limit: Option<u32>| limit.map_or("none".to_owned(), |it| it.to_string());
        let [buckets, bucket_mb, user_mb] = [self.buckets, self.bucket_mb, self.user_mb].map(shown);
        write!(f, "buckets={buckets},bucket-mb={bucket_mb},user-mb={user_mb}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_and_read_alike() {
        let limits = WalrusLimits { buckets: Some(5), bucket_mb: Some(5120), user_mb: None };
        assert_eq!(limits.to_string(), "buckets=5,bucket-mb=5120,user-mb=none");
        assert_eq!(limits.to_string().parse(), Ok(limits));
        assert_eq!(limits.with("user-mb=0").unwrap().user_mb, Some(0));
        assert_eq!(limits.with("buckets=none").unwrap().bucket_mb, Some(5120));
        for bad in ["", "buckets", "buckets=", "buckets=-1", "buckets=1,buckets=2", "mb=1", "none"]
        {
            assert!(bad.parse::<WalrusLimits>().is_err(), "{bad}");
        }
    }
}
