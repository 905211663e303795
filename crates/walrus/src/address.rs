//! Where a request is sent to: which of the ways in, and what host and path say of the bucket.

use crate::fault::{Fault, INVALID_URI};
use crate::request::Target;
use crate::walrus::Settings;
use http::header::HOST;
use signature::s3::Base;

/// A way in to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Below [`Settings::prefix`]; the path names the bucket.
    Prefix,
    /// The root of a port of its own; the host may name the bucket (`BUCKET.DOMAIN`, with a domain
    /// of [`Settings::domains`]), else the path does.
    Root,
}

/// What host and path of a request say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    /// The bucket that the host names.
    bucket: Option<String>,
    prefix: &'a str,
}

impl<'a> Address<'a> {
    pub(crate) fn of(door: Door, settings: &'a Settings, parts: &http::request::Parts) -> Self {
        match door {
            Door::Prefix => Self { bucket: None, prefix: &settings.prefix },
            Door::Root => {
                let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
                let bucket = host.and_then(|host| bucket_of(host, &settings.domains));
                Self { bucket, prefix: "" }
            }
        }
    }

    /// What the path is read from.
    pub(crate) fn base(&self) -> Base<'_> {
        self.bucket.as_deref().map_or(Base::Path(self.prefix), Base::Host)
    }

    /// What a request with this path, still percent-encoded, is about.
    pub(crate) fn target(&self, path: &str) -> Result<Target, Fault> {
        if let Some(bucket) = &self.bucket {
            let key = path.strip_prefix('/').unwrap_or(path);
            return Target::in_bucket(bucket.clone(), key);
        }
        let below = path.strip_prefix(self.prefix).unwrap_or("//");
        if !below.is_empty() && !below.starts_with('/') {
            return Err(INVALID_URI.into());
        }
        Target::parse(below)
    }
}

/// The bucket of a `Host` header: what stands before the longest of the domains, in lower case.
fn bucket_of(host: &str, domains: &[String]) -> Option<String> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let before = |domain: &String| {
        let rest = host.strip_suffix(domain.as_str())?;
        // the domain itself is no bucket's host, be it one of a shorter domain too
        if rest.is_empty() { Some("") } else { rest.strip_suffix('.').filter(|it| !it.is_empty()) }
    };
    let shortest = domains.iter().filter_map(before).min_by_key(|bucket| bucket.len())?;
    Some(shortest.to_owned()).filter(|bucket| !bucket.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_below_a_domain_names_a_bucket() {
        let domains = ["cloud.example", "s3.cloud.example", "localhost"].map(str::to_owned);
        for (host, bucket) in [
            ("images.cloud.example", Some("images")),
            ("images.cloud.example:9000", Some("images")),
            ("Images.Cloud.Example.:9000", Some("images")),
            ("images.s3.cloud.example", Some("images")),
            ("a.b.s3.cloud.example", Some("a.b")),
            ("images.localhost:9000", Some("images")),
            ("cloud.example:9000", None),
            ("s3.cloud.example", None),
            ("localhost", None),
            (".localhost", None),
            ("imagescloud.example", None),
            ("images.other.example", None),
            ("127.0.0.1:9000", None),
            ("[::1]:9000", None),
            ("", None),
        ] {
            assert_eq!(bucket_of(host, &domains).as_deref(), bucket, "{host}");
        }
        assert_eq!(bucket_of("images.cloud.example", &[]), None);
    }
}
