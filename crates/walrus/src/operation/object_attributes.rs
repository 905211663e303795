//! `GetObjectAttributes`: GET of a key with `?attributes`, which says of an object what is asked
//! for in a header.

use super::{Answer, with_version, xml};
use crate::access::{Action, Place};
use crate::checksum::Algorithm;
use crate::fault::{ACCESS_DENIED, Fault, INVALID_ARGUMENT, INVALID_REQUEST, OPERATION_ABORTED};
use crate::lifecycle::http_date;
use crate::request::Request;
use crate::store::{Content, Object, Part};
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::HeaderValue;
use http::header::LAST_MODIFIED;
use std::collections::BTreeMap;

const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
/// The most parts of an answer, and how many there are when none is asked for.
const MOST_PARTS: usize = 1000;

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let object = place.object()?;
    // S3 wants both permissions
    let caller = request.caller.as_ref().map(|caller| caller.id);
    if !place.may(caller, Action::GetObject) {
        return Err(ACCESS_DENIED.into());
    }
    let wanted = wanted(request)?;
    let has = |attribute| wanted.contains(&attribute);
    let mut answer = Xml::root("GetObjectAttributesResponse");
    if has("ETag") {
        answer.text("ETag", &object.etag);
    }
    if has("Checksum") && !object.checksums.is_empty() {
        answer.open("Checksum");
        checksums(&mut answer, &object.checksums);
        let is_composite = object.checksums.values().any(|sum| sum.contains('-'));
        answer.value("ChecksumType", if is_composite { "COMPOSITE" } else { "FULL_OBJECT" });
        answer.close("Checksum");
    }
    if has("ObjectParts")
        && let Some(parts) = parts_of(walrus, object).await?
    {
        write_parts(&mut answer, request, &parts)?;
    }
    if has("StorageClass") {
        answer.value("StorageClass", "STANDARD");
    }
    if has("ObjectSize") {
        answer.value("ObjectSize", object.size);
    }
    answer.close("GetObjectAttributesResponse");
    let mut response = with_version(xml(answer), place.shown_version());
    if let Ok(modified) = HeaderValue::try_from(http_date(object.modified)) {
        response.headers_mut().insert(LAST_MODIFIED, modified);
    }
    Ok(response)
}

/// The attributes that are asked for.
fn wanted(request: &Request) -> Result<Vec<&'static str>, Fault> {
    let headers = request.headers.get_all("x-amz-object-attributes").iter();
    let mut wanted = Vec::new();
    for name in headers.flat_map(|value| value.to_str().unwrap_or("?").split(',')) {
        let known = ATTRIBUTES.into_iter().find(|known| *known == name.trim());
        wanted.push(
            known.ok_or_else(|| INVALID_ARGUMENT.because("Invalid attribute name specified"))?,
        );
    }
    if wanted.is_empty() {
        let why = "x-amz-object-attributes must name at least one attribute";
        return Err(INVALID_REQUEST.because(why));
    }
    Ok(wanted)
}

/// The parts of an object that was uploaded so, as they follow each other.
pub(super) async fn parts_of(walrus: &Walrus, object: &Object) -> Result<Option<Vec<Part>>, Fault> {
    let Content::Parts(upload) = object.content else { return Ok(None) };
    let parts = walrus.store.read(move |store| store.parts(upload)).await?;
    let parts: Vec<Part> = parts.into_iter().map(|(_, part)| part).collect();
    // it may have been deleted since it was looked up
    if parts.iter().map(|part| part.size).sum::<u64>() != object.size {
        return Err(OPERATION_ABORTED.into());
    }
    Ok(Some(parts))
}

fn write_parts(answer: &mut Xml, request: &Request, parts: &[Part]) -> Result<(), Fault> {
    let number = |name: &str, default| match request.header(name) {
        None => Ok(default),
        Some(text) => text.trim().parse::<usize>().map_err(|_| {
            INVALID_ARGUMENT.because(format!("{name} must be a number that is not negative"))
        }),
    };
    let most = number("x-amz-max-parts", MOST_PARTS)?.min(MOST_PARTS);
    let after = number("x-amz-part-number-marker", 0)?;
    let page: Vec<_> = (1..).zip(parts).skip(after).take(most).collect();
    let end = page.last().map_or(after, |(number, _)| *number);
    answer.open("ObjectParts").value("PartsCount", parts.len());
    answer.value("PartNumberMarker", after).value("NextPartNumberMarker", end);
    answer.value("MaxParts", most).value("IsTruncated", most > 0 && end < parts.len());
    for (number, part) in page {
        answer.open("Part").value("PartNumber", number).value("Size", part.size);
        checksums(answer, &part.checksums);
        answer.close("Part");
    }
    answer.close("ObjectParts");
    Ok(())
}

fn checksums(answer: &mut Xml, sums: &BTreeMap<String, String>) {
    for (algorithm, sum) in sums {
        if let Some(algorithm) = Algorithm::named(algorithm) {
            answer.text(&algorithm.element(), sum);
        }
    }
}
