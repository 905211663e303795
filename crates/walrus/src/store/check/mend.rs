//! Mending a flaw, each in a transaction of its own: killed here, it is mended or it is not.

use super::super::blob::Blobs;
use super::super::durably;
use super::super::record::{BLOBS, Content, INLINE, PARTS, SHARED};
use super::{Error, Flaw};
use redb::Database;

pub(super) fn mend(db: &Database, blobs: &Blobs, flaw: &Flaw) -> Result<(), Error> {
    let mut txn = db.begin_write()?;
    durably(&mut txn)?;
    match *flaw {
        Flaw::File(_) => {}
        Flaw::Bytes(place) => match place.0 {
            Content::Inline(id) => drop(txn.open_table(INLINE)?.remove(id.0)?),
            Content::Blob(id) => drop(txn.open_table(BLOBS)?.remove(id.0)?),
            Content::Parts(_) => {}
        },
        Flaw::Parts(upload) => {
            let range = (upload.0.0, 0)..=(upload.0.0, u16::MAX);
            txn.open_table(PARTS)?.retain_in(range, |_, _| false)?;
        }
        Flaw::Count { of, should_be: 0, .. } => drop(txn.open_table(SHARED)?.remove(of.0.0)?),
        Flaw::Count { of, should_be, .. } => {
            txn.open_table(SHARED)?.insert(of.0.0, should_be)?;
        }
        Flaw::NotNoted { blob, size } => drop(txn.open_table(BLOBS)?.insert(blob.0.0, size)?),
    }
    txn.commit()?;
    match *flaw {
        Flaw::File(id) => blobs.remove(id.0)?,
        Flaw::Bytes(place) => {
            if let Content::Blob(id) = place.0 {
                blobs.remove(id)?;
            }
        }
        Flaw::Parts(_) | Flaw::Count { .. } | Flaw::NotNoted { .. } => {}
    }
    Ok(())
}
