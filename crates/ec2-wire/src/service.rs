//! The services that speak this protocol, and how the answers of each look.

use crate::{Code, Version};

/// Which service an action belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// EC2 itself.
    Ec2,
    /// STS, which SDKs ask who they are.
    Sts,
    /// IAM (Eucalyptus calls it EUARE).
    Iam,
}

impl Service {
    /// The service whose API has this version. EC2 has neither of the other two's.
    pub fn of_version(version: Version) -> Self {
        [Self::Sts, Self::Iam]
            .into_iter()
            .find(|service| service.version() == Some(version))
            .unwrap_or(Self::Ec2)
    }

    /// The one version of the service's API. EC2's clients ask for many.
    pub const fn version(self) -> Option<Version> {
        match self {
            Self::Ec2 => None,
            Self::Sts => Some(Version::new(2011, 6, 15)),
            Self::Iam => Some(Version::new(2010, 5, 8)),
        }
    }

    /// The namespace of the service's answers; `asked` is the version that the client named.
    pub fn namespace(self, asked: Version) -> String {
        let version = self.version().unwrap_or(asked);
        match self {
            Self::Ec2 => format!("http://ec2.amazonaws.com/doc/{version}/"),
            Self::Sts => format!("https://sts.amazonaws.com/doc/{version}/"),
            Self::Iam => format!("https://iam.amazonaws.com/doc/{version}/"),
        }
    }

    /// The word that this service has for what a code says ("Common errors" of each service's
    /// reference).
    pub const fn code(self, code: Code) -> Code {
        match (self, code) {
            (Self::Ec2, Code::InvalidClientTokenId | Code::SignatureDoesNotMatch) => {
                Code::AuthFailure
            }
            (Self::Ec2, _) => code,
            (_, Code::AuthFailure | Code::UnauthorizedOperation) => Code::AccessDenied,
            (_, Code::InternalError) => Code::InternalFailure,
            (_, Code::InvalidParameterValue) => Code::ValidationError,
            (_, Code::Unavailable) => Code::ServiceUnavailable,
            (_, Code::UnsupportedOperation) => Code::InvalidAction,
            _ => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_its_version_and_has_words_of_its_own() {
        assert_eq!(Service::of_version(Version::new(2011, 6, 15)), Service::Sts);
        assert_eq!(Service::of_version(Version::new(2010, 5, 8)), Service::Iam);
        assert_eq!(Service::of_version(Version::new(2016, 11, 15)), Service::Ec2);
        assert_eq!(Service::Ec2.code(Code::InvalidClientTokenId), Code::AuthFailure);
        assert_eq!(Service::Sts.code(Code::InvalidClientTokenId), Code::InvalidClientTokenId);
        assert_eq!(Service::Iam.code(Code::UnauthorizedOperation), Code::AccessDenied);
        assert_eq!(Service::Iam.code(Code::NoSuchEntity), Code::NoSuchEntity);
    }
}
