//! ReleaseAddress.

use super::address::one_of;
use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, Version, parameters};
use state::AddressRef;
use std::net::Ipv4Addr;
use types::AllocationId;

pub(super) struct ReleaseAddress;

parameters! {
    pub(super) struct Input {
        /// The address.
        ip: Option<Ipv4Addr> = "PublicIp", "publicIp";
        /// Its allocation, in place of the address.
        allocation: Option<AllocationId> = "AllocationId", "allocationId", since (2011, 1, 1);
    }
}

impl Action for ReleaseAddress {
    const NAME: &'static str = "ReleaseAddress";
    const DOC: &'static str = "Gives an address back to the pool. One that is named by its \
                               allocation must lead to no instance.";
    const SINCE: Version = Version::new(2008, 2, 1);
    type Input = Input;
    type Output = Return;
}

impl Run for ReleaseAddress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let named = one_of(
            ("PublicIp", input.ip.map(AddressRef::Ip)),
            ("AllocationId", input.allocation.map(AddressRef::Allocation)),
        )?;
        call.state().release_address(call.scope(), named).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}
