//! AllocateAddress.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Action, Error, Response, Version, Xml, parameters, words};
use state::Address;
use std::net::Ipv4Addr;

pub(super) struct AllocateAddress;

parameters! {
    pub(super) struct Input {
        /// Where the address can be used; both words mean the same here.
        _domain: Option<Domain> = "Domain", "domain", since (2011, 1, 1);
        /// This very address of the pool, if it is free.
        wanted: Option<Ipv4Addr> = "Address", "address", since (2016, 11, 15);
        /// Tags for the address.
        tags: Vec<TagSpecification> = "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

words! {
    /// Where an address can be used.
    pub(super) enum Domain {
        /// As before there were VPCs.
        Standard = "standard",
        /// In a VPC.
        Vpc = "vpc",
    }
}

pub(super) struct Output(Address);

impl Action for AllocateAddress {
    const NAME: &'static str = "AllocateAddress";
    const DOC: &'static str = "Gives the caller a public address of the pool (VNET_PUBLICIPS).";
    const SINCE: Version = Version::new(2008, 2, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for AllocateAddress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let tags = tag_specification::of("elastic-ip", &[], input.tags)?;
        let given = call.state().allocate_address(call.user.account, input.wanted, tags).await;
        given.map(Output).map_err(refuse)
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("publicIp", self.0.ip);
        if xml.since(2011, 1, 1) {
            xml.text("domain", "vpc");
            xml.maybe("allocationId", self.0.owner.as_ref().map(|owner| owner.allocation));
        }
    }
}
