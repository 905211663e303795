//! The examples of AWS's own documentation.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use signature::client::{Credentials, Target, header_v4, query_v2};
use signature::{Error, Head, chunked, decode_pairs, ec2, s3};
use types::Timestamp;

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2013-05-24T00:00:00Z, the time of S3's version 4 examples.
const S3_V4_TIME: Timestamp = Timestamp::from_millis(1_369_353_600_000);
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    lines.iter().map(field).collect()
}

fn verify_s3(
    target: (&str, &str, &str),
    lines: &[(&str, &str)],
    now: Timestamp,
) -> Result<Option<chunked::ChunkSigner>, Error> {
    verify_s3_at(s3::Base::Path(""), target, lines, now)
}

fn verify_s3_at(
    base: s3::Base<'_>,
    (method, path, query): (&str, &str, &str),
    lines: &[(&str, &str)],
    now: Timestamp,
) -> Result<Option<chunked::ChunkSigner>, Error> {
    let headers = headers(lines);
    let head = Head { method, path, query, headers: &headers };
    let claim = s3::claim(&head)?.expect("not anonymous");
    assert_eq!(claim.access_key(), ACCESS_KEY);
    claim.verify(&head, base, SECRET, now)
}

fn v4_authorization(signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed},Signature={signature}"
    )
}

/// Amazon S3 API reference, "Signature calculations: Authorization header".
#[test]
fn s3_version_4_header_examples() {
    let common = "host;x-amz-content-sha256;x-amz-date";
    let check = |target, signed: &str, more: &[(&str, &str)], sha256, signature: &str| {
        let authorization = v4_authorization(signed, signature);
        let mut lines = vec![
            ("host", "examplebucket.s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-content-sha256", sha256),
            ("authorization", &authorization),
        ];
        lines.extend(more);
        for base in [s3::Base::Path(""), s3::Base::Host("examplebucket")] {
            let answer = verify_s3_at(base, target, &lines, S3_V4_TIME);
            assert!(answer.is_ok(), "{base:?} {target:?}");
        }
    };
    check(
        ("GET", "/test.txt", ""),
        "host;range;x-amz-content-sha256;x-amz-date",
        &[("range", "bytes=0-9")],
        EMPTY,
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    check(
        ("PUT", "/test$file.text", ""),
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    check(
        ("GET", "/", "lifecycle"),
        common,
        &[],
        EMPTY,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    );
    check(
        ("GET", "/", "max-keys=2&prefix=J"),
        common,
        &[],
        EMPTY,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    );
}

/// Amazon S3 API reference, "Authenticating requests: using query parameters".
#[test]
fn s3_version_4_presigned_example() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let host = ("host", "examplebucket.s3.amazonaws.com");
    let target = ("GET", "/test.txt", query);
    assert!(verify_s3(target, &[host], S3_V4_TIME).is_ok());
    let late = S3_V4_TIME.plus_millis(86_400_001);
    assert!(matches!(verify_s3(target, &[host], late), Err(Error::Expired { .. })));
    let early = S3_V4_TIME.plus_millis(-16 * 60_000);
    assert!(matches!(verify_s3(target, &[host], early), Err(Error::Skewed { .. })));
    let extra = [host, ("x-amz-acl", "public-read")];
    assert!(matches!(verify_s3(target, &extra, S3_V4_TIME), Err(Error::UnsignedHeader(_))));
}

/// Amazon S3 user guide, "Signing and authenticating REST requests".
#[test]
fn s3_version_2_examples() {
    let check = |target, date: &str, more: &[(&str, &str)], at_ms, signature: &str| {
        let authorization = format!("AWS {ACCESS_KEY}:{signature}");
        let mut lines = vec![("date", date), ("authorization", authorization.as_str())];
        lines.extend(more);
        let now = Timestamp::from_millis(at_ms);
        assert!(verify_s3(target, &lines, now).is_ok(), "{target:?}");
        // as they are sent there: to the host johnsmith.s3.amazonaws.com
        let (method, path, query): (_, &str, _) = target;
        let key = (method, path.strip_prefix("/johnsmith").unwrap(), query);
        let of = |bucket| verify_s3_at(s3::Base::Host(bucket), key, &lines, now);
        assert!(of("johnsmith").is_ok(), "{key:?}");
        assert!(matches!(of("other"), Err(Error::Mismatch { .. })), "{key:?}");
        let elsewhere = verify_s3(key, &lines, now);
        assert!(matches!(elsewhere, Err(Error::Mismatch { .. })), "another bucket's: {key:?}");
    };
    check(
        ("GET", "/johnsmith/photos/puppy.jpg", ""),
        "Tue, 27 Mar 2007 19:36:42 +0000",
        &[],
        1_175_024_202_000,
        "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
    );
    check(
        ("PUT", "/johnsmith/photos/puppy.jpg", ""),
        "Tue, 27 Mar 2007 21:15:45 +0000",
        &[("content-type", "image/jpeg")],
        1_175_030_145_000,
        "MyyxeRY7whkBe+bq8fHCL/2kKUg",
    );
    check(
        ("GET", "/johnsmith/", "prefix=photos&max-keys=50&marker=puppy"),
        "Tue, 27 Mar 2007 19:42:41 +0000",
        &[],
        1_175_024_561_000,
        "htDYFYduRNen8P9ZfE/s9SuKy0U=",
    );
    check(
        ("GET", "/johnsmith/", "acl"),
        "Tue, 27 Mar 2007 19:44:46 +0000",
        &[],
        1_175_024_686_000,
        "c2WLPFtWHVgbEmeEG93a4cG37dM=",
    );
    let query = format!(
        "AWSAccessKeyId={ACCESS_KEY}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
    );
    let target = ("GET", "/johnsmith/photos/puppy.jpg", query.as_str());
    assert!(verify_s3(target, &[], Timestamp::from_millis(1_175_139_620_000)).is_ok());
    let late = verify_s3(target, &[], Timestamp::from_millis(1_175_139_620_001));
    assert!(matches!(late, Err(Error::Expired { .. })));
}

/// The head of the chunked upload examples, and its chunk signer.
fn chunked_head(
    payload: &str,
    signed: &str,
    more: &[(&str, &str)],
    seed: &str,
) -> chunked::ChunkSigner {
    let authorization = v4_authorization(signed, seed);
    let mut lines = vec![
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-content-sha256", payload),
        ("authorization", &authorization),
    ];
    lines.extend(more);
    let target = ("PUT", "/examplebucket/chunkObject.txt", "");
    verify_s3(target, &lines, S3_V4_TIME).unwrap().expect("a signer for the chunks")
}

/// Feeds a body in pieces of a size; gives the number of right data bytes and the trailer.
fn decode(
    signer: &chunked::ChunkSigner,
    trailer: bool,
    body: &[u8],
    piece: usize,
) -> Result<(usize, Vec<(String, String)>), chunked::Error> {
    let mut decoder = chunked::Decoder::new(Some(signer.clone()), trailer);
    let mut length = 0;
    for piece in body.chunks(piece) {
        let mut piece = Bytes::copy_from_slice(piece);
        while let Some(data) = decoder.next_piece(&mut piece)? {
            length += data.iter().filter(|b| **b == b'a').count();
        }
    }
    Ok((length, decoder.finish()?))
}

fn chunks(signatures: [&str; 3], end: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65536, 1024, 0].into_iter().zip(signatures) {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.resize(body.len() + size, b'a');
        body.extend_from_slice(if size > 0 { b"\r\n" } else { end.as_bytes() });
    }
    body
}

/// Amazon S3 API reference, "Transferring payload in multiple chunks".
#[test]
fn signed_chunks_example() {
    let signed = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
                  x-amz-decoded-content-length;x-amz-storage-class";
    let signer = chunked_head(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        signed,
        &[("content-length", "66824")],
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let body = chunks(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "\r\n",
    );
    assert_eq!(body.len(), 66824);
    for piece in [1, 7, 1000, body.len()] {
        assert_eq!(decode(&signer, false, &body, piece), Ok((66560, vec![])));
    }
    let mut changed = body.clone();
    changed.swap_remove(200);
    assert!(decode(&signer, false, &changed, 1000).is_err(), "a lost byte");
    let cut = &body[..body.len() - 88];
    assert_eq!(decode(&signer, false, cut, 1000), Err(chunked::Error::Truncated));
    let mut forged = body.clone();
    forged[20] ^= 1;
    assert_eq!(decode(&signer, false, &forged, 1000), Err(chunked::Error::Mismatch));
    let mut longer = body.clone();
    longer.extend_from_slice(b"x");
    assert!(matches!(decode(&signer, false, &longer, 1000), Err(chunked::Error::Malformed(_))));
}

/// Amazon S3 API reference, "Including trailing headers".
#[test]
fn signed_chunks_with_trailer_example() {
    let signed = "content-encoding;host;x-amz-content-sha256;x-amz-date;\
                  x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer";
    let signer = chunked_head(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        signed,
        &[("x-amz-trailer", "x-amz-checksum-crc32c")],
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let signatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let trailer = |sum: &str| {
        let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
        format!("x-amz-checksum-crc32c:{sum}\r\nx-amz-trailer-signature:{signature}\r\n\r\n")
    };
    let body = chunks(signatures, &trailer("sOO8/Q=="));
    let fields = vec![("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())];
    assert_eq!(decode(&signer, true, &body, 777), Ok((66560, fields)));
    let forged = chunks(signatures, &trailer("tOO8/Q=="));
    assert_eq!(decode(&signer, true, &forged, 777), Err(chunked::Error::Mismatch));
    let unsigned = chunks(signatures, "x-amz-checksum-crc32c:sOO8/Q==\r\n\r\n");
    assert_eq!(decode(&signer, true, &unsigned, 777), Err(chunked::Error::Mismatch));
}

fn verify_ec2(head: Head<'_>, secret: &str, now: Timestamp) -> Result<(), Error> {
    let parameters = decode_pairs(head.query)?;
    let request = ec2::Request { head, parameters: &parameters, body: b"" };
    ec2::claim(&request)?.verify(&request, secret, now)
}

/// AWS general reference, "Signature version 4 signing process" and "Signature version 2".
#[test]
fn query_interface_examples() {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let fields = headers(&[
        ("host", "iam.amazonaws.com"),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ]);
    let query = "Action=ListUsers&Version=2010-05-08";
    let head = Head { method: "GET", path: "/", query, headers: &fields };
    assert_eq!(verify_ec2(head, secret, Timestamp::from_millis(1_440_938_160_000)), Ok(()));

    let fields = headers(&[("host", "elasticmapreduce.amazonaws.com")]);
    let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Action=DescribeJobFlows\
        &SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=2011-10-03T15%3A19%3A30\
        &Version=2009-03-31&Signature=i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf%2FMj6vPxyYIs%3D";
    let head = Head { method: "GET", path: "/", query, headers: &fields };
    assert_eq!(verify_ec2(head, SECRET, Timestamp::from_millis(1_317_655_170_000)), Ok(()));
}

#[test]
fn what_we_sign_we_accept() {
    let now = Timestamp::from_millis(1_795_348_739_123);
    let credentials = Credentials { access_key: ACCESS_KEY, secret: SECRET };
    let parameters = [("Action".to_owned(), "X".to_owned()), ("A".to_owned(), "é+/ =".to_owned())];
    let path = "/services/Eucalyptus";
    let query = query_v2(credentials, "GET", "h:8773", path, &parameters, now);
    let fields = headers(&[("host", "h:8773")]);
    let head = Head { method: "GET", path, query: &query, headers: &fields };
    assert_eq!(verify_ec2(head, SECRET, now), Ok(()));

    let line = ("PUT", "/services/Walrus/b/k%20+", "acl");
    let (method, path, query) = line;
    for version in [2, 4] {
        let mut fields = headers(&[("host", "h:8773"), ("x-amz-acl", "private")]);
        if version == 2 {
            signature::client::s3_header_v2(credentials, line, &mut fields, now).unwrap();
        } else {
            let target = Target { region: "eucalyptus", service: "s3" };
            header_v4(credentials, target, line, &mut fields, EMPTY, now).unwrap();
        }
        let head = Head { method, path, query, headers: &fields };
        let claim = s3::claim(&head).unwrap().unwrap();
        assert!(
            claim.verify(&head, s3::Base::Path("/services/Walrus"), SECRET, now).is_ok(),
            "version {version}"
        );
    }
}
