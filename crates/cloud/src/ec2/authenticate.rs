//! Who makes a request.

use crate::Cloud;
use ec2_wire::{Code, Error};
use http::request::Parts;
use signature::{Head, ec2};
use state::User;
use types::Timestamp;

/// What is said when the key is unknown or the signature is not its own: the two must look the
/// same, or one could ask which keys exist.
const REFUSED: &str = "the cloud was not able to validate the provided access credentials: check \
                       the access key, the secret key and, with an old client, its signing method";

/// What helps where a client knows no other version.
const VERSION_1: &str = "; for a client that has only version 1 the administrator can set \
                         EC2_SIGNATURE_V1=\"Y\" in eucalyptus.conf";

/// The enabled user whose access key signed the request.
///
/// # Errors
/// The codes for a missing, incomplete, expired or wrong signature. An unknown key and a wrong
/// signature have codes of their own, as in STS and IAM; EC2 has one code for both.
pub(super) async fn authenticate(
    cloud: &Cloud,
    head: &Parts,
    parameters: &[(String, String)],
    body: &[u8],
    now: Timestamp,
) -> Result<User, Error> {
    let signed = ec2::Request {
        head: Head {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or(""),
            headers: &head.headers,
        },
        parameters,
        body,
    };
    let claim = match cloud.settings.signature_v1 {
        true => ec2::claim_with_v1(&signed),
        false => ec2::claim(&signed),
    };
    let claim = claim.map_err(|error| refuse(&error))?;
    let user = cloud.state().user_by_access_key(claim.access_key()).await;
    let unknown = || Error::new(Code::InvalidClientTokenId, REFUSED);
    let user = user.map_err(super::refusal::refuse)?.ok_or_else(unknown)?;
    claim.verify(&signed, user.secret_key.expose(), now).map_err(|error| refuse(&error))?;
    if !user.enabled {
        let message = format!("the user {} is disabled; ask the administrator", user.name);
        return Err(Error::new(Code::AuthFailure, message));
    }
    Ok(user)
}

fn refuse(error: &signature::Error) -> Error {
    if let signature::Error::Mismatch { string_to_sign } = error {
        tracing::debug!(string_to_sign, "signature does not match");
        return Error::new(Code::SignatureDoesNotMatch, REFUSED);
    }
    let mut message = error.to_string();
    if *error == signature::Error::Version1 {
        message += VERSION_1;
    }
    let (word, _) = error.ec2();
    Error::new(Code::from_word(word).unwrap_or(Code::AuthFailure), message)
}
