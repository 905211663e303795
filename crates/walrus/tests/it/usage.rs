//! What buckets and users hold is counted with every change, and limited.

use crate::client::{Answer, account, call, content, open, open_with};
use crate::versions::set;
use http::StatusCode;
use std::path::Path;
use walrus::{Quotas, Settings, Usage, Walrus};

/// Compares what is counted with a recount of all that there is.
pub(crate) async fn compare(walrus: &Walrus) {
    assert_eq!(walrus.usage().await.unwrap(), walrus.recounted().await.unwrap());
}

/// What a bucket is said to hold: objects and bytes.
async fn held(walrus: &Walrus, bucket: &str) -> (u64, u64) {
    compare(walrus).await;
    let report = walrus.usage().await.unwrap();
    let found = report.buckets.iter().find(|it| it.name == bucket);
    let Usage { objects, bytes } = found.unwrap().held;
    (objects, bytes)
}

/// Buckets, objects and bytes of a user.
async fn of_user(walrus: &Walrus, user: &str) -> (u64, u64, u64) {
    let report = walrus.usage().await.unwrap();
    let found = report.users.iter().find(|it| it.owner == account(user));
    found.map_or((0, 0, 0), |it| (it.buckets, it.held.objects, it.held.bytes))
}

async fn put(walrus: &Walrus, path: &str, size: usize) -> Answer {
    call("ALICE", "PUT", path).body(content(1, size)).send(walrus).await
}

async fn done(walrus: &Walrus, method: &str, path: &str) -> Answer {
    let answer = call("ALICE", method, path).send(walrus).await;
    assert!(answer.status.is_success(), "{method} {path}: {answer:?}");
    answer
}

async fn begin(walrus: &Walrus, key: &str) -> String {
    let begun = done(walrus, "POST", &format!("{key}?uploads")).await;
    begun.elements("UploadId")[0].to_owned()
}

async fn complete(walrus: &Walrus, key: &str, id: &str, etag: &str) -> Answer {
    let part = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
    let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
    call("ALICE", "POST", &format!("{key}?uploadId={id}")).body(list).send(walrus).await
}

fn copy(path: &str, from: &str) -> crate::client::Call<'static> {
    call("ALICE", "PUT", path).header("x-amz-copy-source", from)
}

#[tokio::test]
async fn every_way_in_and_out_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    done(&walrus, "PUT", "/bucket").await;
    done(&walrus, "PUT", "/other").await;
    put(&walrus, "/bucket/small", 10).await;
    put(&walrus, "/bucket/large", 100_000).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 100_010));
    put(&walrus, "/bucket/large", 70_000).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 70_010));
    assert!(copy("/other/copy", "/bucket/large").send(&walrus).await.status.is_success());
    assert_eq!(held(&walrus, "other").await, (1, 70_000));
    assert_eq!(of_user(&walrus, "ALICE").await, (2, 3, 140_010));
    done(&walrus, "DELETE", "/bucket/small").await;
    done(&walrus, "DELETE", "/bucket/small").await;
    done(&walrus, "DELETE", "/bucket/large").await;
    assert_eq!(held(&walrus, "bucket").await, (0, 0));
    assert_eq!(held(&walrus, "other").await, (1, 70_000), "the copy has its bytes");
    put(&walrus, "/bucket/a", 1).await;
    put(&walrus, "/bucket/b", 2).await;
    let keys = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>";
    let delete = call("ALICE", "POST", "/bucket?delete");
    let delete = delete.header("x-amz-checksum-crc32", &crc32(keys)).body(keys);
    assert!(delete.send(&walrus).await.status.is_success());
    assert_eq!(held(&walrus, "bucket").await, (0, 0));
    done(&walrus, "DELETE", "/bucket").await;
    assert_eq!(of_user(&walrus, "ALICE").await, (1, 1, 70_000));
    done(&walrus, "DELETE", "/other/copy").await;
    done(&walrus, "DELETE", "/other").await;
    assert_eq!(of_user(&walrus, "ALICE").await, (0, 0, 0));
    compare(&walrus).await;
}

#[tokio::test]
async fn parts_count_until_their_upload_ends() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    done(&walrus, "PUT", "/bucket").await;
    let id = begin(&walrus, "/bucket/parts").await;
    assert_eq!(held(&walrus, "bucket").await, (0, 0));
    let part = |number| format!("/bucket/parts?partNumber={number}&uploadId={id}");
    put(&walrus, &part(1), 100_000).await;
    put(&walrus, &part(2), 20).await;
    let again = put(&walrus, &part(1), 90_000).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 90_020));
    let answer = complete(&walrus, "/bucket/parts", &id, again.header("etag")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(held(&walrus, "bucket").await, (1, 90_000), "one part was not wanted");
    let other = begin(&walrus, "/bucket/parts").await;
    put(&walrus, &format!("/bucket/parts?partNumber=7&uploadId={other}"), 30).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 90_030));
    done(&walrus, "DELETE", &format!("/bucket/parts?uploadId={other}")).await;
    done(&walrus, "DELETE", "/bucket/parts").await;
    assert_eq!(held(&walrus, "bucket").await, (0, 0));
    let left = begin(&walrus, "/bucket/left").await;
    put(&walrus, &format!("/bucket/left?partNumber=1&uploadId={left}"), 30).await;
    done(&walrus, "DELETE", "/bucket").await;
    assert_eq!(of_user(&walrus, "ALICE").await, (0, 0, 0));
    compare(&walrus).await;
}

#[tokio::test]
async fn versions_and_delete_markers_count() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    done(&walrus, "PUT", "/bucket").await;
    put(&walrus, "/bucket/key", 1).await;
    set(&walrus, "bucket", "Enabled").await;
    let second = put(&walrus, "/bucket/key", 20).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 21));
    let marker = done(&walrus, "DELETE", "/bucket/key").await;
    assert_eq!(held(&walrus, "bucket").await, (3, 21));
    let version =
        |answer: &Answer| format!("/bucket/key?versionId={}", answer.header("x-amz-version-id"));
    done(&walrus, "DELETE", &version(&marker)).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 21));
    set(&walrus, "bucket", "Suspended").await;
    put(&walrus, "/bucket/key", 300).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 320), "the null version is another");
    put(&walrus, "/bucket/key", 4000).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 4020));
    done(&walrus, "DELETE", "/bucket/key").await;
    assert_eq!(held(&walrus, "bucket").await, (2, 20), "a null marker in its place");
    done(&walrus, "DELETE", &version(&second)).await;
    assert_eq!(held(&walrus, "bucket").await, (1, 0));
}

/// The base64 of the CRC32 of a text.
fn crc32(text: &str) -> String {
    use base64::Engine as _;
    let sum = crc32fast::hash(text.as_bytes()).to_be_bytes();
    base64::engine::general_purpose::STANDARD.encode(sum)
}

fn forget_usage(dir: &Path) {
    let db = redb::Database::open(dir.join("walrus.redb")).unwrap();
    let txn = db.begin_write().unwrap();
    for name in ["usage", "user-usage"] {
        let table = redb::TableDefinition::<&[u8], &[u8]>::new(name);
        assert!(txn.delete_table(table).unwrap());
    }
    txn.commit().unwrap();
}

#[tokio::test]
async fn a_store_of_before_is_counted_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    done(&walrus, "PUT", "/bucket").await;
    call("BOB", "PUT", "/empty").send(&walrus).await;
    put(&walrus, "/bucket/key", 1).await;
    set(&walrus, "bucket", "Enabled").await;
    put(&walrus, "/bucket/key", 20).await;
    done(&walrus, "DELETE", "/bucket/key").await;
    let id = begin(&walrus, "/bucket/parts").await;
    put(&walrus, &format!("/bucket/parts?partNumber=1&uploadId={id}"), 300).await;
    let before = walrus.usage().await.unwrap();
    assert_eq!(held(&walrus, "bucket").await, (4, 321));
    drop(walrus);
    forget_usage(dir.path());
    let walrus = open(dir.path());
    assert_eq!(walrus.usage().await.unwrap(), before);
    assert_eq!(of_user(&walrus, "BOB").await, (1, 0, 0));
    put(&walrus, "/bucket/new", 1).await;
    assert_eq!(held(&walrus, "bucket").await, (5, 322));
}

fn limited(dir: &Path, bucket_bytes: Option<u64>, user_bytes: Option<u64>) -> Walrus {
    let quotas = Quotas { bucket_bytes, user_bytes, ..Quotas::default() };
    open_with(dir, Settings { quotas, ..Settings::default() })
}

fn refused(answer: &Answer, whose: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "EntityTooLarge"), "{answer:?}");
    assert!(answer.elements("Message")[0].contains(whose), "{answer:?}");
}

#[tokio::test]
async fn a_full_bucket_takes_no_more_by_any_way() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = limited(dir.path(), Some(200_000), None);
    done(&walrus, "PUT", "/bucket").await;
    done(&walrus, "PUT", "/other").await;
    assert_eq!(put(&walrus, "/bucket/large", 199_000).await.status, 200);
    refused(&put(&walrus, "/bucket/small", 1001).await, "the bucket may hold 200000 bytes");
    refused(&put(&walrus, "/bucket/other", 100_000).await, "the bucket may hold");
    assert_eq!(put(&walrus, "/other/large", 100_000).await.status, 200);
    refused(&copy("/bucket/copy", "/other/large").send(&walrus).await, "the bucket may hold");
    let id = begin(&walrus, "/bucket/parts").await;
    let part = format!("/bucket/parts?partNumber=1&uploadId={id}");
    refused(&put(&walrus, &part, 1001).await, "the bucket may hold");
    refused(&put(&walrus, &part, 70_000).await, "the bucket may hold");
    refused(&copy(&part, "/other/large").send(&walrus).await, "the bucket may hold");
    assert_eq!(held(&walrus, "bucket").await, (1, 199_000));
    let fits = put(&walrus, &part, 1000).await;
    assert_eq!(held(&walrus, "bucket").await, (2, 200_000));
    // what is written over makes room
    assert_eq!(put(&walrus, "/bucket/large", 199_000).await.status, 200);
    assert_eq!(complete(&walrus, "/bucket/parts", &id, fits.header("etag")).await.status, 200);
    set(&walrus, "bucket", "Enabled").await;
    refused(&put(&walrus, "/bucket/large", 1).await, "the bucket may hold");
    done(&walrus, "DELETE", "/bucket/parts?versionId=null").await;
    assert_eq!(put(&walrus, "/bucket/large", 1000).await.status, 200);
    assert_eq!(held(&walrus, "bucket").await, (2, 200_000));
    let root = call("ROOT", "PUT", "/root").send(&walrus).await;
    assert_eq!(root.status, 200);
    let free = call("ROOT", "PUT", "/root/large").body(content(1, 300_000)).send(&walrus).await;
    assert_eq!(free.status, 200, "an administrator has no limits");
}

#[tokio::test]
async fn a_user_has_one_limit_for_all_his_buckets_and_keeps_what_is_over_it() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = limited(dir.path(), None, Some(1000));
    done(&walrus, "PUT", "/one").await;
    done(&walrus, "PUT", "/two").await;
    assert_eq!(put(&walrus, "/one/key", 600).await.status, 200);
    refused(&put(&walrus, "/two/key", 401).await, "all buckets of this bucket's owner may hold");
    assert_eq!(put(&walrus, "/two/key", 400).await.status, 200);
    call("BOB", "PUT", "/bob").send(&walrus).await;
    assert_eq!(call("BOB", "PUT", "/bob/key").body("bob").send(&walrus).await.status, 200);
    walrus.set_quotas(Quotas {
        buckets_per_user: Some(1),
        user_bytes: Some(10),
        bucket_bytes: None,
    });
    assert_eq!(done(&walrus, "GET", "/one/key").await.body.len(), 600);
    refused(&put(&walrus, "/one/key", 601).await, "all buckets");
    assert_eq!(put(&walrus, "/one/key", 600).await.status, 200, "it is not more than before");
    let third = call("ALICE", "PUT", "/three").send(&walrus).await;
    assert_eq!((third.status.as_u16(), third.code()), (400, "TooManyBuckets"));
    done(&walrus, "PUT", "/two").await;
    walrus.set_quotas(Quotas::default());
    assert_eq!(put(&walrus, "/one/key", 5000).await.status, 200);
    done(&walrus, "PUT", "/three").await;
}

#[tokio::test]
async fn what_says_that_it_is_too_long_is_refused_before_it_is_received() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = limited(dir.path(), Some(200_000), None);
    done(&walrus, "PUT", "/bucket").await;
    // were the body received, it would be said to be too short
    let said = call("ALICE", "PUT", "/bucket/key").header("content-length", "200001").body("x");
    refused(&said.send(&walrus).await, "the bucket may hold");
    let fits = call("ALICE", "PUT", "/bucket/key").header("content-length", "200000").body("x");
    assert_eq!(fits.send(&walrus).await.code(), "IncompleteBody");
}
