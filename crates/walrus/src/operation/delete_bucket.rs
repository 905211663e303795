//! `DeleteBucket`: DELETE of an empty bucket.

use super::{Answer, no_content, own_bucket};
use crate::request::Request;
use crate::store::Change;
use crate::walrus::Walrus;

pub(super) async fn run(walrus: &Walrus, request: &Request, name: String) -> Answer {
    let id = own_bucket(walrus, request, &name).await?.id;
    walrus.store.change(Change::DeleteBucket { name, id }).await??;
    Ok(no_content())
}
