//! S3's upload forms: what is signed is the policy, as it stands in the form.

use crate::instant::parse_basic;
use crate::mac::{Hash, hmac, same_base64, same_hex};
use crate::s3::Manner;
use crate::v2::s3_code;
use crate::v4;
use crate::{Error, Place};
use types::Timestamp;

/// How long a version 4 signature is good, beside what the policy says of itself.
const MAX_AGE_S: i64 = 7 * 24 * 3600;
const AUTH_TYPE: &str = "POST";

/// The signature that a form claims to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    access_key: String,
    policy: String,
    scheme: Scheme,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scheme {
    V2 { signature: String },
    V4(v4::Claim),
}

/// Reads what signature a form claims to have, of which `field` gives the fields by their names in
/// lower case; `None` for an anonymous one: one in which nothing belongs to a signature.
///
/// # Errors
/// [`Error`] when it is incomplete, malformed or of a kind not offered.
pub fn claim<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Option<Claim>, Error> {
    const V2: [&str; 2] = ["awsaccesskeyid", "signature"];
    const V4: [&str; 4] = ["x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"];
    let is_there = |names: &[&str]| names.iter().any(|name| field(name).is_some());
    let (has_v2, has_v4) = (is_there(&V2), is_there(&V4));
    if !has_v2 && !has_v4 && field("policy").is_none() {
        return Ok(None);
    }
    if has_v2 && has_v4 {
        return Err(Error::TwoSignatures);
    }
    let get = |name: &'static str| {
        let value = field(&name.to_ascii_lowercase());
        value.map(str::to_owned).ok_or(Error::Missing { place: Place::Form, name })
    };
    let policy = get("policy")?;
    if !has_v4 {
        let (access_key, signature) = (get("AWSAccessKeyId")?, get("signature")?);
        return Ok(Some(Claim { access_key, policy, scheme: Scheme::V2 { signature } }));
    }
    let algorithm = get("x-amz-algorithm")?;
    if algorithm != v4::ALGORITHM {
        return Err(Error::not_offered("x-amz-algorithm", &algorithm, v4::ALGORITHM));
    }
    let at = parse_basic(&get("x-amz-date")?).ok_or_else(|| {
        Error::malformed(Place::Form, "x-amz-date must have the form 20130524T000000Z")
    })?;
    let (credential, signature) = (get("x-amz-credential")?, get("x-amz-signature")?);
    let claim = v4::Claim::new(Place::Form, &credential, "host", &signature, at, Some(MAX_AGE_S))?;
    Ok(Some(Claim { access_key: claim.access_key.clone(), policy, scheme: Scheme::V4(claim) }))
}

impl Claim {
    /// The access key that the form says it is signed with.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The policy as it was signed: base64 of JSON.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// How it is signed.
    pub fn manner(&self) -> Manner {
        let version = match &self.scheme {
            Scheme::V2 { .. } => "AWS",
            Scheme::V4(_) => v4::ALGORITHM,
        };
        Manner { version, auth_type: AUTH_TYPE }
    }

    /// Checks the signature with the access key's secret. When the policy ends is for its reader
    /// to check.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Skewed`] or [`Error::Expired`].
    pub fn verify(&self, secret: &str, now: Timestamp) -> Result<(), Error> {
        let signed = self.policy.as_bytes();
        let is_right = match &self.scheme {
            Scheme::V2 { signature } => same_base64(signature, &s3_code(secret, signed)),
            Scheme::V4(claim) => {
                let code = hmac(Hash::Sha256, &claim.scope.key(secret), signed);
                same_hex(&claim.signature, &code)
            }
        };
        if !is_right {
            return Err(Error::Mismatch { string_to_sign: self.policy.clone() });
        }
        match &self.scheme {
            Scheme::V2 { .. } => Ok(()),
            Scheme::V4(claim) => claim.check_time(now),
        }
    }
}
