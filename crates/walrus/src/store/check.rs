//! The check of a store that nobody has open: reads everything, tells what does not fit together
//! and mends what can be mended without a loss.
//!
//! It keeps about fifty bytes of memory for each object.

mod census;
mod finding;
mod mend;

use finding::Key;
pub use finding::{Check, Finding, Flaw};

use super::blob::Blobs;
use super::record::{BLOBS, Content, GARBAGE, Id, SHARED};
use super::stored::{self, Cursor, Stored};
use super::{Error, open_database, record};
use crate::damage::Damage;
use crate::disk::{Directory, Disk};
use census::Census;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};
use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How many records are looked at in one go.
const BATCH: usize = 1024;

/// Checks the store in a directory, which must be there, and tells each thing that is wrong. With
/// `repair` flaws are mended; damaged bytes stay as they are.
///
/// # Errors
/// [`Error`] when the store cannot be read as a whole: there is none, another process has it open
/// ([`Error::InUse`]), or the file of the ordered store is damaged itself.
pub fn check(dir: &Path, repair: bool, tell: &mut dyn FnMut(&Finding)) -> Result<Check, Error> {
    let path = dir.join("walrus.redb");
    if !path.exists() {
        let source = io::ErrorKind::NotFound.into();
        return Err(Error::File { what: "find", path, source });
    }
    check_on(Arc::new(Directory::open(dir)?), repair, tell)
}

/// The same on any disk.
///
/// # Errors
/// As of [`check`].
pub fn check_on(
    disk: Arc<dyn Disk>,
    repair: bool,
    tell: &mut dyn FnMut(&Finding),
) -> Result<Check, Error> {
    let mut db = open_database(&*disk)?;
    // the sums of the ordered store itself
    db.check_integrity()?;
    let blobs = Blobs::on(disk);
    let (mut report, flaws) = {
        let txn = db.begin_read()?;
        let mut report = Report { tell, check: Check::default(), unreadable: false };
        let census = Census::take(&txn, &mut report)?;
        report.bytes(&txn, &blobs)?;
        let flaws = find(&txn, &census, &blobs)?;
        (report, flaws)
    };
    for flaw in flaws {
        let mended = repair && (flaw.loses_nothing() || !report.unreadable);
        if mended {
            mend::mend(&db, &blobs, &flaw)?;
        }
        report.tell(&Finding::Flaw { flaw, mended });
    }
    Ok(report.check)
}

struct Report<'a> {
    tell: &'a mut dyn FnMut(&Finding),
    check: Check,
    /// Whether a record cannot be read: what it refers to looks as if nothing did.
    unreadable: bool,
}

impl Report<'_> {
    fn tell(&mut self, finding: &Finding) {
        match finding {
            Finding::Damaged { .. } | Finding::Unreadable { .. } => self.check.damaged += 1,
            Finding::Flaw { mended: true, .. } => self.check.mended += 1,
            Finding::Flaw { mended: false, .. } => self.check.flaws += 1,
        }
        (self.tell)(finding);
    }

    /// Verifies all bytes, those of copies once.
    fn bytes(&mut self, txn: &ReadTransaction, blobs: &Blobs) -> Result<(), Error> {
        let (mut cursor, mut seen) = (Cursor::default(), HashSet::new());
        loop {
            let batch = stored::next(txn, &cursor, BATCH)?;
            let Some(last) = batch.last() else { return Ok(()) };
            cursor = last.after.clone();
            for Stored { subject, expected, .. } in batch {
                let damage = match expected {
                    None => {
                        self.unreadable = true;
                        Some(Damage::Record)
                    }
                    // bytes that are damaged are told of all that refer to them
                    Some(expected) if seen.contains(&expected.content.id()) => None,
                    Some(expected) => {
                        let id = expected.content.id();
                        let damage = self.read(expected.open(txn, blobs)?);
                        if damage.is_none() {
                            seen.insert(id);
                        }
                        damage
                    }
                };
                self.check.contents += 1;
                if let Some(damage) = damage {
                    self.tell(&Finding::Damaged { subject, damage });
                }
            }
        }
    }

    fn read(&mut self, opened: Result<stored::Verification, Damage>) -> Option<Damage> {
        let mut verification = match opened {
            Ok(verification) => verification,
            Err(damage) => return Some(damage),
        };
        loop {
            match verification.read() {
                Ok(0) => return None,
                Ok(read) => self.check.bytes += read,
                Err(damage) => return Some(damage),
            }
        }
    }
}

/// Where the tables and the files do not fit to what records refer to.
fn find(txn: &ReadTransaction, census: &Census, blobs: &Blobs) -> Result<Vec<Flaw>, Error> {
    let mut flaws = census.parts_of_nothing.iter().copied().map(Flaw::Parts).collect::<Vec<_>>();
    for entry in txn.open_table(record::INLINE)?.iter()? {
        let id = Id(entry?.0.value());
        if !census.references.contains_key(&id.0) {
            flaws.push(Flaw::Bytes(Content::Inline(id).into()));
        }
    }
    let noted = txn.open_table(BLOBS)?;
    for entry in noted.iter()? {
        let id = Id(entry?.0.value());
        if !census.references.contains_key(&id.0) {
            flaws.push(Flaw::Bytes(Content::Blob(id).into()));
        }
    }
    let shared = txn.open_table(SHARED)?;
    for entry in shared.iter()? {
        let id = Id(entry?.0.value());
        if !census.references.contains_key(&id.0) {
            flaws.push(Flaw::Count { of: id.into(), is: 1, should_be: 0 });
        }
    }
    for (id, reference) in &census.references {
        if let Content::Blob(blob) = reference.content
            && noted.get(id)?.is_none()
        {
            flaws.push(Flaw::NotNoted { blob: blob.into(), size: reference.size });
        }
        let is = shared.get(id)?.map_or(0, |count| count.value());
        let should_be = reference.count.saturating_sub(1);
        if is != should_be {
            flaws.push(Flaw::Count { of: Id(*id).into(), is, should_be });
        }
    }
    let garbage = txn.open_table(GARBAGE)?;
    for shelf in 0..=255 {
        for id in blobs.list(shelf)? {
            let is_known = census.references.contains_key(&id.0) || noted.get(id.0)?.is_some();
            if !is_known && garbage.get(id.0)?.is_none() {
                flaws.push(Flaw::File(id.into()));
            }
        }
    }
    Ok(flaws)
}

#[cfg(test)]
mod tests;
