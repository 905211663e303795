//! `DeleteBucket`: DELETE of an empty bucket.

use super::{Answer, no_content};
use crate::access::Place;
use crate::store::Change;
use crate::walrus::Walrus;

pub(super) async fn run(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::DeleteBucket { name, id }).await??;
    Ok(no_content())
}
