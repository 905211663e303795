//! Uploads in parts, inside a transaction of the committer.

use super::Error;
use super::change::{DONE, Freed, NewPart, Outcome, Place, Precondition, Refusal, bucket};
use super::content::{bring, free, parts, readable_parts};
use super::history::Entry;
use super::record::{
    Content, Id, Object, PARTS, Part, UPLOADS, Upload, decode, encode, upload_key,
};
use super::usage::{self, Usage};
use redb::{ReadableTable, WriteTransaction};
use std::collections::{HashMap, HashSet};

pub(super) fn start(
    txn: &WriteTransaction,
    place: &Place<'_>,
    upload: Id,
    record: &Upload,
) -> Outcome {
    if bucket(txn, place.bucket, place.id)?.is_none() {
        return Ok(Err(Refusal::NoSuchBucket));
    }
    let key = upload_key(place.id, place.key, upload);
    txn.open_table(UPLOADS)?.insert(key.as_slice(), encode(record)?.as_slice())?;
    DONE
}

/// An upload ends with its bucket.
fn is_there(txn: &WriteTransaction, place: &Place<'_>, upload: Id) -> Result<bool, Error> {
    let key = upload_key(place.id, place.key, upload);
    Ok(txn.open_table(UPLOADS)?.get(key.as_slice())?.is_some())
}

pub(super) fn put_part(
    txn: &WriteTransaction,
    place: &Place<'_>,
    upload: Id,
    number: u16,
    new: &NewPart,
    freed: &mut Freed,
) -> Outcome {
    let bucket = bucket(txn, place.bucket, place.id)?;
    let (Some(bucket), true) = (bucket, is_there(txn, place, upload)?) else {
        return Ok(Err(Refusal::NoSuchUpload));
    };
    let at = (upload.0, number);
    let old: Option<Part> = {
        let table = txn.open_table(PARTS)?;
        let old = table.get(at)?;
        old.map(|record| decode(record.value())).transpose()?
    };
    let gone = old.as_ref().map_or(Usage::NONE, |old| Usage::of_bytes(old.size));
    if let Err(refusal) = usage::check(txn, &bucket, new.quotas, new.part.size, gone.bytes)? {
        return Ok(Err(refusal));
    }
    usage::count(txn, place.id, Usage::of_bytes(new.part.size), gone)?;
    bring(txn, new.part.content, new.part.size, &new.bytes)?;
    txn.open_table(PARTS)?.insert(at, encode(&new.part)?.as_slice())?;
    if let Some(old) = old {
        free(txn, old.content, freed)?;
    }
    DONE
}

pub(super) fn complete(
    txn: &WriteTransaction,
    place: &Place<'_>,
    upload: Id,
    wanted: &[(u16, Content)],
    object: &Object,
    condition: &Precondition,
    freed: &mut Freed,
) -> Outcome {
    if !is_there(txn, place, upload)? {
        return Ok(Err(Refusal::NoSuchUpload));
    }
    let there = parts(txn, upload)?;
    let contents: HashMap<_, _> = there.iter().map(|(at, part)| (*at, part.content)).collect();
    if !wanted.iter().all(|(number, content)| contents.get(number) == Some(content)) {
        return Ok(Err(Refusal::InvalidPart));
    }
    let (bucket, old) = match place.current(txn, condition)? {
        Ok(current) => current,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let done = place.push(txn, &bucket, old, Entry::Object(Box::new(object.clone())), freed)?;
    forget(txn, &upload_key(place.id, place.key, upload))?;
    usage::count(txn, place.id, Usage::NONE, Usage::of_parts(&there))?;
    let wanted: HashSet<_> = wanted.iter().map(|(number, _)| *number).collect();
    for (number, part) in there.iter().filter(|(number, _)| !wanted.contains(number)) {
        txn.open_table(PARTS)?.remove((upload.0, *number))?;
        free(txn, part.content, freed)?;
    }
    Ok(Ok(done))
}

pub(super) fn abort(
    txn: &WriteTransaction,
    place: &Place<'_>,
    upload: Id,
    freed: &mut Freed,
) -> Outcome {
    if !is_there(txn, place, upload)? {
        return Ok(Err(Refusal::NoSuchUpload));
    }
    forget(txn, &upload_key(place.id, place.key, upload))?;
    usage::count(txn, place.id, Usage::NONE, Usage::of_parts(&readable_parts(txn, upload)?))?;
    free(txn, Content::Parts(upload), freed)?;
    DONE
}

/// Drops every upload of a bucket that goes.
pub(super) fn abort_all(
    txn: &WriteTransaction,
    bucket: Id,
    freed: &mut Freed,
) -> Result<(), Error> {
    let mut keys = Vec::new();
    {
        let table = txn.open_table(UPLOADS)?;
        let first = bucket.0.to_be_bytes();
        for entry in table.range(first.as_slice()..)? {
            let key = entry?.0.value().to_vec();
            if !key.starts_with(&first) {
                break;
            }
            keys.push(key);
        }
    }
    for key in keys {
        forget(txn, &key)?;
        let id = key.last_chunk().map(|id| Id(u128::from_be_bytes(*id)));
        let id = id.ok_or_else(|| Error::Corrupt("an upload without its id".to_owned()))?;
        free(txn, Content::Parts(id), freed)?;
    }
    Ok(())
}

fn forget(txn: &WriteTransaction, key: &[u8]) -> Result<(), Error> {
    txn.open_table(UPLOADS)?.remove(key)?;
    Ok(())
}
