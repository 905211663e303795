//! DescribeInstanceAttribute.

use super::call::{Call, Run};
use super::describe_instances::one;
use super::instance_attribute::{Described, InstanceAttribute};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Version, Xml, parameters};
use types::InstanceId;

pub(super) struct DescribeInstanceAttribute;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "instanceId", since (2009, 10, 31);
        /// The attribute to show.
        attribute: InstanceAttribute = "Attribute", "*", since (2009, 10, 31);
    }
}

pub(super) struct Output {
    described: Described,
    attribute: InstanceAttribute,
}

impl Action for DescribeInstanceAttribute {
    const NAME: &'static str = "DescribeInstanceAttribute";
    const DOC: &'static str = "Shows one attribute of an instance.";
    const SINCE: Version = Version::new(2009, 10, 31);
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInstanceAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let (instance, groups) = one(call, input.id).await?;
        let details = call.state().instance_details(call.scope(), input.id, call.now).await;
        let described = Described { instance, groups, details: details.map_err(refuse)? };
        Ok(Output { described, attribute: input.attribute })
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("instanceId", self.described.instance.id);
        self.described.encode(xml, self.attribute);
    }
}
