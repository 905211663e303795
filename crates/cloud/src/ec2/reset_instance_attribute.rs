//! ResetInstanceAttribute.

use super::call::{Call, Run};
use super::describe_instances::one;
use super::instance_attribute::Fixed;
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, Version, parameters, words};
use types::InstanceId;

pub(super) struct ResetInstanceAttribute;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "instanceId", since (2009, 10, 31);
        /// The attribute to set to what a launch without options gets.
        attribute: Resettable = "Attribute", "*", since (2009, 10, 31);
    }
}

words! {
    /// The attributes that can be reset.
    pub(super) enum Resettable {
        /// The kernel: that of the image, else the cloud's default.
        Kernel = "kernel",
        /// The ramdisk: that of the image, else the cloud's default.
        Ramdisk = "ramdisk",
        /// True.
        SourceDestCheck = "sourceDestCheck",
    }
}

impl Action for ResetInstanceAttribute {
    const NAME: &'static str = "ResetInstanceAttribute";
    const DOC: &'static str = "Sets an attribute of an instance to its default. An instance keeps \
                               the kernel and ramdisk of its launch, so it succeeds when they are \
                               the default.";
    const SINCE: Version = Version::new(2009, 10, 31);
    type Input = Input;
    type Output = Return;
}

impl Run for ResetInstanceAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (instance, groups) = one(call, input.id).await?;
        let details = call.state().instance_details(call.scope(), input.id, call.now).await;
        let details = details.map_err(refuse)?;
        let default = match input.attribute {
            Resettable::Kernel => Fixed::Kernel(details.default_kernel),
            Resettable::Ramdisk => Fixed::Ramdisk(details.default_ramdisk),
            Resettable::SourceDestCheck => Fixed::SourceDestCheck(true),
        };
        default.confirm(&instance, &groups)?;
        Ok(Return(true))
    }
}
