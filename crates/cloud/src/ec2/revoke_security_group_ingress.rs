//! RevokeSecurityGroupIngress.

use super::call::{Call, Run};
use super::revoke::{Input, Revoked, revoke};
use ec2_wire::{Action, Error};
use state::Direction;

pub(super) struct RevokeSecurityGroupIngress;

impl Action for RevokeSecurityGroupIngress {
    const NAME: &'static str = "RevokeSecurityGroupIngress";
    const DOC: &'static str =
        "Takes ingress rules from a security group: all that are named, or none.";
    type Input = Input;
    type Output = Revoked;
}

impl Run for RevokeSecurityGroupIngress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Revoked, Error> {
        revoke(call, Direction::Ingress, input).await
    }
}
