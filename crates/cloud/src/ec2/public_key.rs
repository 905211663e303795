//! Public keys that users bring, in the forms that Amazon takes.
//!
//! Nothing of the text itself is kept: the numbers are read, checked and written anew, so that no
//! option and no second line can reach an `authorized_keys`.

use super::der;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use sha2::{Digest, Sha256};
use state::KeyType;

/// The sizes of RSA keys that are taken, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=4096;
/// Length of an Ed25519 public key in bytes.
const ED25519_BYTES: usize = 32;

/// A public key that ssh can log in with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Both numbers big-endian, without zeros in front.
    Rsa { exponent: Vec<u8>, modulus: Vec<u8> },
    /// A point.
    Ed25519([u8; ED25519_BYTES]),
}

/// Why something is no public key that is taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WrongKey {
    /// It is in none of the forms.
    #[error(
        "Key is not in valid OpenSSH public key format: PublicKeyMaterial must be one public key \
         as OpenSSH (one line), RFC 4716 or DER write it, encoded in base64"
    )]
    Form,
    /// It is of a kind that is not taken, such as ECDSA.
    #[error("the key is neither RSA nor Ed25519")]
    Kind,
    /// An RSA key of another size.
    #[error("the RSA key has {0} bits; 1024 to 4096 are taken")]
    Size(usize),
    /// An RSA key that cannot be one.
    #[error("the numbers of the RSA key are not those of an RSA key")]
    Numbers,
}

impl PublicKey {
    /// Reads a key in any of the forms.
    pub(super) fn parse(material: &[u8]) -> Result<Self, WrongKey> {
        if material.first() == Some(&der::SEQUENCE) {
            return Self::from_der(material);
        }
        let text = std::str::from_utf8(material).map_err(|_| WrongKey::Form)?.trim();
        let decode = |text: &str| BASE64.decode(text).map_err(|_| WrongKey::Form);
        if let Some(body) =
            between(text, "---- BEGIN SSH2 PUBLIC KEY ----", "---- END SSH2 PUBLIC KEY ----")
        {
            return Self::from_blob(&decode(&rfc4716(body))?);
        }
        if let Some(body) = between(text, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----")
        {
            return Self::from_der(&decode(&body.split_whitespace().collect::<String>())?);
        }
        if text.chars().any(char::is_control) {
            return Err(WrongKey::Form);
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some(kind), Some(blob)) => {
                let blob = decode(blob)?;
                let (named, _) = field(&blob).ok_or(WrongKey::Form)?;
                if named != kind.as_bytes() {
                    return Err(WrongKey::Form);
                }
                Self::from_blob(&blob)
            }
            (Some(encoded), None) => Self::from_der(&decode(encoded)?),
            _ => Err(WrongKey::Form),
        }
    }

    /// Reads ssh's binary form (RFC 4253, section 6.6; RFC 8709, section 4).
    fn from_blob(blob: &[u8]) -> Result<Self, WrongKey> {
        let (kind, rest) = field(blob).ok_or(WrongKey::Form)?;
        let (first, rest) = field(rest).ok_or(WrongKey::Form)?;
        match kind {
            b"ssh-ed25519" if rest.is_empty() => {
                first.try_into().map(Self::Ed25519).map_err(|_| WrongKey::Form)
            }
            b"ssh-rsa" => match field(rest) {
                Some((second, [])) => Self::rsa(first, second),
                _ => Err(WrongKey::Form),
            },
            b"ssh-ed25519" => Err(WrongKey::Form),
            _ => Err(WrongKey::Kind),
        }
    }

    /// Reads a SubjectPublicKeyInfo (RFC 5280) of an RSA key (RFC 8017).
    fn from_der(bytes: &[u8]) -> Result<Self, WrongKey> {
        let info = der::only(bytes, der::SEQUENCE).ok_or(WrongKey::Form)?;
        let (algorithm, rest) = der::tagged(info, der::SEQUENCE).ok_or(WrongKey::Form)?;
        if algorithm != der::RSA_ENCRYPTION {
            return Err(WrongKey::Kind);
        }
        let bits = der::only(rest, der::BIT_STRING).ok_or(WrongKey::Form)?;
        let key = bits.strip_prefix(&[0]).and_then(|key| der::only(key, der::SEQUENCE));
        let (modulus, rest) =
            der::tagged(key.ok_or(WrongKey::Form)?, der::INTEGER).ok_or(WrongKey::Form)?;
        let exponent = der::only(rest, der::INTEGER).ok_or(WrongKey::Form)?;
        Self::rsa(exponent, modulus)
    }

    /// From two signed big-endian integers.
    fn rsa(exponent: &[u8], modulus: &[u8]) -> Result<Self, WrongKey> {
        let (exponent, modulus) = (
            positive(exponent).ok_or(WrongKey::Numbers)?,
            positive(modulus).ok_or(WrongKey::Numbers)?,
        );
        let size = bits(modulus);
        if !RSA_BITS.contains(&size) {
            return Err(WrongKey::Size(size));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        // OpenSSL, which ssh uses, takes exponents of up to 64 bits for large moduli.
        if !odd(modulus) || !odd(exponent) || exponent == [1] || bits(exponent) > 64 {
            return Err(WrongKey::Numbers);
        }
        Ok(Self::Rsa { exponent: exponent.to_vec(), modulus: modulus.to_vec() })
    }

    /// Its kind.
    pub(super) const fn kind(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Amazon's fingerprint of an imported key: MD5 of the public key's DER in hex with colons
    /// for RSA; SHA-256 of ssh's form in base64 for Ed25519.
    pub(super) fn fingerprint(&self) -> String {
        match self {
            Self::Rsa { exponent, modulus } => {
                let digest = Md5::digest(der::rsa_public_key_info(modulus, exponent));
                digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
            }
            Self::Ed25519(_) => BASE64.encode(Sha256::digest(self.blob())),
        }
    }

    /// A line of `authorized_keys`.
    pub(super) fn line(&self, comment: &str) -> String {
        format!("{} {} {comment}", self.name(), BASE64.encode(self.blob()))
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "ssh-rsa",
            Self::Ed25519(_) => "ssh-ed25519",
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        let mut put = |part: &[u8]| {
            blob.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            blob.extend_from_slice(part);
        };
        put(self.name().as_bytes());
        match self {
            Self::Rsa { exponent, modulus } => {
                put(&der::signed(exponent));
                put(&der::signed(modulus));
            }
            Self::Ed25519(point) => put(point),
        }
        blob
    }
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    text.strip_prefix(begin)?.strip_suffix(end)
}

/// The base64 of RFC 4716's lines, without its headers, which a backslash continues.
fn rfc4716(body: &str) -> String {
    let (mut text, mut continued) = (String::new(), false);
    for line in body.lines().map(str::trim) {
        let header = continued || line.contains(':');
        continued = header && line.ends_with('\\');
        if !header {
            text.push_str(line);
        }
    }
    text
}

/// The first of ssh's length-prefixed fields, and what follows it.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The digits of a positive number in two's complement, written without needless zeros.
fn positive(number: &[u8]) -> Option<&[u8]> {
    match number {
        [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Some(rest),
        [1..=0x7f, ..] => Some(number),
        _ => None,
    }
}

/// Length of a number in bits.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
#[path = "public_key_tests.rs"]
mod tests;
