//! A request, taken apart: what it is about, and what its head says.

use crate::accounts::Account;
use crate::fault::{
    ACCESS_DENIED, Fault, INVALID_ARGUMENT, INVALID_BUCKET_NAME, INVALID_URI, KEY_TOO_LONG,
    NOT_IMPLEMENTED,
};
use crate::store::VersionId;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use signature::chunked::ChunkSigner;
use signature::s3::{Manner, Payload};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// A request's body, whatever server it came through.
pub(crate) type Incoming = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The longest key, in bytes (S3 user guide, object keys).
const MAX_KEY_BYTES: usize = 1024;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Service,
    Bucket { bucket: String },
    Object { bucket: String, key: String },
}

impl Target {
    /// The bucket that it is, or is in.
    pub(crate) fn bucket(&self) -> Option<&str> {
        match self {
            Self::Service => None,
            Self::Bucket { bucket } | Self::Object { bucket, .. } => Some(bucket),
        }
    }

    /// Reads the path below the service's prefix, still percent-encoded.
    pub(crate) fn parse(path: &str) -> Result<Self, Fault> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket.is_empty() && key.is_empty() {
            return Ok(Self::Service);
        }
        Self::in_bucket(decode(bucket)?, key)
    }

    /// The bucket, or what it has at a key, still percent-encoded.
    pub(crate) fn in_bucket(bucket: String, key: &str) -> Result<Self, Fault> {
        check_bucket_name(&bucket)?;
        let key = decode(key)?;
        if key.is_empty() {
            return Ok(Self::Bucket { bucket });
        }
        check_key(&key)?;
        Ok(Self::Object { bucket, key })
    }
}

fn decode(text: &str) -> Result<String, Fault> {
    signature::uri_decode(text).ok_or_else(|| INVALID_URI.into())
}

/// Refuses what no object has as its key.
pub(crate) fn check_key(key: &str) -> Result<(), Fault> {
    if key.len() > MAX_KEY_BYTES {
        return Err(KEY_TOO_LONG.into());
    }
    // clients resolve such segments before they sign, each in its own way
    if key.contains('\0') || key.split('/').any(|segment| segment == "..") {
        return Err(INVALID_URI.into());
    }
    Ok(())
}

/// The rule of S3's first years, which allows capitals and `_`: Eucalyptus' own tests use them
/// (FACTS-WIRE part 3).
fn check_bucket_name(name: &str) -> Result<(), Fault> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let valid = (3..=63).contains(&bytes.len())
        && bytes.iter().copied().all(inner)
        && outer(bytes.first())
        && outer(bytes.last())
        && name.parse::<Ipv4Addr>().is_err()
        // a path under /services/Walrus could be signed as one of this bucket
        && name != "services";
    if valid {
        Ok(())
    } else {
        Err(Fault::from(INVALID_BUCKET_NAME).with("BucketName", shown(name)))
    }
}

pub(crate) fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Where a request comes from: an extension of it. Without one the address is unknown, and it
/// counts as sent without TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// Whether it came by TLS.
    pub tls: bool,
}

/// How a request came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin {
    pub(crate) peer: Peer,
    /// How it is signed; none when it is anonymous.
    pub(crate) manner: Option<Manner>,
}

/// A request whose signature has been verified, or that has none, without its body.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As it was sent.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// None for the anonymous.
    pub(crate) caller: Option<Account>,
    pub(crate) origin: Origin,
    pub(crate) payload: Payload,
    pub(crate) signer: Option<ChunkSigner>,
    /// The tags that it gives to an object.
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

impl Request {
    /// The account that sent it.
    pub(crate) fn account(&self) -> Result<&Account, Fault> {
        self.caller.as_ref().ok_or_else(|| ACCESS_DENIED.into())
    }

    /// The value of a query word; empty when it stands without one.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(word, _)| word == name).map(|(_, value)| value.as_str())
    }

    /// A header's value as text, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// How many bytes the body is said to have when it is unwrapped.
    pub(crate) fn length(&self) -> Option<u64> {
        let names = ["x-amz-decoded-content-length", "content-length"];
        names.iter().find_map(|name| self.header(name)?.trim().parse().ok())
    }

    /// The version that it names.
    pub(crate) fn version(&self) -> Result<Option<VersionId>, Fault> {
        self.word("versionId").map(version_id).transpose()
    }

    /// Whether keys are to be written percent-encoded.
    pub(crate) fn url_encoding(&self) -> Result<bool, Fault> {
        match self.word("encoding-type") {
            None | Some("") => Ok(false),
            Some("url") => Ok(true),
            Some(_) => Err(INVALID_ARGUMENT.because("encoding-type must be url")),
        }
    }

    /// Whether it takes its bytes from another object.
    pub(crate) fn copies(&self) -> bool {
        self.headers.contains_key("x-amz-copy-source")
    }
}

/// Reads the id of a version.
pub(crate) fn version_id(text: &str) -> Result<VersionId, Fault> {
    text.parse().map_err(|_| INVALID_ARGUMENT.because("Invalid version id specified"))
}

/// The fault that names what Walrus does not offer.
pub(crate) fn not_offered(what: &str) -> Fault {
    NOT_IMPLEMENTED.because(format!("{what} is not offered by this Walrus"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let bucket = |name: &str| Target::Bucket { bucket: name.to_owned() };
        let object =
            |name: &str, key: &str| Target::Object { bucket: name.to_owned(), key: key.to_owned() };
        for (path, target) in [
            ("", Target::Service),
            ("/", Target::Service),
            ("/abc", bucket("abc")),
            ("/abc/", bucket("abc")),
            ("/test_bucket_ZiQv7VSbOZ", bucket("test_bucket_ZiQv7VSbOZ")),
            ("/abc/k", object("abc", "k")),
            ("/abc//k/", object("abc", "/k/")),
            ("/abc/a+b%20c%2Fd%C3%A9", object("abc", "a+b c/dé")),
            ("/abc/a..b/...", object("abc", "a..b/...")),
        ] {
            assert_eq!(Target::parse(path).unwrap(), target, "{path}");
        }
        let long = format!("/abc/{}", "k".repeat(1025));
        for path in [
            "/ab",
            "/a%2Fb/k",
            "//k",
            "/127.0.0.1",
            "/-abc",
            "/services/k",
            "/abc/%ff",
            "/abc/%c0%af",
            "/abc/a/../b",
            "/abc/..",
            "/abc/%00",
            &long,
        ] {
            assert!(Target::parse(path).is_err(), "{path}");
        }
    }
}
