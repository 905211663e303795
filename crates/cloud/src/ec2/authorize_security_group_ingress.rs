//! AuthorizeSecurityGroupIngress.

use super::authorize::{Authorized, Input, authorize};
use super::call::{Call, Run};
use ec2_wire::{Action, Error};
use state::Direction;

pub(super) struct AuthorizeSecurityGroupIngress;

impl Action for AuthorizeSecurityGroupIngress {
    const NAME: &'static str = "AuthorizeSecurityGroupIngress";
    const DOC: &'static str = "Lets traffic into a security group: all the rules named, or none.";
    type Input = Input;
    type Output = Authorized;
}

impl Run for AuthorizeSecurityGroupIngress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Authorized, Error> {
        authorize(call, Direction::Ingress, input).await
    }
}
