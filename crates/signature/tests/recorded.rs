//! Requests that botocore and boto 2.49 made (record.py), verified as they came over the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use signature::{Error, Head, chunked, decode_pairs, ec2, s3};
use types::Timestamp;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const PREFIX: &str = "/services/Walrus";
const MINUTE_MS: i64 = 60_000;

#[derive(Deserialize)]
struct Case {
    name: String,
    service: String,
    now_ms: i64,
    head: String,
    body: String,
}

/// A request taken apart, so that tests can change its parts.
#[derive(Clone)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

impl Request {
    fn parse(case: &Case) -> Self {
        let mut lines = case.head.lines();
        let mut first = lines.next().unwrap().split(' ');
        let method = first.next().unwrap().to_owned();
        let target = first.next().unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        let (path, query, body) = (path.to_owned(), query.to_owned(), case.body.clone());
        Self { method, path, query, headers, body }
    }

    fn head(&self) -> Head<'_> {
        let Self { method, path, query, headers, .. } = self;
        Head { method, path, query, headers }
    }

    fn verify(&self, service: &str, secret: &str, now: Timestamp) -> Result<(), Error> {
        if service == "s3" {
            let claim = s3::claim(&self.head())?.expect("not anonymous");
            assert_eq!(claim.access_key(), "AKIDEXAMPLE");
            return claim.verify(&self.head(), s3::Base::Path(PREFIX), secret, now).map(|_| ());
        }
        let mut parameters = decode_pairs(&self.query)?;
        parameters.extend(decode_pairs(&self.body)?);
        let body = self.body.as_bytes();
        let request = ec2::Request { head: self.head(), parameters: &parameters, body };
        let claim = ec2::claim(&request)?;
        assert_eq!(claim.access_key(), "AKIDEXAMPLE");
        claim.verify(&request, secret, now)
    }
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("recorded.json")).unwrap();
    assert!(cases.len() > 25, "the recording is whole");
    cases
}

#[test]
fn every_recorded_request_is_accepted() {
    for case in cases() {
        let request = Request::parse(&case);
        let now = Timestamp::from_millis(case.now_ms);
        assert_eq!(request.verify(&case.service, SECRET, now), Ok(()), "{}", case.name);
    }
}

#[test]
fn no_recorded_request_is_accepted_with_another_secret_method_path_or_query() {
    for case in cases() {
        let request = Request::parse(&case);
        let now = Timestamp::from_millis(case.now_ms);
        let refused = |request: &Request, secret, what: &str| {
            let answer = request.verify(&case.service, secret, now);
            assert!(matches!(answer, Err(Error::Mismatch { .. })), "{}: {what}", case.name);
        };
        refused(&request, "another", "secret");
        refused(&Request { method: "DELETE".to_owned(), ..request.clone() }, SECRET, "method");
        let path = format!("{}x", request.path);
        refused(&Request { path, ..request.clone() }, SECRET, "path");
        let query = format!("{}&acl=1", request.query);
        refused(&Request { query, ..request.clone() }, SECRET, "query");
    }
}

#[test]
fn recorded_requests_go_stale() {
    for case in cases() {
        let request = Request::parse(&case);
        for minutes in [-16, 16, 24 * 60] {
            let now = Timestamp::from_millis(case.now_ms + minutes * MINUTE_MS);
            let answer = request.verify(&case.service, SECRET, now);
            let presigned = case.name.contains("presigned");
            match (presigned, minutes) {
                (true, 1440) => {
                    assert!(matches!(answer, Err(Error::Expired { .. })), "{}", case.name)
                }
                (true, _) => {}
                (false, _) => assert!(matches!(answer, Err(Error::Skewed { .. })), "{}", case.name),
            }
        }
    }
}

#[test]
fn what_the_signature_says_of_the_body_holds() {
    for case in cases().iter().filter(|case| case.service == "s3") {
        let request = Request::parse(case);
        let claim = s3::claim(&request.head()).unwrap().unwrap();
        match *claim.payload() {
            s3::Payload::Unsigned => {}
            s3::Payload::Sha256(sum) => {
                let body: [u8; 32] = Sha256::digest(&request.body).into();
                assert_eq!(sum, body, "{}", case.name);
            }
            s3::Payload::Chunked { signed, trailer } => {
                assert_eq!((signed, trailer), (false, true), "{}", case.name);
                let mut decoder = chunked::Decoder::new(None, trailer);
                let mut body = Bytes::from(request.body.clone());
                assert_eq!(decoder.next_piece(&mut body).unwrap().unwrap(), "hello");
                assert_eq!(decoder.next_piece(&mut body).unwrap(), None);
                let fields = decoder.finish().unwrap();
                assert_eq!(fields[0].0, "x-amz-checksum-sha256");
            }
        }
    }
}
