//! `DeleteObject`: DELETE of a key; deleting what is not there succeeds.

use super::{Answer, no_content, own_bucket};
use crate::request::Request;
use crate::store::{Change, Precondition};
use crate::walrus::Walrus;

pub(super) async fn run(walrus: &Walrus, request: &Request, bucket: String, key: String) -> Answer {
    let id = own_bucket(walrus, request, &bucket).await?.id;
    let condition = match request.header("if-match") {
        Some(etag) => Precondition::Matches(etag.trim().trim_matches('"').to_owned()),
        None => Precondition::None,
    };
    walrus.store.change(Change::DeleteObject { bucket, id, key, condition }).await??;
    Ok(no_content())
}
