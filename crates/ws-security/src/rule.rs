//! The rules that a message must obey.

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident, $text:literal;)*) => {
        /// A rule that a message breaks. Its text is for whoever sent the message, and says
        /// nothing of what the cloud knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
        pub enum Rule {
            $($(#[$doc])* #[error($text)] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

rules! {
    /// Longer than 1 MiB.
    Length, "the message has more than 1048576 bytes";
    /// Not well-formed XML in UTF-8.
    WellFormed, "the message is not well-formed XML in UTF-8";
    /// A document type, with which entities come.
    NoDocumentType, "the message must not have a document type";
    /// A processing instruction.
    NoInstruction, "the message must not have processing instructions";
    /// A comment or a CDATA section.
    NoComment, "the message must not have comments or CDATA sections";
    /// A reference to an entity that XML does not define itself.
    NoEntity, "the message must not refer to entities other than those of XML itself";
    /// Elements in more than 32 elements.
    Depth, "the elements of the message are nested more than 32 deep";
    /// Too many elements.
    Elements, "the message has more than 16384 elements";
    /// Too many attributes at one element, or in all.
    Attributes, "an element of the message has more than 16 attributes, or all have more than 4096";
    /// Too many namespaces in scope, or too long ones.
    Namespaces, "the message has more than 32 namespaces, or one of more than 128 characters";
    /// A name with other characters than the protocols use.
    PlainNames, "the names in the message must be plain XML names in ASCII";
    /// A prefix without a namespace, or a reserved one with another.
    Prefixes, "a prefix in the message is not declared, or is reserved";
    /// Two attributes of the same expanded name at one element.
    AttributesDiffer, "an element of the message has the same attribute twice";
    /// The same id at two elements, by whatever attribute that could be taken for an id.
    IdsDiffer, "two elements of the message have the same id";
    /// An attribute that the profile does not have.
    KnownAttributes, "an element of the security header has an unexpected attribute";
    /// Text between elements.
    NoMixedText, "there is text between the elements of the envelope";
    /// `Envelope` is `Header` and `Body`.
    EnvelopeParts, "soap:Envelope must hold one soap:Header and one soap:Body of SOAP 1.1";
    /// `Header` is `Security`.
    HeaderParts, "soap:Header must hold one wsse:Security and nothing else";
    /// `Security` is `Timestamp`, `BinarySecurityToken` and `Signature`.
    SecurityParts,
        "wsse:Security must hold one wsu:Timestamp, one wsse:BinarySecurityToken and one \
         ds:Signature, and nothing else";
    /// `Timestamp` is `Created` and `Expires`.
    TimestampParts, "wsu:Timestamp must hold one wsu:Created and one wsu:Expires";
    /// `Signature` is `SignedInfo`, `SignatureValue` and `KeyInfo`.
    SignatureParts,
        "ds:Signature must hold one ds:SignedInfo, one ds:SignatureValue and one ds:KeyInfo, and \
         nothing else";
    /// `SignedInfo` is two methods and two references.
    SignedInfoParts,
        "ds:SignedInfo must hold ds:CanonicalizationMethod, ds:SignatureMethod and two \
         ds:Reference";
    /// `Reference` is `Transforms`, `DigestMethod` and `DigestValue`.
    ReferenceParts,
        "ds:Reference must hold one ds:Transforms, one ds:DigestMethod and one ds:DigestValue";
    /// `KeyInfo` refers to the token.
    KeyInfoParts,
        "ds:KeyInfo must hold one wsse:SecurityTokenReference with one wsse:Reference";
    /// Methods and values hold no elements.
    NoParameters, "an algorithm or a value of the security header must not have elements in it";
    /// `Body` is the request.
    BodyParts, "soap:Body must hold one element";
    /// Not exclusive canonicalization, without comments.
    Canonicalization,
        "ds:CanonicalizationMethod must be http://www.w3.org/2001/10/xml-exc-c14n#";
    /// Not RSA.
    SignatureMethod, "ds:SignatureMethod must be rsa-sha1 or rsa-sha256";
    /// Not one transform, exclusive canonicalization.
    Transforms, "a ds:Reference must have one transform, http://www.w3.org/2001/10/xml-exc-c14n#";
    /// Neither SHA-1 nor SHA-256.
    DigestMethod, "ds:DigestMethod must be sha1 or sha256";
    /// Not an X.509 certificate in base64.
    TokenType, "wsse:BinarySecurityToken must be an X509v3 certificate in Base64Binary";
    /// `KeyInfo` names something else than the token.
    KeyReference, "ds:KeyInfo must refer to the message's wsse:BinarySecurityToken";
    /// The timestamp is not signed.
    TimestampSigned, "the signature must refer to the message's wsu:Timestamp by its wsu:Id";
    /// The body is not signed.
    BodySigned, "the signature must refer to the message's soap:Body by its wsu:Id";
    /// Not base64.
    Base64, "a value of the security header is not base64";
    /// What is signed is too long once it is canonical.
    CanonicalLength, "a signed part of the message has more than 2097152 bytes once canonical";
    /// A time of another form.
    Times, "wsu:Created and wsu:Expires must be times of the form 2008-12-01T12:00:00.000Z";
    /// The message is not new, or its time is over. These words are in the guides.
    NotExpired,
        "An error was discovered processing the <wsse:Security> header. (WSSecurityEngine: \
         Invalid timestamp The security semantics of message have expired)";
    /// Made more than five minutes from now.
    NotFromFuture,
        "An error was discovered processing the <wsse:Security> header. (WSSecurityEngine: \
         Invalid timestamp The message was created in the future: the clocks differ by more than \
         5 minutes)";
    /// Expires before it was made.
    TimesInOrder, "wsu:Expires must be later than wsu:Created";
/// The certificate is nobody's.
    CertificateKnown,
        "the security token could not be authenticated: the message must be signed with \
         a certificate that this cloud has issued or a user has registered";
    /// A certificate with the fingerprint of a registered one, and other bytes.
    CertificateSame,
        "the security token could not be authenticated: the message must be signed with \
         a certificate that this cloud has issued or a user has registered";
    /// `SignedInfo` was not signed with the certificate's key.
    SignatureValid,
        "the security token could not be authenticated: the signature is not that of the \
         certificate's key";
    /// The body is not what was signed.
    BodyDigest, "the digest of soap:Body is not the one that was signed";
    /// The timestamp is not what was signed.
    TimestampDigest, "the digest of wsu:Timestamp is not the one that was signed";
    /// The time of the certificate is over, or has not begun.
    CertificateInTime, "the certificate has expired or is not valid yet";
    /// The certificate's key is not RSA of at least 2048 bits.
    StrongKey, "the key of the certificate must be RSA with 2048 to 8192 bits";
    /// The message was received before.
    Once,
        "this message was received before: each is accepted once, sign the request anew";
}

/// The error of a rule that does not hold.
pub(crate) fn ensure(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds || is_removed(rule) { Ok(()) } else { Err(rule) }
}

/// What there must be, or the error of the rule that says so.
///
/// `otherwise` is what an implementation without the rule would go on with.
pub(crate) fn require<T>(
    found: Option<T>,
    rule: Rule,
    otherwise: impl FnOnce() -> Option<T>,
) -> Result<T, Rule> {
    match found {
        Some(found) => Ok(found),
        None if is_removed(rule) => otherwise().ok_or(rule),
        None => Err(rule),
    }
}

#[cfg(not(test))]
const fn is_removed(_: Rule) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    /// The rule that tests have taken away, to see that one of them then fails.
    pub(crate) static REMOVED: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
fn is_removed(rule: Rule) -> bool {
    REMOVED.get() == Some(rule)
}
