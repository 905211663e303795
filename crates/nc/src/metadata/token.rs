//! Session tokens for metadata requests (AWS, "Use the Instance Metadata Service").
//!
//! A token is its expiry and an authentication code over that and the instance, under a key that
//! this process makes for itself: nothing is kept for a token, and a new process refuses those of
//! the old one, upon which clients ask for another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Instant;
use types::InstanceId;

/// The longest life of a token, in seconds.
pub(super) const MOST_SECONDS: u64 = 21_600;

const EXPIRY_BYTES: usize = 8;

/// Makes and checks tokens.
pub(super) struct Tokens {
    key: [u8; 64],
    started: Instant,
}

impl Tokens {
    /// Tokens under a new key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        Ok(Self { key, started: Instant::now() })
    }

    /// A token of this instance that is good for so many seconds from now.
    pub(super) fn make(&self, id: InstanceId, seconds: u64) -> String {
        let expiry = self.now().saturating_add(seconds).to_be_bytes();
        let code = self.code(id, expiry).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&expiry[..], &code].concat())
    }

    /// Whether this is a token of this instance that is still good.
    pub(super) fn is_good(&self, id: InstanceId, token: &[u8]) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((expiry, code)) = bytes.split_first_chunk::<EXPIRY_BYTES>() else { return false };
        let genuine = self.code(id, *expiry).verify_slice(code).is_ok();
        genuine && self.now() < u64::from_be_bytes(*expiry)
    }

    fn code(&self, id: InstanceId, expiry: [u8; EXPIRY_BYTES]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new((&self.key).into());
        code.update(&id.bits().to_be_bytes());
        code.update(&expiry);
        code
    }

    /// Seconds since the process began: setting the host's clock neither ends nor revives a token.
    fn now(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InstanceId = InstanceId::from_bits(1);

    #[test]
    fn a_token_is_good_for_its_instance_and_its_time_only() {
        let tokens = Tokens::new().unwrap();
        let token = tokens.make(ONE, 60);
        assert!(tokens.is_good(ONE, token.as_bytes()));
        assert!(!tokens.is_good(InstanceId::from_bits(2), token.as_bytes()));
        assert!(!Tokens::new().unwrap().is_good(ONE, token.as_bytes()), "another process");
        assert!(!tokens.is_good(ONE, tokens.make(ONE, 0).as_bytes()), "expired");
    }

    #[test]
    fn what_was_not_made_here_is_no_token() {
        let tokens = Tokens::new().unwrap();
        let mut forged = URL_SAFE_NO_PAD.decode(tokens.make(ONE, 60)).unwrap();
        forged[EXPIRY_BYTES - 1] ^= 1;
        for bad in ["", "AAAAAAAAAAA", "no base64!", &URL_SAFE_NO_PAD.encode(&forged)] {
            assert!(!tokens.is_good(ONE, bad.as_bytes()), "{bad}");
        }
        assert!(!tokens.is_good(ONE, &[0xff; 54]));
    }
}
