//! `GetBucketLifecycleConfiguration`, `PutBucketLifecycleConfiguration`, `DeleteBucketLifecycle`.

mod document;

pub(crate) use document::read as read_lifecycle;

use super::{Answer, empty, no_content, xml};
use crate::access::Place;
use crate::body::Body;
use crate::fault::{INVALID_ARGUMENT, NO_SUCH_LIFECYCLE};
use crate::ingest;
use crate::lifecycle::Lifecycle;
use crate::request::{Incoming, Request};
use crate::store::{Change, Configuration, Error};
use crate::walrus::Walrus;
use http::{HeaderValue, Response};

const KIND: Configuration = Configuration::Lifecycle;
/// More than a thousand rules have.
const MOST_BYTES: usize = 1 << 20;
/// Said of transitions, which there are none of; Terraform wants to read what it wrote.
const LEAST_TRANSITION: &str = "x-amz-transition-default-minimum-object-size";
const LEAST_TRANSITIONS: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];

pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    let read = walrus.store.read(move |store| store.configuration(id, KIND));
    let document = read.await?.ok_or(NO_SUCH_LIFECYCLE)?;
    let lifecycle = Lifecycle::decode(&document, &name)?;
    Ok(with_least_transition(xml(document::write(&lifecycle)), &lifecycle))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let least_transition = request.header(LEAST_TRANSITION).map(str::to_owned);
    if least_transition.as_deref().is_some_and(|size| !LEAST_TRANSITIONS.contains(&size)) {
        let why = format!("{LEAST_TRANSITION} is {}", LEAST_TRANSITIONS.join(" or "));
        return Err(INVALID_ARGUMENT.because(why));
    }
    let rules = document::read(&ingest::small(&mut request, body, MOST_BYTES).await?)?;
    let lifecycle = Lifecycle { rules, least_transition };
    let document =
        serde_json::to_vec(&lifecycle).map_err(|error| Error::Corrupt(error.to_string()))?;
    let (name, id, document) = (place.name, place.bucket.id, Some(document));
    walrus.store.change(Change::Configure { name, id, kind: KIND, document }).await??;
    Ok(with_least_transition(empty(), &lifecycle))
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::Configure { name, id, kind: KIND, document: None }).await??;
    Ok(no_content())
}

fn with_least_transition(mut response: Response<Body>, lifecycle: &Lifecycle) -> Response<Body> {
    let said = lifecycle.least_transition.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(size)) = said {
        response.headers_mut().insert(LEAST_TRANSITION, size);
    }
    response
}
