//! EC2's Query interface: version 2 in the parameters, version 4 in header or query.

use crate::encode::find;
use crate::instant::parse_iso;
use crate::mac::{Hash, hmac, same_base64, sha256_hex};
use crate::v2::query_string_to_sign;
use crate::v4;
use crate::{Error, Head, Place};
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
    V2(QueryClaim),
    V4(v4::Claim),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct QueryClaim {
    access_key: String,
    hash: Hash,
    signature: String,
    life: Life,
}

/// The time in which a version 2 request is good.
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
/// [`Error`] when there is none, or it is incomplete, malformed or of a kind not offered.
pub fn claim(request: &Request<'_>) -> Result<Claim, Error> {
    let has = |name| find(request.parameters, name).is_some();
    if has("SignatureVersion") || has("Signature") || has("AWSAccessKeyId") {
        return query_claim(request.parameters).map(Scheme::V2).map(Claim);
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
    let version = get("SignatureVersion")?;
    if version != "2" {
        return Err(Error::not_offered("SignatureVersion", version, "2"));
    }
    let hash = match get("SignatureMethod")? {
        "HmacSHA256" => Hash::Sha256,
        "HmacSHA1" => Hash::Sha1,
        other => {
            let offered = "HmacSHA256 or HmacSHA1";
            return Err(Error::not_offered("SignatureMethod", other, offered));
        }
    };
    let signature = get("Signature")?.to_owned();
    Ok(QueryClaim { access_key, hash, signature, life: life(parameters)? })
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
            Scheme::V2(claim) => &claim.access_key,
            Scheme::V4(claim) => &claim.access_key,
        }
    }

    /// Checks the signature with the access key's secret and the time.
    ///
    /// # Errors
    /// [`Error::Mismatch`], [`Error::Skewed`] or [`Error::Expired`].
    pub fn verify(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), Error> {
        match &self.0 {
            Scheme::V2(claim) => claim.verify(request, secret, now),
            Scheme::V4(claim) => {
                let payload = sha256_hex(request.body);
                claim.check(&request.head, request.head.path, &payload, secret)?;
                claim.check_time(now)
            }
        }
    }
}

impl QueryClaim {
    fn verify(&self, request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), Error> {
        let strings = strings_to_sign(request);
        let good = |text: &String| {
            same_base64(&self.signature, &hmac(self.hash, secret.as_bytes(), text.as_bytes()))
        };
        if !strings.iter().any(good) {
            let string_to_sign = strings.into_iter().next().unwrap_or_default();
            return Err(Error::Mismatch { string_to_sign });
        }
        match self.life {
            Life::SentAt(sent) => v4::check_skew(sent, now),
            Life::Until(at) if now > at => Err(Error::Expired { at }),
            Life::Until(_) => Ok(()),
        }
    }
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
