//! Random values that browsers and mails carry. The database has only their digests.

use crate::Error;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use types::Secret;

/// A session's id has 32 random bytes.
const SESSION_BYTES: usize = 32;
/// A code has 64 random bytes: 86 characters, as in 1.4 (FACTS 2.3).
const CODE_BYTES: usize = 64;

/// A new session's id.
pub(crate) fn session() -> Result<Secret<String>, Error> {
    random::<SESSION_BYTES>()
}

/// A new code.
pub(crate) fn code() -> Result<Secret<String>, Error> {
    random::<CODE_BYTES>()
}

/// What is kept of a session's id or a code.
pub(crate) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// What the forms of a session carry. It tells nothing of the session's id.
pub(crate) fn form_token(session: &str) -> String {
    hex::encode(Sha256::digest(format!("form of {session}")))
}

/// Whether two texts are the same, found out in a time that tells nothing of where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

fn random<const BYTES: usize>() -> Result<Secret<String>, Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_form_of_1_4_and_differ() {
        let (one, other) = (code().unwrap(), code().unwrap());
        assert_eq!(one.expose().len(), 86);
        assert!(!same(one.expose(), other.expose()) && same(one.expose(), one.expose()));
        assert_ne!(digest(one.expose()), form_token(one.expose()));
    }
}
