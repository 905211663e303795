//! The one shape that a message may have (FACTS-WIRE, "Envelope"), in either order of the parts
//! of `Security` and of the references, as both kinds of clients write them.

use crate::document::{Document, Element};
use crate::instant::{Lifetime, lifetime};
use crate::names::*;
use crate::parse::parse;
use crate::rule::{Rule, ensure, require};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A signed message that was read and has the shape of the profile. Whose it is, is not known yet.
#[derive(Debug)]
pub struct Envelope {
    document: Document,
}

/// The parts of a message, each found by its path.
pub(crate) struct Profile<'a> {
    /// The child of `Body`.
    pub(crate) request: Element<'a>,
    pub(crate) signed_info: Element<'a>,
    pub(crate) signature_method: SignatureMethod,
    pub(crate) signature: Vec<u8>,
    pub(crate) timestamp: Signed<'a>,
    pub(crate) body: Signed<'a>,
    pub(crate) lifetime: Lifetime,
    /// The DER of the certificate that the message names.
    pub(crate) token: Vec<u8>,
}

/// An element with the digest that was signed for it.
pub(crate) struct Signed<'a> {
    pub(crate) element: Element<'a>,
    pub(crate) method: DigestMethod,
    pub(crate) digest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureMethod {
    RsaSha1,
    RsaSha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DigestMethod {
    Sha1,
    Sha256,
}

impl Envelope {
    /// Reads a message.
    ///
    /// # Errors
    /// The rule about XML, limits or the message's shape that it breaks.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rule> {
        let envelope = Self { document: parse(bytes)? };
        envelope.profile()?;
        Ok(envelope)
    }

    pub(crate) fn profile(&self) -> Result<Profile<'_>, Rule> {
        profile(self.document.root())
    }
}

fn profile(envelope: Element<'_>) -> Result<Profile<'_>, Rule> {
    ensure(envelope.is(ENVELOPE), Rule::EnvelopeParts)?;
    let [header, body] = parts(envelope, [HEADER, BODY], Rule::EnvelopeParts)?;
    let [security] = parts(header, [SECURITY], Rule::HeaderParts)?;
    let [timestamp, token, signature] =
        parts(security, [TIMESTAMP, TOKEN, SIGNATURE], Rule::SecurityParts)?;
    let [signed_info, value, key_info] =
        parts(signature, [SIGNED_INFO, SIGNATURE_VALUE, KEY_INFO], Rule::SignatureParts)?;
    attributes(envelope, &[])?;
    attributes(header, &[])?;
    attributes(security, &[MUST_UNDERSTAND])?;
    attributes(signature, &[ID])?;
    attributes(value, &[ID])?;
    refers_to(key_info, token)?;
    let (signature_method, timestamp, body) = signed(signed_info, timestamp, body)?;
    Ok(Profile {
        request: only_child(body.element)?,
        signed_info,
        signature_method,
        signature: base64(value)?,
        lifetime: lifetime_of(timestamp.element)?,
        timestamp,
        body,
        token: token_of(token)?,
    })
}

/// The elements in this one: one of each name, in any order, and nothing else.
fn parts<'a, const N: usize>(
    of: Element<'a>,
    names: [Name; N],
    rule: Rule,
) -> Result<[Element<'a>; N], Rule> {
    ensure(!of.has_text(), Rule::NoMixedText)?;
    ensure(of.children().count() == N, rule)?;
    let mut found = [of; N];
    for (slot, name) in found.iter_mut().zip(names) {
        *slot = of.children().find(|child| child.is(name)).ok_or(rule)?;
    }
    Ok(found)
}

/// An element has no attributes but these.
fn attributes(of: Element<'_>, known: &[Name]) -> Result<(), Rule> {
    ensure(of.attributes().all(|(name, _)| known.contains(&name)), Rule::KnownAttributes)
}

fn only_child(body: Element<'_>) -> Result<Element<'_>, Rule> {
    attributes(body, &[WSU_ID])?;
    ensure(!body.has_text(), Rule::NoMixedText)?;
    ensure(body.children().count() == 1, Rule::BodyParts)?;
    body.children().next().ok_or(Rule::BodyParts)
}

/// `KeyInfo` names the message's own token, so that the key cannot be another one.
fn refers_to(key_info: Element<'_>, token: Element<'_>) -> Result<(), Rule> {
    let [outer] = parts(key_info, [TOKEN_REFERENCE], Rule::KeyInfoParts)?;
    let [reference] = parts(outer, [KEY_REFERENCE], Rule::KeyInfoParts)?;
    attributes(key_info, &[ID])?;
    attributes(outer, &[ID, WSU_ID])?;
    attributes(reference, &[URI, VALUE_TYPE])?;
    leaf(reference)?;
    ensure(names(reference, token), Rule::KeyReference)?;
    let kind = reference.attribute(VALUE_TYPE);
    ensure(kind.is_none_or(|kind| kind == X509V3), Rule::TokenType)
}

/// Whether a reference names an element by its `wsu:Id`.
fn names(reference: Element<'_>, element: Element<'_>) -> bool {
    let id = element.attribute(WSU_ID).filter(|id| !id.is_empty());
    let named = reference.attribute(URI).and_then(|uri| uri.strip_prefix('#'));
    id.is_some() && id == named
}

/// Method and what is signed: exactly these two elements, by references to themselves.
fn signed<'a>(
    signed_info: Element<'a>,
    timestamp: Element<'a>,
    body: Element<'a>,
) -> Result<(SignatureMethod, Signed<'a>, Signed<'a>), Rule> {
    ensure(!signed_info.has_text(), Rule::NoMixedText)?;
    attributes(signed_info, &[ID])?;
    ensure(signed_info.children().count() == 4, Rule::SignedInfoParts)?;
    let one = |name| {
        let found = signed_info.children().find(|child| child.is(name));
        found.ok_or(Rule::SignedInfoParts)
    };
    let canonicalization = algorithm(one(CANONICALIZATION)?)?;
    ensure(canonicalization == Some(EXCLUSIVE_C14N), Rule::Canonicalization)?;
    let method = match algorithm(one(SIGNATURE_METHOD)?)? {
        Some(RSA_SHA1) => SignatureMethod::RsaSha1,
        Some(RSA_SHA256) => SignatureMethod::RsaSha256,
        _ => return ensure(false, Rule::SignatureMethod).and(Err(Rule::SignatureValid)),
    };
    let references = || signed_info.children().filter(|child| child.is(REFERENCE));
    ensure(references().count() == 2, Rule::SignedInfoParts)?;
    let to = |element, rule, place| {
        let found = references().find(|reference| names(*reference, element));
        let reference = require(found, rule, || references().nth(place))?;
        digest_of(reference, element)
    };
    let timestamp = to(timestamp, Rule::TimestampSigned, 0)?;
    Ok((method, timestamp, to(body, Rule::BodySigned, 1)?))
}

fn digest_of<'a>(reference: Element<'_>, element: Element<'a>) -> Result<Signed<'a>, Rule> {
    attributes(reference, &[URI])?;
    let [transforms, method, value] =
        parts(reference, [TRANSFORMS, DIGEST_METHOD, DIGEST_VALUE], Rule::ReferenceParts)?;
    let [transform] = parts(transforms, [TRANSFORM], Rule::Transforms)?;
    attributes(transforms, &[])?;
    attributes(value, &[])?;
    ensure(algorithm(transform)? == Some(EXCLUSIVE_C14N), Rule::Transforms)?;
    let method = match algorithm(method)? {
        Some(SHA1) => DigestMethod::Sha1,
        Some(SHA256) => DigestMethod::Sha256,
        _ => return ensure(false, Rule::DigestMethod).and(Err(Rule::SignatureValid)),
    };
    Ok(Signed { element, method, digest: base64(value)? })
}

/// The algorithm that a method names, which takes no parameters.
fn algorithm(method: Element<'_>) -> Result<Option<&str>, Rule> {
    attributes(method, &[ALGORITHM])?;
    leaf(method)?;
    ensure(!method.has_text(), Rule::NoMixedText)?;
    Ok(method.attribute(ALGORITHM))
}

/// An element has no elements.
fn leaf(element: Element<'_>) -> Result<(), Rule> {
    ensure(element.children().next().is_none(), Rule::NoParameters)
}

fn base64(of: Element<'_>) -> Result<Vec<u8>, Rule> {
    leaf(of)?;
    let text: String = of.text().split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
    require(bytes, Rule::Base64, || Some(Vec::new()))
}

fn token_of(token: Element<'_>) -> Result<Vec<u8>, Rule> {
    attributes(token, &[WSU_ID, VALUE_TYPE, ENCODING_TYPE])?;
    let encoding = token.attribute(ENCODING_TYPE);
    let x509 = token.attribute(VALUE_TYPE) == Some(X509V3);
    ensure(x509 && encoding.is_none_or(|encoding| encoding == BASE64), Rule::TokenType)?;
    base64(token)
}

fn lifetime_of(timestamp: Element<'_>) -> Result<Lifetime, Rule> {
    attributes(timestamp, &[WSU_ID])?;
    let [created, expires] = parts(timestamp, [CREATED, EXPIRES], Rule::TimestampParts)?;
    for time in [created, expires] {
        attributes(time, &[])?;
        leaf(time)?;
    }
    lifetime(&created.text(), &expires.text())
}
