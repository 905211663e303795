//! AuthorizeSecurityGroupIngress.

use super::call::{Call, Run};
use super::ingress::{Input, change};
use super::refusal::refuse;
use ec2_wire::{Action, Error, Return};

pub(super) struct AuthorizeSecurityGroupIngress;

impl Action for AuthorizeSecurityGroupIngress {
    const NAME: &'static str = "AuthorizeSecurityGroupIngress";
    const DOC: &'static str = "Lets traffic into a security group: all the rules named, or none.";
    type Input = Input;
    type Output = Return;
}

impl Run for AuthorizeSecurityGroupIngress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let (group, rules) = change(call, input).await?;
        let (state, account) = (call.state(), call.user.account);
        state.authorize_ingress(account, group, rules, call.now).await.map_err(refuse)?;
        call.cloud.poke();
        Ok(Return(true))
    }
}
