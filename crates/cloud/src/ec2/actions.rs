//! The list of all actions. A new one is a file and a line here.

use super::allocate_address::AllocateAddress;
use super::associate_address::AssociateAddress;
use super::authorize_security_group_egress::AuthorizeSecurityGroupEgress;
use super::authorize_security_group_ingress::AuthorizeSecurityGroupIngress;
use super::call::Entry;
use super::confirm_product_instance::ConfirmProductInstance;
use super::create_key_pair::CreateKeyPair;
use super::create_security_group::CreateSecurityGroup;
use super::create_tags::CreateTags;
use super::delete_key_pair::DeleteKeyPair;
use super::delete_security_group::DeleteSecurityGroup;
use super::delete_tags::DeleteTags;
use super::deregister_image::DeregisterImage;
use super::describe_account_attributes::DescribeAccountAttributes;
use super::describe_addresses::DescribeAddresses;
use super::describe_availability_zones::DescribeAvailabilityZones;
use super::describe_image_attribute::DescribeImageAttribute;
use super::describe_images::DescribeImages;
use super::describe_instance_attribute::DescribeInstanceAttribute;
use super::describe_instance_status::DescribeInstanceStatus;
use super::describe_instance_type_offerings::DescribeInstanceTypeOfferings;
use super::describe_instance_types::DescribeInstanceTypes;
use super::describe_instances::DescribeInstances;
use super::describe_internet_gateways::DescribeInternetGateways;
use super::describe_key_pairs::DescribeKeyPairs;
use super::describe_network_interfaces::DescribeNetworkInterfaces;
use super::describe_regions::DescribeRegions;
use super::describe_route_tables::DescribeRouteTables;
use super::describe_security_group_rules::DescribeSecurityGroupRules;
use super::describe_security_groups::DescribeSecurityGroups;
use super::describe_subnets::DescribeSubnets;
use super::describe_tags::DescribeTags;
use super::describe_vpc_attribute::DescribeVpcAttribute;
use super::describe_vpcs::DescribeVpcs;
use super::disassociate_address::DisassociateAddress;
use super::get_caller_identity::GetCallerIdentity;
use super::get_console_output::GetConsoleOutput;
use super::get_password_data::GetPasswordData;
use super::get_user::GetUser;
use super::import_key_pair::ImportKeyPair;
use super::modify_image_attribute::ModifyImageAttribute;
use super::modify_instance_attribute::ModifyInstanceAttribute;
use super::modify_instance_metadata_options::ModifyInstanceMetadataOptions;
use super::modify_security_group_rules::ModifySecurityGroupRules;
use super::monitor_instances::MonitorInstances;
use super::reboot_instances::RebootInstances;
use super::register_image::RegisterImage;
use super::release_address::ReleaseAddress;
use super::reset_image_attribute::ResetImageAttribute;
use super::reset_instance_attribute::ResetInstanceAttribute;
use super::revoke_security_group_egress::RevokeSecurityGroupEgress;
use super::revoke_security_group_ingress::RevokeSecurityGroupIngress;
use super::run_instances::RunInstances;
use super::start_instances::StartInstances;
use super::stop_instances::StopInstances;
use super::terminate_instances::TerminateInstances;
use super::unmonitor_instances::UnmonitorInstances;
use super::update_security_group_rule_descriptions_egress::UpdateSecurityGroupRuleDescriptionsEgress;
use super::update_security_group_rule_descriptions_ingress::UpdateSecurityGroupRuleDescriptionsIngress;
use ec2_wire::{Code, Error, Service, shown};

/// Every action that is served, by name.
pub(super) static ACTIONS: &[Entry] = &[
    Entry::of::<AllocateAddress>(),
    Entry::of::<AssociateAddress>(),
    Entry::of::<AuthorizeSecurityGroupEgress>(),
    Entry::of::<AuthorizeSecurityGroupIngress>(),
    Entry::of::<ConfirmProductInstance>(),
    Entry::of::<CreateKeyPair>(),
    Entry::of::<CreateSecurityGroup>(),
    Entry::of::<CreateTags>(),
    Entry::of::<DeleteKeyPair>(),
    Entry::of::<DeleteSecurityGroup>(),
    Entry::of::<DeleteTags>(),
    Entry::of::<DeregisterImage>(),
    Entry::of::<DescribeAccountAttributes>(),
    Entry::of::<DescribeAddresses>(),
    Entry::of::<DescribeAvailabilityZones>(),
    Entry::of::<DescribeImageAttribute>(),
    Entry::of::<DescribeImages>(),
    Entry::of::<DescribeInstanceAttribute>(),
    Entry::of::<DescribeInstanceStatus>(),
    Entry::of::<DescribeInstanceTypeOfferings>(),
    Entry::of::<DescribeInstanceTypes>(),
    Entry::of::<DescribeInstances>(),
    Entry::of::<DescribeInternetGateways>(),
    Entry::of::<DescribeKeyPairs>(),
    Entry::of::<DescribeNetworkInterfaces>(),
    Entry::of::<DescribeRegions>(),
    Entry::of::<DescribeRouteTables>(),
    Entry::of::<DescribeSecurityGroupRules>(),
    Entry::of::<DescribeSecurityGroups>(),
    Entry::of::<DescribeSubnets>(),
    Entry::of::<DescribeTags>(),
    Entry::of::<DescribeVpcAttribute>(),
    Entry::of::<DescribeVpcs>(),
    Entry::of::<DisassociateAddress>(),
    Entry::of::<GetCallerIdentity>(),
    Entry::of::<GetConsoleOutput>(),
    Entry::of::<GetPasswordData>(),
    Entry::of::<GetUser>(),
    Entry::of::<ImportKeyPair>(),
    Entry::of::<ModifyImageAttribute>(),
    Entry::of::<ModifyInstanceAttribute>(),
    Entry::of::<ModifyInstanceMetadataOptions>(),
    Entry::of::<ModifySecurityGroupRules>(),
    Entry::of::<MonitorInstances>(),
    Entry::of::<RebootInstances>(),
    Entry::of::<RegisterImage>(),
    Entry::of::<ReleaseAddress>(),
    Entry::of::<ResetImageAttribute>(),
    Entry::of::<ResetInstanceAttribute>(),
    Entry::of::<RevokeSecurityGroupEgress>(),
    Entry::of::<RevokeSecurityGroupIngress>(),
    Entry::of::<RunInstances>(),
    Entry::of::<StartInstances>(),
    Entry::of::<StopInstances>(),
    Entry::of::<TerminateInstances>(),
    Entry::of::<UnmonitorInstances>(),
    Entry::of::<UpdateSecurityGroupRuleDescriptionsEgress>(),
    Entry::of::<UpdateSecurityGroupRuleDescriptionsIngress>(),
];

/// The longest name that an action can have, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// The service that has an action of this name.
pub(super) fn service_of(name: &str) -> Option<Service> {
    ACTIONS.iter().map(|entry| &entry.definition).find(|it| it.name == name).map(|it| it.service)
}

/// The service's action of this name.
///
/// # Errors
/// `UnsupportedOperation`, or `InvalidAction` for text that is no action's name anywhere.
pub(super) fn find(service: Service, name: &str) -> Result<&'static Entry, Error> {
    let called = |entry: &&Entry| entry.definition.name == name;
    let found = ACTIONS.iter().filter(|entry| entry.definition.service == service).find(called);
    found.ok_or_else(|| {
        let word = name.len() <= MAX_NAME_BYTES && name.bytes().all(|b| b.is_ascii_alphanumeric());
        let (code, what) = match word {
            true => (Code::UnsupportedOperation, "is not served by this cloud"),
            false => (Code::InvalidAction, "does not exist: it is no name that an action has"),
        };
        Error::new(code, format!("the action {} {what}", shown(name)))
    })
}
