//! EC2's Query interface: version 2 in the parameters, version 4 in header or query, and version 1
//! where it is asked for.

use crate::encode::find;
use crate::instant::parse_iso;
use crate::mac::{Hash, hmac, same_base64, sha256_hex};
use crate::v2::query_string_to_sign;
use crate::{Error, Head, Place};
use crate::{v1, v4};
use types::Timestamp;

/// A Query request as received.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The request's head.
    pub head: Head<'a>,
    /// All parameters, decoded by [`decode_pairs`](crate::decode_pairs): those of the query,
    /// then those of the form. The action is read from the same list.
    pub parameters: &'a [(String, String)],
    /// The body as received; empty for a GET.
    pub body: &'a [u8],
}

/// The signature that a request claims to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(Scheme);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scheme {
    Query(QueryClaim),
    V4(v4::Claim),
}

/// How old a request may be when it arrives, in milliseconds; 1.4 has the same limit. A client's
/// clock may run ahead by more.
const MAX_AGE_MS: i64 = 5 * 60 * 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct QueryClaim {
    access_key: String,
    signs: Signs,
    signature: String,
    life: Life,
}

/// What a signature in the parameters is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signs {
    /// Version 1: names and values, without anything between them.
    Version1,
    /// Version 2: method, host, path and encoded parameters.
    Version2(Hash),
}

/// The time in which a version 1 or 2 request is good.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Life {
    SentAt(Timestamp),
    Until(Timestamp),
}

/// Reads what signature a request claims to have.
///
/// A version 2 signature in the parameters goes before an `Authorization` header, which old boto
/// adds without meaning (FACTS-WIRE part 3).
///
/// # Errors
/// [`Error`] when there is none, or it is incomplete, malformed or of a kind not offered, as
/// version 1 is.
pub fn claim(request: &Request<'_>) -> Result<Claim, Error> {
    match claim_with_v1(request)? {
        Claim(Scheme::Query(QueryClaim { signs: Signs::Version1, .. })) => Err(Error::Version1),
        claim => Ok(claim),
    }
}

/// Reads what signature a request claims to have, version 1 too.
///
/// Version 1 signs names and values without anything between them, so that who sees a signed
/// request can make others of it that mean something else. It also leaves out the host and the
/// path. Only clients of 2008 need it.
///
/// # Errors
/// [`Error`] when there is none, or it is incomplete, malformed or of a kind not offered.
pub fn claim_with_v1(request: &Request<'_>) -> Result<Claim, Error> {
    let has = |name| find(request.parameters, name).is_some();
    if has("SignatureVersion") || has("Signature") || has("AWSAccessKeyId") {
        return query_claim(request.parameters).map(Scheme::Query).map(Claim);
    }
    if has("X-Amz-Algorithm") {
        return v4::Claim::from_query(&request.head).map(Scheme::V4).map(Claim);
    }
    if request.head.headers.contains_key("authorization") {
        return v4::Claim::from_header(&request.head).map(Scheme::V4).map(Claim);
    }
    Err(Error::NotSigned)
}

fn query_claim(parameters: &[(String, String)]) -> Result<QueryClaim, Error> {
    let get = |name: &'static str| {
        find(parameters, name).ok_or(Error::Missing { place: Place::Query, name })
    };
    let access_key = get("AWSAccessKeyId")?.to_owned();
    let signs = match get("SignatureVersion")? {
        "1" => Signs::Version1,
        "2" => Signs::Version2(method(get("SignatureMethod")?)?),
        other => return Err(Error::not_offered("SignatureVersion", other, "2")),
    };
    let signature = get("Signature")?.to_owned();
    Ok(QueryClaim { access_key, signs, signature, life: life(parameters)? })
}

fn method(name: &str) -> Result<Hash, Error> {
    match name {
        "HmacSHA256" => Ok(Hash::Sha256),
        "HmacSHA1" => Ok(Hash::Sha1),
        _ => Err(Error::not_offered("SignatureMethod", name, "HmacSHA256 or HmacSHA1")),
    }
}

fn life(parameters: &[(String, String)]) -> Result<Life, Error> {
    let read = |text| {
        parse_iso(text).ok_or_else(|| {
            let why = "Invalid timestamp format; write it as 2009-01-06T12:00:00Z";
            Error::malformed(Place::Query, why)
        })
    };
    match (find(parameters, "Timestamp"), find(parameters, "Expires")) {
        (Some(_), Some(_)) => {
            Err(Error::malformed(Place::Query, "Timestamp and Expires exclude each other"))
        }
        (Some(text), None) => read(text).map(Life::SentAt),
        (None, Some(text)) => read(text).map(Life::Until),
        (None, None) => Err(Error::Missing { place: Place::Query, name: "Timestamp or Expires" }),
    }
}

impl Claim {
    /// The access key that the request says it is signed with.
    pub fn access_key(&self) -> &str {
        match &self.0 {
            Scheme::Query(claim) => &claim.access_key,
            Scheme::V4(claim) => &claim.access_key,
        }
    }

    /// Checks the signature with the access key's secret and the time.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Skewed`] or [`Error::Expired`].
    pub fn verify(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), Error> {
        match &self.0 {
            Scheme::Query(claim) => claim.verify(request, secret, now),
            Scheme::V4(claim) => {
                let payload = sha256_hex(request.body);
                claim.check(&request.head, request.head.path, &payload, secret)?;
                claim.check_time(now)?;
                if claim.is_presigned() { Ok(()) } else { check_age(claim.at, now) }
            }
        }
    }
}

impl QueryClaim {
    fn verify(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), Error> {
        let (hash, strings) = match self.signs {
            Signs::Version1 => (Hash::Sha1, v1::strings_to_sign(request.parameters).to_vec()),
            Signs::Version2(hash) => (hash, strings_to_sign(request)),
        };
        let good = |text: &String| {
            same_base64(&self.signature, &hmac(hash, secret.as_bytes(), text.as_bytes()))
        };
        if !strings.iter().any(good) {
            let string_to_sign = strings.into_iter().next().unwrap_or_default();
            return Err(Error::Mismatch { string_to_sign });
        }
        match self.life {
            Life::SentAt(sent) => v4::check_skew(sent, now).and_then(|()| check_age(sent, now)),
            Life::Until(at) if now > at => Err(Error::Expired { at }),
            Life::Until(_) => Ok(()),
        }
    }
}

/// Checks that a request was sent not long ago.
fn check_age(sent: Timestamp, now: Timestamp) -> Result<(), Error> {
    let end = sent.plus_millis(MAX_AGE_MS);
    if now > end { Err(Error::Expired { at: end }) } else { Ok(()) }
}

/// What clients in the wild sign (FACTS-WIRE part 3): the host with and without its port; the
/// path as sent, without its last slash (ec2-api-tools 1.6), or `/` (Net::Amazon::EC2).
fn strings_to_sign(request: &Request<'_>) -> Vec<String> {
    let head = &request.head;
    let host = head.header("host");
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let short = head.path.strip_suffix('/').unwrap_or(head.path);
    let mut paths = vec![head.path, short, "/"];
    paths.retain(|path| !path.is_empty());
    paths.dedup();
    let string = |host, path| query_string_to_sign(head.method, host, path, request.parameters);
    let mut strings = Vec::new();
    for path in paths {
        strings.push(string(host, path));
        if bare != host {
            strings.push(string(bare, path));
        }
    }
    strings
}
