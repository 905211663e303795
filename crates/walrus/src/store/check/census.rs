//! What refers to what: all records but the bytes themselves.

use super::super::history::Entry;
use super::super::record::{
    BUCKETS, Bucket, Content, Id, OBJECTS, Object, PARTS, Part, UPLOADS, VERSIONS, decode,
};
use super::super::stored::subject;
use super::{Error, Finding, Report};
use crate::damage::Damage;
use redb::{ReadTransaction, ReadableTable};
use std::collections::{HashMap, HashSet};

/// Who refers to the bytes with an id.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) content: Content,
    pub(super) size: u64,
    /// How many objects and parts do.
    pub(super) count: u32,
}

#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) references: HashMap<u128, Reference>,
    /// Uploads that are not there, nor an object made of them, and that have parts.
    pub(super) parts_of_nothing: Vec<super::Key>,
    buckets: HashMap<u128, String>,
    /// The uploads in progress.
    uploads: HashSet<u128>,
    /// How many bytes the parts of each upload have.
    in_parts: HashMap<u128, u64>,
}

impl Census {
    pub(super) fn take(txn: &ReadTransaction, report: &mut Report<'_>) -> Result<Self, Error> {
        let mut census = Self::default();
        census.buckets(txn, report)?;
        for entry in txn.open_table(UPLOADS)?.iter()? {
            let place = entry?.0;
            census.uploads.extend(place.value().last_chunk().map(|id| u128::from_be_bytes(*id)));
        }
        census.parts(txn, report)?;
        for entry in txn.open_table(OBJECTS)?.iter()? {
            let (place, record) = entry?;
            // one that cannot be read is told when the bytes are verified
            if let Ok(object) = decode::<Object>(record.value()) {
                census.object(place.value(), place.value().len(), &object, report);
            }
        }
        for entry in txn.open_table(VERSIONS)?.iter()? {
            let (place, record) = entry?;
            if let Ok(Entry::Object(object)) = decode(record.value()) {
                let end = place.value().len().saturating_sub(17);
                census.object(place.value(), end, &object, report);
            }
        }
        census.forget_parts_of_nothing(txn)?;
        Ok(census)
    }

    fn buckets(&mut self, txn: &ReadTransaction, report: &mut Report<'_>) -> Result<(), Error> {
        for entry in txn.open_table(BUCKETS)?.iter()? {
            let (name, record) = entry?;
            let name = name.value().to_owned();
            match decode::<Bucket>(record.value()) {
                Ok(bucket) => drop(self.buckets.insert(bucket.id.0, name)),
                Err(_) => report.tell(&Finding::Unreadable { what: format!("bucket {name}") }),
            }
        }
        Ok(())
    }

    fn parts(&mut self, txn: &ReadTransaction, report: &mut Report<'_>) -> Result<(), Error> {
        for entry in txn.open_table(PARTS)?.iter()? {
            let (place, record) = entry?;
            let (upload, _) = place.value();
            let of = self.in_parts.entry(upload).or_default();
            let Ok(part) = decode::<Part>(record.value()) else {
                report.unreadable = true;
                continue;
            };
            *of += part.size;
            self.refer(part.content, part.size);
        }
        Ok(())
    }

    fn object(&mut self, place: &[u8], end: usize, object: &Object, report: &mut Report<'_>) {
        self.refer(object.content, object.size);
        let bucket = place.first_chunk().map(|id| u128::from_be_bytes(*id)).unwrap_or_default();
        let name = self.buckets.get(&bucket);
        let mut damages = Vec::new();
        if name.is_none() {
            damages.push(Damage::NoBucket);
        }
        if let Content::Parts(id) = object.content {
            let is = self.in_parts.get(&id.0).copied().unwrap_or(0);
            if is != object.size {
                damages.push(Damage::Length { was: object.size, is });
            }
        }
        for damage in damages {
            let name = name.cloned().unwrap_or_else(|| Id(bucket).to_string());
            let mut subject = subject(name, place, end);
            subject.version = Some(object.version.id().to_string());
            report.tell(&Finding::Damaged { subject, damage });
        }
    }

    fn refer(&mut self, content: Content, size: u64) {
        let reference = Reference { content, size, count: 0 };
        self.references.entry(content.id().0).or_insert(reference).count += 1;
    }

    /// What parts refer to that belong to nothing is not referred to.
    fn forget_parts_of_nothing(&mut self, txn: &ReadTransaction) -> Result<(), Error> {
        let table = txn.open_table(PARTS)?;
        let is_of_nothing =
            |id: &u128| !self.uploads.contains(id) && !self.references.contains_key(id);
        let lost: Vec<u128> = self.in_parts.keys().copied().filter(is_of_nothing).collect();
        for upload in lost {
            for entry in table.range((upload, 0)..=(upload, u16::MAX))? {
                let Ok(part) = decode::<Part>(entry?.1.value()) else { continue };
                let id = part.content.id().0;
                if let Some(reference) = self.references.get_mut(&id) {
                    reference.count -= 1;
                    if reference.count == 0 {
                        self.references.remove(&id);
                    }
                }
            }
            self.parts_of_nothing.push(Id(upload).into());
        }
        Ok(())
    }
}
