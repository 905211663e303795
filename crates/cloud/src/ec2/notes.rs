//! What answers show of instances beside what their records hold: the public addresses that lead
//! to them, and the caller's tags.

use super::call::Call;
use super::refusal::refuse;
use ec2_wire::Error;
use state::{Address, Reservation, TagMap};
use std::collections::HashMap;
use std::fmt::Display;
use types::{InstanceId, Tags};

static NO_TAGS: Tags = Tags::new();

fn by_instance(addresses: Vec<Address>) -> HashMap<InstanceId, Address> {
    let leads = |address: Address| Some((address.association.as_ref()?.instance, address));
    addresses.into_iter().filter_map(leads).collect()
}

/// The addresses and the tags of one answer.
#[derive(Debug, Default)]
pub(super) struct Notes {
    addresses: HashMap<InstanceId, Address>,
    tags: TagMap,
}

impl Notes {
    /// Those of the instances that the caller sees.
    ///
    /// # Errors
    /// Only faults of the cloud.
    pub(super) async fn read(call: &Call<'_>) -> Result<Self, Error> {
        let addresses = call.state().leading_addresses(call.scope()).await.map_err(refuse)?;
        let tags = call.state().tags(call.user.account, &["i-", "eni-"]).await.map_err(refuse)?;
        Ok(Self { addresses: by_instance(addresses), tags })
    }

    /// Those of instances that were just launched with these addresses and tags.
    pub(super) fn of_launch(
        reservation: &Reservation,
        addresses: Vec<Address>,
        tags: &Tags,
    ) -> Self {
        let ids = reservation.instances.iter().map(|instance| instance.id);
        let tags = ids.map(|id| (id, tags.clone())).collect();
        Self { addresses: by_instance(addresses), tags }
    }

    /// The address that leads to an instance.
    pub(super) fn address(&self, instance: InstanceId) -> Option<&Address> {
        self.addresses.get(&instance)
    }

    /// The tags of an instance or of its interface.
    pub(super) fn tags(&self, id: impl Display) -> &Tags {
        self.tags.get(id).unwrap_or(&NO_TAGS)
    }
}
