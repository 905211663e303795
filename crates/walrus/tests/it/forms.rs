//! Forms that a browser sends to a bucket.

use crate::client::{Answer, Call, anonymous, call, content, open_with};
use crate::protocol::{furnished, refused};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use types::Timestamp;
use walrus::{Settings, Walrus};

const BOUNDARY: &str = "----form7MA4YWxk";

/// A form that is being filled in.
#[derive(Clone, Default)]
pub(crate) struct Form {
    fields: Vec<(String, String)>,
    file: Option<(String, Vec<u8>)>,
    behind: Vec<u8>,
}

impl Form {
    /// A form that anybody may send, with the file `a.txt`.
    pub(crate) fn new(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let file = Some(("a.txt".into(), b"hello".to_vec()));
        Self { fields: fields.collect(), file, behind: Vec::new() }
    }

    fn file(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.file = Some((name.into(), bytes));
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Signed with version 4 by a policy that has these conditions and one for each field.
    pub(crate) fn signed_v4(self, access_key: &str, conditions: &[&str]) -> Self {
        let now = Timestamp::now().to_string().replace(['-', ':'], "");
        let now = format!("{}Z", now.split('.').next().unwrap());
        let scope = [&now[..8], "any", "s3", "aws4_request"];
        let form = self
            .with("x-amz-algorithm", "AWS4-HMAC-SHA256")
            .with("x-amz-credential", &format!("{access_key}/{}", scope.join("/")))
            .with("X-Amz-Date", &now);
        let policy = form.policy(conditions);
        let key = format!("AWS4{access_key}").into_bytes();
        let key = scope.iter().fold(key, |key, part| mac::<Hmac<Sha256>>(&key, part));
        let code = hex::encode(mac::<Hmac<Sha256>>(&key, &policy));
        form.with("Policy", &policy).with("x-amz-signature", &code)
    }

    /// The same with version 2.
    fn signed_v2(self, access_key: &str, conditions: &[&str]) -> Self {
        let policy = self.policy(conditions);
        let code = STANDARD.encode(mac::<Hmac<Sha1>>(access_key.as_bytes(), &policy));
        self.with("AWSAccessKeyId", access_key).with("policy", &policy).with("Signature", &code)
    }

    fn policy(&self, conditions: &[&str]) -> String {
        let of = |(name, value): &(String, String)| match value.contains("${filename}") {
            true => format!(r#"["starts-with", "${name}", ""]"#),
            false => serde_json::json!({ (name): value }).to_string(),
        };
        let own = self.fields.iter().map(of);
        let all: Vec<_> = own.chain(conditions.iter().map(|it| (*it).to_owned())).collect();
        let json = format!(
            r#"{{"expiration": "2100-01-01T00:00:00Z", "conditions": [{}]}}"#,
            all.join(", ")
        );
        STANDARD.encode(json)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let head =
            |name: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        for (name, value) in &self.fields {
            body.extend_from_slice(format!("{}\r\n\r\n{value}\r\n", head(name)).as_bytes());
        }
        if let Some((name, bytes)) = &self.file {
            let kind = "Content-Type: text/plain";
            let head = format!("{}; filename=\"{name}\"\r\n{kind}\r\n\r\n", head("file"));
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(&self.behind);
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        body
    }

    fn call(&self) -> Call<'static> {
        let post = anonymous("POST", "/bucket").header("content-type", &content_type());
        post.body(self.body())
    }

    async fn send(&self, walrus: &Walrus) -> Answer {
        self.call().send(walrus).await
    }
}

pub(crate) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

fn mac<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn of_key(key: &str) -> Form {
    Form::new(&[("key", key)])
}

#[tokio::test]
async fn a_signed_form_makes_an_object_as_its_fields_say() {
    let (_dir, walrus) = furnished().await;
    let form = Form::new(&[
        ("key", "from/a form/${filename}"),
        ("acl", "public-read"),
        ("Content-Type", "text/x-own"),
        ("Cache-Control", "no-store"),
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
        ("x-amz-meta-who", "\u{e9}lise"),
        ("success_action_status", "201"),
    ]);
    let form = form.file("C:\\fakepath\\b c.txt", content(1, 400_000));
    let posts = [form.clone().signed_v4("ALICE", &[]), form.clone().signed_v2("ALICE", &[])];
    for form in posts {
        let posted = form.send(&walrus).await;
        assert_eq!(posted.status, 201, "{posted:?}");
        let location = "http://walrus:8773/services/Walrus/bucket/from/a%20form/b%20c.txt";
        assert_eq!(
            (posted.elements("Location"), posted.header("location")),
            (vec![location], location)
        );
        assert_eq!(posted.elements("Bucket"), ["bucket"]);
        assert_eq!(posted.elements("Key"), ["from/a form/b c.txt"]);
        assert_eq!(posted.elements("ETag"), [posted.header("etag").replace('"', "&quot;")]);
        let get = anonymous("GET", "/bucket/from/a%20form/b%20c.txt").send(&walrus).await;
        assert!(get.body == content(1, 400_000), "all bytes, and no more");
        assert_eq!(get.header("content-type"), "text/x-own");
        assert_eq!(get.header("cache-control"), "no-store");
        assert_eq!(get.headers["x-amz-meta-who"].as_bytes(), "\u{e9}lise".as_bytes());
        let path = "/bucket/from/a%20form/b%20c.txt";
        let tags = call("ALICE", "GET", &format!("{path}?tagging")).send(&walrus).await;
        assert_eq!((tags.elements("Key"), tags.elements("Value")), (vec!["a"], vec!["b"]));
        assert_eq!(call("ALICE", "DELETE", path).send(&walrus).await.status, 204);
    }
}

#[tokio::test]
async fn the_answer_is_what_the_form_asks_for() {
    let (_dir, walrus) = furnished().await;
    let there = "https://www.example/done?x=1";
    let etag = "%225d41402abc4b2a76b9719d911017c592%22";
    let went = format!("{there}&bucket=bucket&key=a%2F%26&etag={etag}");
    for (field, value, status, location) in [
        ("success_action_status", "200", 200, "http://walrus:8773/services/Walrus/bucket/a/%26"),
        ("success_action_status", "204", 204, "http://walrus:8773/services/Walrus/bucket/a/%26"),
        ("success_action_status", "404", 204, "http://walrus:8773/services/Walrus/bucket/a/%26"),
        ("success_action_redirect", there, 303, went.as_str()),
        ("redirect", there, 303, &went),
        // nothing but the web is gone to
        ("redirect", "javascript:x", 204, "http://walrus:8773/services/Walrus/bucket/a/%26"),
    ] {
        let form = of_key("a/&").with(field, value).signed_v4("ALICE", &[]);
        let answer = form.send(&walrus).await;
        assert_eq!(answer.status, status, "{field} {value}: {answer:?}");
        assert_eq!((answer.header("location"), answer.body.len()), (location, 0));
    }
    let by_host = of_key("b").signed_v4("ALICE", &[]).call().at("bucket.localhost:9000");
    let mut by_host = by_host;
    by_host.set_path("/");
    let answer = by_host.from("192.0.2.1", true).send(&walrus).await;
    assert_eq!(answer.header("location"), "https://bucket.localhost:9000/b", "{answer:?}");
}

#[tokio::test]
async fn a_policy_holds_or_nothing_is_written() {
    let (_dir, walrus) = furnished().await;
    let range = r#"["content-length-range", 5, 300000]"#;
    let good = |form: Form| form.signed_v4("ALICE", &[range]);
    assert_eq!(good(of_key("k").file("f", content(2, 300_000))).send(&walrus).await.status, 204);
    let more = Form { behind: of_key("other").body(), ..good(of_key("k")) };
    assert_eq!(more.send(&walrus).await.status, 204, "what is behind the file is ignored");
    let mut forged = good(of_key("forged"));
    forged.fields[0].1 = "elsewhere".into();
    let mut wrong = good(of_key("w"));
    wrong.fields.last_mut().unwrap().1 = "00".repeat(32);
    for (form, status, code) in [
        (good(of_key("k").file("f", content(2, 300_001))), 400, "EntityTooLarge"),
        (good(of_key("k").file("f", b"four".to_vec())), 400, "EntityTooSmall"),
        (good(of_key("k")).with("acl", "public-read"), 403, "AccessDenied"),
        (good(of_key("k")).with("submit", "x"), 403, "AccessDenied"),
        (of_key("k").with("tagging", "<Tagging/>").signed_v4("ALICE", &[]), 400, "MalformedXML"),
        (of_key("k").with("x-amz-tagging", "a=b").signed_v4("ALICE", &[]), 501, "NotImplemented"),
        (
            of_key("k").with("x-amz-storage-class", "GLACIER").signed_v2("ALICE", &[]),
            501,
            "NotImplemented",
        ),
        (of_key("k").signed_v2("ALICE", &[r#"{"bucket": "other"}"#]), 403, "AccessDenied"),
        (of_key("k").signed_v2("ALICE", &["1"]), 400, "InvalidPolicyDocument"),
        (forged, 403, "AccessDenied"),
        (wrong, 403, "SignatureDoesNotMatch"),
        (of_key("k").signed_v4("NOBODY", &[]), 403, "InvalidAccessKeyId"),
        (of_key("k").signed_v4("BOB", &[]), 403, "AccessDenied"),
        (of_key("k"), 403, "AccessDenied"),
        (of_key("k").with("policy", "e30="), 400, "InvalidArgument"),
        (good(of_key("")), 400, "InvalidArgument"),
        (good(of_key("a/../b")), 400, "InvalidURI"),
        (good(of_key("k").with("x-amz-meta-a", "1\r\n2")), 400, "InvalidArgument"),
    ] {
        let answer = form.send(&walrus).await;
        refused(&answer, status, code);
    }
    let keys = call("ALICE", "GET", "/bucket").send(&walrus).await;
    assert_eq!(keys.elements("Key"), ["k", "key"]);
    assert_eq!(call("ALICE", "GET", "/bucket/k").send(&walrus).await.text(), "hello");
}

#[tokio::test]
async fn an_anonymous_form_writes_where_an_acl_lets_it() {
    let (_dir, walrus) = furnished().await;
    let open = call("ALICE", "PUT", "/bucket?acl").header("x-amz-acl", "public-read-write");
    assert_eq!(open.send(&walrus).await.status, 200);
    assert_eq!(of_key("${filename}").send(&walrus).await.status, 204);
    assert_eq!(call("ALICE", "GET", "/bucket/a.txt").send(&walrus).await.text(), "hello");
    let missing = anonymous("POST", "/missing").header("content-type", &content_type());
    refused(&missing.body(of_key("k").body()).send(&walrus).await, 404, "NoSuchBucket");
    // a form is signed by its fields, and a body by nothing beside
    let signed = call("ALICE", "POST", "/bucket").header("content-type", &content_type());
    refused(&signed.body(of_key("k").body()).send(&walrus).await, 400, "InvalidRequest");
    let hash = signature::sha256_hex(&of_key("k").body());
    let hashed = of_key("k").call().header("x-amz-content-sha256", &hash);
    refused(&hashed.send(&walrus).await, 400, "InvalidRequest");
}

#[tokio::test]
async fn what_is_no_form_or_too_much_of_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open_with(dir.path(), Settings { max_object_bytes: 1000, ..Settings::default() });
    for (path, acl) in [("/bucket", "public-read-write")] {
        let make = call("ALICE", "PUT", path).header("x-amz-acl", acl);
        assert_eq!(make.send(&walrus).await.status, 200);
    }
    let many = (0..201).fold(of_key("k"), |form, at| form.with(&format!("f{at}"), ""));
    let huge_head = format!("--{BOUNDARY}\r\nA: {}\r\n\r\n", "x".repeat(200_000));
    let whole = of_key("k").body();
    let no_name =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx\r\n--{BOUNDARY}--");
    for (body, status, code) in [
        (
            of_key("k").with("x", &"x".repeat(20_480)).body(),
            400,
            "MaxPostPreDataLengthExceededError",
        ),
        (many.body(), 400, "MaxPostPreDataLengthExceededError"),
        (huge_head.into_bytes(), 400, "MaxPostPreDataLengthExceededError"),
        (vec![b'x'; 500_000], 400, "MaxPostPreDataLengthExceededError"),
        (of_key("k").with("KEY", "l").body(), 400, "InvalidArgument"),
        (Form { file: None, ..of_key("k") }.body(), 400, "InvalidArgument"),
        (Form::new(&[]).body(), 400, "InvalidArgument"),
        (no_name.into_bytes(), 400, "MalformedPOSTRequest"),
        (b"hello".to_vec(), 400, "MalformedPOSTRequest"),
        (whole[..whole.len() - 26].to_vec(), 400, "IncompleteBody"),
        (of_key("k").file("f", vec![0; 1001]).body(), 400, "EntityTooLarge"),
    ] {
        let post = anonymous("POST", "/bucket").header("content-type", &content_type());
        refused(&post.body(body).send(&walrus).await, status, code);
    }
    for kind in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"] {
        let post = anonymous("POST", "/bucket").header("content-type", kind);
        let answer = post.body(of_key("k").body()).send(&walrus).await;
        refused(&answer, 412, "PreconditionFailed");
    }
    assert_eq!(call("ALICE", "GET", "/bucket").send(&walrus).await.elements("Key").len(), 0);
}
