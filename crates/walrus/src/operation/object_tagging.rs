//! `GetObjectTagging`, `PutObjectTagging`, `DeleteObjectTagging`, of an object or of a version.

use super::tags::{self, Tags};
use super::{Answer, empty, no_content, with_version, xml};
use crate::access::Place;
use crate::fault::Fault;
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Amendment, Change, VersionId};
use crate::walrus::Walrus;

/// More than any ten tags have.
const MOST_BYTES: usize = 64 * 1024;

pub(super) fn get(place: &Place) -> Answer {
    let tags = tags::document(&place.object()?.tags);
    Ok(with_version(xml(tags), place.shown_version()))
}

/// The tags that a request is to set.
pub(super) async fn read(request: &mut Request, body: &mut Incoming) -> Result<Tags, Fault> {
    tags::read(&ingest::small(request, body, MOST_BYTES).await?, tags::MOST_OF_AN_OBJECT)
}

pub(super) async fn put(walrus: &Walrus, request: Request, place: Place) -> Answer {
    let version = set(walrus, place, request.tags.unwrap_or_default()).await?;
    Ok(with_version(empty(), version))
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let version = set(walrus, place, Tags::new()).await?;
    Ok(with_version(no_content(), version))
}

async fn set(walrus: &Walrus, place: Place, tags: Tags) -> Result<Option<VersionId>, Fault> {
    let object = place.object()?;
    let (version, content) = (object.version.id(), object.content);
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let amendment = Amendment::Tags(tags);
    let change = Change::Amend { bucket, id, key, version, content, amendment };
    Ok(walrus.store.change(change).await??.version)
}
