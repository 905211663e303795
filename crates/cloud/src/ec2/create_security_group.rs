//! CreateSecurityGroup.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Response, Text, Xml, parameters};
use types::{GroupId, GroupName};

pub(super) struct CreateSecurityGroup;

parameters! {
    pub(super) struct Input {
        /// The name of the new group.
        name: GroupName = "GroupName", "groupName";
        /// What the group is for.
        description: Text<255> = "GroupDescription", "groupDescription";
    }
}

pub(super) struct Output(GroupId);

impl Action for CreateSecurityGroup {
    const NAME: &'static str = "CreateSecurityGroup";
    const DOC: &'static str = "Makes a security group, which lets nothing in until it is told to.";
    type Input = Input;
    type Output = Output;
}

impl Run for CreateSecurityGroup {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let (account, description) = (call.user.account, input.description.as_str().to_owned());
        let made = call.state().create_security_group(account, input.name, description, call.now);
        Ok(Output(made.await.map_err(refuse)?))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("return", true);
        if xml.since(2011, 1, 1) {
            xml.text("groupId", self.0);
        }
    }
}
