//! What can be wrong with stored bytes, in words for the administrator.

use std::fmt;

/// An object, a version or a part whose bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its bucket's name, or id where no bucket has that.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version; none of an upload that is not complete.
    pub version: Option<String>,
    /// The number of its part.
    pub part: Option<u16>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a key may have line breaks, and must not look like another line of a report
        write!(f, "{}/{}", self.bucket, self.key.escape_debug())?;
        match &self.version {
            None => f.write_str(" (upload in progress)")?,
            Some(version) if version != "null" => write!(f, " (version {version})")?,
            Some(_) => {}
        }
        self.part.map_or(Ok(()), |part| write!(f, ", part {part}"))
    }
}

/// Why stored bytes are not what they were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The record cannot be read.
    #[error("its record cannot be read")]
    Record,
    /// It is in no bucket.
    #[error("the bucket that it was in is not there")]
    NoBucket,
    /// There are none.
    #[error("its bytes ({0}) are gone")]
    Missing(String),
    /// There are more or fewer.
    #[error("it has {is} bytes instead of {was}")]
    Length {
        /// How many there were.
        was: u64,
        /// How many there are.
        is: u64,
    },
    /// They are others.
    #[error("its bytes were altered: their MD5 is {is} instead of {was}")]
    Altered {
        /// The MD5 that was taken when they came.
        was: String,
        /// Theirs now.
        is: String,
    },
    /// The disk does not give them.
    #[error("its bytes cannot be read: {0}")]
    Unreadable(String),
}
