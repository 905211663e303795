//! Claims that are refused before any secret is looked up, each with its code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::{HeaderMap, HeaderName, HeaderValue};
use signature::{Head, decode_pairs, ec2, s3};

fn headers(lines: &str) -> HeaderMap {
    let field = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    lines.lines().map(field).collect()
}

/// EC2's code for a claim from a query and header lines; empty when it is read.
fn ec2_code(query: &str, lines: &str) -> &'static str {
    let headers = headers(lines);
    let head = Head { method: "GET", path: "/services/Eucalyptus", query, headers: &headers };
    let parameters = decode_pairs(query).unwrap();
    match ec2::claim(&ec2::Request { head, parameters: &parameters, body: b"" }) {
        Ok(_) => "",
        Err(error) => error.ec2().0,
    }
}

fn s3_code(query: &str, lines: &str) -> &'static str {
    let headers = headers(lines);
    let head = Head { method: "GET", path: "/services/Walrus/b/k", query, headers: &headers };
    match s3::claim(&head) {
        Ok(None) => "anonymous",
        Ok(Some(_)) => "",
        Err(error) => error.s3().0,
    }
}

#[test]
fn ec2_names_what_is_wrong_with_a_version_2_claim() {
    let whole = "AWSAccessKeyId=A&SignatureVersion=2&SignatureMethod=HmacSHA256&Signature=x\
                 &Timestamp=2026-11-22T11:00:00Z";
    let stray = "authorization: AWS A:sig";
    assert_eq!(ec2_code(whole, ""), "");
    assert_eq!(ec2_code(whole, stray), "", "boto 1.9b adds a meaningless header");
    let without = |part: &str| whole.replace(part, "Nothing=");
    let expires = "&Expires=2026-11-22T12:00:00Z";
    let version_1 = whole.replace("SignatureVersion=2", "SignatureVersion=1");
    for (query, code) in [
        ("Action=DescribeImages".to_owned(), "MissingAuthenticationToken"),
        (without("AWSAccessKeyId="), "MissingParameter"),
        (without("Signature="), "MissingParameter"),
        (without("SignatureVersion="), "MissingParameter"),
        (without("SignatureMethod="), "MissingParameter"),
        (without("Timestamp="), "MissingParameter"),
        (version_1, "InvalidParameterValue"),
        (whole.replace("HmacSHA256", "HmacMD5"), "InvalidParameterValue"),
        (whole.replace("2026-", "26-"), "IncompleteSignature"),
        (whole.to_owned() + expires, "IncompleteSignature"),
    ] {
        assert_eq!(ec2_code(&query, ""), code, "{query}");
    }
}

const SCOPE: &str = "A/20261122/r/s/aws4_request";

fn v4_lines(credential: &str, signed: &str, date: &str) -> String {
    format!(
        "host: h\nx-amz-date: {date}\nx-amz-content-sha256: UNSIGNED-PAYLOAD\n\
         authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature=0"
    )
}

#[test]
fn a_malformed_version_4_header_is_named() {
    let (signed, date) = ("host;x-amz-date", "20261122T110000Z");
    let good = v4_lines(SCOPE, signed, date);
    assert_eq!(ec2_code("", &good), "");
    assert_eq!(s3_code("", &good), "");
    assert_eq!(s3_code("", &v4_lines("A/with/slash/20261122/r/s/aws4_request", signed, date)), "");
    for lines in [
        v4_lines("A/20261122/r/aws4_request", signed, date),
        v4_lines("A/20261122/r/s/aws5_request", signed, date),
        v4_lines("A/20261121/r/s/aws4_request", signed, date),
        v4_lines("A//r/s/aws4_request", signed, date),
        v4_lines(SCOPE, "x-amz-date", date),
        v4_lines(SCOPE, signed, "yesterday"),
        good.replace("Signature=0", "Signature"),
        good.replace("Credential=", "Cred="),
    ] {
        assert_eq!(ec2_code("", &lines), "IncompleteSignature", "{lines}");
        assert_eq!(s3_code("", &lines), "AuthorizationHeaderMalformed", "{lines}");
    }
    let undated = good.replace("x-amz-date: 20261122T110000Z\n", "");
    assert_eq!(s3_code("", &undated), "AccessDenied");
}

#[test]
fn s3_names_what_is_wrong_with_a_claim() {
    let v2_query = "AWSAccessKeyId=A&Signature=x&Expires=1795348739";
    let v4_query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A/20261122/r/s/aws4_request\
                    &X-Amz-Date=20261122T110000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
                    &X-Amz-Signature=0";
    let date = "date: Sun, 22 Nov 2026 11:48:59 GMT\n";
    let in_query = "AuthorizationQueryParametersError";
    for (query, lines, code) in [
        ("prefix=Signatures", String::new(), "anonymous"),
        (v2_query, String::new(), ""),
        (v4_query, String::new(), ""),
        ("", format!("{date}authorization: AWS A:x"), ""),
        (v2_query, "authorization: AWS A:x".to_owned(), "InvalidArgument"),
        ("", "authorization: AWS A:x".to_owned(), "AccessDenied"),
        ("", "date: noon\nauthorization: AWS A:x".to_owned(), "AuthorizationHeaderMalformed"),
        ("", format!("{date}authorization: AWS A"), "AuthorizationHeaderMalformed"),
        ("", "authorization: Basic QTp4".to_owned(), "InvalidRequest"),
        (&v2_query.replace("Expires", "Exp"), String::new(), in_query),
        (&v2_query.replace("=1795348739", "=soon"), String::new(), in_query),
        (&v4_query.replace("Expires=60", "Expires=604801"), String::new(), in_query),
        (&v4_query.replace("Expires=60", "Expires=0"), String::new(), in_query),
        (&v4_query.replace("T110000Z", ""), String::new(), in_query),
        (&v4_query.replace("-HMAC-SHA256", "-ECDSA"), String::new(), "InvalidRequest"),
        ("a=%ff", String::new(), in_query),
    ] {
        assert_eq!(s3_code(query, &lines), code, "{query} {lines}");
    }
    let unhashed = v4_lines(SCOPE, "host;x-amz-date", "20261122T110000Z")
        .replace("UNSIGNED-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD");
    assert_eq!(s3_code("", &unhashed), "InvalidRequest");
    let unsigned = v4_lines(SCOPE, "host;x-amz-date", "20261122T110000Z") + "\nx-amz-acl: private";
    assert_eq!(s3_code("", &unsigned), "AccessDenied");
}
