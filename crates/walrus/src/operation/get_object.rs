//! `GetObject` and `HeadObject`, with ranges, conditions and numbers of parts.

use super::conditions::{self, Fails};
use super::object_attributes::parts_of;
use super::upload::MOST_PARTS;
use super::{Answer, empty, with_expiration, with_version};
use crate::access::{Action, Place};
use crate::body::Body;
use crate::fault::{
    Fault, INVALID_ARGUMENT, INVALID_PART_NUMBER, INVALID_RANGE, INVALID_REQUEST, NO_SUCH_KEY,
    NOT_MODIFIED, PRECONDITION_FAILED,
};
use crate::request::Request;
use crate::store::Object;
use crate::walrus::Walrus;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::collections::BTreeMap;
use std::ops::Range;

const PARTS_COUNT: &str = "x-amz-mp-parts-count";

/// Query words that set a header of the response.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let response = with_version(empty(), place.shown_version());
    // other versions than the newest have no such time
    let current = place.object.as_ref().filter(|_| place.version.is_none());
    let expiration = current.and_then(|object| place.expiration(object));
    let mut response = with_expiration(response, expiration);
    let tags = place.object.as_ref().map_or(0, |object| object.tags.len());
    let caller = request.caller.as_ref().map(|caller| caller.id);
    if tags > 0 && place.may(caller, Action::GetObjectTagging) {
        response.headers_mut().insert("x-amz-tagging-count", tags.into());
    }
    let object = &place.object.ok_or(NO_SUCH_KEY)?;
    check_conditions(request, object)?;
    let part = part(walrus, request, object).await?;
    let range = match &part {
        Some(part) => part.range.clone(),
        None => range(request, object)?,
    };
    describe(&mut response, request, object, range.as_ref())?;
    if let Some(Numbered { count, checksums, .. }) = part {
        let headers = response.headers_mut();
        headers.extend(count.map(|count| (HeaderName::from_static(PARTS_COUNT), count.into())));
        if request.header("x-amz-checksum-mode") == Some("ENABLED") {
            for (name, sum) in &checksums {
                put(headers, &format!("x-amz-checksum-{name}"), sum)?;
            }
        }
    }
    let whole = 0..object.size;
    if let Some(source) = place.source {
        *response.body_mut() = Body::part(source, range.unwrap_or(whole));
    }
    Ok(response)
}

/// A part that is asked for by its number.
struct Numbered {
    /// None where it is the whole of an empty object.
    range: Option<Range<u64>>,
    /// How many parts there are; none where the object was written as a whole.
    count: Option<usize>,
    checksums: BTreeMap<String, String>,
}

async fn part(
    walrus: &Walrus,
    request: &Request,
    object: &Object,
) -> Result<Option<Numbered>, Fault> {
    let Some(number) = request.word("partNumber") else { return Ok(None) };
    if request.headers.contains_key("range") {
        let why = "Cannot specify both Range header and partNumber query parameter";
        return Err(INVALID_REQUEST.because(why));
    }
    let number = number.parse().ok().filter(|number| (1..=MOST_PARTS).contains(number));
    let number: u16 = number.ok_or_else(|| {
        INVALID_ARGUMENT.because(format!("partNumber must be a number from 1 to {MOST_PARTS}"))
    })?;
    let Some(parts) = parts_of(walrus, object).await? else {
        let range = (object.size > 0).then_some(0..object.size);
        let whole = Numbered { range, count: None, checksums: object.checksums.clone() };
        return if number == 1 { Ok(Some(whole)) } else { Err(INVALID_PART_NUMBER.into()) };
    };
    let at = usize::from(number) - 1;
    let part = parts.get(at).ok_or(INVALID_PART_NUMBER)?;
    let start: u64 = parts[..at].iter().map(|part| part.size).sum();
    let range = (part.size > 0).then(|| start..start + part.size);
    let (count, checksums) = (Some(parts.len()), part.checksums.clone());
    Ok(Some(Numbered { range, count, checksums }))
}

fn check_conditions(request: &Request, object: &Object) -> Result<(), Fault> {
    match conditions::hold(|name| request.header(name), object) {
        Ok(()) => Ok(()),
        Err(Fails::Precondition(name)) => {
            Err(PRECONDITION_FAILED.because(name).with("Condition", name))
        }
        Err(Fails::NotModified) => {
            let modified = httpdate::fmt_http_date(conditions::seconds(object));
            Err(Fault::from(NOT_MODIFIED)
                .with_header(ETAG, value(&format!("\"{}\"", object.etag))?)
                .with_header(LAST_MODIFIED, value(&modified)?))
        }
    }
}

/// The range that is asked for. Several ranges, and what is no range at all, mean the whole.
fn range(request: &Request, object: &Object) -> Result<Option<Range<u64>>, Fault> {
    if request.header("if-range").is_some_and(|etag| etag.trim_matches('"') != object.etag) {
        return Ok(None);
    }
    let Some(spec) = request.header("range").and_then(|text| text.trim().strip_prefix("bytes="))
    else {
        return Ok(None);
    };
    let Some((first, last)) = spec.split_once('-') else { return Ok(None) };
    let size = object.size;
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(count)) if first.trim().is_empty() => size.saturating_sub(count)..size,
        _ => return Ok(None),
    };
    if range.is_empty() {
        let all = value(&format!("bytes */{size}"))?;
        let fault = Fault::from(INVALID_RANGE).with("ActualObjectSize", size.to_string());
        return Err(fault.with_header(CONTENT_RANGE, all));
    }
    Ok(Some(range))
}

fn describe(
    response: &mut Response<Body>,
    request: &Request,
    object: &Object,
    range: Option<&Range<u64>>,
) -> Result<(), Fault> {
    let length = range.map_or(object.size, |range| range.end - range.start);
    if let Some(range) = range {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
        response.headers_mut().insert(CONTENT_RANGE, value(&text)?);
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("binary/octet-stream"));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, value(&format!("\"{}\"", object.etag))?);
    headers.insert(LAST_MODIFIED, value(&httpdate::fmt_http_date(conditions::seconds(object)))?);
    for (name, text) in &object.headers {
        put(headers, name, text)?;
    }
    for (name, text) in &object.metadata {
        put(headers, &format!("x-amz-meta-{name}"), text)?;
    }
    // a checksum of the whole says nothing of a part
    if range.is_none() && request.header("x-amz-checksum-mode") == Some("ENABLED") {
        for (name, sum) in &object.checksums {
            put(headers, &format!("x-amz-checksum-{name}"), sum)?;
            let kind = if sum.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" };
            headers.insert("x-amz-checksum-type", HeaderValue::from_static(kind));
        }
    }
    for (word, name) in OVERRIDES {
        if let Some(text) = request.word(word) {
            put(headers, name, text)?;
        }
    }
    Ok(())
}

fn put(headers: &mut HeaderMap, name: &str, text: &str) -> Result<(), Fault> {
    let bad = || INVALID_REQUEST.because(format!("{name} cannot have this value"));
    let name = HeaderName::try_from(name).map_err(|_| bad())?;
    headers.insert(name, HeaderValue::from_bytes(text.as_bytes()).map_err(|_| bad())?);
    Ok(())
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text)
        .map_err(|_| INVALID_REQUEST.because("a header cannot have this value"))
}
