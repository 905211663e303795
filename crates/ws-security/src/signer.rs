//! Messages as the two measured kinds of clients write them, for tests, benchmarks and fuzzing.
//!
//! That other implementations of XML signatures agree with this one is tested with `xmlsec1`.

use crate::canonical::canonicalize;
use crate::document::{Document, Element};
use crate::names::*;
use crate::parse::parse;
use crate::rule::Rule;
use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use types::Timestamp;

/// How a client writes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Timestamp, token, signature, with line ends and declarations that are repeated; SHA-1.
    Java,
    /// Signature, token, timestamp, the body signed first; SHA-256.
    Python,
}

/// The ASN.1 `DigestInfo` before a digest (RFC 8017, 9.2).
const SHA1_INFO: &[u8] =
    &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const SHA256_INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

impl Shape {
    fn digest(self) -> &'static Algorithm {
        match self {
            Self::Java => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Python => &SHA256,
        }
    }

    const fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Java => SHA1_INFO,
            Self::Python => SHA256_INFO,
        }
    }

    /// A message with `@CERTIFICATE@`, `@TIMESTAMP-DIGEST@`, `@BODY-DIGEST@` and `@SIGNATURE@`
    /// where [`Signer::fill`] puts them.
    pub fn template(self, request: &str, created: Timestamp) -> String {
        let form = match self {
            Self::Java => include_str!("signer/java.xml"),
            Self::Python => include_str!("signer/python.xml"),
        };
        form.trim_end()
            .replace("@CREATED@", &created.to_string())
            .replace("@EXPIRES@", &created.plus_millis(300_000).to_string())
            .replace("@ID@", &created.millis().to_string())
            .replace("@REQUEST@", request)
    }
}

/// A user with a certificate and its key.
#[derive(Debug)]
pub struct Signer {
    key: RsaPrivateKey,
    certificate: Vec<u8>,
}

impl Signer {
    /// The owner of a key (PKCS#8 in PEM) and a certificate (DER); none if the key is no RSA key.
    pub fn new(key_pem: &str, certificate: &[u8]) -> Option<Self> {
        let key = RsaPrivateKey::from_pkcs8_pem(key_pem).ok()?;
        Some(Self { key, certificate: certificate.to_vec() })
    }

    /// A signed message with this request, an element that declares its own namespaces.
    ///
    /// # Errors
    /// When the request is not fit for a message.
    pub fn message(&self, shape: Shape, request: &str, created: Timestamp) -> Result<String, Rule> {
        self.fill(shape, &shape.template(request, created))
    }

    /// Fills in certificate, digests and signature. What a template signs are the first elements
    /// of their names, whatever else is in it.
    ///
    /// # Errors
    /// When the template is not XML, or has nothing to sign.
    pub fn fill(&self, shape: Shape, template: &str) -> Result<String, Rule> {
        let text = template.replace("@CERTIFICATE@", &STANDARD.encode(&self.certificate));
        let document = parse(text.as_bytes())?;
        let timestamp = shape.digest_of(first(&document, TIMESTAMP)?)?;
        let body = shape.digest_of(first(&document, BODY)?)?;
        let text = text.replace("@TIMESTAMP-DIGEST@", &timestamp).replace("@BODY-DIGEST@", &body);
        let mut signed = Vec::new();
        canonicalize(first(&parse(text.as_bytes())?, SIGNED_INFO)?, &mut signed)?;
        Ok(text.replace("@SIGNATURE@", &self.sign(shape, &signed)?))
    }

    fn sign(&self, shape: Shape, message: &[u8]) -> Result<String, Rule> {
        let hash = digest(shape.digest(), message);
        let scheme = Pkcs1v15Sign {
            hash_len: Some(hash.as_ref().len()),
            prefix: shape.digest_info().into(),
        };
        let signature = self.key.sign(scheme, hash.as_ref()).map_err(|_| Rule::SignatureValid)?;
        // in lines of 76, as the Java tools write it
        let text: Vec<char> = STANDARD.encode(signature).chars().collect();
        let lines: Vec<String> = text.chunks(76).map(|line| line.iter().collect()).collect();
        Ok(lines.join("\n"))
    }
}

impl Shape {
    fn digest_of(self, element: Element<'_>) -> Result<String, Rule> {
        let mut canonical = Vec::new();
        canonicalize(element, &mut canonical)?;
        Ok(STANDARD.encode(digest(self.digest(), &canonical)))
    }
}

fn first(document: &Document, name: Name) -> Result<Element<'_>, Rule> {
    (0..document.elements.len())
        .map(|at| document.element(at))
        .find(|element| element.is(name))
        .ok_or(Rule::EnvelopeParts)
}
