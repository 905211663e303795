//! S3 as Amazon's bundling tools speak it: path style, signature version 2 over the whole path.

use crate::error::Error;
use crate::http::{self, Answer, Ask, Endpoint};
use crate::session::Keys;
use crate::{Environment, ec2, xml};
use ::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use signature::client::{Credentials, s3_header_v2};
use signature::uri_encode;
use types::Timestamp;

/// The store, and who asks.
pub(crate) struct S3<'e> {
    environment: &'e Environment,
    endpoint: Endpoint,
    keys: Keys,
}

impl<'e> S3<'e> {
    pub(crate) fn new(environment: &'e Environment, url: &str, keys: Keys) -> Result<Self, Error> {
        Ok(Self { environment, endpoint: Endpoint::parse(url)?, keys })
    }

    /// The address of a bucket or an object, for messages.
    pub(crate) fn url_of(&self, resource: &str) -> String {
        format!("{}/{resource}", self.endpoint.url.trim_end_matches('/'))
    }

    /// Whether the bucket answers when it is asked for its ACL.
    pub(crate) fn has_bucket(&self, bucket: &str) -> Result<bool, Error> {
        let path = format!("{}/{}/", self.endpoint.path, uri_encode(bucket));
        let headers = HeaderMap::new();
        let ask =
            Ask { method: Method::GET, path: &path, query: "acl", headers, body: Bytes::new() };
        Ok(self.ask(ask, &mut |_| {})?.status.is_success())
    }

    /// Makes a bucket, or an object in one, with a canned ACL; `watch` hears how many bytes of
    /// the object are on their way.
    pub(crate) fn put(
        &self,
        names: &[&str],
        acl: &str,
        body: Bytes,
        watch: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let mut path = self.endpoint.path.clone();
        for name in names {
            path = path + "/" + &uri_encode(name);
        }
        let mut headers = HeaderMap::new();
        let acl_value = HeaderValue::from_str(acl).map_err(|_| Error::Option {
            option: "--acl",
            value: acl.to_owned(),
            expected: "a canned ACL such as aws-exec-read",
        })?;
        headers.insert("x-amz-acl", acl_value);
        let ask = Ask { method: Method::PUT, path: &path, query: "", headers, body };
        let answer = self.ask(ask, watch)?;
        if answer.status.is_success() {
            return Ok(());
        }
        let error = xml::parse(&answer.body).unwrap_or_default();
        let (code, message) = (error.text("Code").to_owned(), error.text("Message").to_owned());
        Err(ec2::refusal(answer.status, code, message))
    }

    /// Signs a request and sends it.
    fn ask(&self, mut ask: Ask<'_>, watch: &mut dyn FnMut(u64)) -> Result<Answer, Error> {
        let credentials = Credentials { access_key: &self.keys.access, secret: &self.keys.secret };
        let signed = (ask.method.as_str(), ask.path, ask.query);
        s3_header_v2(credentials, signed, &mut ask.headers, Timestamp::now())?;
        ask.headers.insert("content-length", ask.body.len().into());
        http::send(self.environment, &self.endpoint, ask, watch)
    }
}
