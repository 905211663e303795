//! The list of all actions. A new one is a file and a line here.

use super::authorize_security_group_ingress::AuthorizeSecurityGroupIngress;
use super::call::Entry;
use super::create_key_pair::CreateKeyPair;
use super::create_security_group::CreateSecurityGroup;
use super::delete_key_pair::DeleteKeyPair;
use super::delete_security_group::DeleteSecurityGroup;
use super::deregister_image::DeregisterImage;
use super::describe_account_attributes::DescribeAccountAttributes;
use super::describe_availability_zones::DescribeAvailabilityZones;
use super::describe_images::DescribeImages;
use super::describe_instance_type_offerings::DescribeInstanceTypeOfferings;
use super::describe_instance_types::DescribeInstanceTypes;
use super::describe_instances::DescribeInstances;
use super::describe_key_pairs::DescribeKeyPairs;
use super::describe_regions::DescribeRegions;
use super::describe_security_groups::DescribeSecurityGroups;
use super::get_caller_identity::GetCallerIdentity;
use super::get_console_output::GetConsoleOutput;
use super::get_user::GetUser;
use super::reboot_instances::RebootInstances;
use super::register_image::RegisterImage;
use super::revoke_security_group_ingress::RevokeSecurityGroupIngress;
use super::run_instances::RunInstances;
use super::terminate_instances::TerminateInstances;
use ec2_wire::{Code, Error, Service, shown};

/// Every action that is served, by name.
pub(super) static ACTIONS: &[Entry] = &[
    Entry::of::<AuthorizeSecurityGroupIngress>(),
    Entry::of::<CreateKeyPair>(),
    Entry::of::<CreateSecurityGroup>(),
    Entry::of::<DeleteKeyPair>(),
    Entry::of::<DeleteSecurityGroup>(),
    Entry::of::<DeregisterImage>(),
    Entry::of::<DescribeAccountAttributes>(),
    Entry::of::<DescribeAvailabilityZones>(),
    Entry::of::<DescribeImages>(),
    Entry::of::<DescribeInstanceTypeOfferings>(),
    Entry::of::<DescribeInstanceTypes>(),
    Entry::of::<DescribeInstances>(),
    Entry::of::<DescribeKeyPairs>(),
    Entry::of::<DescribeRegions>(),
    Entry::of::<DescribeSecurityGroups>(),
    Entry::of::<GetCallerIdentity>(),
    Entry::of::<GetConsoleOutput>(),
    Entry::of::<GetUser>(),
    Entry::of::<RebootInstances>(),
    Entry::of::<RegisterImage>(),
    Entry::of::<RevokeSecurityGroupIngress>(),
    Entry::of::<RunInstances>(),
    Entry::of::<TerminateInstances>(),
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
