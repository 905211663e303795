//! Version 2 of the signatures: that of EC2's Query interface and that of S3.

use crate::Head;
use crate::encode::{canonical_query, decode_pairs};
use crate::mac::{Hash, hmac};
use std::collections::BTreeMap;

/// The query words that are part of S3's canonical resource.
const SUB_RESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "encryption",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// EC2's string to sign: method, host, path and all parameters but the signature.
pub(crate) fn query_string_to_sign(
    method: &str,
    host: &str,
    path: &str,
    parameters: &[(String, String)],
) -> String {
    let signed = parameters.iter().filter(|(name, _)| name != "Signature");
    let query = canonical_query(signed.map(|(name, value)| (name.as_str(), value.as_str())));
    format!("{method}\n{}\n{path}\n{query}", host.to_ascii_lowercase())
}

/// S3's string to sign for one reading of the path. `date` is the header's text, the expiry of
/// a query signature, or empty when `x-amz-date` is there.
pub(crate) fn s3_string_to_sign(head: &Head<'_>, date: &str, path: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    let lines = [
        head.method.as_bytes(),
        &head.joined("content-md5"),
        &head.joined("content-type"),
        date.as_bytes(),
    ];
    for line in lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    for (name, value) in amz_headers(head) {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        text.extend_from_slice(&value);
        text.push(b'\n');
    }
    text.extend_from_slice(path.as_bytes());
    text.extend_from_slice(sub_resources(head.query).as_bytes());
    text
}

fn amz_headers<'a>(head: &Head<'a>) -> BTreeMap<&'a str, Vec<u8>> {
    head.headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-"))
        .map(|name| (name, head.joined(name)))
        .collect()
}

fn sub_resources(query: &str) -> String {
    let mut named: Vec<(String, String, bool)> = Vec::new();
    for part in query.split('&') {
        if let Ok(pairs) = decode_pairs(part) {
            let valued = part.contains('=');
            named.extend(pairs.into_iter().map(|(name, value)| (name, value, valued)));
        }
    }
    named.retain(|(name, ..)| SUB_RESOURCES.contains(&name.as_str()));
    named.sort();
    let written: Vec<String> = named
        .into_iter()
        .map(|(name, value, valued)| if valued { format!("{name}={value}") } else { name })
        .collect();
    if written.is_empty() { String::new() } else { format!("?{}", written.join("&")) }
}

/// S3's version 2 code, HMAC-SHA1 always.
pub(crate) fn s3_code(secret: &str, string_to_sign: &[u8]) -> Vec<u8> {
    hmac(Hash::Sha1, secret.as_bytes(), string_to_sign)
}
