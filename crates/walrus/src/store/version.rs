//! Versions of objects, and what names them.

use super::record::Id;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use types::{AccountId, Timestamp};

/// Whether a bucket keeps what is written over and deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Versioning {
    /// It never has. What a key has is its null version.
    #[default]
    Never,
    /// Every write makes a version with an id of its own.
    Enabled,
    /// It has: those versions stay. A write makes the null version, in place of the one before.
    Suspended,
}

impl Versioning {
    /// What clients are told of a version: nothing where there never were versions.
    pub(crate) fn shown(self, id: VersionId) -> Option<VersionId> {
        (self != Self::Never).then_some(id)
    }
}

/// What clients name a version by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum VersionId {
    /// The one that was written while the bucket did not give out ids; a key has one at most.
    Null,
    Named(Id),
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Named(id) => id.fmt(f),
        }
    }
}

impl FromStr for VersionId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "null" { Ok(Self::Null) } else { text.parse().map(Self::Named) }
    }
}

/// Which of its key's versions a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Version {
    /// Grows from each version of a key to the next.
    pub(super) order: Id,
    pub(super) is_null: bool,
}

impl Version {
    /// One that is to be written. The committer makes it the null version where the bucket does
    /// not give out ids, and a later one than all others of the key.
    pub(crate) fn new(id: Id) -> Self {
        Self { order: id, is_null: false }
    }

    pub(crate) fn id(self) -> VersionId {
        if self.is_null { VersionId::Null } else { VersionId::Named(self.order) }
    }

    /// Whether it is that of an object of a bucket that never had versions, whose records say
    /// nothing of it.
    pub(super) fn is_only(&self) -> bool {
        *self == Self::default()
    }
}

/// After which of a key's versions a listing goes on. It tells the place of a null version that may
/// be gone when the next page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionMarker {
    At(Version),
    /// Wherever the null version is.
    Null,
}

impl fmt::Display for VersionMarker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(version) => f.write_str(&String::from(*version)),
            Self::Null => f.write_str("null"),
        }
    }
}

impl FromStr for VersionMarker {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "null" { Ok(Self::Null) } else { text.to_owned().try_into().map(Self::At) }
    }
}

impl Default for Version {
    /// The null version that is older than all others.
    fn default() -> Self {
        Self { order: Id(0), is_null: true }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        let null = if version.is_null { "null-" } else { "" };
        format!("{null}{}", version.order)
    }
}

impl TryFrom<String> for Version {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (is_null, order) = match text.strip_prefix("null-") {
            Some(order) => (true, order),
            None => (false, text.as_str()),
        };
        Ok(Self { order: order.parse()?, is_null })
    }
}

/// That a key was deleted, as a version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) version: Version,
    pub(crate) modified: Timestamp,
    /// Who deleted it; none for the owner of the bucket.
    pub(crate) owner: Option<AccountId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_written_and_read_alike() {
        let id: Id = "00000000000000000000000000000abc".parse().unwrap();
        for version in [Version::new(id), Version { order: id, is_null: true }, Version::default()]
        {
            assert_eq!(String::from(version).try_into(), Ok(version));
        }
        assert_eq!(Version::default().id().to_string().parse(), Ok(VersionId::Null));
        assert_eq!(Version::new(id).id().to_string().parse(), Ok(VersionId::Named(id)));
        for bad in ["", "Null", "abc", "null-", "0000000000000000000000000000ABCD"] {
            assert!(bad.parse::<VersionId>().is_err(), "{bad}");
        }
    }
}
