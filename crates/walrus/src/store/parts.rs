//! The bytes of an object that was uploaded in parts.

use super::blob::{Blobs, Pins};
use super::content::read_parts;
use super::record::{Content, INLINE, Id, PARTS};
use super::{Error, Shared};
use bytes::Bytes;
use redb::ReadTransaction;
use std::io;

/// The parts of an object, one after the other. Their files are opened when they are read, and
/// are there until this is dropped.
#[derive(Debug)]
pub(crate) struct Parts {
    blobs: Blobs,
    /// Each with where it ends.
    pieces: Vec<(u64, Piece)>,
    _pins: Pins,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Blob(Id),
}

impl Shared {
    /// The parts as the transaction sees them. Whoever asks has to look afterwards whether they
    /// are still an object's: only from then on they stay.
    pub(super) fn open_parts(&self, txn: &ReadTransaction, upload: Id) -> Result<Parts, Error> {
        let inline = txn.open_table(INLINE)?;
        let mut pieces = Vec::new();
        let mut end = 0;
        for (number, part) in read_parts(&txn.open_table(PARTS)?, upload)? {
            end += part.size;
            let piece = match part.content {
                Content::Inline(id) => {
                    let bytes = inline.get(id.0)?.map(|it| Bytes::copy_from_slice(it.value()));
                    bytes.filter(|bytes| bytes.len() as u64 == part.size).map(Piece::Bytes)
                }
                Content::Blob(id) => Some(Piece::Blob(id)),
                Content::Parts(_) => None,
            };
            let damaged = || Error::Corrupt(format!("part {number} of {upload} has no bytes"));
            pieces.push((end, piece.ok_or_else(damaged)?));
        }
        let blobs = pieces.iter().filter_map(|(_, piece)| match piece {
            Piece::Blob(id) => Some(*id),
            Piece::Bytes(_) => None,
        });
        let pins = self.blobs.pin(blobs.collect());
        Ok(Parts { blobs: self.blobs.clone(), pieces, _pins: pins })
    }
}

impl Parts {
    pub(super) fn size(&self) -> u64 {
        self.pieces.last().map_or(0, |(end, _)| *end)
    }

    pub(super) fn read_exact_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        let first = self.pieces.partition_point(|(end, _)| *end <= at);
        let mut start = first.checked_sub(1).map_or(0, |before| self.pieces[before].0);
        for (end, piece) in &self.pieces[first..] {
            if buffer.is_empty() {
                break;
            }
            let length = (end - at).min(buffer.len() as u64) as usize;
            let (here, rest) = buffer.split_at_mut(length);
            match piece {
                Piece::Bytes(bytes) => {
                    here.copy_from_slice(&bytes[(at - start) as usize..][..length]);
                }
                Piece::Blob(id) => self.blobs.read(*id)?.read_exact_at(here, at - start)?,
            }
            (buffer, at, start) = (rest, at + length as u64, *end);
        }
        if buffer.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
