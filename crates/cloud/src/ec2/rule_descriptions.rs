//! What UpdateSecurityGroupRuleDescriptionsIngress and -Egress have in common.

use super::call::Call;
use super::permission::{Description, Permission, Reading, named, rules};
use super::refusal::refuse;
use ec2_wire::{Code, Error, Return, parameters};
use state::{Direction, RuleRef};
use types::{GroupId, GroupName, RuleId};

parameters! {
    pub(super) struct Input {
        /// The group, by name.
        group: Option<GroupName> = "GroupName", "groupName", since (2016, 11, 15);
        /// The group, by id.
        group_id: Option<GroupId> = "GroupId", "groupId", since (2016, 11, 15);
        /// The rules by what they allow, with their new descriptions; one that is left out
        /// removes the old one.
        permissions: Vec<Permission> =
            "IpPermissions.N", "ipPermissions/item", since (2016, 11, 15);
        /// The rules by id, with their new descriptions.
        by_id: Vec<RuleDescription> = "SecurityGroupRuleDescription.N", "", since (2016, 11, 15);
    }
}

parameters! {
    /// A rule and its new description.
    pub(super) struct RuleDescription {
        /// The rule.
        id: RuleId = "SecurityGroupRuleId", "", since (2016, 11, 15);
        /// Its description; one that is left out removes the old one.
        description: Option<Description> = "Description", "", since (2016, 11, 15);
    }
}

/// Replaces the descriptions of the rules that a request names.
pub(super) async fn update(
    call: &Call<'_>,
    direction: Direction,
    input: Input,
) -> Result<Return, Error> {
    let group = named(input.group, input.group_id)?;
    let changes = match (input.permissions.is_empty(), input.by_id.is_empty()) {
        (false, true) => {
            let how = Reading { all_is_one: true, not_here: Code::InvalidPermissionNotFound };
            let named = rules(call, input.permissions, how).await?.into_iter();
            named.map(|named| (RuleRef::Exact(named.rule), named.description)).collect()
        }
        (true, false) => {
            let named = input.by_id.into_iter();
            named.map(|it| (RuleRef::Id(it.id), Description::text(it.description))).collect()
        }
        (true, true) => {
            return Err(Error::missing("IpPermissions or SecurityGroupRuleDescription"));
        }
        (false, false) => {
            let message = "IpPermissions and SecurityGroupRuleDescription exclude each other";
            return Err(Error::new(Code::InvalidParameterCombination, message));
        }
    };
    let (state, account) = (call.state(), call.user.account);
    state
        .describe_rules_anew(account, group, direction, changes, call.now)
        .await
        .map_err(refuse)?;
    Ok(Return(true))
}
