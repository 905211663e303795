//! A request, taken apart: what it is about, and what its head says.

use crate::accounts::Account;
use crate::fault::{
    ACCESS_DENIED, Fault, INVALID_ARGUMENT, INVALID_BUCKET_NAME, INVALID_URI, KEY_TOO_LONG,
    NOT_IMPLEMENTED,
};
use crate::store::{Acl, Bucket};
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::combinators::UnsyncBoxBody;
use signature::chunked::ChunkSigner;
use signature::s3::Payload;
use std::net::Ipv4Addr;

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
    /// Reads the path below the service's prefix, still percent-encoded.
    pub(crate) fn parse(path: &str) -> Result<Self, Fault> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text| signature::uri_decode(text).ok_or_else(|| Fault::from(INVALID_URI));
        let (bucket, key) = (decode(bucket)?, decode(key)?);
        if bucket.is_empty() && key.is_empty() {
            return Ok(Self::Service);
        }
        check_bucket_name(&bucket)?;
        if key.is_empty() {
            return Ok(Self::Bucket { bucket });
        }
        check_key(&key)?;
        Ok(Self::Object { bucket, key })
    }
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

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A request whose signature has been verified, without its body.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) caller: Account,
    pub(crate) payload: Payload,
    pub(crate) signer: Option<ChunkSigner>,
}

impl Request {
    /// The value of a query word; empty when it stands without one.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(word, _)| word == name).map(|(_, value)| value.as_str())
    }

    /// A header's value as text, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
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

    /// The canned ACL that the request asks for; private when it names none.
    pub(crate) fn acl(&self) -> Result<Acl, Fault> {
        match self.header("x-amz-acl").unwrap_or("private") {
            "private" => Ok(Acl::Private),
            "aws-exec-read" => Ok(Acl::AwsExecRead),
            known @ ("public-read"
            | "public-read-write"
            | "authenticated-read"
            | "bucket-owner-read"
            | "bucket-owner-full-control"
            | "log-delivery-write") => Err(not_offered(&format!("the ACL {known}"))),
            other => {
                Err(INVALID_ARGUMENT.because(format!("x-amz-acl: unknown ACL {}", shown(other))))
            }
        }
    }

    /// Refuses everybody but the bucket's owner.
    pub(crate) fn must_own(&self, bucket: &Bucket) -> Result<(), Fault> {
        self.must_own_as(bucket, "x-amz-expected-bucket-owner")
    }

    /// The same for the bucket that a copy is taken from.
    pub(crate) fn must_own_source(&self, bucket: &Bucket) -> Result<(), Fault> {
        self.must_own_as(bucket, "x-amz-source-expected-bucket-owner")
    }

    fn must_own_as(&self, bucket: &Bucket, header: &str) -> Result<(), Fault> {
        let owner = bucket.owner.to_string();
        let expected = self.header(header);
        if bucket.owner != self.caller.id || expected.is_some_and(|expected| expected != owner) {
            return Err(ACCESS_DENIED.into());
        }
        Ok(())
    }
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
