//! What a client says of an object that it writes: headers and metadata.

use crate::fault::{Fault, INVALID_ARGUMENT, METADATA_TOO_LARGE};
use crate::request::Request;
use std::collections::BTreeMap;

/// The most bytes of names and values of `x-amz-meta-` headers (S3 user guide).
const MAX_METADATA_BYTES: usize = 2048;
/// The longest of the headers that are kept for the response.
const MAX_HEADER_BYTES: usize = 2048;
/// The headers that come back with the object.
const KEPT_HEADERS: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// What a client says of an object.
#[derive(Debug)]
pub(super) struct Description {
    /// As of [`Object::headers`](crate::store::Object::headers).
    pub(super) headers: BTreeMap<String, String>,
    /// As of [`Object::metadata`](crate::store::Object::metadata).
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Description {
    pub(super) fn read(request: &Request) -> Result<Self, Fault> {
        let tags = request.tags.clone().unwrap_or_default();
        Ok(Self { headers: kept_headers(request)?, metadata: metadata(request)?, tags })
    }
}

fn kept_headers(request: &Request) -> Result<BTreeMap<String, String>, Fault> {
    let mut kept = BTreeMap::new();
    for name in KEPT_HEADERS {
        let Some(mut value) = request.header(name).map(str::to_owned) else { continue };
        if value.len() > MAX_HEADER_BYTES {
            let most = format!("{name} has more than {MAX_HEADER_BYTES} bytes");
            return Err(INVALID_ARGUMENT.because(most));
        }
        if name == "content-encoding" {
            value = without_aws_chunked(&value);
        }
        if !value.is_empty() {
            kept.insert(name.to_owned(), value);
        }
    }
    Ok(kept)
}

/// `aws-chunked` is how the body was sent, not what it is.
fn without_aws_chunked(value: &str) -> String {
    let encodings = value.split(',').map(str::trim);
    let own = encodings.filter(|encoding| !encoding.eq_ignore_ascii_case("aws-chunked"));
    own.collect::<Vec<_>>().join(",")
}

fn metadata(request: &Request) -> Result<BTreeMap<String, String>, Fault> {
    let mut metadata = BTreeMap::<String, String>::new();
    for (name, value) in &request.headers {
        let Some(name) = name.as_str().strip_prefix("x-amz-meta-") else { continue };
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| INVALID_ARGUMENT.because("an x-amz-meta- header is not UTF-8"))?;
        // a header that is repeated is one with commas
        match metadata.get_mut(name) {
            Some(values) => values.extend([",", value]),
            None => drop(metadata.insert(name.to_owned(), value.to_owned())),
        }
    }
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA_BYTES { Err(METADATA_TOO_LARGE.into()) } else { Ok(metadata) }
}
