//! What configures a bucket comes and goes with it.

use crate::client::{call, open};
use crate::protocol::{furnished, refused};

const TAGS: &str =
    "<Tagging><TagSet><Tag><Key>team</Key><Value>lab 1</Value></Tag></TagSet></Tagging>";

#[tokio::test]
async fn the_tags_of_a_bucket_are_kept_until_it_goes() {
    let (dir, walrus) = furnished().await;
    refused(&call("ALICE", "GET", "/bucket?tagging").send(&walrus).await, 404, "NoSuchTagSet");
    let put = call("ALICE", "PUT", "/bucket?tagging").body(TAGS);
    assert_eq!(put.send(&walrus).await.status, 204);
    drop(walrus);
    let walrus = open(dir.path());
    let tags = call("ALICE", "GET", "/bucket?tagging").send(&walrus).await;
    assert_eq!((tags.elements("Key"), tags.elements("Value")), (vec!["team"], vec!["lab 1"]));

    for method in ["GET", "PUT", "DELETE"] {
        let others = call("MALLORY", method, "/bucket?tagging").body(TAGS).send(&walrus).await;
        refused(&others, 403, "AccessDenied");
    }
    let bad = call("ALICE", "PUT", "/bucket?tagging").body(TAGS.replace("team", "aws:team"));
    refused(&bad.send(&walrus).await, 400, "InvalidTag");
    refused(&call("ALICE", "POST", "/bucket?tagging").send(&walrus).await, 501, "NotImplemented");

    assert_eq!(call("ALICE", "DELETE", "/bucket?tagging").send(&walrus).await.status, 204);
    refused(&call("ALICE", "GET", "/bucket?tagging").send(&walrus).await, 404, "NoSuchTagSet");
    assert_eq!(call("ALICE", "DELETE", "/bucket?tagging").send(&walrus).await.status, 204);

    let put = call("ALICE", "PUT", "/bucket?tagging").body(TAGS);
    assert_eq!(put.send(&walrus).await.status, 204);
    for (method, path) in [("DELETE", "/bucket/key"), ("DELETE", "/bucket"), ("PUT", "/bucket")] {
        assert!(call("ALICE", method, path).send(&walrus).await.status.is_success(), "{path}");
    }
    refused(&call("ALICE", "GET", "/bucket?tagging").send(&walrus).await, 404, "NoSuchTagSet");
}

#[tokio::test]
async fn what_no_bucket_has_is_answered_as_s3_does_and_cannot_be_set() {
    let (_dir, walrus) = furnished().await;
    for (word, root) in [
        ("accelerate", "AccelerateConfiguration"),
        ("logging", "BucketLoggingStatus"),
        ("notification", "NotificationConfiguration"),
        ("requestPayment", "RequestPaymentConfiguration"),
    ] {
        let answer = call("ALICE", "GET", &format!("/bucket?{word}")).send(&walrus).await;
        let start = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        assert!(answer.status == 200 && answer.text().contains(&start), "{word}: {answer:?}");
    }
    let payment = call("ALICE", "GET", "/bucket?requestPayment").send(&walrus).await;
    assert_eq!(payment.elements("Payer"), ["BucketOwner"]);
    for (word, code) in [
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("website", "NoSuchWebsiteConfiguration"),
    ] {
        let answer = call("ALICE", "GET", &format!("/bucket?{word}")).send(&walrus).await;
        refused(&answer, 404, code);
    }
    for word in [
        "accelerate",
        "encryption",
        "logging",
        "notification",
        "object-lock",
        "replication",
        "requestPayment",
        "website",
    ] {
        for (method, path) in [
            ("PUT", "/bucket"),
            ("DELETE", "/bucket"),
            ("POST", "/bucket"),
            ("GET", "/bucket/key"),
            ("GET", "/"),
        ] {
            let answer = call("ALICE", method, &format!("{path}?{word}")).send(&walrus).await;
            refused(&answer, 501, "NotImplemented");
            assert!(answer.text().contains(&format!("?{word}")), "{}", answer.text());
        }
    }
    assert_eq!(call("ALICE", "GET", "/bucket/key").send(&walrus).await.text(), "hello");
}
