//! What EC2 clients in the wild sign. Each signature was computed from the rule's own text by
//! another program; that of version 1 and that in the query are also boto 2.49's and botocore's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{HeaderMap, HeaderName, HeaderValue};
use signature::{Error, Head, decode_pairs, ec2, uri_encode};
use types::Timestamp;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "127.0.0.1:8773";
const PATH: &str = "/services/Eucalyptus";
/// 2026-11-22T12:00:00Z, when all of them were signed.
const NOW: Timestamp = Timestamp::from_millis(1_795_348_800_000);
const MINUTE_MS: i64 = 60_000;

struct Sent<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    lines: &'a [(&'static str, &'a str)],
    body: &'a str,
}

impl Sent<'_> {
    fn verify_at(
        &self,
        claim: fn(&ec2::Request<'_>) -> Result<ec2::Claim, Error>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(HOST));
        for (name, value) in self.lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let Self { method, path, query, .. } = *self;
        let head = Head { method, path, query, headers: &headers };
        let mut parameters = decode_pairs(query)?;
        parameters.extend(decode_pairs(self.body)?);
        let body = self.body.as_bytes();
        let request = ec2::Request { head, parameters: &parameters, body };
        let claim = claim(&request)?;
        assert_eq!(claim.access_key(), "AKIDEXAMPLE");
        claim.verify(&request, SECRET, now)
    }

    fn verify(&self) -> Result<(), Error> {
        self.verify_at(ec2::claim, NOW)
    }
}

fn get<'a>(path: &'a str, query: &'a str) -> Sent<'a> {
    Sent { method: "GET", path, query, lines: &[], body: "" }
}

fn version_2(method: &str, signature: &str) -> String {
    format!(
        "Action=DescribeImages&Owner.1=self&Version=2010-08-31&AWSAccessKeyId=AKIDEXAMPLE\
         &SignatureVersion=2&SignatureMethod={method}&Timestamp=2026-11-22T12%3A00%3A00Z\
         &Signature={}",
        uri_encode(signature)
    )
}

#[test]
fn version_2_signs_the_host_with_or_without_its_port_and_one_of_three_paths() {
    let slash = "/services/Eucalyptus/";
    for (method, hash, path, signature) in [
        ("GET", "HmacSHA256", PATH, "SsiL08OrzycLbcCB9YR8I4/8fUMLXY2k6ulR1GK0Hco="),
        ("GET", "HmacSHA1", PATH, "nAQWBvcqKLvUIJmC/Lm8b7UNxJ4="),
        // without the port
        ("POST", "HmacSHA256", PATH, "+HtQIo2o/EtlyZoTkUp4znpUd4kpZpQrfNpvHF3Zhwo="),
        ("GET", "HmacSHA1", PATH, "HWtrCczUQskmS1MFnH7YmLi2/y0="),
        // signs "/" wherever it sends to
        ("GET", "HmacSHA1", PATH, "cvfaFXK8Eo5MHaxmLonDOB1oVJo="),
        ("GET", "HmacSHA256", PATH, "JkxrOQR1S0mBp/VD7SQkPOTWVI0HZCu5Nyf1MNQ6Cn8="),
        // posts to a path with a slash at its end and signs it without
        ("POST", "HmacSHA256", slash, "BCSHKHP8yrlvTjonlfBBbrZcOKeJrSyoeYd0gy5SMZs="),
    ] {
        let parameters = version_2(hash, signature);
        let (query, body) = match method {
            "GET" => (parameters.as_str(), ""),
            _ => ("", parameters.as_str()),
        };
        // boto 1.9b sends this header too
        let stray = [("authorization", "AWS AKIDEXAMPLE:c2lnbmF0dXJl")];
        for lines in [&[][..], &stray] {
            let sent = Sent { method, path, query, lines, body };
            assert_eq!(sent.verify(), Ok(()), "{method} {hash} {signature}");
        }
        let other = parameters.replace("Owner.1=self", "Owner.1=all");
        let (query, body) = if method == "GET" { (other.as_str(), "") } else { ("", &*other) };
        let changed = Sent { method, path, query, lines: &[], body }.verify();
        assert!(matches!(changed, Err(Error::Mismatch { .. })), "{method} {hash}");
    }
}

#[test]
fn a_request_is_good_for_five_minutes_and_for_clocks_that_run_a_quarter_of_an_hour_ahead() {
    let query = version_2("HmacSHA1", "nAQWBvcqKLvUIJmC/Lm8b7UNxJ4=");
    let at = |minutes: i64, more_ms: i64| {
        let now = NOW.plus_millis(minutes * MINUTE_MS + more_ms);
        get(PATH, &query).verify_at(ec2::claim, now)
    };
    assert_eq!(at(5, 0), Ok(()));
    assert_eq!(at(-15, 0), Ok(()));
    for (minutes, more_ms) in [(5, 1), (16, 0), (-15, -1)] {
        let error = at(minutes, more_ms).unwrap_err();
        assert_eq!(error.ec2(), ("RequestExpired", 400), "{minutes} {more_ms}");
    }
}

fn version_1(rest: &str, signature: &str) -> String {
    format!(
        "{rest}&AWSAccessKeyId=AKIDEXAMPLE&SignatureVersion=1&Timestamp=2026-11-22T12:00:00Z\
         &Signature={signature}"
    )
}

#[test]
fn version_1_signs_names_and_values_and_is_taken_only_where_it_is_asked_for() {
    let run = "Version=2008-12-01&Action=RunInstances&MinCount=1&MaxCount=1&ImageId=emi-0123ABCD\
               &instancetype=m1.small&UserData=IyEvYmluL3NoCmVjaG8gPj4%2BP34=";
    let good = version_1(run, "Tv6owts3AvftVGxMqAr8WuxQ3TM=");
    for query in [
        good.clone(),
        // the padding of base64 forgotten
        good.trim_end_matches('=').to_owned(),
        version_1("Action=DescribeImages&Owner.1=a%20b", "%2BEPKxBPwePDIqDaJfGSgQ6TVU3E="),
        // "+" sent as it is, at the front of the signature, in a value and inside the signature
        version_1("Action=DescribeImages&Owner.1=a%20b", "+EPKxBPwePDIqDaJfGSgQ6TVU3E="),
        version_1("Action=DescribeImages&Owner.1=a+b", "mafpqFf+1aHrzT8fP2OOhcivPBU="),
    ] {
        assert_eq!(get(PATH, &query).verify_at(ec2::claim_with_v1, NOW), Ok(()), "{query}");
        assert_eq!(get(PATH, &query).verify(), Err(Error::Version1));
    }
    let other = good.replace("MaxCount=1", "MaxCount=9");
    let changed = get(PATH, &other).verify_at(ec2::claim_with_v1, NOW);
    assert!(matches!(changed, Err(Error::Mismatch { .. })));
    let late = NOW.plus_millis(6 * MINUTE_MS);
    let late = get(PATH, &good).verify_at(ec2::claim_with_v1, late);
    assert!(matches!(late, Err(Error::Expired { .. })));
    // the other versions are what they are without it
    let query = version_2("HmacSHA1", "nAQWBvcqKLvUIJmC/Lm8b7UNxJ4=");
    assert_eq!(get(PATH, &query).verify_at(ec2::claim_with_v1, NOW), Ok(()));
}

#[test]
fn an_end_in_the_past_is_over() {
    let query = version_2("HmacSHA1", "x").replace("Timestamp", "Expires");
    // what is signed is not the matter: the time is looked at once the signature is right
    assert!(matches!(get(PATH, &query).verify(), Err(Error::Mismatch { .. })));
    let query = "Action=DescribeImages&Owner.1=a%20b&AWSAccessKeyId=AKIDEXAMPLE\
                 &SignatureVersion=1&Expires=2026-11-22T12:00:00Z&Signature=MyDQR7yAfvw2ix8BUR74bFwa%2B2M=";
    let at = |millis| get(PATH, query).verify_at(ec2::claim_with_v1, NOW.plus_millis(millis));
    assert_eq!((at(0), at(-24 * 60 * MINUTE_MS)), (Ok(()), Ok(())));
    assert_eq!(at(1), Err(Error::Expired { at: NOW }));
}

#[test]
fn version_4_takes_any_scope_and_a_header_without_blanks() {
    for (scope, signature) in [
        ("0/127", "db53384df03b022766a4c3f49dd2fb16c621f2c1ed5730bc94c7a3f62f722ed7"),
        ("undefined-PID/ec2", "be76a8ce96d4af2d7e7083470ec3b397c87b020c78cf0902ccbbbaa39a4f8fa8"),
        ("eucalyptus/ec2", "1e0d3ce6bf2e218ab28d887f7d8c9a539c7fec3235d812f627503401d04d8549"),
    ] {
        for comma in [",", ", "] {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/{scope}/aws4_request{comma}\
                 SignedHeaders=host;x-amz-date{comma}Signature={signature}"
            );
            let lines =
                [("x-amz-date", "20261122T120000Z"), ("authorization", authorization.as_str())];
            let body = "Action=DescribeImages&Owner.1=self&Version=2016-11-15";
            let sent = Sent { method: "POST", path: PATH, query: "", lines: &lines, body };
            assert_eq!(sent.verify(), Ok(()), "{scope}{comma}");
            let late = sent.verify_at(ec2::claim, NOW.plus_millis(6 * MINUTE_MS));
            assert!(matches!(late, Err(Error::Expired { .. })), "{scope}");
            let other = Sent { body: "Action=DescribeImages&Version=2016-11-15", ..sent };
            assert!(matches!(other.verify(), Err(Error::Mismatch { .. })), "{scope}");
        }
    }
}

#[test]
fn version_4_in_the_query_is_good_as_long_as_it_says() {
    let query = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feucalyptus%2Fsts%2Faws4_request\
                 &X-Amz-Date=20261122T120000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=\
                 74f01ede36e7ba7879477d4ce3e99ed422eda6dbe0fafa039fd9da49d41afb3b";
    let at = |minutes: i64| {
        let now = NOW.plus_millis(minutes * MINUTE_MS);
        get("/services/Tokens", query).verify_at(ec2::claim, now)
    };
    assert_eq!((at(0), at(60)), (Ok(()), Ok(())));
    assert!(matches!(at(61), Err(Error::Expired { .. })));
    let other = query.replace("GetCallerIdentity", "GetSessionToken");
    let changed = get("/services/Tokens", &other).verify();
    assert!(matches!(changed, Err(Error::Mismatch { .. })));
}
