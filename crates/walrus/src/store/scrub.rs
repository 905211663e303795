//! How far the scrubber is. It is noted by the committer, so that a restart goes on from there.

use super::change::{DONE, Outcome};
use super::record::{decode, encode};
use super::stored::{self, Cursor, Expected, Stored, Verification};
use super::{Error, Shared};
use crate::damage::Damage;
use redb::{ReadableDatabase, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use types::Timestamp;

/// [`PLACE`] → [`Progress`].
pub(super) const SCRUB: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("scrub");
const PLACE: &str = "progress";

/// How far the scrubber is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) cursor: Cursor,
    pub(crate) round: Round,
}

/// One time through all bytes of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// When it began; none before the first one.
    pub begun: Option<Timestamp>,
    /// When it came to the end.
    pub ended: Option<Timestamp>,
    /// Objects, versions and parts that were read, with those that are damaged.
    pub contents: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those that are not what they were, each named in the log.
    pub damaged: u64,
}

impl Shared {
    pub(crate) fn scrub_progress(&self) -> Result<Progress, Error> {
        let table = self.db.begin_read()?.open_table(SCRUB)?;
        let record = table.get(PLACE)?;
        Ok(record.map(|record| decode(record.value())).transpose()?.unwrap_or_default())
    }

    /// The next bytes to be verified, about `most` of them.
    pub(crate) fn stored_after(&self, cursor: &Cursor, most: usize) -> Result<Vec<Stored>, Error> {
        stored::next(&self.db.begin_read()?, cursor, most)
    }

    /// Whether the bytes are still those that are found behind the cursor.
    pub(crate) fn is_still(&self, cursor: &Cursor, stored: &Stored) -> Result<bool, Error> {
        let now = self.stored_after(cursor, 1)?;
        Ok(now
            .first()
            .is_some_and(|now| now.subject == stored.subject && now.expected == stored.expected))
    }

    pub(crate) fn verification(
        &self,
        expected: Expected,
    ) -> Result<Result<Verification, Damage>, Error> {
        expected.open(&self.db.begin_read()?, &self.blobs)
    }
}

pub(super) fn note(txn: &WriteTransaction, progress: &Progress) -> Outcome {
    txn.open_table(SCRUB)?.insert(PLACE, encode(progress)?.as_slice())?;
    DONE
}
