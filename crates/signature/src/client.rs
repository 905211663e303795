//! The client side: signing a request before it is sent.

use crate::encode::{canonical_path, canonical_query, decode_pairs};
use crate::instant::basic;
use crate::mac::{Hash, base64, hmac};
use crate::v2::{query_string_to_sign, s3_code, s3_string_to_sign};
use crate::v4::{ALGORITHM, Scope, canonical_request, string_to_sign};
use crate::{Error, Head, Place};
use http::{HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::macros::format_description;
use types::Timestamp;

/// An access key and its secret.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The access key (1.4 calls it the query id).
    pub access_key: &'a str,
    /// The secret key.
    pub secret: &'a str,
}

/// An EC2 Query request signed with version 2 (HmacSHA256): all parameters with the signature,
/// encoded as they go into the query of a GET or the form of a POST.
///
/// `host` is the `Host` header, with its port; `path` is the URL's.
pub fn query_v2(
    credentials: Credentials<'_>,
    method: &str,
    host: &str,
    path: &str,
    parameters: &[(String, String)],
    now: Timestamp,
) -> String {
    let timestamp = now.to_string();
    let own = [
        ("AWSAccessKeyId", credentials.access_key),
        ("SignatureMethod", "HmacSHA256"),
        ("SignatureVersion", "2"),
        ("Timestamp", timestamp.as_str()),
    ];
    let mut all = parameters.to_vec();
    all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let text = query_string_to_sign(method, host, path, &all);
    let code = hmac(Hash::Sha256, credentials.secret.as_bytes(), text.as_bytes());
    all.push(("Signature".to_owned(), base64(&code)));
    canonical_query(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// Where a version 4 signature is meant to count.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The region; off AWS any text.
    pub region: &'a str,
    /// `ec2` or `s3`.
    pub service: &'a str,
}

/// Signs a request with version 4: adds `x-amz-date`, `x-amz-content-sha256` and
/// `authorization` to `headers`, of which `host` and every `x-amz-` header are signed.
///
/// `payload_sha256` is the body's hash in lower-case hex, or a word such as `UNSIGNED-PAYLOAD`.
///
/// # Errors
/// [`Error`] when there is no `host` header or a value cannot stand in a header.
pub fn header_v4(
    credentials: Credentials<'_>,
    target: Target<'_>,
    (method, path, query): (&str, &str, &str),
    headers: &mut HeaderMap,
    payload_sha256: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if !headers.contains_key("host") {
        return Err(Error::Missing { place: Place::Header, name: "a Host header" });
    }
    let at = basic(now);
    put(headers, "x-amz-date", &at)?;
    put(headers, "x-amz-content-sha256", payload_sha256)?;
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| name == "host" || name.starts_with("x-amz-"))
        .collect();
    names.sort();
    let scope = Scope {
        date: at.chars().take(8).collect(),
        region: target.region.to_owned(),
        service: target.service.to_owned(),
    };
    let head = Head { method, path, query, headers };
    let canonical = canonical_request(&head, &canonical_path(path), &names, payload_sha256)?;
    let text = string_to_sign(now, &scope, &canonical);
    let code = hmac(Hash::Sha256, &scope.key(credentials.secret), text.as_bytes());
    let value = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
        credentials.access_key,
        scope.text(),
        names.join(";"),
        hex::encode(code),
    );
    put(headers, "authorization", &value)
}

/// Signs an S3 request with version 2: adds `date` and `authorization` to `headers`. The path is
/// signed as it goes over the wire, `/services/Walrus` included.
///
/// # Errors
/// [`Error`] when the access key cannot stand in a header or the query is not UTF-8.
pub fn s3_header_v2(
    credentials: Credentials<'_>,
    (method, path, query): (&str, &str, &str),
    headers: &mut HeaderMap,
    now: Timestamp,
) -> Result<(), Error> {
    decode_pairs(query)?;
    put(headers, "date", &http_date(now))?;
    let head = Head { method, path, query, headers };
    let text = s3_string_to_sign(&head, head.header("date"), path);
    let code = base64(&s3_code(credentials.secret, &text));
    put(headers, "authorization", &format!("AWS {}:{code}", credentials.access_key))
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Error> {
    let value = HeaderValue::from_str(value).map_err(|_| {
        Error::malformed(Place::Header, format!("the value of {name} cannot stand in a header"))
    })?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn http_date(at: Timestamp) -> String {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    OffsetDateTime::from_unix_timestamp(at.millis().div_euclid(1000))
        .ok()
        .and_then(|at| at.format(form).ok())
        .unwrap_or_default()
}
