//! `UploadPart` and `UploadPartCopy`: PUT of a key with `?partNumber` and `?uploadId`.

use super::super::copy_object::{check_conditions, look_at, source, with_source};
use super::super::put_object::{check_free_space, written};
use super::super::{Answer, xml};
use super::{find, upload_id};
use crate::access::Place;
use crate::body::Body;
use crate::fault::{Fault, INVALID_ARGUMENT, NO_SUCH_KEY, NO_SUCH_UPLOAD};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, NewPart, Part, VersionId};
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use signature::s3::Payload;
use std::ops::Range;

/// The highest number of a part (S3 user guide).
pub(in crate::operation) const MOST_PARTS: u16 = 10_000;

pub(in crate::operation) async fn put_part(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let (upload, number) = (upload_id(&request)?, number(&request)?);
    find(walrus, &place, upload).await?.ok_or(NO_SUCH_UPLOAD)?;
    let copies = request.copies();
    let mut copied = None;
    let received = if copies {
        let source = bytes_of_source(walrus, &request).await?;
        let (mut inner, mut bytes, version) = source;
        copied = version;
        check_free_space(walrus, &inner)?;
        let room = walrus.room(&inner, &place, Some((upload, number))).await?;
        ingest::object(&mut inner, &mut bytes, walrus, room).await?
    } else {
        check_free_space(walrus, &request)?;
        let room = walrus.room(&request, &place, Some((upload, number))).await?;
        ingest::object(&mut request, body, walrus, room).await?
    };
    let modified = walrus.clock.now();
    let checksum = received.totals.checksum();
    let part = Part {
        content: received.content(walrus, modified)?,
        size: received.size,
        etag: hex::encode(received.totals.md5),
        modified,
        checksums: checksum.clone().into_iter().collect(),
    };
    let etag = format!("\"{}\"", part.etag);
    let (bytes, blob, quotas) = (received.bytes, received.blob, received.quotas);
    let new = NewPart { part, bytes, blob, quotas };
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let change = Change::PutPart { bucket, id, key, upload, number, new };
    walrus.store.change(change).await??;
    if !copies {
        return written(&etag, checksum);
    }
    let mut answer = Xml::root("CopyPartResult");
    answer.value("LastModified", modified).text("ETag", &etag).close("CopyPartResult");
    Ok(with_source(xml(answer), copied))
}

fn number(request: &Request) -> Result<u16, Fault> {
    let number = request.word("partNumber").and_then(|number| number.parse().ok());
    number.filter(|number| (1..=MOST_PARTS).contains(number)).ok_or_else(|| {
        INVALID_ARGUMENT.because(format!("partNumber must be a number from 1 to {MOST_PARTS}"))
    })
}

/// The bytes that are to be copied, as if they came with a request of their own.
async fn bytes_of_source(
    walrus: &Walrus,
    request: &Request,
) -> Result<(Request, Incoming, Option<VersionId>), Fault> {
    let from = look_at(walrus, request, source(request)?, true).await?;
    let version = from.shown_version();
    let object = from.object.ok_or(NO_SUCH_KEY)?;
    check_conditions(request, &object)?;
    let range = range(request, object.size)?;
    let source = from.source.ok_or(NO_SUCH_KEY)?;
    let mut headers = HeaderMap::new();
    headers.insert("content-length", (range.end - range.start).into());
    let bytes = Body::part(source, range).map_err(Into::into).boxed_unsync();
    let inner = Request {
        method: Method::PUT,
        path: request.path.clone(),
        query: Vec::new(),
        headers,
        caller: request.caller.clone(),
        origin: request.origin,
        payload: Payload::Unsigned,
        signer: None,
        tags: None,
    };
    Ok((inner, bytes, version))
}

/// `x-amz-copy-source-range`, which must lie inside of the source.
fn range(request: &Request, size: u64) -> Result<Range<u64>, Fault> {
    let Some(text) = request.header("x-amz-copy-source-range") else { return Ok(0..size) };
    let ends = text.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let range = ends.and_then(|(first, last)| {
        let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
        (first <= last && last < size).then(|| first..last + 1)
    });
    range.ok_or_else(|| {
        let why = "x-amz-copy-source-range must be bytes=first-last, inside of the source";
        INVALID_ARGUMENT.because(why)
    })
}
