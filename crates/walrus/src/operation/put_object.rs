//! `PutObject`: PUT of a key. The answer means that bytes and metadata are on the disk.

use super::{Answer, empty, own_bucket};
use crate::fault::{Fault, INVALID_ARGUMENT, METADATA_TOO_LARGE, STORAGE_FULL};
use crate::ingest::{self, Received};
use crate::request::{Incoming, Request, not_offered};
use crate::store::{Acl, Change, Content, NewObject, Object, Precondition};
use crate::walrus::Walrus;
use http::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use types::Timestamp;

/// The most bytes of names and values of `x-amz-meta-` headers (S3 user guide).
const MAX_METADATA_BYTES: usize = 2048;
/// The longest of the headers that are kept for the response.
const MAX_HEADER_BYTES: usize = 2048;
/// The headers that come back with the object.
const KEPT_HEADERS: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

pub(super) async fn run(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    name: String,
    key: String,
) -> Answer {
    let condition = precondition(&request)?;
    let acl = request.acl()?;
    let (headers, metadata) = (kept_headers(&request)?, metadata(&request)?);
    let bucket = own_bucket(walrus, &request, &name).await?;
    check_free_space(walrus, &request)?;
    let now = walrus.clock.now();
    let received = ingest::object(&mut request, body, &walrus.store, &walrus.limits, now).await?;
    let checksum = received.totals.checksum();
    let etag = format!("\"{}\"", hex::encode(received.totals.md5));
    let new = new_object(walrus, received, acl, headers, metadata)?;
    let change = Change::PutObject { bucket: name, id: bucket.id, key, new, condition };
    walrus.store.change(change).await??;
    let mut response = empty();
    let headers = response.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| INVALID_ARGUMENT);
    headers.insert(http::header::ETAG, value(&etag)?);
    if let Some((algorithm, sum)) = checksum {
        let name = HeaderName::try_from(format!("x-amz-checksum-{algorithm}"));
        headers.insert(name.map_err(|_| INVALID_ARGUMENT)?, value(&sum)?);
        headers.insert("x-amz-checksum-type", HeaderValue::from_static("FULL_OBJECT"));
    }
    Ok(response)
}

fn new_object(
    walrus: &Walrus,
    received: Received,
    acl: Acl,
    headers: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
) -> Result<NewObject, Fault> {
    let Received { size, totals, bytes, blob } = received;
    let modified: Timestamp = walrus.clock.now();
    let content = match &blob {
        Some(blob) => Content::Blob(blob.id()),
        None => Content::Inline(walrus.store.new_id(modified)?),
    };
    let etag = hex::encode(totals.md5);
    let checksums = totals.checksum().into_iter().collect();
    let object = Object { content, size, etag, modified, acl, headers, metadata, checksums };
    Ok(NewObject { object, bytes, blob })
}

/// `If-None-Match: *` and `If-Match`, which the committer evaluates.
fn precondition(request: &Request) -> Result<Precondition, Fault> {
    match (request.header("if-none-match"), request.header("if-match")) {
        (None, None) => Ok(Precondition::None),
        (Some("*"), None) => Ok(Precondition::Absent),
        (None, Some(etag)) => Ok(Precondition::Matches(etag.trim().trim_matches('"').to_owned())),
        (Some(_), None) => Err(not_offered("PutObject with If-None-Match other than *")),
        (Some(_), Some(_)) => Err(not_offered("If-Match together with If-None-Match")),
    }
}

fn kept_headers(request: &Request) -> Result<BTreeMap<String, String>, Fault> {
    let mut kept = BTreeMap::new();
    for name in KEPT_HEADERS {
        let Some(mut value) = request.header(name).map(str::to_owned) else { continue };
        if value.len() > MAX_HEADER_BYTES {
            let most = format!("{name} has more than {MAX_HEADER_BYTES} bytes");
            return Err(INVALID_ARGUMENT.because(most));
        }
        if name == "content-encoding" {
            value = without_aws_chunked(&value);
        }
        if !value.is_empty() {
            kept.insert(name.to_owned(), value);
        }
    }
    Ok(kept)
}

/// `aws-chunked` is how the body was sent, not what it is.
fn without_aws_chunked(value: &str) -> String {
    let encodings = value.split(',').map(str::trim);
    let own = encodings.filter(|encoding| !encoding.eq_ignore_ascii_case("aws-chunked"));
    own.collect::<Vec<_>>().join(",")
}

fn metadata(request: &Request) -> Result<BTreeMap<String, String>, Fault> {
    let mut metadata = BTreeMap::<String, String>::new();
    for (name, value) in &request.headers {
        let Some(name) = name.as_str().strip_prefix("x-amz-meta-") else { continue };
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| INVALID_ARGUMENT.because("an x-amz-meta- header is not UTF-8"))?;
        // a header that is repeated is one with commas
        match metadata.get_mut(name) {
            Some(values) => values.extend([",", value]),
            None => drop(metadata.insert(name.to_owned(), value.to_owned())),
        }
    }
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA_BYTES { Err(METADATA_TOO_LARGE.into()) } else { Ok(metadata) }
}

/// Refuses an upload that would not leave the room that deletes need.
fn check_free_space(walrus: &Walrus, request: &Request) -> Result<(), Fault> {
    let length = ["x-amz-decoded-content-length", "content-length"]
        .iter()
        .find_map(|name| request.header(name)?.trim().parse::<u64>().ok())
        .unwrap_or(0);
    let disk = rustix::fs::statvfs(&walrus.dir).map_err(std::io::Error::from)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < length.saturating_add(walrus.settings.min_free_bytes) {
        tracing::warn!(free_bytes = free, "walrus refuses an upload, the disk is full");
        return Err(STORAGE_FULL.into());
    }
    Ok(())
}
