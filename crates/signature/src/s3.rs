//! S3: version 2 and version 4, each in the header or the query.

use crate::chunked::ChunkSigner;
use crate::encode::{canonical_path, decode_pairs, find};
use crate::instant::parse_http;
use crate::mac::same_base64;
use crate::v2::{s3_code, s3_string_to_sign};
use crate::v4;
use crate::{Error, Head, Place};
use http::{HeaderName, HeaderValue};
use types::Timestamp;

/// Where S3 is, for a request: what its path has to be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base<'a> {
    /// Below this path (`/services/Walrus`, or empty at the root); the path names the bucket.
    Path(&'a str),
    /// At the root, and the host names this bucket; the path is a key.
    Host(&'a str),
}

/// The signature that a request claims to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    access_key: String,
    scheme: Scheme,
    payload: Payload,
    hoisted: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scheme {
    V2Header { signature: String, at: Timestamp },
    V2Query { signature: String, expires: String, until: Timestamp },
    V4 { claim: v4::Claim, payload: String },
}

/// How a request is signed, in the words of bucket policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// `s3:signatureversion`.
    pub version: &'static str,
    /// `s3:authType`.
    pub auth_type: &'static str,
}

/// What the signature says of the body, for the reader of the body to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Unsigned,
    /// Its SHA-256.
    Sha256([u8; 32]),
    /// It is `aws-chunked`.
    Chunked {
        /// Every chunk is signed.
        signed: bool,
        /// Trailer fields follow the last chunk.
        trailer: bool,
    },
}

impl Payload {
    fn parse(text: &str) -> Result<Self, Error> {
        let chunked = |signed, trailer| Ok(Self::Chunked { signed, trailer });
        match text {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => chunked(true, false),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => chunked(true, true),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunked(false, true),
            _ => {
                let mut sum = [0; 32];
                hex::decode_to_slice(text, &mut sum).map_err(|_| {
                    Error::not_offered(
                        "x-amz-content-sha256",
                        text,
                        "the hex SHA-256 of the body, UNSIGNED-PAYLOAD or an HMAC-SHA256 STREAMING form",
                    )
                })?;
                Ok(Self::Sha256(sum))
            }
        }
    }
}

/// What an anonymous request says of its body.
///
/// # Errors
/// [`Error`] when it says that its chunks are signed, or nothing that can be read.
pub fn anonymous_payload(headers: &http::HeaderMap) -> Result<Payload, Error> {
    let Some(text) = headers.get("x-amz-content-sha256") else { return Ok(Payload::Unsigned) };
    match Payload::parse(text.to_str().unwrap_or(""))? {
        Payload::Chunked { signed: true, .. } => Err(Error::NotSigned),
        payload => Ok(payload),
    }
}

/// Reads what signature a request claims to have; `None` for an anonymous request: one in which
/// nothing belongs to a signature.
///
/// # Errors
/// [`Error`] when it is incomplete, malformed or of a kind not offered.
pub fn claim(head: &Head<'_>) -> Result<Option<Claim>, Error> {
    let pairs = decode_pairs(head.query)?;
    // in any case: whoever means to sign must not be taken for anonymous
    let is_there = |names: &[&str]| {
        pairs.iter().any(|(name, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    };
    let v4 = ["X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders"];
    let in_query = is_there(&v4) || is_there(&["Signature", "AWSAccessKeyId"]);
    let claim = match (in_query, head.headers.contains_key("authorization")) {
        (false, false) => return Ok(None),
        (true, true) => return Err(Error::TwoSignatures),
        (true, false) if is_there(&v4) => {
            let payload = find(&pairs, "X-Amz-Content-Sha256");
            let claim = v4_claim(head, v4::Claim::from_query(head)?, payload)?;
            Claim { hoisted: hoisted(&pairs), ..claim }
        }
        (true, false) => Claim { hoisted: hoisted(&pairs), ..v2_query_claim(&pairs)? },
        (false, true) => header_claim(head)?,
    };
    Ok(Some(claim))
}

/// The headers that clients move into the query of a presigned request.
fn hoisted(pairs: &[(String, String)]) -> Vec<(HeaderName, HeaderValue)> {
    const OF_THE_SIGNATURE: [&str; 8] = [
        "x-amz-algorithm",
        "x-amz-content-sha256",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    ];
    let header = |(name, value): &(String, String)| {
        let name = name.to_ascii_lowercase();
        if !name.starts_with("x-amz-") || OF_THE_SIGNATURE.contains(&name.as_str()) {
            return None;
        }
        Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    pairs.iter().filter_map(header).collect()
}

fn header_claim(head: &Head<'_>) -> Result<Claim, Error> {
    let text = head.header("authorization");
    if text.starts_with(v4::ALGORITHM) {
        return v4_claim(head, v4::Claim::from_header(head)?, None);
    }
    let Some(credential) = text.strip_prefix("AWS ") else {
        let scheme = text.split(' ').next().unwrap_or("");
        return Err(Error::not_offered("Authorization", scheme, "AWS or AWS4-HMAC-SHA256"));
    };
    let (access_key, signature) = credential.trim().rsplit_once(':').ok_or_else(|| {
        Error::malformed(Place::Header, "Authorization must be AWS ACCESSKEY:SIGNATURE")
    })?;
    let (amz, date) = (head.header("x-amz-date"), head.header("date"));
    let sent = if amz.is_empty() { date } else { amz };
    if sent.is_empty() {
        return Err(Error::Missing { place: Place::Header, name: "a Date or x-amz-date header" });
    }
    let at = parse_http(sent).ok_or_else(|| {
        Error::malformed(Place::Header, "the date must have the form of RFC 1123")
    })?;
    let scheme = Scheme::V2Header { signature: signature.to_owned(), at };
    let access_key = access_key.to_owned();
    Ok(Claim { access_key, scheme, payload: Payload::Unsigned, hoisted: Vec::new() })
}

fn v2_query_claim(pairs: &[(String, String)]) -> Result<Claim, Error> {
    let get =
        |name: &'static str| find(pairs, name).ok_or(Error::Missing { place: Place::Query, name });
    let expires = get("Expires")?;
    let seconds: i64 = expires.parse().map_err(|_| {
        Error::malformed(Place::Query, "Expires must be a number of seconds since 1970")
    })?;
    let until = Timestamp::from_millis(seconds.saturating_mul(1000));
    let signature = get("Signature")?.to_owned();
    Ok(Claim {
        access_key: get("AWSAccessKeyId")?.to_owned(),
        scheme: Scheme::V2Query { signature, expires: expires.to_owned(), until },
        payload: Payload::Unsigned,
        hoisted: Vec::new(),
    })
}

fn v4_claim(
    head: &Head<'_>,
    claim: v4::Claim,
    payload_in_query: Option<&str>,
) -> Result<Claim, Error> {
    let covered = |name: &str| claim.signed_headers.iter().any(|signed| signed == name);
    let names = head.headers.keys().map(http::HeaderName::as_str);
    // its value is in the canonical request anyway
    let mut needed = names.filter(|n| n.starts_with("x-amz-") && *n != "x-amz-content-sha256");
    if let Some(name) = needed.find(|name| !covered(name)) {
        return Err(Error::UnsignedHeader(name.to_owned()));
    }
    let payload = match (head.header("x-amz-content-sha256"), claim.place) {
        ("", Place::Query) => payload_in_query.unwrap_or("UNSIGNED-PAYLOAD"),
        ("", Place::Header) => {
            let name = "an x-amz-content-sha256 header";
            return Err(Error::Missing { place: Place::Header, name });
        }
        (text, _) => text,
    };
    Ok(Claim {
        access_key: claim.access_key.clone(),
        payload: Payload::parse(payload)?,
        hoisted: Vec::new(),
        scheme: Scheme::V4 { claim, payload: payload.to_owned() },
    })
}

impl Claim {
    /// The access key that the request says it is signed with.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// How it is signed.
    pub fn manner(&self) -> Manner {
        let (header, query) = ("REST-HEADER", "REST-QUERY-STRING");
        let (version, auth_type) = match &self.scheme {
            Scheme::V2Header { .. } => ("AWS", header),
            Scheme::V2Query { .. } => ("AWS", query),
            Scheme::V4 { claim, .. } if claim.place == Place::Query => (v4::ALGORITHM, query),
            Scheme::V4 { .. } => (v4::ALGORITHM, header),
        };
        Manner { version, auth_type }
    }

    /// What the signature says of the body.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The `x-amz-` headers that stand in the query of a presigned request, signed with it.
    /// Once [`verify`](Self::verify) has said yes they count like headers.
    pub fn hoisted_headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.hoisted
    }

    /// Checks the signature of the head with the access key's secret and the time.
    ///
    /// Gives what verifies the chunks when the payload is chunked and signed.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Skewed`] or [`Error::Expired`].
    pub fn verify(
        &self,
        head: &Head<'_>,
        base: Base<'_>,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<ChunkSigner>, Error> {
        match &self.scheme {
            Scheme::V2Header { signature, at } => {
                let date =
                    if head.headers.contains_key("x-amz-date") { "" } else { head.header("date") };
                check_v2(head, base, secret, date, signature)?;
                v4::check_skew(*at, now).map(|()| None)
            }
            Scheme::V2Query { signature, expires, until } => {
                let mut headers = head.headers.clone();
                headers.extend(self.hoisted.iter().cloned());
                let head = Head { headers: &headers, ..*head };
                check_v2(&head, base, secret, expires, signature)?;
                if now > *until { Err(Error::Expired { at: *until }) } else { Ok(None) }
            }
            Scheme::V4 { claim, payload } => {
                let key = check_v4(head, base, secret, claim, payload)?;
                claim.check_time(now)?;
                let signed = matches!(self.payload, Payload::Chunked { signed: true, .. });
                Ok(signed.then(|| ChunkSigner::new(key, claim)))
            }
        }
    }
}

fn check_v2(
    head: &Head<'_>,
    base: Base<'_>,
    secret: &str,
    date: &str,
    signature: &str,
) -> Result<(), Error> {
    let paths = match base {
        Base::Path(prefix) => paths(head.path, prefix),
        // the bucket of the host is part of what is signed, the host is not
        Base::Host(bucket) => vec![format!("/{bucket}{}", head.path)],
    };
    let mut first = None;
    for path in paths {
        let text = s3_string_to_sign(head, date, &path);
        if same_base64(signature, &s3_code(secret, &text)) {
            return Ok(());
        }
        first.get_or_insert(text);
    }
    let string_to_sign = String::from_utf8_lossy(&first.unwrap_or_default()).into_owned();
    Err(Error::Mismatch { string_to_sign })
}

fn check_v4(
    head: &Head<'_>,
    base: Base<'_>,
    secret: &str,
    claim: &v4::Claim,
    payload: &str,
) -> Result<Vec<u8>, Error> {
    let paths = match base {
        Base::Path(prefix) => paths(head.path, prefix),
        // the host is signed, as a header
        Base::Host(_) => vec![head.path.to_owned()],
    };
    let mut first = None;
    for path in paths {
        match claim.check(head, &canonical_path(&path), payload, secret) {
            Ok(key) => return Ok(key),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or(Error::NotSigned))
}

/// The readings of the path that clients sign (FACTS-WIRE part 3): as sent, without the prefix,
/// and both with the slash that some add behind a bucket or the service itself.
fn paths(path: &str, prefix: &str) -> Vec<String> {
    let inner = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut paths = vec![path.to_owned()];
    let Some(inner) = inner else { return paths };
    let slashless = !inner.trim_start_matches('/').contains('/');
    match inner {
        "" | "/" => {
            let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
            paths.extend([other, "/".to_owned()]);
        }
        bucket if slashless => paths.extend([bucket.to_owned(), format!("{bucket}/")]),
        _ => paths.push(inner.to_owned()),
    }
    paths.retain(|path| !path.is_empty());
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_known_readings_of_a_path_are_tried() {
        let prefix = "/services/Walrus";
        let check = |path: &str, prefix: &str, want: &[&str]| {
            assert_eq!(paths(path, prefix), want, "{path} under {prefix}");
        };
        check("/services/Walrus", prefix, &["/services/Walrus", "/services/Walrus/", "/"]);
        check("/services/Walrus/", prefix, &["/services/Walrus/", "/services/Walrus", "/"]);
        check("/services/Walrus/b", prefix, &["/services/Walrus/b", "/b", "/b/"]);
        check("/services/Walrus/b/", prefix, &["/services/Walrus/b/", "/b/"]);
        check("/services/Walrus/b/k/l", prefix, &["/services/Walrus/b/k/l", "/b/k/l"]);
        check("/services/Walruses/b", prefix, &["/services/Walruses/b"]);
        check("/b", "", &["/b", "/b/"]);
        check("/", "", &["/"]);
    }
}
