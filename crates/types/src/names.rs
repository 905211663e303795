//! Names that people choose.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A name that breaks the rule of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" is not valid: {rule}")]
pub struct InvalidName {
    /// The kind of name.
    pub what: &'static str,
    /// What was given, shortened to a length that can be shown.
    pub text: String,
    /// The rule, as a sentence part.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    return Ok(Self(text));
                }
                let shown = text.chars().take(64).collect();
                Err(InvalidName { what: $what, text: shown, rule: $rule })
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

fn plain(text: &str, most: usize, extra: &[u8]) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || extra.contains(&b);
    (1..=most).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(inner)
}

fn printable(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && text.trim() == text
}

name!(
    /// A user of the cloud. It is a directory name on nodes, so its alphabet is narrow.
    UserName, "user name",
    "1 to 64 letters, digits, '.', '_', '-', '@', a letter or digit first, and not \"eucalyptus\"",
    |text| plain(text, 64, b"._-@") && text != "eucalyptus"
);
name!(
    /// A security group of a user (EC2: up to 255 ASCII characters).
    GroupName, "group name", "1 to 255 printable ASCII characters", printable
);
name!(
    /// A key pair of a user (EC2: up to 255 ASCII characters).
    KeyName, "key pair name", "1 to 255 printable ASCII characters", printable
);
name!(
    /// A cluster, which is an availability zone.
    ClusterName, "cluster name",
    "1 to 64 letters, digits, '.', '_', '-', a letter or digit first",
    |text| plain(text, 64, b"._-")
);
name!(
    /// The host name or address under which a node controller is reached.
    NodeName, "node name",
    "a host name or address of 1 to 253 letters, digits, '.', '_', '-', ':'",
    |text| plain(text, 253, b"._-:")
);
name!(
    /// The key of a tag (EC2: up to 128 characters; those that begin with `aws:` are reserved).
    TagKey, "tag key", "1 to 128 characters, none of them a control character, not \"aws:…\"",
    |text| {
        let reserved = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
        !reserved
            && (1..=128).contains(&text.chars().count())
            && !text.chars().any(char::is_control)
    }
);

/// What a user notes on a thing: keys with values.
pub type Tags = BTreeMap<TagKey, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "eucalyptus", "-x", "a\0"] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
        }
        assert!("alice@example.org".parse::<UserName>().is_ok());
        assert!("web tier #1".parse::<GroupName>().is_ok());
        assert!(" web".parse::<GroupName>().is_err());
        assert!("caf\u{e9}".parse::<KeyName>().is_err());
        assert!("caf\u{e9}".parse::<TagKey>().is_ok());
        for bad in ["", "aws:x", "AWS:x", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<TagKey>().is_err(), "{bad:?}");
        }
    }
}
