//! Why a request's signature is not accepted.

use types::Timestamp;

/// Where a request carries its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the `Authorization` header.
    Header,
    /// In the query string (or, for EC2, the form).
    Query,
    /// In the fields of an upload form.
    Form,
}

/// Why a request's signature is not accepted.
///
/// An unknown access key is not here: only the caller knows the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request carries no signature at all.
    #[error("the request is not signed; sign it with an access key and its secret")]
    NotSigned,
    /// A part of the signature is missing.
    #[error("the request must contain {name}")]
    Missing {
        /// Where it should be.
        place: Place,
        /// The missing parameter or header.
        name: &'static str,
    },
    /// A part of the signature cannot be read.
    #[error("{why}")]
    Malformed {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        why: String,
    },
    /// A signature version, method or algorithm that is not offered.
    #[error("value ({value}) for parameter {name} is invalid; {offered} can be used")]
    NotOffered {
        /// The parameter.
        name: &'static str,
        /// Its value as sent, shortened.
        value: String,
        /// What can be used instead.
        offered: &'static str,
    },
    /// Signature version 1, where it is not wanted.
    #[error("signature version 1 can be forged and is not accepted; sign with version 2")]
    Version1,
    /// Both the header and the query carry a signature.
    #[error("only one of the Authorization header and the query may carry a signature")]
    TwoSignatures,
    /// A header that changes what the request does is not covered by the signature.
    #[error("the header {0} is sent but not signed")]
    UnsignedHeader(String),
    /// The signature is not the one that the secret gives.
    #[error(
        "the signature does not match the one computed from the request; check the secret key \
         and the signing method"
    )]
    Mismatch {
        /// What had to be signed, for the client to compare.
        string_to_sign: String,
    },
    /// The client's clock and ours differ by more than 15 minutes.
    #[error("the time of the request ({sent}) is more than 15 minutes from the server's ({now})")]
    Skewed {
        /// The time that the request names.
        sent: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// The request was valid until a time that is over.
    #[error("the request has expired (at {at})")]
    Expired {
        /// The end of its time.
        at: Timestamp,
    },
}

impl Error {
    pub(crate) fn malformed(place: Place, why: impl Into<String>) -> Self {
        Self::Malformed { place, why: why.into() }
    }

    pub(crate) fn not_offered(name: &'static str, value: &str, offered: &'static str) -> Self {
        Self::NotOffered { name, value: value.chars().take(64).collect(), offered }
    }

    /// EC2's error code and HTTP status (EC2 API reference, common client errors).
    pub fn ec2(&self) -> (&'static str, u16) {
        match self {
            Self::NotSigned => ("MissingAuthenticationToken", 403),
            Self::Missing { place: Place::Query | Place::Form, .. } => ("MissingParameter", 400),
            Self::Missing { place: Place::Header, .. } => ("IncompleteSignature", 400),
            Self::Malformed { .. } => ("IncompleteSignature", 400),
            Self::NotOffered { .. } | Self::Version1 => ("InvalidParameterValue", 400),
            Self::TwoSignatures => ("InvalidParameterCombination", 400),
            Self::UnsignedHeader(_) | Self::Mismatch { .. } => ("AuthFailure", 401),
            Self::Skewed { .. } | Self::Expired { .. } => ("RequestExpired", 400),
        }
    }

    /// S3's error code and HTTP status (S3 API reference, error responses).
    pub fn s3(&self) -> (&'static str, u16) {
        match self {
            Self::NotSigned | Self::UnsignedHeader(_) | Self::Expired { .. } => {
                ("AccessDenied", 403)
            }
            Self::Missing { place: Place::Header, .. } => ("AccessDenied", 403),
            Self::Malformed { place: Place::Header, .. } => ("AuthorizationHeaderMalformed", 400),
            Self::Missing { place: Place::Query, .. }
            | Self::Malformed { place: Place::Query, .. } => {
                ("AuthorizationQueryParametersError", 400)
            }
            Self::Missing { place: Place::Form, .. }
            | Self::Malformed { place: Place::Form, .. } => ("InvalidArgument", 400),
            Self::NotOffered { .. } | Self::Version1 => ("InvalidRequest", 400),
            Self::TwoSignatures => ("InvalidArgument", 400),
            Self::Mismatch { .. } => ("SignatureDoesNotMatch", 403),
            Self::Skewed { .. } => ("RequestTimeTooSkewed", 403),
        }
    }
}
