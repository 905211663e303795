//! The bytes that records refer to: brought in, shared by copies, given up by the last of them.

use super::Error;
use super::change::Freed;
use super::record::{BLOBS, Content, GARBAGE, INLINE, Id, PARTS, Part, SHARED, decode};
use redb::{ReadableTable, WriteTransaction};

/// Takes bytes in: `bytes` for those that are kept in the ordered store.
pub(super) fn bring(
    txn: &WriteTransaction,
    content: Content,
    size: u64,
    bytes: &[u8],
) -> Result<(), Error> {
    match content {
        Content::Inline(id) => drop(txn.open_table(INLINE)?.insert(id.0, bytes)?),
        Content::Blob(id) => drop(txn.open_table(BLOBS)?.insert(id.0, size)?),
        Content::Parts(_) => {}
    }
    Ok(())
}

/// Lets one more object refer to the bytes.
pub(super) fn share(txn: &WriteTransaction, content: Content) -> Result<(), Error> {
    let mut shared = txn.open_table(SHARED)?;
    let id = content.id().0;
    let others = shared.get(id)?.map_or(0, |count| count.value());
    let more = others.checked_add(1).ok_or_else(|| Error::Corrupt("too many copies".to_owned()))?;
    shared.insert(id, more)?;
    Ok(())
}

/// Gives up the bytes of an object or part that is no more, unless another refers to them.
pub(super) fn free(
    txn: &WriteTransaction,
    content: Content,
    freed: &mut Freed,
) -> Result<(), Error> {
    let id = content.id();
    {
        let mut shared = txn.open_table(SHARED)?;
        let others = shared.get(id.0)?.map_or(0, |count| count.value());
        match others {
            0 => {}
            1 => drop(shared.remove(id.0)?),
            others => drop(shared.insert(id.0, others - 1)?),
        }
        if others > 0 {
            return Ok(());
        }
    }
    match content {
        Content::Inline(_) => drop(txn.open_table(INLINE)?.remove(id.0)?),
        Content::Blob(_) => {
            txn.open_table(BLOBS)?.remove(id.0)?;
            txn.open_table(GARBAGE)?.insert(id.0, ())?;
            freed.push(id);
        }
        Content::Parts(_) => {
            for (number, part) in readable_parts(txn, id)? {
                txn.open_table(PARTS)?.remove((id.0, number))?;
                free(txn, part.content, freed)?;
            }
        }
    }
    Ok(())
}

/// The parts of an upload, by number.
pub(super) fn parts(txn: &WriteTransaction, upload: super::Id) -> Result<Vec<(u16, Part)>, Error> {
    read_parts(&txn.open_table(PARTS)?, upload)
}

/// The same, or none where one of them is damaged: that must not spoil the change that gives them
/// up.
pub(super) fn readable_parts(
    txn: &WriteTransaction,
    upload: Id,
) -> Result<Vec<(u16, Part)>, Error> {
    parts(txn, upload).or_else(|error| match error {
        Error::Corrupt(why) => {
            tracing::error!(%upload, why, "parts cannot be read and are not given up");
            Ok(Vec::new())
        }
        error => Err(error),
    })
}

/// The same from any table of them.
pub(super) fn read_parts(
    table: &impl ReadableTable<(u128, u16), &'static [u8]>,
    upload: Id,
) -> Result<Vec<(u16, Part)>, Error> {
    let mut parts = Vec::new();
    for entry in table.range((upload.0, 0)..=(upload.0, u16::MAX))? {
        let (place, record) = entry?;
        parts.push((place.value().1, decode(record.value())?));
    }
    Ok(parts)
}
