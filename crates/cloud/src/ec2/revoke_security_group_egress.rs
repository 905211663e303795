//! RevokeSecurityGroupEgress.

use super::call::{Call, Run};
use super::revoke::{Input, Revoked, revoke};
use ec2_wire::{Action, Error, Version};
use state::Direction;

pub(super) struct RevokeSecurityGroupEgress;

impl Action for RevokeSecurityGroupEgress {
    const NAME: &'static str = "RevokeSecurityGroupEgress";
    const DOC: &'static str =
        "Takes egress rules from a security group: all that are named, or none.";
    const SINCE: Version = Version::new(2011, 1, 1);
    type Input = Input;
    type Output = Revoked;
}

impl Run for RevokeSecurityGroupEgress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Revoked, Error> {
        revoke(call, Direction::Egress, input).await
    }
}
