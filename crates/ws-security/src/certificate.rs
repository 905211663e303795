//! Certificates, and what their keys have signed.

use crate::profile::SignatureMethod;
use crate::rule::{Rule, ensure};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    UnparsedPublicKey,
};
use types::Timestamp;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The longest certificate, in bytes of DER.
const MAX_DER_BYTES: usize = 16 << 10;
/// The weakest key, in bits: that of every certificate that Eucalyptus has ever issued.
const LEAST_BITS: usize = 2048;
const MOST_BITS: usize = 8192;

/// A file that should be a certificate and is none that could sign messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not one X.509 certificate in PEM with an RSA key of 2048 to 8192 bits")]
pub struct UnusableCertificate;

/// An X.509 certificate with an RSA key that is strong enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    /// The `RSAPublicKey`, DER.
    key: Vec<u8>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Certificate {
    /// Reads a PEM file with one certificate in it.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_pem(pem: &[u8]) -> Result<Self, UnusableCertificate> {
        let mut blocks = Pem::iter_from_buffer(pem);
        let first = blocks.next().and_then(Result::ok).ok_or(UnusableCertificate)?;
        if first.label != "CERTIFICATE" || blocks.next().is_some() {
            return Err(UnusableCertificate);
        }
        Self::from_der(&first.contents).map_err(|_| UnusableCertificate)
    }

    /// Reads the certificate of DER that is nothing else.
    ///
    /// # Errors
    /// [`Rule::StrongKey`], also for what is no certificate at all.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Rule> {
        if der.len() > MAX_DER_BYTES {
            return Err(Rule::StrongKey);
        }
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Rule::StrongKey)?;
        let key = certificate.public_key();
        let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return Err(Rule::StrongKey) };
        let strong = (LEAST_BITS..=MOST_BITS).contains(&rsa.key_size());
        ensure(rest.is_empty() && strong, Rule::StrongKey)?;
        let at = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_millis(time.timestamp().saturating_mul(1000))
        };
        Ok(Self {
            der: der.to_vec(),
            key: key.subject_public_key.data.to_vec(),
            not_before: at(certificate.validity().not_before),
            not_after: at(certificate.validity().not_after),
        })
    }

    /// The name by which certificates are looked up: SHA-1 of the DER, in lower-case hex.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// The certificate itself.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// When its time is over.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), Rule> {
        ensure(self.not_before <= now && now <= self.not_after, Rule::CertificateInTime)
    }

    /// Whether the certificate's key has signed the message (PKCS #1 v1.5).
    pub(crate) fn signed(&self, method: SignatureMethod, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match method {
            SignatureMethod::RsaSha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            SignatureMethod::RsaSha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        };
        UnparsedPublicKey::new(algorithm, &self.key).verify(message, signature).is_ok()
    }
}

pub(crate) fn fingerprint(der: &[u8]) -> String {
    hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))
}
