//! Version 4: the claim in header or query, the canonical request, the signing key.

use crate::encode::{canonical_query, decode_pairs, find};
use crate::instant::{SKEW_MS, parse_basic, parse_http};
use crate::mac::{Hash, hmac, same_hex, sha256_hex};
use crate::{Error, Head, Place};
use types::Timestamp;

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The longest life of a presigned request, a week.
const MAX_EXPIRES_S: i64 = 7 * 24 * 3600;
/// More signed headers than any client has.
const MAX_SIGNED_HEADERS: usize = 100;

/// What a signature is bound to. Region and service are taken as sent: off AWS clients cut
/// nonsense from the host name (FACTS-WIRE part 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Scope {
    pub(crate) fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    /// The key that signs in this scope.
    pub(crate) fn key(&self, secret: &str) -> Vec<u8> {
        let start = format!("AWS4{secret}").into_bytes();
        [self.date.as_str(), &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(start, |key, part| hmac(Hash::Sha256, &key, part.as_bytes()))
    }
}

/// A version 4 signature as a request claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) place: Place,
    pub(crate) access_key: String,
    pub(crate) scope: Scope,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
    pub(crate) at: Timestamp,
    /// The life of a presigned request.
    expires_s: Option<i64>,
}

impl Claim {
    /// Reads `AWS4-HMAC-SHA256 Credential=.., SignedHeaders=.., Signature=..`, with or without
    /// blanks after the commas.
    pub(crate) fn from_header(head: &Head<'_>) -> Result<Self, Error> {
        let bad = |why: &str| Error::malformed(Place::Header, format!("Authorization: {why}"));
        let text = head.header("authorization");
        let fields = text.strip_prefix(ALGORITHM).ok_or_else(|| bad("unknown algorithm"))?;
        let (mut credential, mut headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.trim().split_once('=') {
                Some(("Credential", value)) => credential = Some(value),
                Some(("SignedHeaders", value)) => headers = Some(value),
                Some(("Signature", value)) => signature = Some(value),
                _ => return Err(bad("not a list of Credential, SignedHeaders and Signature")),
            }
        }
        let credential = credential.ok_or_else(|| bad("Credential is missing"))?;
        let headers = headers.ok_or_else(|| bad("SignedHeaders is missing"))?;
        let signature = signature.ok_or_else(|| bad("Signature is missing"))?;
        let at = header_time(head)?;
        Self::new(Place::Header, credential, headers, signature, at, None)
    }

    /// Reads the `X-Amz-…` parameters of a presigned request.
    pub(crate) fn from_query(head: &Head<'_>) -> Result<Self, Error> {
        let bad = |why: &str| Error::malformed(Place::Query, why);
        let pairs = decode_pairs(head.query)?;
        let get = |name: &'static str| {
            find(&pairs, name).ok_or(Error::Missing { place: Place::Query, name })
        };
        let algorithm = get("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(Error::not_offered("X-Amz-Algorithm", algorithm, ALGORITHM));
        }
        let at = parse_basic(get("X-Amz-Date")?)
            .ok_or_else(|| bad("X-Amz-Date must have the form 20130524T000000Z"))?;
        let expires = get("X-Amz-Expires")?
            .parse()
            .ok()
            .filter(|seconds| (1..=MAX_EXPIRES_S).contains(seconds))
            .ok_or_else(|| bad("X-Amz-Expires must be 1 to 604800 seconds"))?;
        let (credential, headers) = (get("X-Amz-Credential")?, get("X-Amz-SignedHeaders")?);
        let signature = get("X-Amz-Signature")?;
        Self::new(Place::Query, credential, headers, signature, at, Some(expires))
    }

    pub(crate) fn new(
        place: Place,
        credential: &str,
        headers: &str,
        signature: &str,
        at: Timestamp,
        expires_s: Option<i64>,
    ) -> Result<Self, Error> {
        let bad = |why: &str| Error::malformed(place, why);
        // from the right, because an access key may hold a slash
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || {
            parts
                .next()
                .map(str::to_owned)
                .ok_or_else(|| bad("Credential must be ACCESSKEY/DATE/REGION/SERVICE/aws4_request"))
        };
        if part()? != "aws4_request" {
            return Err(bad("Credential must end in aws4_request"));
        }
        let (service, region, date, access_key) = (part()?, part()?, part()?, part()?);
        let scope = Scope { date, region, service };
        if !crate::instant::basic(at).starts_with(&format!("{}T", scope.date)) {
            return Err(bad("the date of the Credential is not that of the request"));
        }
        let signed_headers: Vec<String> = headers.split(';').map(str::to_owned).collect();
        if signed_headers.len() > MAX_SIGNED_HEADERS || !signed_headers.iter().any(|h| h == "host")
        {
            return Err(bad("SignedHeaders must contain host, and at most 100 headers"));
        }
        let signature = signature.to_owned();
        Ok(Self { place, access_key, scope, signed_headers, signature, at, expires_s })
    }

    /// Whether the request says itself how long it is good.
    pub(crate) const fn is_presigned(&self) -> bool {
        self.expires_s.is_some()
    }

    /// Checks that the request is in its time.
    pub(crate) fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        let Some(expires_s) = self.expires_s else {
            return check_skew(self.at, now);
        };
        let end = self.at.plus_millis(expires_s * 1000);
        if now > end {
            return Err(Error::Expired { at: end });
        }
        if self.at > now.plus_millis(SKEW_MS) {
            return Err(Error::Skewed { sent: self.at, now });
        }
        Ok(())
    }

    /// Checks the signature over a canonical path and the hash that stands for the payload.
    /// Gives the signing key, which goes on to sign the chunks of a streamed body.
    pub(crate) fn check(
        &self,
        head: &Head<'_>,
        path: &str,
        payload: &str,
        secret: &str,
    ) -> Result<Vec<u8>, Error> {
        let request = canonical_request(head, path, &self.signed_headers, payload)?;
        let string_to_sign = string_to_sign(self.at, &self.scope, &request);
        let key = self.scope.key(secret);
        if same_hex(&self.signature, &hmac(Hash::Sha256, &key, string_to_sign.as_bytes())) {
            Ok(key)
        } else {
            Err(Error::Mismatch { string_to_sign })
        }
    }
}

fn header_time(head: &Head<'_>) -> Result<Timestamp, Error> {
    let (amz, date) = (head.header("x-amz-date"), head.header("date"));
    let text = if amz.is_empty() { date } else { amz };
    if text.is_empty() {
        return Err(Error::Missing { place: Place::Header, name: "a Date or X-Amz-Date header" });
    }
    parse_http(text).ok_or_else(|| {
        Error::malformed(Place::Header, "the date must have the form 20130524T000000Z")
    })
}

pub(crate) fn check_skew(sent: Timestamp, now: Timestamp) -> Result<(), Error> {
    let off = sent.millis_since(now).max(now.millis_since(sent));
    if off > SKEW_MS as u64 { Err(Error::Skewed { sent, now }) } else { Ok(()) }
}

/// The canonical request, made of bytes because header values need not be UTF-8.
pub(crate) fn canonical_request(
    head: &Head<'_>,
    path: &str,
    signed_headers: &[String],
    payload: &str,
) -> Result<Vec<u8>, Error> {
    let pairs = decode_pairs(head.query)?;
    let signed = pairs.iter().filter(|(name, _)| name != "X-Amz-Signature");
    let query = canonical_query(signed.map(|(name, value)| (name.as_str(), value.as_str())));
    let mut text = format!("{}\n{path}\n{query}\n", head.method).into_bytes();
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(&one_blank(&head.joined(name)));
        text.push(b'\n');
    }
    text.extend_from_slice(format!("\n{}\n{payload}", signed_headers.join(";")).as_bytes());
    Ok(text)
}

/// The value with every run of blanks as one.
fn one_blank(value: &[u8]) -> Vec<u8> {
    let words = value.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

pub(crate) fn string_to_sign(at: Timestamp, scope: &Scope, canonical_request: &[u8]) -> String {
    let at = crate::instant::basic(at);
    format!("{ALGORITHM}\n{at}\n{}\n{}", scope.text(), sha256_hex(canonical_request))
}
