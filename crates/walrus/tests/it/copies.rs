//! Copies, and many keys deleted at once.

use crate::client::{Call, call, content};
use crate::kill::blobs;
use crate::protocol::{furnished, refused};

fn copy<'a>(from: &str, to: &str) -> Call<'a> {
    call("ALICE", "PUT", to).header("x-amz-copy-source", from)
}

#[tokio::test]
async fn a_copy_has_the_bytes_for_itself() {
    let (dir, walrus) = furnished().await;
    let bytes = content(2, 200_000);
    let put = call("ALICE", "PUT", "/bucket/a%20b").body(bytes.clone());
    let put = put.header("content-type", "text/x").header("x-amz-meta-of", "source");
    let etag = put.send(&walrus).await.header("etag").to_owned();
    for (from, to) in [("/bucket/a%20b", "/bucket/c"), ("bucket/c", "/bucket/d")] {
        let answer = copy(from, to).send(&walrus).await;
        assert_eq!(answer.elements("ETag"), [etag.replace('"', "&quot;")], "{answer:?}");
    }
    assert_eq!(blobs(dir.path()), 1, "copies share their bytes");
    let replaced = copy("/bucket/c", "/bucket/c")
        .header("x-amz-metadata-directive", "REPLACE")
        .header("x-amz-meta-of", "copy");
    assert_eq!(replaced.send(&walrus).await.status, 200);
    call("ALICE", "DELETE", "/bucket/a%20b").send(&walrus).await;
    call("ALICE", "PUT", "/bucket/d").body("other").send(&walrus).await;
    let answer = call("ALICE", "GET", "/bucket/c").send(&walrus).await;
    assert!(answer.body == bytes);
    assert_eq!(answer.header("x-amz-meta-of"), "copy");
    assert_eq!(answer.header("content-type"), "binary/octet-stream");
    call("ALICE", "DELETE", "/bucket/c").send(&walrus).await;
    drop(walrus);
    assert_eq!(blobs(dir.path()), 0);
}

#[tokio::test]
async fn a_copy_is_refused_where_a_read_or_a_write_would_be() {
    let (_dir, walrus) = furnished().await;
    assert_eq!(call("BOB", "PUT", "/bobs").send(&walrus).await.status, 200);
    assert_eq!(call("BOB", "PUT", "/bobs/key").body("secret").send(&walrus).await.status, 200);
    for (call, status, code) in [
        (copy("/bobs/key", "/bucket/new"), 403, "AccessDenied"),
        (copy("/bucket/key", "/bobs/new"), 403, "AccessDenied"),
        (copy("/bucket/missing", "/bucket/new"), 404, "NoSuchKey"),
        (copy("/missing/key", "/bucket/new"), 404, "NoSuchBucket"),
        (copy("/bucket", "/bucket/new"), 400, "InvalidArgument"),
        (copy("/bucket/../bobs/key", "/bucket/new"), 400, "InvalidURI"),
        (copy("/bucket/key?versionId=1", "/bucket/new"), 400, "InvalidArgument"),
        (copy("/bucket/key", "/bucket/key"), 400, "InvalidRequest"),
        (copy("/bucket/key", "/bucket"), 501, "NotImplemented"),
        (
            copy("/bucket/key", "/bucket/new").header("x-amz-copy-source-range", "bytes=0-1"),
            400,
            "InvalidArgument",
        ),
    ] {
        refused(&call.send(&walrus).await, status, code);
    }
    let etag = call("ALICE", "GET", "/bucket/key").send(&walrus).await.header("etag").to_owned();
    let (past, future) = ("Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (condition, value, holds) in [
        ("if-match", &*etag, true),
        ("if-match", "\"other\"", false),
        ("if-none-match", "\"other\"", true),
        ("if-none-match", &*etag, false),
        ("if-modified-since", past, true),
        ("if-modified-since", future, false),
        ("if-unmodified-since", future, true),
        ("if-unmodified-since", past, false),
    ] {
        let name = format!("x-amz-copy-source-{condition}");
        let answer = copy("/bucket/key", "/bucket/new").header(&name, value).send(&walrus).await;
        let status = if holds { 200 } else { 412 };
        assert_eq!(answer.status, status, "{condition}: {value}");
    }
    let absent = copy("/bucket/key", "/bucket/new").header("if-none-match", "*");
    refused(&absent.send(&walrus).await, 412, "PreconditionFailed");
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let (_dir, walrus) = furnished().await;
    for key in ["a&b", "c%3Cd", "e"] {
        call("ALICE", "PUT", &format!("/bucket/{key}")).body("x").send(&walrus).await;
    }
    let delete = async |user, list: &str| {
        call(user, "POST", "/bucket?delete").body(list.to_owned()).send(&walrus).await
    };
    let key = |key: &str| format!("<Object><Key>{key}</Key></Object>");
    let list = format!("<Delete>{}{}</Delete>", key("a&amp;b"), key("missing"));
    let others = delete("BOB", &list).await;
    assert_eq!(others.elements("Code"), ["AccessDenied"; 2], "{others:?}");
    let answer = delete("ALICE", &list).await;
    assert_eq!(answer.elements("Key"), ["a&amp;b", "missing"], "{answer:?}");
    let stale = "<Object><Key>e</Key><ETag>\"other\"</ETag></Object>";
    let quiet = format!("<Delete><Quiet>true</Quiet>{}{stale}</Delete>", key("c&lt;d"));
    let answer = delete("ALICE", &quiet).await;
    assert_eq!(answer.elements("Key"), ["e"], "only what was not deleted");
    assert_eq!(answer.elements("Code"), ["PreconditionFailed"]);
    let left = call("ALICE", "GET", "/bucket").send(&walrus).await;
    assert_eq!(left.elements("Key"), ["e", "key"]);
    for bad in [
        "<Delete/>".to_owned(),
        format!("<Delete>{}</Delete>", key("x").repeat(1001)),
        "<Delete><Object/></Delete>".to_owned(),
        "<Delete><Quiet>maybe</Quiet><Object><Key>e</Key></Object></Delete>".to_owned(),
    ] {
        refused(&delete("ALICE", &bad).await, 400, "MalformedXML");
    }
    let version = "<Delete><Object><Key>e</Key><VersionId>1</VersionId></Object></Delete>";
    refused(&delete("ALICE", version).await, 400, "InvalidArgument");
}
