//! The answers to single requests: statuses, codes, headers, XML.

use crate::client::{Answer, account, call, content, open, open_with};
use crate::twin::{ROOM, Twin};
use std::io::Read;
use std::sync::Arc;
use tempfile::TempDir;
use types::SystemClock;
use walrus::{Quotas, Settings, Walrus};

/// A store in which ALICE has `bucket` with the object `key`.
pub(crate) async fn furnished() -> (TempDir, Walrus) {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    assert_eq!(call("ALICE", "PUT", "/bucket").send(&walrus).await.status, 200);
    let put = call("ALICE", "PUT", "/bucket/key").body("hello").header("content-type", "text/x");
    assert_eq!(put.send(&walrus).await.status, 200);
    (dir, walrus)
}

pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/xml");
    assert!(answer.text().contains("<Error>"), "without a namespace: {}", answer.text());
}

#[tokio::test]
async fn errors_have_s3s_codes() {
    let (_dir, walrus) = furnished().await;
    for (user, method, path, status, code) in [
        ("NOBODY", "GET", "/", 403, "InvalidAccessKeyId"),
        ("DISABLED", "GET", "/", 403, "InvalidAccessKeyId"),
        ("ALICE", "GET", "/missing", 404, "NoSuchBucket"),
        ("ALICE", "GET", "/missing/?acl", 404, "NoSuchBucket"),
        ("ALICE", "GET", "/missing/key", 404, "NoSuchBucket"),
        ("ALICE", "GET", "/bucket/missing", 404, "NoSuchKey"),
        ("ALICE", "GET", "/bucket/missing?acl", 404, "NoSuchKey"),
        ("ALICE", "DELETE", "/bucket", 409, "BucketNotEmpty"),
        ("ALICE", "PUT", "/bu", 400, "InvalidBucketName"),
        ("ALICE", "GET", "/bucket/a/../b", 400, "InvalidURI"),
        ("ALICE", "GET", "/bucket?max-keys=-1", 400, "InvalidArgument"),
        ("ALICE", "GET", "/bucket?max-keys=x", 400, "InvalidArgument"),
        ("ALICE", "GET", "/bucket?list-type=3", 400, "InvalidArgument"),
        ("ALICE", "GET", "/bucket?list-type=2&continuation-token=!", 400, "InvalidArgument"),
        ("ALICE", "PATCH", "/bucket/key", 405, "MethodNotAllowed"),
        ("ALICE", "DELETE", "/bucket?versioning", 501, "NotImplemented"),
        ("ALICE", "GET", "/bucket?delete", 501, "NotImplemented"),
        ("ALICE", "DELETE", "/bucket/key?acl", 501, "NotImplemented"),
        ("ALICE", "POST", "/bucket?policy", 501, "NotImplemented"),
        ("ALICE", "PUT", "/bucket?uploads", 501, "NotImplemented"),
        ("ALICE", "PUT", "/bucket/key?partNumber=1", 501, "NotImplemented"),
        ("ALICE", "POST", "/bucket?delete", 400, "MalformedXML"),
        ("ALICE", "PUT", "/bucket/key?partNumber=1&uploadId=x", 404, "NoSuchUpload"),
    ] {
        refused(&call(user, method, path).send(&walrus).await, status, code);
    }
    let anonymous = call("ALICE", "GET", "/bucket/key").send_as_it_is(&walrus).await;
    refused(&anonymous, 403, "AccessDenied");
}

#[tokio::test]
async fn a_bucket_is_closed_to_everybody_else_and_to_the_administrator() {
    let (_dir, walrus) = furnished().await;
    for user in ["BOB", "ROOT"] {
        for (method, path) in [
            ("GET", "/bucket"),
            ("GET", "/bucket?list-type=2"),
            ("GET", "/bucket?acl"),
            ("GET", "/bucket?location"),
            ("PUT", "/bucket?acl"),
            ("DELETE", "/bucket"),
            ("GET", "/bucket/key"),
            ("GET", "/bucket/missing"),
            ("PUT", "/bucket/key"),
            ("DELETE", "/bucket/key"),
            ("GET", "/bucket/key?acl"),
            ("PUT", "/bucket/key?acl"),
        ] {
            let answer = call(user, method, path).send(&walrus).await;
            refused(&answer, 403, "AccessDenied");
        }
        assert_eq!(call(user, "HEAD", "/bucket/key").send(&walrus).await.status, 403);
        assert_eq!(call(user, "HEAD", "/bucket").send(&walrus).await.status, 403);
        let again = call(user, "PUT", "/bucket").send(&walrus).await;
        refused(&again, 409, "BucketAlreadyExists");
        let own = call(user, "GET", "/").send(&walrus).await;
        assert!(own.elements("Name").is_empty());
    }
    let answer = call("ALICE", "GET", "/bucket/key").send(&walrus).await;
    assert_eq!(answer.body, "hello");
}

#[tokio::test]
async fn what_is_not_offered_is_refused_by_its_name() {
    let (_dir, walrus) = furnished().await;
    for (name, value) in [
        ("x-amz-acl", "log-delivery-write"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-grant-read", "emailAddress=\"a@b\""),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
    ] {
        let put = call("ALICE", "PUT", "/bucket/new").header(name, value).body("x");
        refused(&put.send(&walrus).await, 501, "NotImplemented");
    }
    let put = call("ALICE", "PUT", "/bucket/new").header("x-amz-acl", "mine").body("x");
    refused(&put.send(&walrus).await, 400, "InvalidArgument");
    let answer = call("ALICE", "GET", "/bucket/new").send(&walrus).await;
    refused(&answer, 404, "NoSuchKey");
}

#[tokio::test]
async fn a_body_that_is_not_what_was_announced_is_thrown_away() {
    let (dir, walrus) = furnished().await;
    let large = content(1, 300_000);
    let zeros = "0".repeat(64);
    for body in [&b"abc"[..], &large] {
        for (name, value, code) in [
            ("x-amz-content-sha256", zeros.as_str(), "XAmzContentSHA256Mismatch"),
            ("x-amz-content-sha256", "nonsense", "InvalidRequest"),
            ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==", "BadDigest"),
            ("content-md5", "nonsense", "InvalidDigest"),
            ("x-amz-checksum-crc32", "AAAAAA==", "BadDigest"),
            ("content-length", "7", "IncompleteBody"),
        ] {
            let put = call("ALICE", "PUT", "/bucket/new").header(name, value);
            let answer = put.body(body.to_vec()).send(&walrus).await;
            refused(&answer, 400, code);
        }
    }
    let answer = call("ALICE", "GET", "/bucket/new").send(&walrus).await;
    refused(&answer, 404, "NoSuchKey");
    // Blobs are unlinked in the background; closing waits for that.
    drop(walrus);
    let parts = std::fs::read_dir(dir.path().join("blobs")).unwrap();
    let files = parts.flat_map(|part| std::fs::read_dir(part.unwrap().path()).unwrap());
    assert_eq!(files.count(), 0, "no blob stays behind");
}

#[tokio::test]
async fn limits_are_answered_with_their_codes() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = Quotas { buckets_per_user: Some(1), ..Quotas::default() };
    let settings = Settings { max_object_bytes: 1000, quotas, ..Settings::default() };
    let walrus = open_with(dir.path(), settings);
    call("ALICE", "PUT", "/bucket").send(&walrus).await;
    refused(&call("ALICE", "PUT", "/second").send(&walrus).await, 400, "TooManyBuckets");
    assert_eq!(call("ALICE", "PUT", "/bucket").send(&walrus).await.status, 200);
    let key = format!("/bucket/{}", "k".repeat(1025));
    refused(&call("ALICE", "PUT", &key).send(&walrus).await, 400, "KeyTooLongError");
    let large = call("ALICE", "PUT", "/bucket/k").body(vec![0; 1001]);
    refused(&large.send(&walrus).await, 400, "EntityTooLarge");
    let told = call("ALICE", "PUT", "/bucket/k").header("content-length", "1001").body("x");
    refused(&told.send(&walrus).await, 400, "EntityTooLarge");
    let metadata = "m".repeat(2048);
    let put = call("ALICE", "PUT", "/bucket/k").header("x-amz-meta-m", &metadata);
    refused(&put.send(&walrus).await, 400, "MetadataTooLarge");
    let xml = call("ALICE", "PUT", "/bucket").body(vec![b' '; 70_000]);
    refused(&xml.send(&walrus).await, 400, "EntityTooLarge");
    for buckets in ["/second", "/third"] {
        assert_eq!(call("ROOT", "PUT", buckets).send(&walrus).await.status, 200);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_uploads_and_lets_delete() {
    let (dir, walrus) = furnished().await;
    drop(walrus);
    let full = Settings { min_free_bytes: u64::MAX / 2, ..Settings::default() };
    let walrus = open_with(dir.path(), full);
    let put = call("ALICE", "PUT", "/bucket/new").body("x").send(&walrus).await;
    refused(&put, 507, "StorageFull");
    assert_eq!(call("ALICE", "DELETE", "/bucket/key").send(&walrus).await.status, 204);
}

/// Of a body that does not say how long it is, and of many at once, only the disk knows.
#[tokio::test]
async fn an_upload_ends_where_the_disk_gets_full() {
    let disk = Twin::with_power_for(u64::MAX);
    let settings = Settings { min_free_bytes: ROOM - 1_000_000, ..Settings::default() };
    let walrus = Walrus::open_on(Arc::new(disk.clone()), settings, Arc::new(SystemClock)).unwrap();
    assert_eq!(call("ALICE", "PUT", "/bucket").send(&walrus).await.status, 200);
    let put = |bytes| call("ALICE", "PUT", "/bucket/key").body(vec![0; bytes]);
    assert_eq!(put(800_000).send(&walrus).await.status, 200);
    refused(&put(3_000_000).send(&walrus).await, 507, "StorageFull");
    assert_eq!(disk.blobs(), 1, "what was written of it is gone");
    assert_eq!(call("ALICE", "DELETE", "/bucket/key").send(&walrus).await.status, 204);
}

#[tokio::test]
async fn an_object_comes_back_with_its_headers() {
    let (_dir, walrus) = furnished().await;
    let put = call("ALICE", "PUT", "/bucket/full")
        .header("content-encoding", "aws-chunked,gzip")
        .header("cache-control", "no-store")
        .header("x-amz-meta-one", "1")
        .header("x-amz-meta-list", "a")
        .header("x-amz-meta-list", "b")
        .header("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")
        .header("x-amz-decoded-content-length", "5")
        .header("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        .body("5\r\nhello\r\n0\r\n\r\n");
    let answer = put.send(&walrus).await;
    assert_eq!(answer.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"", "{answer:?}");
    for method in ["GET", "HEAD"] {
        let get = call("ALICE", method, "/bucket/full").header("x-amz-checksum-mode", "ENABLED");
        let answer = get.send(&walrus).await;
        let body = if method == "GET" { "hello" } else { "" };
        assert_eq!(answer.body, body);
        for (name, value) in [
            ("content-length", "5"),
            ("content-type", "binary/octet-stream"),
            ("content-encoding", "gzip"),
            ("cache-control", "no-store"),
            ("x-amz-meta-one", "1"),
            ("x-amz-meta-list", "a,b"),
            ("accept-ranges", "bytes"),
            ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        ] {
            assert_eq!(answer.header(name), value, "{method} {name}");
        }
    }
    let path = "/bucket/key?response-content-type=text%2Fy";
    assert_eq!(call("ALICE", "GET", path).send(&walrus).await.header("content-type"), "text/y");
}

#[tokio::test]
async fn conditions_and_ranges_are_obeyed() {
    let (_dir, walrus) = furnished().await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let (old, late) = ("Thu, 01 Jan 2009 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (name, value, status, body) in [
        ("if-match", etag, 200, "hello"),
        ("if-match", "\"other\"", 412, ""),
        ("if-none-match", etag, 304, ""),
        ("if-none-match", "\"other\"", 200, "hello"),
        ("if-modified-since", late, 304, ""),
        ("if-modified-since", old, 200, "hello"),
        ("if-unmodified-since", old, 412, ""),
        ("if-unmodified-since", late, 200, "hello"),
        ("range", "bytes=1-2", 206, "el"),
        ("range", "bytes=1-", 206, "ello"),
        ("range", "bytes=-2", 206, "lo"),
        ("range", "bytes=-9", 206, "hello"),
        ("range", "bytes=3-99999999999999999999", 200, "hello"),
        ("range", "bytes=2-1", 200, "hello"),
        ("range", "bytes=0-1,3-4", 200, "hello"),
        ("range", "bytes=5-", 416, ""),
        ("range", "bytes=-0", 416, ""),
    ] {
        let answer = call("ALICE", "GET", "/bucket/key").header(name, value).send(&walrus).await;
        assert_eq!(answer.status, status, "{name}: {value}");
        if answer.status.is_success() {
            assert_eq!(answer.body, body, "{name}: {value}");
        }
    }
    let range = call("ALICE", "GET", "/bucket/key").header("range", "bytes=1-2");
    assert_eq!(range.send(&walrus).await.header("content-range"), "bytes 1-2/5");
    for (path, name, value, status) in [
        ("/bucket/key", "if-none-match", "*", 412),
        ("/bucket/new", "if-none-match", "*", 200),
        ("/bucket/key", "if-match", "\"other\"", 412),
        ("/bucket/missing", "if-match", etag, 404),
        ("/bucket/key", "if-match", etag, 200),
    ] {
        let put = call("ALICE", "PUT", path).header(name, value).body("hello");
        assert_eq!(put.send(&walrus).await.status, status, "PUT {path} {name}");
    }
}

#[tokio::test]
async fn canned_acls_are_kept_and_shown_as_grants() {
    let (_dir, walrus) = furnished().await;
    let names = |answer: &Answer| answer.elements("DisplayName").join(" ");
    for path in ["/bucket", "/bucket/key"] {
        let acl = format!("{path}?acl");
        let answer = call("ALICE", "GET", &acl).send(&walrus).await;
        assert_eq!(names(&answer), "alice alice", "owner and FULL_CONTROL");
        let put = call("ALICE", "PUT", &acl).header("x-amz-acl", "aws-exec-read");
        assert_eq!(put.send(&walrus).await.status, 200);
        let answer = call("ALICE", "GET", &acl).send(&walrus).await;
        assert_eq!(names(&answer), "alice alice za-team");
        assert_eq!(answer.elements("Permission"), ["FULL_CONTROL", "READ"]);
    }
    // making one's bucket again sets its ACL anew
    call("ALICE", "PUT", "/bucket").send(&walrus).await;
    let answer = call("ALICE", "GET", "/bucket?acl").send(&walrus).await;
    assert_eq!(names(&answer), "alice alice");
}

#[tokio::test]
async fn the_cloud_reads_what_is_the_users_own_or_open_to_it() {
    let (_dir, walrus) = furnished().await;
    let large = content(7, 200_000);
    let put = call("ALICE", "PUT", "/bucket/open").header("x-amz-acl", "aws-exec-read");
    put.body(large.clone()).send(&walrus).await;
    let (alice, bob) = (account("ALICE"), account("BOB"));
    assert_eq!(walrus.bucket_owner("bucket").await.unwrap(), Some(alice));
    assert_eq!(walrus.bucket_owner("missing").await.unwrap(), None);
    for (user, key, want) in [
        (alice, "key", Some(&b"hello"[..])),
        (alice, "open", Some(&large)),
        (bob, "open", Some(&large)),
        (bob, "key", None),
        (alice, "missing", None),
    ] {
        let reader = walrus.open_object(user, "bucket", key).await.unwrap();
        let bytes = reader.map(|mut reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, reader.info.size);
            bytes
        });
        assert_eq!(bytes.as_deref(), want, "{key}");
    }
    let listed = walrus.list(alice, "bucket", "", "key", 10).await.unwrap().unwrap();
    assert_eq!(listed.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["open"]);
    assert_eq!(walrus.list(bob, "bucket", "", "", 10).await.unwrap(), None);
}

#[tokio::test]
async fn second_listings_go_on_where_a_page_ended() {
    let (_dir, walrus) = furnished().await;
    for key in ["a/1", "a/2", "b", "c%20%3C%3E/1"] {
        call("ALICE", "PUT", &format!("/bucket/{key}")).body("x").send(&walrus).await;
    }
    let (mut token, mut names) = (String::new(), Vec::new());
    loop {
        let query =
            format!("/bucket?list-type=2&max-keys=1&delimiter=%2F&encoding-type=url{token}");
        let page = call("ALICE", "GET", &query).send(&walrus).await;
        assert_eq!(page.elements("KeyCount"), ["1"]);
        names.extend(page.elements("Key").into_iter().map(str::to_owned));
        names.extend(page.elements("Prefix").into_iter().skip(1).map(str::to_owned));
        let Some(next) = page.elements("NextContinuationToken").first().copied() else { break };
        token = format!("&continuation-token={next}");
    }
    assert_eq!(names, ["a/", "b", "c%20%3C%3E/", "key"]);
    let query = "/bucket?list-type=2&start-after=b&fetch-owner=true&prefix=c";
    let page = call("ALICE", "GET", query).send(&walrus).await;
    assert_eq!(page.elements("Key"), ["c &lt;&gt;/1"]);
    assert_eq!(page.elements("DisplayName"), ["alice"]);
    let none = call("ALICE", "GET", "/bucket?max-keys=0").send(&walrus).await;
    assert_eq!((none.elements("Key").len(), none.elements("IsTruncated")), (0, vec!["false"]));
}

#[tokio::test]
async fn a_second_process_and_another_format_are_refused() {
    let (dir, walrus) = furnished().await;
    let again = || {
        let clock = std::sync::Arc::new(types::SystemClock);
        Walrus::open(dir.path(), Settings::default(), clock).map(drop).unwrap_err()
    };
    assert!(matches!(again(), walrus::Error::InUse(_)));
    drop(walrus);
    std::fs::write(dir.path().join("FORMAT"), "walrus 2\n").unwrap();
    assert!(matches!(again(), walrus::Error::Format { .. }));
}
