//! Bucket policies, the public access block and the ownership of objects, as clients see them.

use crate::client::{Call, account, anonymous, call, open};
use crate::protocol::{furnished, refused};
use walrus::Walrus;

/// A policy of `bucket` with one statement.
fn policy(effect: &str, principal: &str, action: &str, more: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "{effect}", "Principal": {principal},
        "Action": "{action}", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"]{more}}}]}}"#
    )
}

async fn put(walrus: &Walrus, policy: String) {
    let answer = call("ALICE", "PUT", "/bucket?policy").body(policy).send(walrus).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

async fn allowed(walrus: &Walrus, call: Call<'_>) -> bool {
    let answer = call.send(walrus).await;
    assert!(answer.status.is_success() || answer.status == 403, "{answer:?}");
    answer.status.is_success()
}

#[tokio::test]
async fn a_policy_is_kept_as_it_was_put() {
    let (dir, walrus) = furnished().await;
    for word in ["policy", "policyStatus"] {
        let missing = call("ALICE", "GET", &format!("/bucket?{word}")).send(&walrus).await;
        refused(&missing, 404, "NoSuchBucketPolicy");
    }
    let text = policy("Allow", "\"*\"", "s3:GetObject", "");
    put(&walrus, text.clone()).await;
    drop(walrus);
    let walrus = open(dir.path());
    let answer = call("ALICE", "GET", "/bucket?policy").send(&walrus).await;
    assert_eq!((answer.text(), answer.header("content-type")), (text.as_str(), "application/json"));
    let status = call("ALICE", "GET", "/bucket?policyStatus").send(&walrus).await;
    assert_eq!(status.elements("IsPublic"), ["true"]);
    assert_eq!(anonymous("GET", "/bucket/key").send(&walrus).await.body, "hello");
    for (bad, reason) in [
        ("{".to_owned(), "EOF"),
        (policy("Allow", "\"*\"", "s3:Fly", ""), "invalid action"),
        (policy("Allow", r#"{"AWS": "000000000001"}"#, "s3:GetObject", ""), "no such user"),
        (text.replace(":::bucket", ":::other"), "invalid resource"),
        (" ".repeat(20 * 1024 + 1), "20480 bytes"),
    ] {
        let answer = call("ALICE", "PUT", "/bucket?policy").body(bad).send(&walrus).await;
        refused(&answer, 400, "MalformedPolicy");
        assert!(answer.elements("Message")[0].contains(reason), "{answer:?}");
    }
    assert_eq!(call("ALICE", "DELETE", "/bucket?policy").send(&walrus).await.status, 204);
    refused(&anonymous("GET", "/bucket/key").send(&walrus).await, 403, "AccessDenied");
}

#[tokio::test]
async fn a_policy_names_accounts_and_their_users() {
    let (_dir, walrus) = furnished().await;
    let bob = account("BOB");
    for principal in [
        format!(r#"{{"AWS": "{bob}"}}"#),
        format!(r#"{{"AWS": ["arn:aws:iam::{bob}:root"]}}"#),
        format!(r#"{{"AWS": "arn:aws:iam::{bob}:user/bob"}}"#),
        format!(r#"{{"CanonicalUser": "{bob}"}}"#),
    ] {
        put(&walrus, policy("Allow", &principal, "s3:GetObject", "")).await;
        assert!(allowed(&walrus, call("BOB", "GET", "/bucket/key")).await, "{principal}");
        assert!(!allowed(&walrus, call("MALLORY", "GET", "/bucket/key")).await);
        assert!(!allowed(&walrus, anonymous("GET", "/bucket/key")).await);
        assert!(!allowed(&walrus, call("BOB", "GET", "/bucket/missing")).await, "without a 404");
    }
    let wrong = format!(r#"{{"AWS": "arn:aws:iam::{bob}:user/robert"}}"#);
    let wrong = policy("Allow", &wrong, "s3:GetObject", "");
    let answer = call("ALICE", "PUT", "/bucket?policy").body(wrong).send(&walrus).await;
    refused(&answer, 400, "MalformedPolicy");
}

#[tokio::test]
async fn conditions_see_the_request() {
    let (_dir, walrus) = furnished().await;
    let get = || anonymous("GET", "/bucket/key");
    let list = |query: &str| anonymous("GET", &format!("/bucket?{query}"));
    for (action, condition, meets, fails) in [
        (
            "s3:GetObject",
            r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#,
            get().from("10.1.2.3", false),
            get().from("11.1.2.3", false),
        ),
        (
            "s3:GetObject",
            r#"{"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#,
            get().from("::ffff:10.1.2.3", false),
            get(),
        ),
        (
            "s3:GetObject",
            r#"{"Bool": {"aws:SecureTransport": "true"}}"#,
            get().from("10.1.2.3", true),
            get().from("10.1.2.3", false),
        ),
        (
            "s3:GetObject",
            r#"{"StringLike": {"aws:Referer": "http://www.example.com/*"}}"#,
            get().header("referer", "http://www.example.com/a"),
            get().header("referer", "http://www.example.org/"),
        ),
        (
            "s3:ListBucket",
            r#"{"StringEquals": {"s3:prefix": ["", "home/"]}, "NumericLessThanEquals": {"s3:max-keys": 10}}"#,
            list("prefix=home/&max-keys=10"),
            list("prefix=home/&max-keys=11"),
        ),
        (
            "s3:GetObject",
            r#"{"StringEquals": {"s3:authType": "REST-HEADER", "aws:username": "bob"}}"#,
            call("BOB", "GET", "/bucket/key"),
            call("MALLORY", "GET", "/bucket/key"),
        ),
        (
            "s3:PutObject",
            r#"{"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control",
                "s3:signatureversion": "AWS4-HMAC-SHA256"}}"#,
            call("BOB", "PUT", "/bucket/new").header("x-amz-acl", "bucket-owner-full-control"),
            call("BOB", "PUT", "/bucket/new"),
        ),
        (
            "s3:GetObject",
            r#"{"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
                "NumericGreaterThan": {"aws:EpochTime": 1577836800}}"#,
            get(),
            list(""),
        ),
    ] {
        put(&walrus, policy("Allow", "\"*\"", action, &format!(r#", "Condition": {condition}"#)))
            .await;
        assert!(allowed(&walrus, meets).await, "{condition}");
        assert!(!allowed(&walrus, fails).await, "{condition}");
    }
    // what is too long to be compared is not taken for something else
    let agent = get().header("user-agent", &"x".repeat(5000));
    refused(&agent.send(&walrus).await, 400, "InvalidRequest");
}

#[tokio::test]
async fn whoever_compares_an_etag_must_be_allowed_to_read() {
    let (_dir, walrus) = furnished().await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let keys = format!("<Delete><Object><Key>key</Key><ETag>{etag}</ETag></Object></Delete>");
    let attempts = || {
        [
            call("BOB", "PUT", "/bucket/key").header("if-match", etag).body("hello"),
            call("BOB", "DELETE", "/bucket/key").header("if-match", etag),
            call("BOB", "POST", "/bucket?delete").body(keys.clone()),
        ]
    };
    let writes = policy("Allow", "\"*\"", "ACTION", "");
    let writes = writes.replace("\"ACTION\"", r#"["s3:PutObject", "s3:DeleteObject"]"#);
    put(&walrus, writes).await;
    for attempt in attempts() {
        assert_eq!(attempt.send(&walrus).await.code(), "AccessDenied");
    }
    put(&walrus, policy("Allow", "\"*\"", "s3:*Object", "")).await;
    for attempt in attempts() {
        let answer = attempt.send(&walrus).await;
        assert_eq!((answer.status.is_success(), answer.code()), (true, ""), "{answer:?}");
        assert!(allowed(&walrus, call("BOB", "PUT", "/bucket/key").body("hello")).await);
    }
}

#[tokio::test]
async fn a_public_access_block_does_what_each_setting_says() {
    let (dir, walrus) = furnished().await;
    let missing = call("ALICE", "GET", "/bucket?publicAccessBlock").send(&walrus).await;
    refused(&missing, 404, "NoSuchPublicAccessBlockConfiguration");
    let block = async |walrus: &Walrus, setting: &str| {
        let body = format!(
            "<PublicAccessBlockConfiguration><{setting}>TRUE</{setting}></PublicAccessBlockConfiguration>"
        );
        let put = call("ALICE", "PUT", "/bucket?publicAccessBlock").body(body);
        assert_eq!(put.send(walrus).await.status, 200);
    };
    block(&walrus, "BlockPublicAcls").await;
    for path in ["/bucket?acl", "/bucket/key?acl", "/bucket", "/bucket/new", "/bucket/new?uploads"]
    {
        let method = if path.ends_with("uploads") { "POST" } else { "PUT" };
        let public = call("ALICE", method, path).header("x-amz-acl", "authenticated-read");
        refused(&public.send(&walrus).await, 403, "AccessDenied");
        let private = call("ALICE", method, path).header("x-amz-acl", "private");
        assert_eq!(private.send(&walrus).await.status, 200, "{path}");
    }

    block(&walrus, "IgnorePublicAcls").await;
    let public = call("ALICE", "PUT", "/bucket/key?acl").header("x-amz-acl", "public-read");
    assert_eq!(public.send(&walrus).await.status, 200);
    assert!(!allowed(&walrus, anonymous("GET", "/bucket/key")).await);

    block(&walrus, "BlockPublicPolicy").await;
    assert!(allowed(&walrus, anonymous("GET", "/bucket/key")).await, "the ACL counts again");
    let public = policy("Allow", "\"*\"", "s3:ListBucket", "");
    let refusal = call("ALICE", "PUT", "/bucket?policy").body(public.clone()).send(&walrus).await;
    refused(&refusal, 403, "AccessDenied");
    let bob = format!(r#"{{"AWS": "{}"}}"#, account("BOB"));
    put(&walrus, policy("Allow", &bob, "s3:ListBucket", "")).await;

    block(&walrus, "RestrictPublicBuckets").await;
    assert!(allowed(&walrus, call("BOB", "GET", "/bucket")).await, "no public policy");
    put(&walrus, public).await;
    drop(walrus);
    let walrus = open(dir.path());
    assert!(!allowed(&walrus, call("BOB", "GET", "/bucket")).await);
    assert!(allowed(&walrus, call("ALICE", "GET", "/bucket")).await);
    let shown = call("ALICE", "GET", "/bucket?publicAccessBlock").send(&walrus).await;
    assert_eq!(shown.elements("RestrictPublicBuckets"), ["true"]);
    assert_eq!(shown.elements("BlockPublicAcls"), ["false"]);
    for bad in [
        "",
        "<PublicAccessBlockConfiguration><All>true</All></PublicAccessBlockConfiguration>",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>on</BlockPublicAcls></PublicAccessBlockConfiguration>",
    ] {
        let put = call("ALICE", "PUT", "/bucket?publicAccessBlock").body(bad);
        refused(&put.send(&walrus).await, 400, "MalformedXML");
    }
    call("ALICE", "DELETE", "/bucket?publicAccessBlock").send(&walrus).await;
    assert!(allowed(&walrus, call("BOB", "GET", "/bucket")).await);
}

#[tokio::test]
async fn a_policy_is_public_unless_it_is_for_certain_people_or_networks() {
    let (_dir, walrus) = furnished().await;
    let condition = |condition: &str| {
        let more = format!(r#", "Condition": {condition}"#);
        policy("Allow", "\"*\"", "s3:GetObject", &more)
    };
    for (policy, is_public) in [
        (policy("Allow", "\"*\"", "s3:GetObject", ""), "true"),
        (policy("Deny", "\"*\"", "s3:GetObject", ""), "false"),
        (policy("Allow", &format!(r#"{{"AWS": "{}"}}"#, account("BOB")), "s3:*", ""), "false"),
        (condition(r#"{"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#), "false"),
        (condition(r#"{"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"]}}"#), "true"),
        (condition(r#"{"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}"#), "true"),
        (condition(r#"{"IpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24"}}"#), "true"),
        (condition(r#"{"StringEquals": {"aws:PrincipalAccount": "000000000007"}}"#), "false"),
        (condition(r#"{"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/bob"}}"#), "true"),
        (condition(r#"{"StringLike": {"aws:Referer": "http://example.com/a"}}"#), "true"),
    ] {
        put(&walrus, policy.clone()).await;
        let status = call("ALICE", "GET", "/bucket?policyStatus").send(&walrus).await;
        assert_eq!(status.elements("IsPublic"), [is_public], "{policy}");
    }
}

#[tokio::test]
async fn ownership_controls_say_whose_the_objects_of_others_are() {
    let (_dir, walrus) = furnished().await;
    let missing = call("ALICE", "GET", "/bucket?ownershipControls").send(&walrus).await;
    refused(&missing, 404, "OwnershipControlsNotFoundError");
    let own = async |ownership: &str| {
        let body = format!(
            "<OwnershipControls><Rule><ObjectOwnership>{ownership}</ObjectOwnership></Rule></OwnershipControls>"
        );
        call("ALICE", "PUT", "/bucket?ownershipControls").body(body).send(&walrus).await
    };
    refused(&own("Everybody").await, 400, "MalformedXML");
    let set = |acl: &'static str| call("ALICE", "PUT", "/bucket?acl").header("x-amz-acl", acl);
    assert_eq!(set("public-read-write").send(&walrus).await.status, 200);
    let full = "bucket-owner-full-control";
    let write = async |key: &str, acl: &str| {
        let put = call("BOB", "PUT", &format!("/bucket/{key}")).header("x-amz-acl", acl);
        put.body("x").send(&walrus).await
    };
    let owner = async |key: &str| {
        let list = call("ALICE", "GET", &format!("/bucket?prefix={key}")).send(&walrus).await;
        list.elements("ID")[0].to_owned()
    };
    let (alice, bob) = (account("ALICE").to_string(), account("BOB").to_string());
    for (ownership, acl, expected) in [
        ("ObjectWriter", full, &bob),
        ("BucketOwnerPreferred", "private", &bob),
        ("BucketOwnerPreferred", full, &alice),
    ] {
        assert_eq!(own(ownership).await.status, 200);
        assert_eq!(write("new", acl).await.status, 200);
        assert_eq!(owner("new").await, *expected, "{ownership} {acl}");
    }
    assert_eq!(write("bobs", "private").await.status, 200);

    let shared = own("BucketOwnerEnforced").await;
    refused(&shared, 400, "InvalidBucketAclWithObjectOwnership");
    assert_eq!(set("private").send(&walrus).await.status, 200);
    assert_eq!(own("BucketOwnerEnforced").await.status, 200);
    assert!(allowed(&walrus, call("ALICE", "GET", "/bucket/bobs")).await, "it is hers now");
    assert!(!allowed(&walrus, call("BOB", "GET", "/bucket/bobs")).await);
    refused(&set("public-read").send(&walrus).await, 400, "AccessControlListNotSupported");
    let shown = call("ALICE", "GET", "/bucket/bobs?acl").send(&walrus).await;
    assert_eq!(shown.elements("DisplayName"), ["alice", "alice"]);
    let principal = format!(r#"{{"AWS": "{bob}"}}"#);
    put(&walrus, policy("Allow", &principal, "s3:PutObject", "")).await;
    refused(&write("new", "private").await, 400, "AccessControlListNotSupported");
    assert_eq!(write("new", full).await.status, 200);
    assert!(allowed(&walrus, call("ALICE", "GET", "/bucket/new")).await);

    let shown = call("ALICE", "GET", "/bucket?ownershipControls").send(&walrus).await;
    assert_eq!(shown.elements("ObjectOwnership"), ["BucketOwnerEnforced"]);
    let gone = call("ALICE", "DELETE", "/bucket?ownershipControls").send(&walrus).await;
    assert_eq!(gone.status, 204);
    assert!(!allowed(&walrus, call("ALICE", "GET", "/bucket/bobs")).await, "it is his again");
}
