//! DisassociateAddress.

use super::address::one_of;
use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, Version, parameters};
use state::AddressRef;
use std::net::Ipv4Addr;
use types::AssociationId;

pub(super) struct DisassociateAddress;

parameters! {
    pub(super) struct Input {
        /// The address.
        ip: Option<Ipv4Addr> = "PublicIp", "publicIp";
        /// Its association, in place of the address.
        association: Option<AssociationId> = "AssociationId", "associationId", since (2011, 1, 1);
    }
}

impl Action for DisassociateAddress {
    const NAME: &'static str = "DisassociateAddress";
    const DOC: &'static str = "Takes an address from its instance. It stays the caller's.";
    const SINCE: Version = Version::new(2008, 2, 1);
    type Input = Input;
    type Output = Return;
}

impl Run for DisassociateAddress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let named = one_of(
            ("PublicIp", input.ip.map(AddressRef::Ip)),
            ("AssociationId", input.association.map(AddressRef::Association)),
        )?;
        call.state().disassociate_address(call.scope(), named).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}
