//! Message authentication codes and their comparison.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Standard base64 that takes text with and without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The hash function of a version 2 signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Sha1 => mac::<Hmac<Sha1>>(key, data),
        Hash::Sha256 => mac::<Hmac<Sha256>>(key, data),
    }
}

/// The SHA-256 of some bytes as lower-case hex.
pub fn sha256_hex(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

pub(crate) fn base64(data: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(data)
}

/// Whether the base64 text is this code. A blank counts as the `+` that a client forgot to
/// encode, and missing padding is forgiven.
pub(crate) fn same_base64(given: &str, computed: &[u8]) -> bool {
    // a blank in front may be a `+`; no code of whole bytes has one as its last digit
    let given = given.trim_end().replace(' ', "+");
    LENIENT.decode(given).is_ok_and(|given| given.ct_eq(computed).into())
}

/// Whether the hex text is this code.
pub(crate) fn same_hex(given: &str, computed: &[u8]) -> bool {
    hex::decode(given).is_ok_and(|given| given.ct_eq(computed).into())
}
