//! Tags of objects.

use crate::client::{Answer, Call, call, open};
use crate::protocol::{furnished, refused};
use crate::versions::set;
use walrus::Walrus;

async fn done(call: Call<'_>, walrus: &Walrus) -> Answer {
    let answer = call.send(walrus).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer
}

fn document(tags: &[(&str, &str)]) -> String {
    let tag = |(name, value): &(&str, &str)| {
        format!("<Tag><Key>{name}</Key><Value>{value}</Value></Tag>")
    };
    let tags: String = tags.iter().map(tag).collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

/// The tags at a path, as `key=value` words.
async fn tags(walrus: &Walrus, path: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let answer = done(call("ALICE", "GET", &format!("{path}{separator}tagging")), walrus).await;
    let pairs = answer.elements("Key").into_iter().zip(answer.elements("Value"));
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn copy<'a>(to: &str) -> Call<'a> {
    call("ALICE", "PUT", to).header("x-amz-copy-source", "/bucket/tagged")
}

#[tokio::test]
async fn objects_are_tagged_when_they_are_written_and_later() {
    let (dir, walrus) = furnished().await;
    assert_eq!(tags(&walrus, "/bucket/key").await, "");
    let put = call("ALICE", "PUT", "/bucket/tagged").header("x-amz-tagging", "a=1+2&b%3D=&c");
    done(put.body("x"), &walrus).await;
    drop(walrus);
    let walrus = open(dir.path());
    assert_eq!(tags(&walrus, "/bucket/tagged").await, "a=1 2 b== c=");
    for method in ["GET", "HEAD"] {
        let answer = done(call("ALICE", method, "/bucket/tagged"), &walrus).await;
        assert_eq!(answer.header("x-amz-tagging-count"), "3");
        let answer = done(call("ALICE", method, "/bucket/key"), &walrus).await;
        assert_eq!(answer.header("x-amz-tagging-count"), "");
    }
    done(copy("/bucket/copy"), &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/copy").await, "a=1 2 b== c=");
    let replaced = copy("/bucket/copy").header("x-amz-tagging-directive", "REPLACE");
    done(replaced.header("x-amz-tagging", "d=4"), &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/copy").await, "d=4");
    let emptied = copy("/bucket/copy").header("x-amz-tagging-directive", "REPLACE");
    done(emptied, &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/copy").await, "");

    let begin = call("ALICE", "POST", "/bucket/parts?uploads").header("x-amz-tagging", "p=1");
    let upload = done(begin, &walrus).await.elements("UploadId")[0].to_owned();
    let part = format!("/bucket/parts?partNumber=1&uploadId={upload}");
    let etag = done(call("ALICE", "PUT", &part).body("x"), &walrus).await;
    let etag = etag.header("etag");
    let list = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let complete = format!("/bucket/parts?uploadId={upload}");
    done(call("ALICE", "POST", &complete).body(list), &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/parts").await, "p=1");

    let put = call("ALICE", "PUT", "/bucket/parts?tagging").body(document(&[("q", "2")]));
    assert_eq!(done(put, &walrus).await.status, 200);
    assert_eq!(tags(&walrus, "/bucket/parts").await, "q=2");
    let deleted = done(call("ALICE", "DELETE", "/bucket/parts?tagging"), &walrus).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(tags(&walrus, "/bucket/parts").await, "");
    done(call("ALICE", "PUT", "/bucket/tagged").body("y"), &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/tagged").await, "", "it is another object");
}

#[tokio::test]
async fn what_is_no_set_of_tags_of_an_object_is_refused() {
    let (_dir, walrus) = furnished().await;
    let many: Vec<String> = (0..11).map(|number| format!("t{number}=")).collect();
    let many = many.join("&");
    for (header, code) in [
        ("a=1&a=2", "InvalidTag"),
        ("=1", "InvalidTag"),
        ("aws:a=1", "InvalidTag"),
        ("a=%3C", "InvalidTag"),
        ("a=%ff", "InvalidArgument"),
        (&*many, "InvalidTag"),
    ] {
        let put = call("ALICE", "PUT", "/bucket/new").header("x-amz-tagging", header).body("x");
        refused(&put.send(&walrus).await, 400, code);
    }
    let eleven: Vec<_> = many.split('&').map(|tag| (tag.trim_end_matches('='), "")).collect();
    let put = call("ALICE", "PUT", "/bucket/key?tagging").body(document(&eleven));
    refused(&put.send(&walrus).await, 400, "InvalidTag");
    done(call("ALICE", "PUT", "/bucket/key?tagging").body(document(&eleven[..10])), &walrus).await;
    let put = call("ALICE", "PUT", "/bucket/key?tagging").body("<Tagging/>");
    refused(&put.send(&walrus).await, 400, "MalformedXML");
    let missing = call("ALICE", "PUT", "/bucket/new?tagging").body(document(&[]));
    refused(&missing.send(&walrus).await, 404, "NoSuchKey");
    for (call, status, code) in [
        (copy("/bucket/new").header("x-amz-tagging", "a=b"), 400, "InvalidArgument"),
        (copy("/bucket/new").header("x-amz-tagging-directive", "x"), 400, "InvalidArgument"),
        (call("ALICE", "GET", "/bucket/key").header("x-amz-tagging", "a=b"), 501, "NotImplemented"),
        (
            call("ALICE", "PUT", "/bucket/key?acl").header("x-amz-tagging", "a"),
            501,
            "NotImplemented",
        ),
        (call("ALICE", "POST", "/bucket/key?tagging"), 501, "NotImplemented"),
    ] {
        refused(&call.send(&walrus).await, status, code);
    }
}

#[tokio::test]
async fn every_version_has_tags_of_its_own() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "bucket", "Enabled").await;
    let put = |tag: &str| call("ALICE", "PUT", "/bucket/key").header("x-amz-tagging", tag);
    let first = done(put("v=1"), &walrus).await.header("x-amz-version-id").to_owned();
    let second = done(put("v=2"), &walrus).await.header("x-amz-version-id").to_owned();
    let of = |id: &str| format!("/bucket/key?versionId={id}");
    let path = format!("{}&tagging", of(&first));
    let changed = done(call("ALICE", "PUT", &path).body(document(&[("v", "one")])), &walrus).await;
    assert_eq!(changed.header("x-amz-version-id"), first);
    assert_eq!(tags(&walrus, &of(&first)).await, "v=one");
    assert_eq!(tags(&walrus, &of(&second)).await, "v=2");
    assert_eq!(tags(&walrus, &of("null")).await, "");
    let copy = call("ALICE", "PUT", "/bucket/key").header("x-amz-copy-source", &of(&first));
    done(copy, &walrus).await;
    assert_eq!(tags(&walrus, "/bucket/key").await, "v=one");
    let marker = done(call("ALICE", "DELETE", "/bucket/key"), &walrus).await;
    let path = format!("{}&tagging", of(marker.header("x-amz-version-id")));
    assert_eq!(call("ALICE", "GET", &path).send(&walrus).await.status, 405);
    refused(&call("ALICE", "GET", "/bucket/key?tagging").send(&walrus).await, 404, "NoSuchKey");
}

/// A policy of `bucket` that allows this to everybody.
fn policy(action: &str, condition: &str) -> String {
    format!(
        r#"{{"Statement": {{"Effect": "Allow", "Principal": "*", "Action": {action},
           "Resource": "arn:aws:s3:::bucket/*", "Condition": {condition}}}}}"#
    )
}

#[tokio::test]
async fn a_policy_can_go_by_the_tags_of_an_object() {
    let (_dir, walrus) = furnished().await;
    let open = r#"{"StringEquals": {"s3:ExistingObjectTag/open": "yes"}}"#;
    done(call("ALICE", "PUT", "/bucket?policy").body(policy("\"s3:GetObject\"", open)), &walrus)
        .await;
    for (tag, status) in [("open=no", 403), ("Open=yes", 403), ("open=yes", 200)] {
        let put = call("ALICE", "PUT", "/bucket/key").header("x-amz-tagging", tag).body("x");
        done(put, &walrus).await;
        let get = call("BOB", "GET", "/bucket/key").send(&walrus).await;
        assert_eq!(get.status, status, "{tag}");
        assert_eq!(get.header("x-amz-tagging-count"), "", "whose tags are not told is not said");
    }
}

#[tokio::test]
async fn a_policy_can_go_by_the_tags_that_are_given() {
    let (_dir, walrus) = furnished().await;
    done(call("BOB", "PUT", "/bobs"), &walrus).await;
    let actions = r#"["s3:PutObject", "s3:PutObjectTagging"]"#;
    let only = r#"{"StringEquals": {"s3:RequestObjectTag/team": "lab"},
        "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["team", "size"]}}"#;
    done(call("ALICE", "PUT", "/bucket?policy").body(policy(actions, only)), &walrus).await;
    for (tags, status) in [
        (&[("team", "lab")][..], 200),
        (&[("team", "lab"), ("size", "l")], 200),
        (&[("team", "office")], 403),
        (&[("size", "l")], 403),
        (&[("team", "lab"), ("other", "")], 403),
    ] {
        let header: Vec<_> = tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let put = call("BOB", "PUT", "/bucket/new").header("x-amz-tagging", &header.join("&"));
        assert_eq!(put.body("x").send(&walrus).await.status, status, "{tags:?}");
        // the object is the bucket owner's, whose policy gives its tags away
        let put = call("BOB", "PUT", "/bucket/key?tagging").body(document(tags));
        assert_eq!(put.send(&walrus).await.status, status, "{tags:?}");
    }
}

#[tokio::test]
async fn who_may_only_write_gives_and_copies_no_tags() {
    let (_dir, walrus) = furnished().await;
    done(call("ALICE", "PUT", "/bucket?acl").header("x-amz-acl", "public-read-write"), &walrus)
        .await;
    let put = |tags: bool| {
        let put = call("BOB", "PUT", "/bucket/new").body("x");
        if tags { put.header("x-amz-tagging", "a=b") } else { put }
    };
    done(put(false), &walrus).await;
    refused(&put(true).send(&walrus).await, 403, "AccessDenied");
    let tagged = call("ALICE", "PUT", "/bucket/tagged").header("x-amz-tagging", "a=b");
    done(tagged.header("x-amz-acl", "public-read"), &walrus).await;
    done(call("BOB", "PUT", "/bobs"), &walrus).await;
    let copy = || call("BOB", "PUT", "/bobs/copy").header("x-amz-copy-source", "/bucket/tagged");
    refused(&copy().send(&walrus).await, 403, "AccessDenied");
    done(copy().header("x-amz-tagging-directive", "REPLACE"), &walrus).await;
}
