//! DeleteSecurityGroup.

use super::call::{Call, Run};
use super::permission::named;
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return, parameters};
use types::{GroupId, GroupName};

pub(super) struct DeleteSecurityGroup;

parameters! {
    pub(super) struct Input {
        /// The name of the group.
        name: Option<GroupName> = "GroupName", "groupName";
        /// Its id, in place of the name.
        id: Option<GroupId> = "GroupId", "groupId", since (2011, 1, 1);
    }
}

impl Action for DeleteSecurityGroup {
    const NAME: &'static str = "DeleteSecurityGroup";
    const DOC: &'static str =
        "Deletes a security group that no instance is in and no rule of another group lets in.";
    type Input = Input;
    type Output = Return;
}

impl Run for DeleteSecurityGroup {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let group = named(input.name, input.id)?;
        let (state, account) = (call.state(), call.user.account);
        state.delete_security_group(account, group, call.now).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}
