//! `PutObject`: PUT of a key. The answer means that bytes and metadata are on the disk.

use super::description::Description;
use super::{Answer, empty, with_expiration, with_version};
use crate::access::{Given, Place};
use crate::body::Body;
use crate::fault::{Fault, INVALID_ARGUMENT, STORAGE_FULL};
use crate::ingest::{self, Received};
use crate::request::{Incoming, Request, not_offered};
use crate::store::{Change, Done, NewObject, Object, Precondition, Version};
use crate::walrus::Walrus;
use http::{HeaderName, HeaderValue, Response};

pub(super) async fn run(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
    given: Given,
) -> Answer {
    let condition = precondition(&request)?;
    let description = Description::read(&request)?;
    check_free_space(walrus, &request)?;
    let room = walrus.room(&request, &place, None).await?;
    let received = ingest::object(&mut request, body, walrus, room).await?;
    let checksum = received.totals.checksum();
    let etag = format!("\"{}\"", hex::encode(received.totals.md5));
    let stored = store(walrus, place, received, description, given, condition).await?;
    let is_checked = checksum.is_some();
    let mut response = stored.tell(written(&etag, checksum)?);
    if is_checked {
        let whole = HeaderValue::from_static("FULL_OBJECT");
        response.headers_mut().insert("x-amz-checksum-type", whole);
    }
    Ok(response)
}

/// What is told of an object that was written.
pub(super) struct Stored {
    done: Done,
    expiration: Option<HeaderValue>,
}

impl Stored {
    pub(super) fn tell(self, response: Response<Body>) -> Response<Body> {
        with_expiration(with_version(response, self.done.version), self.expiration)
    }
}

/// Makes what was received the object of the place's key.
pub(super) async fn store(
    walrus: &Walrus,
    place: Place,
    received: Received,
    description: Description,
    given: Given,
    condition: Precondition,
) -> Result<Stored, Fault> {
    let new = new_object(walrus, received, description, given)?;
    let expiration = place.expiration(&new.object);
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let change = Change::PutObject { bucket, id, key, new, condition };
    Ok(Stored { done: walrus.store.change(change).await??, expiration })
}

/// The answer that bytes were written: their ETag, in quotes, and the checksum that was verified.
pub(super) fn written(
    etag: &str,
    checksum: Option<(String, String)>,
) -> Result<Response<Body>, Fault> {
    let mut response = empty();
    let headers = response.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|_| INVALID_ARGUMENT);
    headers.insert(http::header::ETAG, value(etag)?);
    if let Some((algorithm, sum)) = checksum {
        let name = HeaderName::try_from(format!("x-amz-checksum-{algorithm}"));
        headers.insert(name.map_err(|_| INVALID_ARGUMENT)?, value(&sum)?);
    }
    Ok(response)
}

fn new_object(
    walrus: &Walrus,
    received: Received,
    description: Description,
    Given { owner, acl }: Given,
) -> Result<NewObject, Fault> {
    let modified = walrus.clock.now();
    let content = received.content(walrus, modified)?;
    let Received { size, totals, bytes, blob, quotas } = received;
    let Description { headers, metadata, tags } = description;
    let etag = hex::encode(totals.md5);
    let checksums = totals.checksum().into_iter().collect();
    let version = Version::new(walrus.store.new_id(modified)?);
    let object = Object {
        version,
        content,
        size,
        etag,
        modified,
        owner,
        acl,
        headers,
        metadata,
        tags,
        checksums,
    };
    Ok(NewObject { object, bytes, blob, quotas })
}

/// `If-None-Match: *` and `If-Match`, which the committer evaluates.
pub(super) fn precondition(request: &Request) -> Result<Precondition, Fault> {
    match (request.header("if-none-match"), request.header("if-match")) {
        (None, None) => Ok(Precondition::None),
        (Some("*"), None) => Ok(Precondition::Absent),
        (None, Some(etag)) => Ok(Precondition::Matches(etag.trim().trim_matches('"').to_owned())),
        (Some(_), None) => Err(not_offered("a write with If-None-Match other than *")),
        (Some(_), Some(_)) => Err(not_offered("If-Match together with If-None-Match")),
    }
}

/// Refuses an upload that would not leave the room that deletes need.
pub(super) fn check_free_space(walrus: &Walrus, request: &Request) -> Result<(), Fault> {
    let length = request.length().unwrap_or(0);
    let free = walrus.store.shared().blobs.free_bytes()?;
    if free < length.saturating_add(walrus.settings.min_free_bytes) {
        tracing::warn!(free_bytes = free, "walrus refuses an upload, the disk is full");
        return Err(STORAGE_FULL.into());
    }
    Ok(())
}
