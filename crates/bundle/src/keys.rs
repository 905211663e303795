//! The RSA keys around a bundle: whose signature it bears and for whom its secrets are wrapped.

use aws_lc_rs::rsa::{
    Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha1::{Digest, Sha1};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The ASN.1 `DigestInfo` before a SHA-1 digest (RFC 8017, 9.2).
const SHA1_DIGEST_INFO: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

/// A file that should be a key or a certificate and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not usable: expected {expected}")]
pub struct InvalidKey {
    /// What was read.
    pub what: &'static str,
    /// What would be right.
    pub expected: &'static str,
}

/// An X.509 certificate with an RSA key: a user's, or the cloud's.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The `SubjectPublicKeyInfo`, DER.
    spki: Vec<u8>,
    /// The `RSAPublicKey` within it, DER.
    public_key: Vec<u8>,
}

impl Certificate {
    const INVALID: InvalidKey = InvalidKey {
        what: "the certificate",
        expected: "an X.509 certificate with an RSA key of 2048 to 8192 bits",
    };

    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// When there is none, or its key is not RSA of 2048 to 8192 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        x509_parser::pem::Pem::iter_from_buffer(pem)
            .filter_map(Result::ok)
            .find(|block| block.label == "CERTIFICATE")
            .ok_or(Self::INVALID)
            .and_then(|block| Self::from_der(&block.contents))
    }

    /// Reads a DER certificate.
    ///
    /// # Errors
    /// When it is none, or its key is not RSA of 2048 to 8192 bits.
    pub fn from_der(der: &[u8]) -> Result<Self, InvalidKey> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Self::INVALID)?;
        let spki = certificate.public_key();
        let certificate =
            Self { spki: spki.raw.to_vec(), public_key: spki.subject_public_key.data.to_vec() };
        certificate.wrapping_key()?;
        Ok(certificate)
    }

    fn wrapping_key(&self) -> Result<Pkcs1PublicEncryptingKey, InvalidKey> {
        PublicEncryptingKey::from_der(&self.spki)
            .ok()
            .and_then(|key| Pkcs1PublicEncryptingKey::new(key).ok())
            .ok_or(Self::INVALID)
    }

    /// Wraps a secret of a bundle: the RSA plaintext is its lower-case hex text.
    pub(crate) fn wrap(&self, secret: &[u8; 16]) -> Result<Vec<u8>, InvalidKey> {
        let key = self.wrapping_key()?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        let length = key
            .encrypt(hex::encode(secret).as_bytes(), &mut wrapped)
            .map_err(|_| Self::INVALID)?
            .len();
        wrapped.truncate(length);
        Ok(wrapped)
    }

    /// Whether this certificate's key made the signature over the message (PKCS#1 v1.5, SHA-1).
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, &self.public_key)
            .verify(message, signature)
            .is_ok()
    }
}

fn private_key(pem: &str, invalid: InvalidKey) -> Result<RsaPrivateKey, InvalidKey> {
    RsaPrivateKey::from_pkcs8_pem(pem)
        .or_else(|_| RsaPrivateKey::from_pkcs1_pem(pem))
        .map_err(|_| invalid)
}

/// A user's private key, which signs the bundles that the user makes.
#[derive(Debug)]
pub struct SigningKey(RsaPrivateKey);

impl SigningKey {
    const INVALID: InvalidKey = InvalidKey {
        what: "the private key",
        expected: "an unencrypted RSA key in PEM (BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY)",
    };

    /// Reads a PEM file, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// When it holds no unencrypted RSA key.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        private_key(pem, Self::INVALID).map(Self)
    }

    /// Signs with PKCS#1 v1.5 and SHA-1, as the format asks.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, InvalidKey> {
        let digest = Sha1::digest(message);
        let scheme =
            Pkcs1v15Sign { hash_len: Some(digest.len()), prefix: Box::new(SHA1_DIGEST_INFO) };
        self.0.sign(scheme, &digest).map_err(|_| Self::INVALID)
    }
}

/// The cloud's private key, for which uploaded bundles wrap their secrets.
///
/// It is used through aws-lc, whose PKCS#1 v1.5 decryption runs in constant time.
#[derive(Debug)]
pub struct UnwrappingKey(Pkcs1PrivateDecryptingKey);

impl UnwrappingKey {
    const INVALID: InvalidKey = InvalidKey {
        what: "the cloud's private key",
        expected: "an unencrypted RSA key of 2048 to 8192 bits in PEM",
    };

    /// Reads a PEM file, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// When it holds no unencrypted RSA key of 2048 to 8192 bits.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidKey> {
        let key = private_key(pem, Self::INVALID)?;
        let der = key.to_pkcs8_der().map_err(|_| Self::INVALID)?;
        PrivateDecryptingKey::from_pkcs8(der.as_bytes())
            .ok()
            .and_then(|key| Pkcs1PrivateDecryptingKey::new(key).ok())
            .map(Self)
            .ok_or(Self::INVALID)
    }

    /// Unwraps a secret of a bundle.
    ///
    /// Where nothing sensible comes out the answer is a random secret: the work after it then
    /// fails as it does for any wrong key, and its caller cannot tell (nor time) the difference.
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<[u8; 16], getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let mut plain = vec![0; self.0.min_output_size()];
        let plain = self.0.decrypt(wrapped, &mut plain).unwrap_or_default();
        let mut secret = [0; 16];
        let sensible = match plain.len() {
            16 => <[u8; 16]>::try_from(&*plain).map(|raw| secret = raw).is_ok(),
            _ => hex::decode_to_slice(plain, &mut secret).is_ok(),
        };
        Ok(if sensible { secret } else { random })
    }
}
