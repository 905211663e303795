//! Owners of objects, and ACLs.

use crate::client::{account, anonymous, call, open};
use crate::protocol::{furnished, refused};
use types::AccountId;
use walrus::Walrus;

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

async fn status(walrus: &Walrus, user: &'static str, method: &str, path: &str) -> u16 {
    call(user, method, path).send(walrus).await.status.as_u16()
}

async fn set(walrus: &Walrus, user: &'static str, path: &str, acl: &str) {
    let put = call(user, "PUT", &format!("{path}?acl")).header("x-amz-acl", acl);
    let answer = put.send(walrus).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_object_is_its_writers() {
    let (dir, walrus) = furnished().await;
    set(&walrus, "ALICE", "/bucket", "public-read-write").await;
    let path = "/bucket/bobs";
    assert_eq!(call("BOB", "PUT", path).body("x").send(&walrus).await.status, 200);
    // the bucket's owner gets it neither by his ownership nor by his policy, but may delete it
    for (user, method, path, expected) in [
        ("ALICE", "GET", path, 403),
        ("ALICE", "GET", "/bucket/bobs?acl", 403),
        ("ALICE", "PUT", "/bucket/bobs?acl", 403),
        ("BOB", "GET", path, 200),
        ("BOB", "GET", "/bucket/bobs?acl", 200),
        ("BOB", "GET", "/bucket/key", 403),
    ] {
        assert_eq!(status(&walrus, user, method, path).await, expected, "{user} {method} {path}");
    }
    let policy = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                     "Resource": "arn:aws:s3:::bucket/*"}}"#;
    let put = call("ALICE", "PUT", "/bucket?policy").body(policy).send(&walrus).await;
    assert_eq!(put.status, 204, "{put:?}");
    assert_eq!(anonymous("GET", "/bucket/key").send(&walrus).await.status, 200);
    assert_eq!(anonymous("GET", path).send(&walrus).await.status, 403);
    let listed = call("ALICE", "GET", "/bucket").send(&walrus).await;
    let owners = [account("BOB"), account("ALICE")].map(|id| id.to_string());
    assert_eq!(listed.elements("ID"), owners, "{listed:?}");
    drop(walrus);
    let walrus = open(dir.path());
    let acl = call("BOB", "GET", "/bucket/bobs?acl").send(&walrus).await;
    assert_eq!(acl.elements("DisplayName"), ["bob", "bob"], "{acl:?}");

    set(&walrus, "BOB", path, "bucket-owner-read").await;
    assert_eq!(status(&walrus, "ALICE", "GET", path).await, 200);
    assert_eq!(status(&walrus, "ALICE", "GET", "/bucket/bobs?acl").await, 403);
    set(&walrus, "BOB", path, "bucket-owner-full-control").await;
    let acl = call("ALICE", "GET", "/bucket/bobs?acl").send(&walrus).await;
    assert_eq!(acl.elements("DisplayName"), ["bob", "bob", "alice"], "{acl:?}");
    assert_eq!(status(&walrus, "ALICE", "DELETE", path).await, 204);
}

#[tokio::test]
async fn uploads_and_copies_are_their_writers_too() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "ALICE", "/bucket", "public-read-write").await;
    let begun = call("BOB", "POST", "/bucket/parts?uploads").send(&walrus).await;
    let upload = format!("/bucket/parts?uploadId={}", begun.elements("UploadId")[0]);
    let part = call("BOB", "PUT", &format!("{upload}&partNumber=1")).body("hello");
    let etag = part.send(&walrus).await.header("etag").to_owned();
    assert_eq!(status(&walrus, "MALLORY", "GET", &upload).await, 403);
    for user in ["ALICE", "BOB"] {
        let parts = call(user, "GET", &upload).send(&walrus).await;
        assert_eq!(parts.elements("ID"), [account("BOB").to_string(), account("BOB").to_string()]);
    }
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    let done = call("ALICE", "POST", &upload).body(list).send(&walrus).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(status(&walrus, "ALICE", "GET", "/bucket/parts").await, 403);
    assert_eq!(status(&walrus, "BOB", "GET", "/bucket/parts").await, 200);

    let copy = |user, to, from| call(user, "PUT", to).header("x-amz-copy-source", from);
    let refusal = copy("ALICE", "/bucket/copy", "/bucket/parts").send(&walrus).await;
    refused(&refusal, 403, "AccessDenied");
    let refusal = copy("BOB", "/bucket/copy", "/bucket/key").send(&walrus).await;
    refused(&refusal, 403, "AccessDenied");
    assert_eq!(copy("BOB", "/bucket/copy", "/bucket/parts").send(&walrus).await.status, 200);
    assert_eq!(status(&walrus, "ALICE", "GET", "/bucket/copy").await, 403);
}

#[tokio::test]
async fn what_the_anonymous_write_is_the_bucket_owners() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "ALICE", "/bucket", "public-read-write").await;
    let put = anonymous("PUT", "/bucket/new").body("x");
    assert_eq!(put.send(&walrus).await.status, 200);
    assert_eq!(status(&walrus, "ALICE", "GET", "/bucket/new").await, 200);
    assert_eq!(anonymous("GET", "/bucket/new").send(&walrus).await.status, 403);
    for (name, value) in
        [("x-amz-acl", "public-read"), ("x-amz-grant-full-control", &format!("uri={ALL_USERS}"))]
    {
        let put = anonymous("PUT", "/bucket/new").header(name, value).body("y");
        refused(&put.send(&walrus).await, 403, "AccessDenied");
    }
    let signed_chunks = anonymous("PUT", "/bucket/new")
        .header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(signed_chunks.body("0\r\n\r\n").send(&walrus).await.status, 403);
}

#[tokio::test]
async fn whoever_means_to_sign_is_not_anonymous() {
    let (_dir, walrus) = furnished().await;
    set(&walrus, "ALICE", "/bucket/key", "public-read").await;
    assert_eq!(anonymous("GET", "/bucket/key").send(&walrus).await.body, "hello");
    for (name, value) in [
        ("authorization", ""),
        ("authorization", "Basic YTpi"),
        ("authorization", "AWS ALICE:wrong"),
    ] {
        let get = anonymous("GET", "/bucket/key").header(name, value);
        assert!(get.send(&walrus).await.status.is_client_error(), "{value:?}");
    }
    for query in [
        "Signature=x",
        "AWSAccessKeyId=ALICE",
        "x-amz-signature=x",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=ALICE",
        "AWSAccessKeyId=ALICE&Signature=x&Expires=9999999999",
    ] {
        let answer = anonymous("GET", &format!("/bucket/key?{query}")).send(&walrus).await;
        assert!(answer.status.is_client_error(), "{query}: {answer:?}");
    }
    let wrong = call("ALICE", "GET", "/bucket/key").header("authorization", "AWS4-HMAC-SHA256 x");
    assert!(wrong.send_as_it_is(&walrus).await.status.is_client_error());
}

#[tokio::test]
async fn grants_come_back_as_they_were_given() {
    let (dir, walrus) = furnished().await;
    let (alice, bob) = (account("ALICE"), account("BOB"));
    for path in ["/bucket?acl", "/bucket/key?acl"] {
        let put = call("ALICE", "PUT", path)
            .header("x-amz-grant-read", &format!("id=\"{bob}\", uri=\"{ALL_USERS}\""))
            .header("x-amz-grant-full-control", &format!("id={alice}"));
        assert_eq!(put.send(&walrus).await.status, 200);
        let shown = call("ALICE", "GET", path).send(&walrus).await;
        assert_eq!(shown.elements("DisplayName"), ["alice", "bob", "alice"], "{shown:?}");
        assert_eq!(shown.elements("URI"), [ALL_USERS]);
        assert_eq!(shown.elements("Permission"), ["READ", "READ", "FULL_CONTROL"]);
        // what is shown can be put again
        let less = shown.text().replacen("<Permission>READ<", "<Permission>READ_ACP<", 1);
        assert_eq!(call("ALICE", "PUT", path).body(less).send(&walrus).await.status, 200);
        assert_eq!(status(&walrus, "BOB", "GET", path).await, 200);
        assert_eq!(anonymous("GET", path).send(&walrus).await.status, 403);
    }
    drop(walrus);
    let walrus = open(dir.path());
    for path in ["/bucket", "/bucket/key"] {
        assert_eq!(anonymous("GET", path).send(&walrus).await.status, 200, "{path}");
        assert_eq!(status(&walrus, "BOB", "GET", &format!("{path}?acl")).await, 200);
    }
}

#[tokio::test]
async fn acls_that_cannot_be_are_refused() {
    let (_dir, walrus) = furnished().await;
    let many = vec![format!("id={}", account("BOB")); 101].join(",");
    for (name, value, status, code) in [
        ("x-amz-grant-read", "bob", 400, "InvalidArgument"),
        ("x-amz-grant-read", "name=bob", 400, "InvalidArgument"),
        ("x-amz-grant-read", "id=000000000001", 400, "InvalidArgument"),
        ("x-amz-grant-read", "uri=http://acs.amazonaws.com/groups/x", 400, "InvalidArgument"),
        ("x-amz-grant-read", "emailAddress=a@b", 501, "NotImplemented"),
        ("x-amz-grant-read", &many, 400, "InvalidArgument"),
        ("x-amz-acl", "open", 400, "InvalidArgument"),
        ("x-amz-acl", "log-delivery-write", 501, "NotImplemented"),
    ] {
        for path in ["/bucket?acl", "/bucket/key?acl", "/bucket/new", "/bucket"] {
            let put = call("ALICE", "PUT", path).header(name, value);
            refused(&put.send(&walrus).await, status, code);
        }
    }
    let both = call("ALICE", "PUT", "/bucket?acl").header("x-amz-acl", "private");
    let both = both.header("x-amz-grant-read", &format!("uri={ALL_USERS}"));
    refused(&both.send(&walrus).await, 400, "InvalidRequest");
    let none = call("ALICE", "PUT", "/bucket?acl");
    refused(&none.send(&walrus).await, 400, "MissingSecurityHeader");
    let twice = call("ALICE", "PUT", "/bucket?acl").header("x-amz-acl", "private").body("<a/>");
    refused(&twice.send(&walrus).await, 400, "UnexpectedContent");
    let grant =
        "<Grant><Grantee><ID>000000000001</ID></Grantee><Permission>READ</Permission></Grant>";
    let alice = account("ALICE");
    let document = |grants: &str| {
        format!(
            "<AccessControlPolicy><Owner><ID>{alice}</ID></Owner><AccessControlList>{grants}\
             </AccessControlList></AccessControlPolicy>"
        )
    };
    for (body, status, code) in [
        ("<AccessControlPolicy/>".to_owned(), 400, "MalformedACLError"),
        (document(grant), 400, "InvalidArgument"),
        (
            document(&grant.replace("000000000001", &alice.to_string()).repeat(101)),
            400,
            "InvalidArgument",
        ),
        (
            document("").replace(&alice.to_string(), &account("BOB").to_string()),
            403,
            "AccessDenied",
        ),
    ] {
        refused(&call("ALICE", "PUT", "/bucket?acl").body(body).send(&walrus).await, status, code);
    }
    let shown = call("ALICE", "GET", "/bucket?acl").send(&walrus).await;
    assert_eq!(shown.elements("Permission"), ["FULL_CONTROL"], "nothing has changed");
}

#[tokio::test]
async fn whether_a_key_is_there_is_known_to_those_who_may_list() {
    let (_dir, walrus) = furnished().await;
    for (path, acl) in [("/bucket/key", "public-read"), ("/bucket", "public-read")] {
        let missing = anonymous("GET", "/bucket/missing").send(&walrus).await;
        refused(&missing, 403, "AccessDenied");
        assert_eq!(anonymous("HEAD", "/bucket/missing").send(&walrus).await.status, 403);
        set(&walrus, "ALICE", path, acl).await;
    }
    refused(&anonymous("GET", "/bucket/missing").send(&walrus).await, 404, "NoSuchKey");
    refused(&anonymous("GET", "/bucket/missing?acl").send(&walrus).await, 404, "NoSuchKey");
    refused(&anonymous("GET", "/nothing/key").send(&walrus).await, 404, "NoSuchBucket");
}

#[tokio::test]
async fn the_cloud_reads_no_more_than_its_user_may() {
    let (_dir, walrus) = furnished().await;
    let opens = async |user: AccountId, key: &str| {
        walrus.open_object(user, "bucket", key).await.unwrap().is_some()
    };
    let (alice, bob) = (account("ALICE"), account("BOB"));
    set(&walrus, "ALICE", "/bucket", "public-read-write").await;
    call("BOB", "PUT", "/bucket/bobs").body("x").send(&walrus).await;
    assert!(opens(bob, "bobs").await && !opens(alice, "bobs").await);
    assert!(opens(alice, "key").await && !opens(bob, "key").await);
    set(&walrus, "ALICE", "/bucket/key", "public-read").await;
    assert!(opens(bob, "key").await);
    set(&walrus, "ALICE", "/bucket/key", "aws-exec-read").await;
    assert!(opens(bob, "key").await);
    let policy = format!(
        r#"{{"Statement": {{"Effect": "Deny", "Principal": {{"AWS": "{bob}"}},
            "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/*"}}}}"#
    );
    let put = call("ALICE", "PUT", "/bucket?policy").body(policy).send(&walrus).await;
    assert_eq!(put.status, 204, "{put:?}");
    assert!(!opens(bob, "key").await && opens(alice, "key").await);
}
