//! SOAP 1.1 messages that are signed with an X.509 certificate: WS-Security as the EC2 tools of
//! 2008 speak it, and nothing more of it.
//!
//! [`Envelope::parse`] reads the bytes once, into one tree. Every part of the message is found in
//! that tree by its path from the root, never by a search for an id, and what the signature
//! refers to must be these very parts: so there is no way to have one element verified and
//! another one executed (signature wrapping, CVE-2011-0730). [`Envelope::authenticate`] gives the
//! request, the child of `Body`, to nobody before the certificate, the signature, both digests,
//! the time and the replay of earlier messages have been looked at.
//!
//! Certificates and the memory of messages are behind [`Registry`]. Every refusal is a [`Rule`],
//! and its text says nothing but the rule.

mod authenticate;
mod canonical;
mod certificate;
mod document;
mod instant;
mod names;
mod parse;
mod profile;
mod rule;
#[cfg(feature = "signer")]
pub mod signer;

#[cfg(test)]
mod tests;

pub use authenticate::{Authenticated, Failure, Registered, Registry};
pub use certificate::{Certificate, UnusableCertificate};
pub use document::Element;
pub use profile::Envelope;
pub use rule::Rule;

/// The longest message, in bytes.
pub const MAX_MESSAGE_BYTES: usize = parse::MAX_BYTES;

/// Reads XML as a message's is read, for tests of the reader alone.
#[doc(hidden)]
pub fn with_root<T>(bytes: &[u8], see: impl FnOnce(Element<'_>) -> T) -> Result<T, Rule> {
    Ok(see(parse::parse(bytes)?.root()))
}

/// The canonical form of an element, for tests.
#[doc(hidden)]
pub fn canonical(element: Element<'_>) -> Result<Vec<u8>, Rule> {
    let mut bytes = Vec::new();
    canonical::canonicalize(element, &mut bytes)?;
    Ok(bytes)
}
