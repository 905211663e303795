//! What the limits of buckets and users leave for an upload.

use crate::access::Place;
use crate::fault::Fault;
use crate::request::Request;
use crate::store::{INLINE_BYTES, Id, Quotas, Refusal};
use crate::walrus::Walrus;
use std::sync::PoisonError;

/// What may come with a request. The committer has the last word.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) quotas: Quotas,
    /// How many bytes, and why not more; none when there is no limit.
    pub(crate) left: Option<(u64, Refusal)>,
}

impl Walrus {
    /// Changes what users may have from now on. Who has more keeps it.
    pub fn set_quotas(&self, quotas: Quotas) {
        *self.quotas.write().unwrap_or_else(PoisonError::into_inner) = quotas;
    }

    /// What whoever sends a request may have: an administrator as much as he likes.
    pub(crate) fn quotas_of(&self, request: &Request) -> Quotas {
        if request.caller.as_ref().is_some_and(|caller| caller.is_admin) {
            return Quotas::NONE;
        }
        *self.quotas.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room for a body, as a new object of the place's key or a part of an upload. A body that
    /// says that it is short is let in unseen: it is received at once, and then the committer
    /// decides.
    pub(crate) async fn room(
        &self,
        request: &Request,
        place: &Place,
        part: Option<(Id, u16)>,
    ) -> Result<Room, Fault> {
        let quotas = self.quotas_of(request);
        let is_short = request.length().is_some_and(|length| length <= INLINE_BYTES as u64);
        if is_short || !quotas.limit_bytes() {
            return Ok(Room { quotas, left: None });
        }
        let (bucket, key) = (place.bucket.clone(), place.key.clone());
        let read = self.store.read(move |store| store.room(&bucket, &key, part, quotas));
        Ok(Room { quotas, left: read.await? })
    }
}
