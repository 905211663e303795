//! Parts of objects read by their numbers, and what is said of an object on demand.

use crate::client::{Answer, Call, call, content};
use crate::protocol::{furnished, refused};
use crate::versions::set;
use walrus::Walrus;

const PART: usize = 5 << 20;

async fn done(call: Call<'_>, walrus: &Walrus) -> Answer {
    let answer = call.send(walrus).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

/// Uploads `/bucket/parts` in two parts, numbered 3 and 7, and says its bytes.
async fn upload(walrus: &Walrus) -> Vec<u8> {
    let bytes = content(1, PART + 1000);
    let begin = call("ALICE", "POST", "/bucket/parts?uploads");
    let begin = begin.header("x-amz-checksum-algorithm", "CRC32");
    let id = done(begin, walrus).await.elements("UploadId")[0].to_owned();
    let mut list = String::new();
    for (number, part) in [(3, &bytes[..PART]), (7, &bytes[PART..])] {
        let path = format!("/bucket/parts?partNumber={number}&uploadId={id}");
        let mut crc = crc32fast::Hasher::new();
        crc.update(part);
        let sum = base64(&crc.finalize().to_be_bytes());
        let put = call("ALICE", "PUT", &path).header("x-amz-checksum-crc32", &sum);
        let etag = done(put.body(part.to_vec()), walrus).await.header("etag").to_owned();
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let complete = format!("/bucket/parts?uploadId={id}");
    done(call("ALICE", "POST", &complete).body(list), walrus).await;
    bytes
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn a_part_is_read_by_its_number() {
    let (_dir, walrus) = furnished().await;
    let bytes = upload(&walrus).await;
    for method in ["GET", "HEAD"] {
        for (number, range) in [(1, 0..PART), (2, PART..bytes.len())] {
            let path = format!("/bucket/parts?partNumber={number}");
            let get = call("ALICE", method, &path).header("x-amz-checksum-mode", "ENABLED");
            let answer = get.send(&walrus).await;
            assert_eq!(answer.status, 206);
            assert_eq!(answer.header("x-amz-mp-parts-count"), "2");
            assert!(!answer.header("x-amz-checksum-crc32").is_empty());
            let told = format!("bytes {}-{}/{}", range.start, range.end - 1, bytes.len());
            assert_eq!(answer.header("content-range"), told);
            assert_eq!(answer.header("content-length"), range.len().to_string());
            if method == "GET" {
                assert!(answer.body == bytes[range]);
            }
        }
    }
    let whole = done(call("ALICE", "GET", "/bucket/key?partNumber=1"), &walrus).await;
    assert_eq!((whole.status.as_u16(), whole.text()), (206, "hello"));
    assert_eq!(whole.header("x-amz-mp-parts-count"), "");
    done(call("ALICE", "PUT", "/bucket/empty"), &walrus).await;
    let empty = done(call("ALICE", "GET", "/bucket/empty?partNumber=1"), &walrus).await;
    assert_eq!((empty.status.as_u16(), empty.text()), (200, ""));
    for (path, status, code) in [
        ("/bucket/parts?partNumber=3", 416, "InvalidPartNumber"),
        ("/bucket/key?partNumber=2", 416, "InvalidPartNumber"),
        ("/bucket/key?partNumber=0", 400, "InvalidArgument"),
        ("/bucket/key?partNumber=10001", 400, "InvalidArgument"),
        ("/bucket/key?partNumber=x", 400, "InvalidArgument"),
        ("/bucket/key?partNumber=1&acl", 501, "NotImplemented"),
    ] {
        refused(&call("ALICE", "GET", path).send(&walrus).await, status, code);
    }
    let both = call("ALICE", "GET", "/bucket/parts?partNumber=1").header("range", "bytes=0-1");
    refused(&both.send(&walrus).await, 400, "InvalidRequest");
}

#[tokio::test]
async fn attributes_are_told_as_far_as_they_are_asked_for() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let bytes = upload(&walrus).await;
    let ask = |path: &str, attributes: &str| {
        call("ALICE", "GET", &format!("/bucket/{path}"))
            .header("x-amz-object-attributes", attributes)
    };
    let all = "ETag, Checksum,ObjectParts,StorageClass,ObjectSize";
    let answer = done(ask("parts?attributes", all), &walrus).await;
    assert!(answer.elements("ETag")[0].ends_with("-2"));
    assert_eq!(answer.elements("ObjectSize"), [bytes.len().to_string()]);
    assert_eq!(answer.elements("StorageClass"), ["STANDARD"]);
    assert_eq!(answer.elements("ChecksumType"), ["COMPOSITE"]);
    assert_eq!(answer.elements("PartsCount"), ["2"]);
    assert_eq!(answer.elements("PartNumber"), ["1", "2"]);
    assert_eq!(answer.elements("Size"), [PART.to_string(), "1000".to_owned()]);
    assert_eq!(answer.elements("ChecksumCRC32").len(), 3);
    assert_eq!(answer.header("x-amz-version-id").len(), 32);
    assert!(!answer.header("last-modified").is_empty());
    let page = ask("parts?attributes", "ObjectParts").header("x-amz-max-parts", "1");
    let first = done(page, &walrus).await;
    assert_eq!(first.elements("IsTruncated"), ["true"]);
    assert!(first.elements("ETag").is_empty());
    let page = ask("parts?attributes", "ObjectParts").header("x-amz-max-parts", "1");
    let page = page.header("x-amz-part-number-marker", first.elements("NextPartNumberMarker")[0]);
    let second = done(page, &walrus).await;
    assert_eq!(second.elements("IsTruncated"), ["false"]);
    assert_eq!(second.elements("PartNumber"), ["2"]);

    let plain = done(ask("key?attributes&versionId=null", all), &walrus).await;
    assert_eq!(plain.header("x-amz-version-id"), "null");
    assert!(plain.elements("PartsCount").is_empty() && plain.elements("ObjectSize") == ["5"]);
    let none = call("ALICE", "GET", "/bucket/key?attributes");
    refused(&none.send(&walrus).await, 400, "InvalidRequest");
    refused(&ask("key?attributes", "Owner").send(&walrus).await, 400, "InvalidArgument");
    refused(&ask("missing?attributes", all).send(&walrus).await, 404, "NoSuchKey");
    let bad = ask("parts?attributes", "ObjectParts").header("x-amz-max-parts", "-1");
    refused(&bad.send(&walrus).await, 400, "InvalidArgument");
}

#[tokio::test]
async fn uploads_are_listed_in_groups_and_pages() {
    let (_dir, walrus) = furnished().await;
    for key in ["a/1", "a/2", "b", "b", "c%20d/e", "z"] {
        done(call("ALICE", "POST", &format!("/bucket/{key}?uploads")), &walrus).await;
    }
    for (query, keys, groups) in [
        ("delimiter=/", &["b", "b", "z"][..], &["a/", "c d/"][..]),
        ("delimiter=/&prefix=a/", &["a/1", "a/2"], &[]),
        ("delimiter=/&key-marker=a/", &["b", "b", "z"], &["c d/"]),
        ("delimiter=/&key-marker=b&encoding-type=url", &["z"], &["c%20d/"]),
        ("prefix=b%00", &[], &[]),
    ] {
        let page = done(call("ALICE", "GET", &format!("/bucket?uploads&{query}")), &walrus).await;
        assert_eq!(page.elements("Key"), keys, "{query}");
        assert_eq!(page.elements("Prefix")[1..], *groups, "{query}");
    }
    let (mut from, mut names) = (String::new(), Vec::new());
    loop {
        let path = format!("/bucket?uploads&delimiter=/&max-uploads=1{from}");
        let page = done(call("ALICE", "GET", &path), &walrus).await;
        names.extend(page.elements("Key").into_iter().map(str::to_owned));
        names.extend(page.elements("Prefix")[1..].iter().map(|prefix| (*prefix).to_owned()));
        if page.elements("IsTruncated") == ["false"] {
            break;
        }
        let key = signature::uri_encode(page.elements("NextKeyMarker")[0]);
        let id = page.elements("NextUploadIdMarker").concat();
        from = format!("&key-marker={key}&upload-id-marker={id}");
    }
    assert_eq!(names, ["a/", "b", "b", "c d/", "z"]);
}

#[tokio::test]
async fn buckets_are_listed_by_prefix_and_page_by_page() {
    let (_dir, walrus) = furnished().await;
    for bucket in ["one", "other", "two"] {
        done(call("ALICE", "PUT", &format!("/{bucket}")), &walrus).await;
    }
    let names = async |query: &str| {
        let page = done(call("ALICE", "GET", &format!("/?{query}")), &walrus).await;
        let token = page.elements("ContinuationToken").concat();
        (page.elements("Name").join(" "), token)
    };
    assert_eq!(names("").await, ("bucket one other two".to_owned(), String::new()));
    assert_eq!(names("prefix=o").await.0, "one other");
    assert_eq!(names("bucket-region=eucalyptus").await.0, "bucket one other two");
    assert_eq!(names("bucket-region=eu-west-1").await.0, "");
    let (first, token) = names("max-buckets=2&prefix=o").await;
    assert_eq!((&*first, &*token), ("one other", ""));
    let (first, token) = names("max-buckets=3").await;
    assert_eq!(first, "bucket one other");
    let last = names(&format!("max-buckets=3&continuation-token={token}")).await;
    assert_eq!(last, ("two".to_owned(), String::new()));
    for query in ["max-buckets=0", "max-buckets=10001", "max-buckets=x", "continuation-token=!"] {
        let answer = call("ALICE", "GET", &format!("/?{query}")).send(&walrus).await;
        refused(&answer, 400, "InvalidArgument");
    }
}
