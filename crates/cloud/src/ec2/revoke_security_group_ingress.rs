//! RevokeSecurityGroupIngress.

use super::call::{Call, Run};
use super::ingress::{Input, change};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return};

pub(super) struct RevokeSecurityGroupIngress;

impl Action for RevokeSecurityGroupIngress {
    const NAME: &'static str = "RevokeSecurityGroupIngress";
    const DOC: &'static str = "Takes rules from a security group: all that are named, or none.";
    type Input = Input;
    type Output = Return;
}

impl Run for RevokeSecurityGroupIngress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (group, rules) = change(call, input).await?;
        let (state, account) = (call.state(), call.user.account);
        state.revoke_ingress(account, group, rules, call.now).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}
