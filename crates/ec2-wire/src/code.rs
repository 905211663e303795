//! The one table of EC2's error codes.

macro_rules! codes {
    ($($name:ident, $text:literal, $status:literal;)*) => {
        /// An EC2 error code. Clients act on it; the message is for people.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the codes are EC2's own words")]
        pub enum Code { $($name),* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as the wire writes it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The code that the wire writes like this.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == word)
            }

            /// The HTTP status of a Query answer that carries the code.
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }
        }
    };
}

// Codes and statuses are those of Amazon's "Error codes for the Amazon EC2 API". One differs:
// Amazon answers InsufficientInstanceCapacity and InsufficientAddressCapacity with 500, which
// makes every SDK repeat the request for up to a minute; here capacity is known for certain, so
// they are answers (400) and not faults. AccessDenied, InternalFailure, InvalidClientTokenId,
// NoSuchEntity, ServiceUnavailable, SignatureDoesNotMatch and ValidationError are words of STS and
// IAM only; InvalidSecurity and InvalidSOAPRequest are in SOAP faults only.
codes! {
    AccessDenied, "AccessDenied", 403;
    AddressLimitExceeded, "AddressLimitExceeded", 400;
    AuthFailure, "AuthFailure", 401;
    DryRunOperation, "DryRunOperation", 412;
    IdempotentInstanceTerminated, "IdempotentInstanceTerminated", 400;
    IdempotentParameterMismatch, "IdempotentParameterMismatch", 400;
    IncompleteSignature, "IncompleteSignature", 400;
    IncorrectInstanceState, "IncorrectInstanceState", 400;
    IncorrectState, "IncorrectState", 400;
    InstanceLimitExceeded, "InstanceLimitExceeded", 400;
    InsufficientAddressCapacity, "InsufficientAddressCapacity", 400;
    InsufficientFreeAddressesInSubnet, "InsufficientFreeAddressesInSubnet", 400;
    InsufficientInstanceCapacity, "InsufficientInstanceCapacity", 400;
    InternalError, "InternalError", 500;
    InternalFailure, "InternalFailure", 500;
    InvalidAction, "InvalidAction", 400;
    InvalidAddressNotFound, "InvalidAddress.NotFound", 400;
    InvalidAllocationIdMalformed, "InvalidAllocationID.Malformed", 400;
    InvalidAllocationIdNotFound, "InvalidAllocationID.NotFound", 400;
    InvalidAmiAttributeItemValue, "InvalidAMIAttributeItemValue", 400;
    InvalidAmiIdMalformed, "InvalidAMIID.Malformed", 400;
    InvalidAmiIdNotFound, "InvalidAMIID.NotFound", 400;
    InvalidAmiIdUnavailable, "InvalidAMIID.Unavailable", 400;
    InvalidAmiNameDuplicate, "InvalidAMIName.Duplicate", 400;
    InvalidAmiNameMalformed, "InvalidAMIName.Malformed", 400;
    InvalidAssociationIdMalformed, "InvalidAssociationID.Malformed", 400;
    InvalidAssociationIdNotFound, "InvalidAssociationID.NotFound", 400;
    InvalidClientTokenId, "InvalidClientTokenId", 403;
    InvalidGroupDuplicate, "InvalidGroup.Duplicate", 400;
    InvalidGroupIdMalformed, "InvalidGroupId.Malformed", 400;
    InvalidGroupInUse, "InvalidGroup.InUse", 400;
    InvalidGroupNotFound, "InvalidGroup.NotFound", 400;
    InvalidGroupReserved, "InvalidGroup.Reserved", 400;
    InvalidId, "InvalidID", 400;
    InvalidInstanceIdMalformed, "InvalidInstanceID.Malformed", 400;
    InvalidInstanceIdNotFound, "InvalidInstanceID.NotFound", 400;
    InvalidInstanceType, "InvalidInstanceType", 400;
    InvalidInternetGatewayIdMalformed, "InvalidInternetGatewayID.Malformed", 400;
    InvalidInternetGatewayIdNotFound, "InvalidInternetGatewayID.NotFound", 400;
    InvalidIpAddressInUse, "InvalidIPAddress.InUse", 400;
    InvalidKeyFormat, "InvalidKey.Format", 400;
    InvalidKeyPairDuplicate, "InvalidKeyPair.Duplicate", 400;
    InvalidKeyPairNotFound, "InvalidKeyPair.NotFound", 400;
    InvalidManifest, "InvalidManifest", 400;
    InvalidNetworkInterfaceIdMalformed, "InvalidNetworkInterfaceID.Malformed", 400;
    InvalidNetworkInterfaceIdNotFound, "InvalidNetworkInterfaceID.NotFound", 400;
    InvalidNextToken, "InvalidNextToken", 400;
    InvalidParameterCombination, "InvalidParameterCombination", 400;
    InvalidParameterValue, "InvalidParameterValue", 400;
    InvalidPermissionDuplicate, "InvalidPermission.Duplicate", 400;
    InvalidPermissionMalformed, "InvalidPermission.Malformed", 400;
    InvalidPermissionNotFound, "InvalidPermission.NotFound", 400;
    InvalidRouteTableIdMalformed, "InvalidRouteTableID.Malformed", 400;
    InvalidRouteTableIdNotFound, "InvalidRouteTableID.NotFound", 400;
    InvalidSecurityGroupRuleIdMalformed, "InvalidSecurityGroupRuleId.Malformed", 400;
    InvalidSecurityGroupRuleIdNotFound, "InvalidSecurityGroupRuleId.NotFound", 400;
    InvalidSecurity, "InvalidSecurity", 400;
    InvalidSoapRequest, "InvalidSOAPRequest", 400;
    InvalidSubnetIdMalformed, "InvalidSubnetID.Malformed", 400;
    InvalidSubnetIdNotFound, "InvalidSubnetID.NotFound", 400;
    InvalidUserIdMalformed, "InvalidUserID.Malformed", 400;
    InvalidVpcIdMalformed, "InvalidVpcID.Malformed", 400;
    InvalidVpcIdNotFound, "InvalidVpcID.NotFound", 400;
    InvalidZoneNotFound, "InvalidZone.NotFound", 400;
    MalformedQueryString, "MalformedQueryString", 400;
    MissingAction, "MissingAction", 400;
    MissingAuthenticationToken, "MissingAuthenticationToken", 403;
    MissingParameter, "MissingParameter", 400;
    NoSuchEntity, "NoSuchEntity", 404;
    NoSuchVersion, "NoSuchVersion", 400;
    OperationNotPermitted, "OperationNotPermitted", 400;
    RequestEntityTooLarge, "RequestEntityTooLarge", 413;
    RequestExpired, "RequestExpired", 400;
    ResourceAlreadyAssociated, "Resource.AlreadyAssociated", 400;
    ResourceLimitExceeded, "ResourceLimitExceeded", 400;
    RulesPerSecurityGroupLimitExceeded, "RulesPerSecurityGroupLimitExceeded", 400;
    ServiceUnavailable, "ServiceUnavailable", 503;
    SignatureDoesNotMatch, "SignatureDoesNotMatch", 403;
    TagLimitExceeded, "TagLimitExceeded", 400;
    UnauthorizedOperation, "UnauthorizedOperation", 403;
    Unavailable, "Unavailable", 503;
    UnsupportedOperation, "UnsupportedOperation", 400;
    ValidationError, "ValidationError", 400;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_written_once_and_has_an_error_status() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (400..600).contains(&code.status())));
    }
}
