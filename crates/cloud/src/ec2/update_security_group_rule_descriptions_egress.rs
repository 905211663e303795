//! UpdateSecurityGroupRuleDescriptionsEgress.

use super::call::{Call, Run};
use super::rule_descriptions::{Input, update};
use ec2_wire::{Action, Error, Return, Version};
use state::Direction;

pub(super) struct UpdateSecurityGroupRuleDescriptionsEgress;

impl Action for UpdateSecurityGroupRuleDescriptionsEgress {
    const NAME: &'static str = "UpdateSecurityGroupRuleDescriptionsEgress";
    const DOC: &'static str =
        "Replaces the descriptions of egress rules: of all that are named, or of none.";
    const SINCE: Version = Version::new(2016, 11, 15);
    type Input = Input;
    type Output = Return;
}

impl Run for UpdateSecurityGroupRuleDescriptionsEgress {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        update(call, Direction::Egress, input).await
    }
}
