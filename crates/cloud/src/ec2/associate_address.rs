//! AssociateAddress.

use super::address::one_of;
use super::call::{Call, Run};
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{Action, Code, Error, Response, Version, Xml, parameters};
use state::{AddressRef, Error as Refused};
use std::net::Ipv4Addr;
use types::{AllocationId, AssociationId, InstanceId, InterfaceId};

pub(super) struct AssociateAddress;

parameters! {
    pub(super) struct Input {
        /// The address.
        ip: Option<Ipv4Addr> = "PublicIp", "publicIp";
        /// Its allocation, in place of the address.
        allocation: Option<AllocationId> = "AllocationId", "allocationId", since (2011, 1, 1);
        /// The instance that it is to lead to.
        instance: Option<InstanceId> = "InstanceId", "instanceId";
        /// The instance's network interface, in place of the instance.
        interface: Option<InterfaceId> =
            "NetworkInterfaceId", "networkInterfaceId", since (2011, 7, 15);
        /// Whether the address may be taken from another instance, which it is by default.
        moving: Option<bool> = "AllowReassociation", "allowReassociation", since (2012, 7, 20);
    }
}

pub(super) struct Output(AssociationId);

impl Action for AssociateAddress {
    const NAME: &'static str = "AssociateAddress";
    const DOC: &'static str = "Lets an address of the caller lead to an instance of the caller, \
                               in the place of another that the instance may have.";
    const SINCE: Version = Version::new(2008, 2, 1);
    type Input = Input;
    type Output = Output;
}

impl Run for AssociateAddress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let named = one_of(
            ("PublicIp", input.ip.map(AddressRef::Ip)),
            ("AllocationId", input.allocation.map(AddressRef::Allocation)),
        )?;
        let instance = instance(input.instance, input.interface)?;
        let (account, moving) = (call.user.account, input.moving.unwrap_or(true));
        let pair = call.state().associate_address(account, named, instance, moving, call.now).await;
        let pair = pair.map_err(|error| match error {
            Refused::AddressInUse(ip) => {
                let message = format!("the address {ip} is associated with another instance");
                Error::new(Code::ResourceAlreadyAssociated, message)
            }
            other => refuse(other),
        })?;
        call.cloud.poke();
        Ok(Output(pair))
    }
}

fn instance(
    instance: Option<InstanceId>,
    interface: Option<InterfaceId>,
) -> Result<InstanceId, Error> {
    match (instance, interface.map(vpc::instance_of)) {
        (Some(instance), Some(of)) if instance != of => {
            let message = "the network interface is not one of the instance";
            Err(Error::new(Code::InvalidParameterCombination, message))
        }
        (Some(instance), _) | (None, Some(instance)) => Ok(instance),
        (None, None) => Err(Error::missing("InstanceId")),
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2011, 1, 1) {
            xml.text("associationId", self.0);
        }
    }
}
