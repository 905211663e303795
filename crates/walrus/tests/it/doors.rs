//! The two ways in: below `/services/Walrus`, and at the root of a port where the host may name the
//! bucket.

use crate::client::{Call, anonymous, call};
use crate::protocol::{furnished, refused};

const HOST: &str = "localhost:9000";
const BUCKETS_HOST: &str = "bucket.localhost:9000";

#[tokio::test]
async fn every_way_leads_to_the_same_objects() {
    let (_dir, walrus) = furnished().await;
    let alice = |method, path| call("ALICE", method, path);
    for get in [
        alice("GET", "/bucket/key"),
        alice("GET", "/bucket/key").at(HOST),
        alice("GET", "/bucket/key").at("192.0.2.1"),
        alice("GET", "/key").at(BUCKETS_HOST),
        alice("GET", "/key").at("BUCKET.LocalHost."),
    ] {
        assert_eq!(get.send(&walrus).await.text(), "hello");
    }
    for get in [
        alice("GET", "/bucket/key").signed_v2("/services/Walrus/bucket/key"),
        alice("GET", "/bucket/key").signed_v2("/bucket/key"),
        alice("GET", "/bucket/key").at(HOST).signed_v2("/bucket/key"),
        alice("GET", "/key").at(BUCKETS_HOST).signed_v2("/bucket/key"),
    ] {
        assert_eq!(get.send_as_it_is(&walrus).await.text(), "hello");
    }
    let names = alice("GET", "/").at(HOST).send(&walrus).await;
    assert_eq!(names.elements("Name"), ["bucket"]);
    for list in [
        alice("GET", "/?prefix=k").at(BUCKETS_HOST).signed_v4(),
        alice("GET", "/?prefix=k").at(BUCKETS_HOST).signed_v2("/bucket/"),
        alice("GET", "/bucket?prefix=k").at(HOST).signed_v2("/bucket/"),
    ] {
        assert_eq!(list.send_as_it_is(&walrus).await.elements("Key"), ["key"]);
    }
}

#[tokio::test]
async fn a_bucket_lives_and_goes_by_its_own_host() {
    let (_dir, walrus) = furnished().await;
    let own = |method, path| call("BOB", method, path).at("other.one.localhost");
    let done = async |call: Call<'_>, status: u16| {
        let answer = call.send(&walrus).await;
        assert_eq!(answer.status, status, "{answer:?}");
        answer
    };
    done(own("PUT", "/"), 200).await;
    done(own("PUT", "//a%20b/").header("x-amz-acl", "public-read").body("x"), 200).await;
    done(anonymous("GET", "//a%20b/").at("other.one.localhost"), 200).await;
    let keys = done(call("BOB", "GET", "/other.one"), 200).await;
    assert_eq!(keys.elements("Key"), ["/a b/"], "the first slash is that of the path");
    done(own("POST", "/?delete").body("<Delete><Object><Key>/a b/</Key></Object></Delete>"), 200)
        .await;
    done(own("DELETE", "/"), 204).await;
    refused(&own("GET", "/").send(&walrus).await, 404, "NoSuchBucket");
}

#[tokio::test]
async fn a_signature_is_good_for_its_bucket_only() {
    let (_dir, walrus) = furnished().await;
    for name in ["/other", "/other/key"] {
        assert_eq!(call("ALICE", "PUT", name).send(&walrus).await.status, 200);
    }
    let get = |path| call("ALICE", "GET", path).at(BUCKETS_HOST);
    for sent in [
        // the host is signed, or the bucket that it names
        get("/key").signed_v4().at("other.localhost:9000"),
        get("/key").at("other.localhost").signed_v2("/bucket/key"),
        get("/key").signed_v2("/key"),
        get("/key").signed_v2("/services/Walrus/bucket/key"),
        get("/").signed_v2("/bucket"),
        get("/other/key").signed_v2("/other/key"),
        call("ALICE", "GET", "/bucket/key").at(HOST).signed_v2("/services/Walrus/bucket/key"),
    ] {
        refused(&sent.send_as_it_is(&walrus).await, 403, "SignatureDoesNotMatch");
    }
}

#[tokio::test]
async fn what_is_no_bucket_is_refused_at_each_door() {
    let (_dir, walrus) = furnished().await;
    for (host, path) in [
        ("ab.localhost", "/key"),
        ("services.localhost", "/Walrus/bucket/key"),
        ("-a-.localhost", "/"),
        (HOST, "/services/Walrus/bucket/key"),
    ] {
        let answer = call("ALICE", "GET", path).at(host).send(&walrus).await;
        assert_eq!(answer.code(), "InvalidBucketName", "{host} {path}");
    }
    for path in ["/../bucket/key", "/a/..", "/%00", "/%ff"] {
        let answer = call("ALICE", "GET", path).at(BUCKETS_HOST).send(&walrus).await;
        assert_eq!(answer.code(), "InvalidURI", "{path}");
    }
    // below /services/Walrus the host names nothing
    let get = call("ALICE", "GET", "/bucket/key").host("other.localhost");
    assert_eq!(get.send(&walrus).await.text(), "hello");
    let other = call("ALICE", "GET", "/key").host("bucket.localhost");
    refused(&other.send(&walrus).await, 404, "NoSuchBucket");
}
