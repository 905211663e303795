//! AuthorizeSecurityGroupEgress.

use super::authorize::{Authorized, Input, authorize};
use super::call::{Call, Run};
use ec2_wire::{Action, Error, Version};
use state::Direction;

pub(super) struct AuthorizeSecurityGroupEgress;

impl Action for AuthorizeSecurityGroupEgress {
    const NAME: &'static str = "AuthorizeSecurityGroupEgress";
    const DOC: &'static str = "Lets traffic out of a security group: all the rules named, or none.";
    const SINCE: Version = Version::new(2011, 1, 1);
    type Input = Input;
    type Output = Authorized;
}

impl Run for AuthorizeSecurityGroupEgress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Authorized, Error> {
        authorize(call, Direction::Egress, input).await
    }
}
