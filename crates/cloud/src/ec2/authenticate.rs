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

/// The enabled user whose access key signed the request.
///
/// # Errors
/// EC2's codes for a missing, incomplete, expired or wrong signature.
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
    let claim = ec2::claim(&signed).map_err(|error| refuse(&error))?;
    let user = cloud.state().user_by_access_key(claim.access_key()).await;
    let unknown = || Error::new(Code::AuthFailure, REFUSED);
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
        return Error::new(Code::AuthFailure, REFUSED);
    }
    let (word, _) = error.ec2();
    Error::new(Code::from_word(word).unwrap_or(Code::AuthFailure), error.to_string())
}
