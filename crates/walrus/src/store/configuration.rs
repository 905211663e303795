//! The documents that configure a bucket, one of each kind, beside the bucket's record: most
//! requests do not need them.

use super::change::{DONE, Outcome, Refusal, bucket};
use super::record::Id;
use super::{Error, Shared};
use crate::access::Documents;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

/// Bucket id and kind → the document, as its operation wrote it.
pub(super) const CONFIGURATIONS: TableDefinition<'_, (u128, &str), &[u8]> =
    TableDefinition::new("configurations");

/// What a document configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Configuration {
    Tagging,
    Policy,
    PublicAccessBlock,
    OwnershipControls,
    Cors,
    Lifecycle,
}

impl Configuration {
    /// The name in the store, which stays as it is.
    fn name(self) -> &'static str {
        match self {
            Self::Tagging => "tagging",
            Self::Policy => "policy",
            Self::PublicAccessBlock => "public-access-block",
            Self::OwnershipControls => "ownership-controls",
            Self::Cors => "cors",
            Self::Lifecycle => "lifecycle",
        }
    }
}

impl Shared {
    /// A bucket's document of this kind.
    pub(crate) fn configuration(
        &self,
        bucket: Id,
        kind: Configuration,
    ) -> Result<Option<Vec<u8>>, Error> {
        let table = self.db.begin_read()?.open_table(CONFIGURATIONS)?;
        Ok(table.get((bucket.0, kind.name()))?.map(|document| document.value().to_vec()))
    }
}

/// The same inside a transaction of the committer.
pub(super) fn in_transaction(
    txn: &WriteTransaction,
    bucket: Id,
    kind: Configuration,
) -> Result<Option<Vec<u8>>, Error> {
    let table = txn.open_table(CONFIGURATIONS)?;
    Ok(table.get((bucket.0, kind.name()))?.map(|document| document.value().to_vec()))
}

/// The documents of a bucket that say who may do what, and when what is there expires.
pub(super) fn access(txn: &ReadTransaction, bucket: Id) -> Result<Documents, Error> {
    let table = txn.open_table(CONFIGURATIONS)?;
    let document = |kind: Configuration| {
        let found = table.get((bucket.0, kind.name()));
        found.map(|found| found.map(|document| document.value().to_vec()))
    };
    Ok(Documents {
        policy: document(Configuration::Policy)?,
        public_access_block: document(Configuration::PublicAccessBlock)?,
        ownership: document(Configuration::OwnershipControls)?,
        lifecycle: document(Configuration::Lifecycle)?,
    })
}

/// Sets a bucket's document of this kind, or removes it.
pub(super) fn configure(
    txn: &WriteTransaction,
    name: &str,
    id: Id,
    kind: Configuration,
    document: Option<&[u8]>,
) -> Outcome {
    if bucket(txn, name, id)?.is_none() {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    let mut table = txn.open_table(CONFIGURATIONS)?;
    let place = (id.0, kind.name());
    match document {
        Some(document) => drop(table.insert(place, document)?),
        None => drop(table.remove(place)?),
    }
    DONE
}

/// Removes all documents of a bucket that is no more.
pub(super) fn forget(txn: &WriteTransaction, id: Id) -> Result<(), Error> {
    let mut table = txn.open_table(CONFIGURATIONS)?;
    let mut kinds = Vec::new();
    for entry in table.range((id.0, "")..(id.0.saturating_add(1), ""))? {
        kinds.push(entry?.0.value().1.to_owned());
    }
    for kind in kinds {
        table.remove((id.0, kind.as_str()))?;
    }
    Ok(())
}
