//! Who has signed a message, asked in the order that costs a stranger's message least: its time,
//! its certificate, its signature, then the digests of its parts, and last whether it is new.

use crate::canonical::canonicalize;
use crate::certificate::{Certificate, fingerprint};
use crate::document::Element;
use crate::profile::{DigestMethod, Envelope, Profile, Signed};
use crate::rule::{Rule, ensure};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use std::future::Future;
use types::Timestamp;

/// The certificates of the users, and the messages that were taken.
pub trait Registry: Sync {
    /// Whom a certificate belongs to.
    type Caller: Send;
    /// Why the registry could not be asked.
    type Error: Send;

    /// The registered certificate with this fingerprint (SHA-1 of the DER in lower-case hex), if
    /// it may be used.
    fn certificate(
        &self,
        fingerprint: &str,
    ) -> impl Future<Output = Result<Option<Registered<Self::Caller>>, Self::Error>> + Send;

    /// Remembers a message until a time, durably; whether it was not known before.
    fn remember(
        &self,
        message: &str,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// A certificate as it was registered.
#[derive(Debug)]
pub struct Registered<C> {
    /// Whose it is.
    pub caller: C,
    /// The certificate, DER.
    pub der: Vec<u8>,
}

/// A message of which everything was verified.
#[derive(Debug)]
pub struct Authenticated<'a, C> {
    /// Whose certificate has signed it.
    pub caller: C,
    /// The child of the `Body` that was signed.
    pub request: Element<'a>,
}

/// Why a message is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure<E> {
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] Rule),
    /// The registry could not be asked.
    #[error("the certificates cannot be read")]
    Registry(#[source] E),
}

impl Envelope {
    /// Whose message it is, and what it asks for.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the rule about time, certificate, signature, digests or
    /// repetition that it breaks; [`Failure::Registry`].
    pub async fn authenticate<R: Registry>(
        &self,
        registry: &R,
        now: Timestamp,
    ) -> Result<Authenticated<'_, R::Caller>, Failure<R::Error>> {
        let profile = self.profile()?;
        profile.lifetime.check(now)?;
        let known = registry.certificate(&fingerprint(&profile.token)).await;
        let Registered { caller, der } =
            known.map_err(Failure::Registry)?.ok_or(Rule::CertificateKnown)?;
        let message = verified(&profile, &Certificate::from_der(&der)?, now)?;
        let until = profile.lifetime.forgotten();
        let new = registry.remember(&message, until).await.map_err(Failure::Registry)?;
        ensure(new, Rule::Once)?;
        Ok(Authenticated { caller, request: profile.request })
    }
}

/// Verifies signature and digests; gives a name for the message that is the same whenever the
/// same thing is signed with the same certificate.
fn verified(
    profile: &Profile<'_>,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<String, Rule> {
    // SHA-1 alone does not tell two certificates apart if somebody wants them to look the same
    ensure(certificate.der() == profile.token, Rule::CertificateSame)?;
    certificate.check_time(now)?;
    let mut signed = Vec::new();
    canonicalize(profile.signed_info, &mut signed)?;
    let valid = certificate.signed(profile.signature_method, &signed, &profile.signature);
    ensure(valid, Rule::SignatureValid)?;
    ensure(has_digest(&profile.timestamp)?, Rule::TimestampDigest)?;
    ensure(has_digest(&profile.body)?, Rule::BodyDigest)?;
    let mut name = Context::new(&SHA256);
    name.update(certificate.der());
    name.update(&signed);
    Ok(hex::encode(name.finish()))
}

fn has_digest(part: &Signed<'_>) -> Result<bool, Rule> {
    let algorithm = match part.method {
        DigestMethod::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        DigestMethod::Sha256 => &SHA256,
    };
    let mut context = Context::new(algorithm);
    canonicalize(part.element, &mut context)?;
    Ok(verify_slices_are_equal(context.finish().as_ref(), &part.digest).is_ok())
}
