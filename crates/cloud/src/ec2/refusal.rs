//! What the caller is told when the cloud refuses or fails.

use ec2_wire::{Code, Error};
use state::{AddressRef, Error as Refused, Taggable};

/// The caller's view of an error of the cloud. Faults of its own stay inside.
pub(super) fn refuse(error: impl Into<crate::Error>) -> Error {
    let error = error.into();
    match code(&error) {
        Some(code) => Error::new(code, message(&error)),
        None => Error::internal(error),
    }
}

const fn code(error: &crate::Error) -> Option<Code> {
    use crate::Error as E;
    Some(match error {
        E::State(error) => return state_code(error),
        E::ImageLocation(_) => Code::InvalidParameterValue,
        E::NotBucketOwner | E::KernelByUser => Code::UnauthorizedOperation,
        E::ManifestMissing(_) | E::Bundle(_) | E::Disk(_) | E::ReferencedImage { .. } => {
            Code::InvalidManifest
        }
        E::ArchitectureDiffers { .. } | E::NotMachine | E::NoBootMode => {
            Code::InvalidParameterCombination
        }
        E::RegistrationsBusy => Code::Unavailable,
        _ => return None,
    })
}

const fn state_code(error: &Refused) -> Option<Code> {
    Some(match error {
        Refused::Overloaded => Code::Unavailable,
        Refused::ImageNotFound(_) => Code::InvalidAmiIdNotFound,
        Refused::ImageKindWrong { .. } | Refused::VmTypeNotFound(_) => Code::InvalidParameterValue,
        Refused::KernelMissing => Code::MissingParameter,
        Refused::BootsByItself { .. } => Code::InvalidParameterCombination,
        Refused::ImageNotOwned(_) => Code::UnauthorizedOperation,
        Refused::ImageNameTaken { .. } => Code::InvalidAmiNameDuplicate,
        Refused::LauncherUnknown(_) | Refused::LauncherAbsent(_) => {
            Code::InvalidAmiAttributeItemValue
        }
        Refused::ClusterNotFound(_) => Code::InvalidZoneNotFound,
        Refused::NoCluster
        | Refused::ClusterUnreachable(_)
        | Refused::NoCapacity { .. }
        | Refused::NetworksExhausted { .. }
        | Refused::PairsExhausted { .. } => Code::InsufficientInstanceCapacity,
        Refused::NoElasticAddresses { .. } => Code::UnsupportedOperation,
        Refused::AddressesExhausted { .. } => Code::InsufficientFreeAddressesInSubnet,
        Refused::TokenMismatch => Code::IdempotentParameterMismatch,
        Refused::TokenTerminated => Code::IdempotentInstanceTerminated,
        Refused::InstanceNotFound(_) => Code::InvalidInstanceIdNotFound,
        Refused::InstanceNotRunning { .. } => Code::IncorrectInstanceState,
        Refused::InstanceNotStopped { .. } => Code::IncorrectInstanceState,
        Refused::InstanceProtected(_) => Code::OperationNotPermitted,
        Refused::KeyPairNotFound(_) => Code::InvalidKeyPairNotFound,
        Refused::KeyPairExists(_) => Code::InvalidKeyPairDuplicate,
        Refused::GroupNotFound(_) => Code::InvalidGroupNotFound,
        Refused::GroupExists(_) => Code::InvalidGroupDuplicate,
        Refused::GroupReserved(_) => Code::InvalidGroupReserved,
        Refused::GroupInUse { .. } => Code::InvalidGroupInUse,
        Refused::RuleExists => Code::InvalidPermissionDuplicate,
        Refused::RuleNotFound => Code::InvalidPermissionNotFound,
        Refused::RuleIdNotFound(_) => Code::InvalidSecurityGroupRuleIdNotFound,
        Refused::LimitReached { .. } => Code::ResourceLimitExceeded,
        Refused::AddressLimit(_) => Code::AddressLimitExceeded,
        Refused::NoAddress => Code::InsufficientAddressCapacity,
        Refused::AddressNotFound(AddressRef::Ip(_)) => Code::InvalidAddressNotFound,
        Refused::AddressNotFound(AddressRef::Allocation(_)) => Code::InvalidAllocationIdNotFound,
        Refused::AddressNotFound(AddressRef::Association(_)) => Code::InvalidAssociationIdNotFound,
        Refused::AddressInUse(_) => Code::InvalidIpAddressInUse,
        Refused::AddressElsewhere { .. } => Code::InvalidParameterCombination,
        Refused::TooManyTags { .. } => Code::TagLimitExceeded,
        Refused::NotTaggable(thing) => not_there(*thing),
        _ => return None,
    })
}

/// EC2 has a code for each kind of thing.
const fn not_there(thing: Taggable) -> Code {
    match thing {
        Taggable::Instance(_) => Code::InvalidInstanceIdNotFound,
        Taggable::Image(_) => Code::InvalidAmiIdNotFound,
        Taggable::Group(_) => Code::InvalidGroupNotFound,
        Taggable::Rule(_) => Code::InvalidSecurityGroupRuleIdNotFound,
        Taggable::KeyPair(_) => Code::InvalidKeyPairNotFound,
        Taggable::Address(_) => Code::InvalidAllocationIdNotFound,
    }
}

/// The error's own words, but where the guides print a text that people search for.
fn message(error: &crate::Error) -> String {
    match error {
        crate::Error::State(Refused::NoCapacity { vm_type, wanted, available, place }) => format!(
            "Not enough resources available: {wanted} of {vm_type} wanted, {available} available \
             in {place}"
        ),
        crate::Error::State(Refused::KeyPairExists(name)) => {
            format!("KeyPair generation error. Key pair: {name} already exists.")
        }
        _ => error.to_string(),
    }
}
