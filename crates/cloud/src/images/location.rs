//! Where an image's manifest is in Walrus.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

/// `BUCKET/MANIFEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Location {
    /// The key of a file that lies beside this one.
    pub(crate) fn beside(&self, name: &str) -> String {
        let directory = self.key.rfind('/').map_or("", |slash| &self.key[..=slash]);
        format!("{directory}{name}")
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Location {
    type Err = Error;

    /// A slash in front, which some tools send, is ignored.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::ImageLocation(text.chars().take(200).collect());
        let (bucket, key) =
            text.strip_prefix('/').unwrap_or(text).split_once('/').ok_or_else(bad)?;
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if text.len() > 1300 || !plain(bucket) || !plain(key) || key.ends_with('/') {
            return Err(bad());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_bucket_and_a_key() {
        for (text, bucket, key, part) in [
            ("images/k.manifest.xml", "images", "k.manifest.xml", "k.part.0"),
            ("/images/k.manifest.xml", "images", "k.manifest.xml", "k.part.0"),
            ("images/2026/k.manifest.xml", "images", "2026/k.manifest.xml", "2026/k.part.0"),
        ] {
            let location: Location = text.parse().unwrap();
            assert_eq!((location.bucket.as_str(), location.key.as_str()), (bucket, key));
            assert_eq!(location.beside("k.part.0"), part);
        }
        for bad in ["images", "images/", "/k.manifest.xml", "", "images/k\n", "images/k/"] {
            assert!(bad.parse::<Location>().is_err(), "{bad:?}");
        }
    }
}
