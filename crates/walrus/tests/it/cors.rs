//! Pages of other origins: what browsers ask before, and what they read in the answers.

use crate::client::{Answer, Call, anonymous, call, open};
use crate::protocol::{furnished, refused};
use walrus::Walrus;

const RULES: &str = "<CORSConfiguration>\
    <CORSRule><AllowedOrigin>https://*.example</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>\
    <AllowedMethod>POST</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader>\
    <AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader>\
    <ExposeHeader>x-amz-request-id</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule>\
    <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>\
    </CORSConfiguration>";
const PAGE: &str = "https://www.example";

async fn with_rules() -> (tempfile::TempDir, Walrus) {
    let (dir, walrus) = furnished().await;
    refused(
        &call("ALICE", "GET", "/bucket?cors").send(&walrus).await,
        404,
        "NoSuchCORSConfiguration",
    );
    let put = call("ALICE", "PUT", "/bucket?cors").body(RULES).send(&walrus).await;
    assert_eq!(put.status, 200, "{put:?}");
    (dir, walrus)
}

fn preflight(path: &str, origin: &str, method: &str) -> Call<'static> {
    let asked = anonymous("OPTIONS", path).header("origin", origin);
    asked.header("access-control-request-method", method)
}

fn allowed(answer: &Answer) -> (&str, &str, &str) {
    let header = |name: &str| answer.header(&format!("access-control-{name}"));
    (header("allow-origin"), header("allow-methods"), header("allow-credentials"))
}

#[tokio::test]
async fn the_rules_of_a_bucket_are_kept_until_they_are_deleted() {
    let (dir, walrus) = with_rules().await;
    drop(walrus);
    let walrus = open(dir.path());
    let rules = call("ALICE", "GET", "/bucket?cors").send(&walrus).await;
    assert_eq!(rules.elements("AllowedOrigin"), ["https://*.example", "*"]);
    assert_eq!(rules.elements("MaxAgeSeconds"), ["600"]);
    let bad = call("ALICE", "PUT", "/bucket?cors").body("<CORSConfiguration/>");
    refused(&bad.send(&walrus).await, 400, "MalformedXML");
    assert_eq!(call("ALICE", "DELETE", "/bucket?cors").send(&walrus).await.status, 204);
    refused(
        &call("ALICE", "GET", "/bucket?cors").send(&walrus).await,
        404,
        "NoSuchCORSConfiguration",
    );
    refused(&preflight("/bucket/key", PAGE, "GET").send(&walrus).await, 403, "AccessForbidden");
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_first_rule_that_fits() {
    let (_dir, walrus) = with_rules().await;
    for path in ["/bucket", "/bucket/key", "/bucket/no/such/key?X-Amz-Signature=whatever"] {
        let asked = preflight(path, PAGE, "PUT");
        let asked = asked.header("access-control-request-headers", "X-Amz-Acl, content-type");
        let answer = asked.send(&walrus).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{answer:?}");
        assert_eq!(allowed(&answer), (PAGE, "PUT, POST", "true"));
        assert_eq!(answer.header("access-control-allow-headers"), "X-Amz-Acl, content-type");
        assert_eq!(answer.header("access-control-expose-headers"), "ETag, x-amz-request-id");
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert!(answer.header("vary").contains("Origin"));
    }
    let anyone = preflight("/bucket/key", "null", "GET").send(&walrus).await;
    assert_eq!(allowed(&anyone), ("*", "GET", ""));
    let own = preflight("/key", PAGE, "PUT").at("bucket.localhost").send(&walrus).await;
    assert_eq!(allowed(&own).0, PAGE, "{own:?}");
}

#[tokio::test]
async fn a_preflight_that_no_rule_fits_is_forbidden() {
    let (_dir, walrus) = with_rules().await;
    assert_eq!(call("ALICE", "PUT", "/plain").send(&walrus).await.status, 200);
    for (asked, why) in [
        (preflight("/missing/key", PAGE, "GET"), "Bucket not found"),
        (preflight("/plain/key", PAGE, "GET"), "CORS is not enabled"),
        (preflight("/bucket/key", "https://elsewhere", "PUT"), "not allowed"),
        (preflight("/bucket/key", PAGE, "DELETE"), "not allowed"),
        (
            preflight("/bucket/key", PAGE, "PUT")
                .header("access-control-request-headers", "x-amz-acl, authorization"),
            "not allowed",
        ),
        (preflight("/", PAGE, "GET"), "only a bucket"),
    ] {
        let answer = asked.send(&walrus).await;
        refused(&answer, 403, "AccessForbidden");
        assert!(answer.text().contains(why), "{}", answer.text());
        assert_eq!(allowed(&answer), ("", "", ""));
    }
    let method = ("access-control-request-method", "GET");
    for no_preflight in [
        anonymous("OPTIONS", "/bucket/key"),
        anonymous("OPTIONS", "/bucket/key").header("origin", PAGE),
        anonymous("OPTIONS", "/bucket/key").header(method.0, method.1),
        preflight("/bucket/key", PAGE, "PATCH"),
        preflight("/bucket/key", &"x".repeat(5000), "GET"),
    ] {
        refused(&no_preflight.send(&walrus).await, 400, "BadRequest");
    }
}

#[tokio::test]
async fn answers_and_errors_say_who_may_see_them() {
    let (_dir, walrus) = with_rules().await;
    let get = call("ALICE", "GET", "/bucket/key").header("origin", PAGE).send(&walrus).await;
    assert_eq!((get.text(), allowed(&get)), ("hello", ("*", "GET", "")));
    let put = call("ALICE", "PUT", "/bucket/key").header("origin", PAGE).body("x");
    let put = put.send(&walrus).await;
    assert_eq!(allowed(&put), (PAGE, "PUT, POST", "true"));
    assert_eq!(put.header("access-control-expose-headers"), "ETag, x-amz-request-id");
    let denied = anonymous("GET", "/bucket/key").header("origin", PAGE).send(&walrus).await;
    assert_eq!((denied.status.as_u16(), allowed(&denied).0), (403, "*"));
    let other = call("ALICE", "PUT", "/bucket/key").header("origin", "https://elsewhere");
    assert_eq!(allowed(&other.body("x").send(&walrus).await), ("", "", ""));
    let plain = call("ALICE", "GET", "/bucket/key").send(&walrus).await;
    assert_eq!((allowed(&plain), plain.header("vary")), (("", "", ""), ""));
}
