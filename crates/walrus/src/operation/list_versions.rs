//! `ListObjectVersions`: GET of a bucket with `?versions`.

use super::list_objects::{self, Encoding};
use super::{Answer, xml};
use crate::access::Place;
use crate::fault::{Fault, INVALID_ARGUMENT};
use crate::request::Request;
use crate::store::{Bucket, Line, ListQuery, VersionEntry, VersionMarker, Versions, VersionsQuery};
use crate::walrus::Walrus;
use crate::xml::Xml;
use types::AccountId;

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let encoding = Encoding::asked(request)?;
    let query = query(request)?;
    let (id, asked) = (place.bucket.id, query.clone());
    let page = walrus.store.read(move |store| store.versions(id, &asked)).await?;
    let VersionsQuery { keys, .. } = &query;
    let mut answer = Xml::root("ListVersionsResult");
    answer.text("Name", &place.name).text("Prefix", &encoding.apply(&keys.prefix));
    answer.text("KeyMarker", &encoding.apply(&keys.after));
    answer.text("VersionIdMarker", request.word("version-id-marker").unwrap_or(""));
    if page.truncated {
        next(&mut answer, &page, encoding);
    }
    answer.value("MaxKeys", keys.limit);
    if !keys.delimiter.is_empty() {
        answer.text("Delimiter", &encoding.apply(&keys.delimiter));
    }
    if encoding.url {
        answer.value("EncodingType", "url");
    }
    answer.value("IsTruncated", page.truncated);
    lines(&mut answer, &page, encoding, &place.bucket);
    answer.close("ListVersionsResult");
    Ok(xml(answer))
}

fn query(request: &Request) -> Result<VersionsQuery, Fault> {
    let word = |name| request.word(name).unwrap_or("").to_owned();
    let limit = list_objects::max_keys(request)?;
    let (prefix, delimiter, after) = (word("prefix"), word("delimiter"), word("key-marker"));
    let keys = ListQuery { prefix, delimiter, after, limit };
    let marker = request.word("version-id-marker").filter(|marker| !marker.is_empty());
    if marker.is_some() && keys.after.is_empty() {
        let why = "A version-id marker cannot be specified without a key marker";
        return Err(INVALID_ARGUMENT.because(why));
    }
    let after: Option<VersionMarker> = marker
        .map(str::parse)
        .transpose()
        .map_err(|_| INVALID_ARGUMENT.because("Invalid version id specified"))?;
    Ok(VersionsQuery { keys, after })
}

/// Where the next page begins.
fn next(answer: &mut Xml, page: &Versions, encoding: Encoding) {
    match page.lines.last() {
        Some(Line::Version { key, entry, .. }) => {
            answer.text("NextKeyMarker", &encoding.apply(key));
            answer.value("NextVersionIdMarker", VersionMarker::At(entry.version()));
        }
        Some(Line::Group(prefix)) => drop(answer.text("NextKeyMarker", &encoding.apply(prefix))),
        None => {}
    }
}

/// Versions and markers as they follow each other, groups after them.
fn lines(answer: &mut Xml, page: &Versions, encoding: Encoding, bucket: &Bucket) {
    for line in &page.lines {
        let Line::Version { key, entry, is_latest } = line else { continue };
        let element = match entry {
            VersionEntry::Object(_) => "Version",
            VersionEntry::Marker(_) => "DeleteMarker",
        };
        answer.open(element).text("Key", &encoding.apply(key));
        answer.value("VersionId", entry.version().id()).value("IsLatest", is_latest);
        match entry {
            VersionEntry::Object(object) => {
                answer.value("LastModified", object.modified);
                answer.text("ETag", &format!("\"{}\"", object.etag)).value("Size", object.size);
                owner(answer, bucket, object.owner);
                answer.value("StorageClass", "STANDARD");
            }
            VersionEntry::Marker(marker) => {
                answer.value("LastModified", marker.modified);
                owner(answer, bucket, marker.owner);
            }
        }
        answer.close(element);
    }
    for line in &page.lines {
        if let Line::Group(prefix) = line {
            answer.open("CommonPrefixes").text("Prefix", &encoding.apply(prefix));
            answer.close("CommonPrefixes");
        }
    }
}

fn owner(answer: &mut Xml, bucket: &Bucket, owner: Option<AccountId>) {
    list_objects::owner_element(answer, bucket, bucket.owner_of(owner));
}
