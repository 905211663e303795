//! UpdateSecurityGroupRuleDescriptionsIngress.

use super::call::{Call, Run};
use super::rule_descriptions::{Input, update};
use ec2_wire::{Action, Error, Return, Version};
use state::Direction;

pub(super) struct UpdateSecurityGroupRuleDescriptionsIngress;

impl Action for UpdateSecurityGroupRuleDescriptionsIngress {
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsIngress";
    const DOC: &'static str =
        "Replaces the descriptions of ingress rules: of all that are named, or of none.";
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Return;
}

impl Run for UpdateSecurityGroupRuleDescriptionsIngress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        update(call, Direction::Ingress, input).await
    }
}
