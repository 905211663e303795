//! CreateSecurityGroup.

use super::call::{Call, Run};
use super::describe_vpcs::check_own;
use super::refusal::refuse;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Action, Error, Response, Text, Xml, parameters};
use types::{GroupId, GroupName, Tags, VpcId};

pub(super) struct CreateSecurityGroup;

parameters! {
    pub(super) struct Input {
        /// The name of the new group.
        name: GroupName = "GroupName", "groupName";
        /// What the group is for.
        description: Text<255> = "GroupDescription", "groupDescription";
        /// The VPC, of which there is one.
        vpc: Option<VpcId> = "VpcId", "vpcId", since (2011, 7, 15);
        /// Tags for the group.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

pub(super) struct Output(GroupId, Tags);

impl Action for CreateSecurityGroup {
    const NAME: &'static str = "CreateSecurityGroup";
    const DOC: &'static str = "Makes a security group, which lets nothing in until it is told to.";
    type Input = Input;
    type Output = Output;
}

impl Run for CreateSecurityGroup {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let (account, description) = (call.user.account, input.description.as_str().to_owned());
        check_own(call, input.vpc.as_slice())?;
        let tags = tag_specification::of("security-group", &[], input.tags)?;
        let (state, name) = (call.state(), input.name);
        let made = state.create_security_group(account, name, description, tags.clone(), call.now);
        Ok(Output(made.await.map_err(refuse)?, tags))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2011, 1, 1) {
            xml.text("groupId", self.0);
        }
        if xml.since(2016, 11, 15) {
            tag_specification::encode(xml, &self.1);
        }
    }
}
