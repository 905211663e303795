//! What a check tells, in words for the administrator.

use super::super::record::{Content, Id};
use crate::damage::{Damage, Subject};
use std::fmt;

/// The id of bytes or of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub(super) Id);

impl From<Id> for Key {
    fn from(id: Id) -> Self {
        Self(id)
    }
}

/// Bytes with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub(super) Content);

impl From<Content> for Place {
    fn from(content: Content) -> Self {
        Self(content)
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// An object or a part has not the bytes that it had.
    Damaged {
        /// Which.
        subject: Subject,
        /// In what way.
        damage: Damage,
    },
    /// A record cannot be read.
    Unreadable {
        /// Whose.
        what: String,
    },
    /// Nothing is lost, but something is not as it should be.
    Flaw {
        /// What.
        flaw: Flaw,
        /// Whether it was mended.
        mended: bool,
    },
}

/// What does not fit together without that anything is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A file that nothing refers to.
    File(Key),
    /// Bytes that nothing refers to.
    Bytes(Place),
    /// Parts of an upload that is not there, nor an object made of it.
    Parts(Key),
    /// It is wrong how many objects share bytes.
    Count {
        /// Which bytes.
        of: Key,
        /// How many beside the first one are noted.
        is: u32,
        /// How many there are.
        should_be: u32,
    },
    /// A file that an object refers to is not noted, so that the next start would remove it.
    NotNoted {
        /// The file.
        blob: Key,
        /// Its length.
        size: u64,
    },
}

impl Flaw {
    /// Whether mending it can lose nothing, whatever else is damaged.
    pub(super) fn loses_nothing(self) -> bool {
        matches!(self, Self::NotNoted { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { subject, damage: damage @ Damage::NoBucket } => {
                write!(f, "damaged: {subject}: {damage}")
            }
            Self::Damaged { subject, damage } => write!(
                f,
                "damaged: {subject}: {damage}; restore the file from a backup, or upload the \
                 object again or delete it"
            ),
            Self::Unreadable { what } => {
                write!(f, "damaged: the record of {what} cannot be read; restore from a backup")
            }
            Self::Flaw { flaw, mended: true } => write!(f, "mended: {flaw}"),
            Self::Flaw { flaw, mended: false } => write!(f, "flaw: {flaw}; --repair mends it"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(id) => {
                write!(f, "nothing refers to the file {}", Content::Blob(id.0).place())
            }
            Self::Bytes(Place(content)) => {
                write!(f, "nothing refers to the bytes {}", content.place())
            }
            Self::Parts(id) => {
                write!(f, "there are parts of the upload {}, which is not there", id.0)
            }
            Self::Count { of, is, should_be } => write!(
                f,
                "{is} copies are noted to share the bytes {}, there are {should_be}",
                of.0
            ),
            Self::NotNoted { blob, .. } => write!(
                f,
                "the file {} is not noted, the next start would remove it",
                Content::Blob(blob.0).place()
            ),
        }
    }
}

/// What a check has found in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Check {
    /// Objects, versions and parts.
    pub contents: u64,
    /// The bytes that were read; those that copies share once.
    pub bytes: u64,
    /// What is damaged.
    pub damaged: u64,
    /// What could be mended.
    pub flaws: u64,
    /// What was mended.
    pub mended: u64,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contents, bytes, damaged, flaws, mended } = self;
        write!(
            f,
            "{contents} objects and parts, {bytes} bytes: {damaged} damaged, {flaws} flaws, \
             {mended} mended"
        )
    }
}
