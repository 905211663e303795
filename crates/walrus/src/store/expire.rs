//! Taking away what is due by the lifecycle of a bucket, inside a transaction of the committer:
//! only what is still as it was looked at, by rules that are still those of the bucket.

use super::change::{DONE, Freed, Outcome, Place, Refusal, bucket};
use super::configuration::{self, Configuration};
use super::history::{self, Entry};
use super::record::{Bucket, Id};
use super::{Error, upload};
use crate::lifecycle::{Due, What};
use redb::WriteTransaction;

pub(super) fn expire(
    txn: &WriteTransaction,
    name: &str,
    id: Id,
    document: &[u8],
    due: &[Due],
    freed: &mut Freed,
) -> Outcome {
    let Some(bucket) = bucket(txn, name, id)? else {
        return Ok(Err(Refusal::NoSuchBucket));
    };
    let now = configuration::in_transaction(txn, id, Configuration::Lifecycle)?;
    if now.as_deref() != Some(document) {
        return Ok(Err(Refusal::SourceChanged));
    }
    for Due { key, what } in due {
        let place = Place { bucket: name, id, key };
        match one(txn, &bucket, &place, what, freed) {
            // it must not keep everything else from going
            Err(Error::Corrupt(why)) => {
                tracing::error!(bucket = name, key, why, "what is due cannot be read and stays");
            }
            other => other?,
        }
    }
    DONE
}

fn one(
    txn: &WriteTransaction,
    bucket: &Bucket,
    place: &Place<'_>,
    what: &What,
    freed: &mut Freed,
) -> Result<(), Error> {
    match what {
        What::Current(object, marker) => {
            let current = history::object(txn, place.id, place.key)?;
            if current.as_ref() == Some(&**object) {
                place.push(txn, bucket, current, Entry::Marker(marker.clone()), freed)?;
            }
        }
        What::Noncurrent(entry) => {
            let version = Some(entry.version().id());
            let found = history::find(txn, place.id, place.key, version)?;
            let newest = history::find(txn, place.id, place.key, None)?;
            if found.as_ref() == Some(entry) && newest.as_ref() != Some(entry) {
                place.remove_version(txn, bucket, entry, freed)?;
            }
        }
        What::Marker(marker) => {
            let entry = Entry::Marker(marker.clone());
            if history::is_only(txn, place.id, place.key, &entry)? {
                place.remove_version(txn, bucket, &entry, freed)?;
            }
        }
        // it may be complete by now
        What::Upload(id) => drop(upload::abort(txn, place, *id, freed)?),
    }
    Ok(())
}
