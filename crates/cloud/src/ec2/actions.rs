//! The list of all actions. A new one is a file and a line here.

use super::authorize_security_group_egress::AuthorizeSecurityGroupEgress;
use super::authorize_security_group_ingress::AuthorizeSecurityGroupIngress;
use super::call::Entry;
use super::create_key_pair::CreateKeyPair;
use super::create_security_group::CreateSecurityGroup;
use super::delete_key_pair::DeleteKeyPair;
use super::delete_security_group::DeleteSecurityGroup;
use super::deregister_image::DeregisterImage;
use super::describe_availability_zones::DescribeAvailabilityZones;
use super::describe_images::DescribeImages;
use super::describe_instances::DescribeInstances;
use super::describe_key_pairs::DescribeKeyPairs;
use super::describe_regions::DescribeRegions;
use super::describe_security_group_rules::DescribeSecurityGroupRules;
use super::describe_security_groups::DescribeSecurityGroups;
use super::get_console_output::GetConsoleOutput;
use super::modify_security_group_rules::ModifySecurityGroupRules;
use super::reboot_instances::RebootInstances;
use super::register_image::RegisterImage;
use super::revoke_security_group_egress::RevokeSecurityGroupEgress;
use super::revoke_security_group_ingress::RevokeSecurityGroupIngress;
use super::run_instances::RunInstances;
use super::terminate_instances::TerminateInstances;
use super::update_security_group_rule_descriptions_egress::UpdateSecurityGroupRuleDescriptionsEgress;
use super::update_security_group_rule_descriptions_ingress::UpdateSecurityGroupRuleDescriptionsIngress;
use ec2_wire::{Code, Error, shown};

/// Every action that is served, by name.
pub(super) static ACTIONS: &[Entry] = &[
    Entry::of::<AuthorizeSecurityGroupEgress>(),
    Entry::of::<AuthorizeSecurityGroupIngress>(),
    Entry::of::<CreateKeyPair>(),
    Entry::of::<CreateSecurityGroup>(),
    Entry::of::<DeleteKeyPair>(),
    Entry::of::<DeleteSecurityGroup>(),
    Entry::of::<DeregisterImage>(),
    Entry::of::<DescribeAvailabilityZones>(),
    Entry::of::<DescribeImages>(),
    Entry::of::<DescribeInstances>(),
    Entry::of::<DescribeKeyPairs>(),
    Entry::of::<DescribeRegions>(),
    Entry::of::<DescribeSecurityGroupRules>(),
    Entry::of::<DescribeSecurityGroups>(),
    Entry::of::<GetConsoleOutput>(),
    Entry::of::<ModifySecurityGroupRules>(),
    Entry::of::<RebootInstances>(),
    Entry::of::<RegisterImage>(),
    Entry::of::<RevokeSecurityGroupEgress>(),
    Entry::of::<RevokeSecurityGroupIngress>(),
    Entry::of::<RunInstances>(),
    Entry::of::<TerminateInstances>(),
    Entry::of::<UpdateSecurityGroupRuleDescriptionsEgress>(),
    Entry::of::<UpdateSecurityGroupRuleDescriptionsIngress>(),
];

/// The action of this name.
///
/// # Errors
/// `InvalidAction`, with the name.
pub(super) fn find(name: &str) -> Result<&'static Entry, Error> {
    ACTIONS.iter().find(|entry| entry.definition.name == name).ok_or_else(|| {
        let message = format!("the action {} is not served by this cloud", shown(name));
        Error::new(Code::InvalidAction, message)
    })
}
