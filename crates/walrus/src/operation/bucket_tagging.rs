//! `GetBucketTagging`, `PutBucketTagging`, `DeleteBucketTagging`.

use super::tags::{self, Tags};
use super::{Answer, no_content, xml};
use crate::access::Place;
use crate::fault::NO_SUCH_TAG_SET;
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, Configuration, Error};
use crate::walrus::Walrus;

const MOST_BYTES: usize = 128 * 1024;

pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    let read = walrus.store.read(move |store| store.configuration(id, Configuration::Tagging));
    let document = read.await?.ok_or(NO_SUCH_TAG_SET)?;
    let tags: Tags = serde_json::from_slice(&document)
        .map_err(|error| Error::Corrupt(format!("the tags of {name}: {error}")))?;
    Ok(xml(tags::document(&tags)))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    let body = ingest::small(&mut request, body, MOST_BYTES).await?;
    let tags = tags::read(&body, tags::MOST_OF_A_BUCKET)?;
    let document = serde_json::to_vec(&tags).map_err(|error| Error::Corrupt(error.to_string()))?;
    let kind = Configuration::Tagging;
    walrus.store.change(Change::Configure { name, id, kind, document: Some(document) }).await??;
    Ok(no_content())
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    let kind = Configuration::Tagging;
    walrus.store.change(Change::Configure { name, id, kind, document: None }).await??;
    Ok(no_content())
}
