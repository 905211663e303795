//! `DeleteObject`: DELETE of a key; deleting what is not there succeeds.

use super::{Answer, no_content};
use crate::access::Place;
use crate::request::Request;
use crate::store::{Change, Precondition};
use crate::walrus::Walrus;

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let condition = match request.header("if-match") {
        Some(etag) => Precondition::Matches(etag.trim().trim_matches('"').to_owned()),
        None => Precondition::None,
    };
    walrus.store.change(Change::DeleteObject { bucket, id, key, condition }).await??;
    Ok(no_content())
}
