//! All bytes that the store keeps, one after the other, each with the MD5 that was taken of it
//! when it came: what the scrubber and the check of a closed store read again.
//!
//! The ETag of a record is the MD5 of its own bytes, except for an object in parts, whose parts
//! have one each. So nothing else has to be kept to verify with, and what any version has written
//! can be verified.

use super::blob::Blobs;
use super::history::Entry;
use super::record::{
    BUCKETS, Bucket, Content, INLINE, Id, OBJECTS, Object, PARTS, Part, UPLOADS, VERSIONS, decode,
};
use super::tables::ByKey;
use super::{Error, Source};
use crate::damage::{Damage, Subject};
use bytes::Bytes;
use md5::{Digest, Md5};
use redb::{ReadTransaction, ReadableTable};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;

/// How much is read at once.
const PIECE: u64 = 1 << 20;

/// Up to where the bytes of the store have been gone through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    table: Shelf,
    /// The last record that was looked at, and the last of its parts; none before the first.
    record: Option<(Vec<u8>, u16)>,
}

/// The tables that say whose the bytes are, in the order in which they are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Shelf {
    #[default]
    Objects,
    Versions,
    Uploads,
}

impl Shelf {
    const ALL: [Self; 3] = [Self::Objects, Self::Versions, Self::Uploads];

    fn table(self) -> ByKey {
        match self {
            Self::Objects => OBJECTS,
            Self::Versions => VERSIONS,
            Self::Uploads => UPLOADS,
        }
    }

    /// Where the key ends in a place: at the NUL before the id of a version or an upload.
    fn end(self, place: &[u8]) -> usize {
        match self {
            Self::Objects => place.len(),
            Self::Versions | Self::Uploads => place.len().saturating_sub(17),
        }
    }
}

/// What is at a place, whose key begins after the bucket's id and ends here.
pub(super) fn subject(bucket: String, place: &[u8], end: usize) -> Subject {
    let key = String::from_utf8_lossy(place.get(16..end).unwrap_or_default()).into_owned();
    Subject { bucket, key, version: None, part: None }
}

/// Bytes that one record refers to.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) subject: Subject,
    /// Where the next search goes on.
    pub(crate) after: Cursor,
    /// None of a record that cannot be read.
    pub(crate) expected: Option<Expected>,
}

/// What bytes were when they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) content: Content,
    pub(crate) size: u64,
    pub(crate) md5: String,
}

/// The next bytes behind the cursor, about `most` of them; none at the end.
pub(super) fn next(
    txn: &ReadTransaction,
    cursor: &Cursor,
    most: usize,
) -> Result<Vec<Stored>, Error> {
    let mut search = Search { txn, buckets: names(txn)?, most, found: Vec::new() };
    let first = Shelf::ALL.iter().position(|shelf| *shelf == cursor.table).unwrap_or(0);
    for (at, shelf) in Shelf::ALL.into_iter().enumerate().skip(first) {
        let record = if at == first { cursor.record.as_ref() } else { None };
        search.shelf(shelf, record)?;
        if search.is_full() {
            break;
        }
    }
    Ok(search.found)
}

fn names(txn: &ReadTransaction) -> Result<HashMap<u128, String>, Error> {
    let mut names = HashMap::new();
    for entry in txn.open_table(BUCKETS)?.iter()? {
        let (name, record) = entry?;
        // one that cannot be read has objects without a name, which the check tells
        if let Ok(bucket) = decode::<Bucket>(record.value()) {
            names.insert(bucket.id.0, name.value().to_owned());
        }
    }
    Ok(names)
}

struct Search<'a> {
    txn: &'a ReadTransaction,
    buckets: HashMap<u128, String>,
    most: usize,
    found: Vec<Stored>,
}

impl Search<'_> {
    fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }

    fn shelf(&mut self, shelf: Shelf, after: Option<&(Vec<u8>, u16)>) -> Result<(), Error> {
        let table = self.txn.open_table(shelf.table())?;
        let (start, last_part) = after.map_or((&[][..], None), |(at, part)| (at, Some(*part)));
        for entry in table.range(start..)? {
            let (place, record) = entry?;
            let place = place.value();
            let last_part = last_part.filter(|_| place == start);
            self.record(shelf, place, record.value(), last_part)?;
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// What a record refers to, behind a part of it.
    fn record(
        &mut self,
        shelf: Shelf,
        place: &[u8],
        record: &[u8],
        last_part: Option<u16>,
    ) -> Result<(), Error> {
        let bucket = place.first_chunk().map(|id| u128::from_be_bytes(*id)).unwrap_or_default();
        let name = self.buckets.get(&bucket).cloned();
        let bucket = name.unwrap_or_else(|| Id(bucket).to_string());
        let mut subject = subject(bucket, place, shelf.end(place));
        let owner = match shelf {
            Shelf::Objects => decode(record).map(|object| Some(Entry::Object(object))),
            Shelf::Versions => decode(record).map(Some),
            Shelf::Uploads => Ok(None),
        };
        let upload = || place.last_chunk().map(|id| Id(u128::from_be_bytes(*id)));
        let after = |part| Cursor { table: shelf, record: Some((place.to_vec(), part)) };
        match owner {
            Err(_) if last_part.is_none() => {
                subject.version = Some("unknown".to_owned());
                self.found.push(Stored { subject, after: after(u16::MAX), expected: None });
            }
            Err(_) | Ok(Some(Entry::Marker(_))) => {}
            Ok(Some(Entry::Object(object))) => {
                subject.version = Some(object.version.id().to_string());
                match object.content {
                    Content::Parts(id) => self.parts(id, &subject, last_part, after)?,
                    _ if last_part.is_some() => {}
                    _ => {
                        let expected = Some(Expected::of(&object));
                        self.found.push(Stored { subject, after: after(u16::MAX), expected });
                    }
                }
            }
            Ok(None) => {
                if let Some(id) = upload() {
                    self.parts(id, &subject, last_part, after)?;
                }
            }
        }
        Ok(())
    }

    fn parts(
        &mut self,
        upload: Id,
        of: &Subject,
        last: Option<u16>,
        after: impl Fn(u16) -> Cursor,
    ) -> Result<(), Error> {
        let first = match last {
            None => 0,
            Some(u16::MAX) => return Ok(()),
            Some(last) => last + 1,
        };
        let table = self.txn.open_table(PARTS)?;
        for entry in table.range((upload.0, first)..=(upload.0, u16::MAX))? {
            let (place, record) = entry?;
            let number = place.value().1;
            let part: Option<Part> = decode(record.value()).ok();
            let expected =
                part.map(|Part { content, size, etag, .. }| Expected { content, size, md5: etag });
            let subject = Subject { part: Some(number), ..of.clone() };
            self.found.push(Stored { subject, after: after(number), expected });
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }
}

impl Expected {
    fn of(object: &Object) -> Self {
        Self { content: object.content, size: object.size, md5: object.etag.clone() }
    }

    /// Opens the bytes to be verified, or says what is wrong already.
    pub(super) fn open(
        self,
        txn: &ReadTransaction,
        blobs: &Blobs,
    ) -> Result<Result<Verification, Damage>, Error> {
        let source = match self.content {
            Content::Inline(id) => {
                let table = txn.open_table(INLINE)?;
                let bytes = table.get(id.0)?;
                bytes.map(|bytes| Source::Bytes(Bytes::copy_from_slice(bytes.value())))
            }
            Content::Blob(id) => match blobs.read(id) {
                Ok(blob) => Some(Source::Blob(blob)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Ok(Err(Damage::Unreadable(error.to_string()))),
            },
            Content::Parts(_) => None,
        };
        Ok(source.ok_or(Damage::Missing(self.content.place())).and_then(|source| {
            let there = match &source {
                Source::Bytes(bytes) => bytes.len() as u64,
                Source::Blob(blob) => {
                    blob.size().map_err(|error| Damage::Unreadable(error.to_string()))?
                }
                Source::Parts(_) => self.size,
            };
            if there != self.size {
                return Err(Damage::Length { was: self.size, is: there });
            }
            Ok(Verification { expected: self, source, at: 0, md5: Md5::new() })
        }))
    }
}

/// Bytes that are being read again.
#[derive(Debug)]
pub(crate) struct Verification {
    expected: Expected,
    source: Source,
    at: u64,
    md5: Md5,
}

impl Verification {
    /// Reads the next piece and says how long it was; 0 at the end of bytes that are as they were.
    /// May block.
    pub(crate) fn read(&mut self) -> Result<u64, Damage> {
        let length = PIECE.min(self.expected.size - self.at);
        if length == 0 {
            let is = hex::encode(std::mem::take(&mut self.md5).finalize());
            let was = &self.expected.md5;
            return if is == *was { Ok(0) } else { Err(Damage::Altered { was: was.clone(), is }) };
        }
        let mut piece = vec![0; length as usize];
        let read = self.source.read_exact_at(&mut piece, self.at);
        read.map_err(|error| Damage::Unreadable(error.to_string()))?;
        self.md5.update(&piece);
        self.at += length;
        Ok(length)
    }
}
