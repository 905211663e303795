//! What goes by the lifecycle of its bucket, and what stays. Time stands still but where it is
//! moved on.

use crate::client::{Answer, Call, call, content};
use crate::kill::blobs;
use crate::protocol::refused;
use crate::versions::set;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use types::{Clock, Timestamp};
use walrus::{Settings, Walrus};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

struct Fixture {
    dir: TempDir,
    start: Timestamp,
    walrus: Option<Walrus>,
}

impl Fixture {
    /// With the bucket `bucket`.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let start = Timestamp::now();
        let mut fixture = Self { dir, start, walrus: None };
        fixture.walrus = Some(fixture.opened(start));
        fixture.done(call("ALICE", "PUT", "/bucket")).await;
        fixture
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn opened(&self, now: Timestamp) -> Walrus {
        Walrus::open(self.path(), Settings::default(), Arc::new(Still(now))).unwrap()
    }

    async fn send(&self, call: Call<'_>) -> Answer {
        call.send(self.walrus.as_ref().unwrap()).await
    }

    async fn done(&self, call: Call<'_>) -> Answer {
        let answer = self.send(call).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer
    }

    async fn put(&self, key: &str) -> String {
        let answer = self.done(call("ALICE", "PUT", &format!("/bucket/{key}")).body("x")).await;
        answer.header("x-amz-version-id").to_owned()
    }

    async fn rules(&self, rules: &str) {
        let put = call("ALICE", "PUT", "/bucket?lifecycle").body(document(rules));
        self.done(put).await;
    }

    /// Has the rules carried out as of so many days after the start, and comes back.
    async fn after(&mut self, days: i64) {
        drop(self.walrus.take());
        let then = self.opened(self.start.plus_millis(days * DAY_MILLIS));
        then.carry_out_lifecycles().await.unwrap();
        drop(then);
        self.walrus = Some(self.opened(self.start));
    }

    async fn keys(&self, query: &str) -> Vec<String> {
        let listed = self.done(call("ALICE", "GET", &format!("/bucket?{query}"))).await;
        listed.elements("Key").into_iter().map(str::to_owned).collect()
    }
}

fn document(rules: &str) -> String {
    format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
}

/// A rule with this filter and these actions.
fn rule(filter: &str, actions: &str) -> String {
    format!("<Rule><Status>Enabled</Status><Filter>{filter}</Filter>{actions}</Rule>")
}

fn days(days: u32) -> String {
    format!("<Expiration><Days>{days}</Days></Expiration>")
}

#[tokio::test]
async fn objects_expire_by_the_rules_that_they_fit() {
    let mut fixture = Fixture::new().await;
    for key in ["logs/1", "logs/2", "other", "small", "untagged"] {
        fixture.put(key).await;
    }
    let large = call("ALICE", "PUT", "/bucket/large").body(content(1, 100_000));
    fixture.done(large).await;
    let tag = "<Tag><Key>a</Key><Value>b</Value></Tag>";
    for (key, tags) in [("tagged", "a=b&c=d"), ("t/tagged", "a=b")] {
        let put = call("ALICE", "PUT", &format!("/bucket/{key}")).header("x-amz-tagging", tags);
        fixture.done(put.body("x")).await;
    }
    let disabled = rule("", &days(1)).replace("Enabled", "Disabled");
    let and = format!("<And><Prefix>t/</Prefix>{tag}</And>");
    let rules = [
        disabled,
        rule("<Prefix>logs/</Prefix>", &days(1)),
        rule("<ObjectSizeGreaterThan>99999</ObjectSizeGreaterThan>", &days(2)),
        rule(&and, &days(3)),
        rule(tag, &days(4)),
    ];
    fixture.rules(&rules.concat()).await;
    let all = ["large", "logs/1", "logs/2", "other", "small", "t/tagged", "tagged", "untagged"];
    fixture.after(1).await;
    assert_eq!(fixture.keys("").await, all, "a day ends at the midnight after it");
    for (day, gone) in
        [(2, &["logs/1", "logs/2"][..]), (3, &["large"]), (4, &["t/tagged"]), (5, &["tagged"])]
    {
        let before = fixture.keys("").await;
        fixture.after(day).await;
        let now = fixture.keys("").await;
        let left: Vec<_> = before.into_iter().filter(|key| !gone.contains(&&**key)).collect();
        assert_eq!(now, left, "on day {day}");
    }
    fixture.after(1000).await;
    assert_eq!(fixture.keys("").await, ["other", "small", "untagged"]);
    drop(fixture.walrus.take());
    assert_eq!(blobs(fixture.path()), 0, "the bytes are gone too");
}

#[tokio::test]
async fn a_date_is_for_all_that_is_there_from_then_on() {
    let mut fixture = Fixture::new().await;
    fixture.put("a").await;
    let midnight = (fixture.start.millis() / DAY_MILLIS + 10) * DAY_MILLIS;
    let date = Timestamp::from_millis(midnight);
    let expiration = format!("<Expiration><Date>{date}</Date></Expiration>");
    fixture.rules(&rule("", &expiration)).await;
    fixture.after(9).await;
    assert_eq!(fixture.keys("").await, ["a"]);
    fixture.after(10).await;
    assert!(fixture.keys("").await.is_empty());
}

#[tokio::test]
async fn versions_and_markers_go_by_rules_of_their_own() {
    let mut fixture = Fixture::new().await;
    set(fixture.walrus.as_ref().unwrap(), "bucket", "Enabled").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(fixture.put("key").await);
    }
    let other = fixture.put("other").await;
    let keep = "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>";
    let noncurrent = |keep: &str| {
        format!(
            "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>{keep}\
             </NoncurrentVersionExpiration>"
        )
    };
    fixture.rules(&rule("", &noncurrent(keep))).await;
    fixture.after(3).await;
    assert_eq!(fixture.keys("versions").await.len(), 6);
    fixture.after(4).await;
    let listed = fixture.done(call("ALICE", "GET", "/bucket?versions")).await;
    let left = [&*ids[4], &ids[3], &ids[2], &other];
    assert_eq!(listed.elements("VersionId"), left, "the newest two others stay");

    // an object that expires gets a marker, and the version behind it goes by its own rule
    fixture.rules(&rule("<Prefix>o</Prefix>", &(days(1) + &noncurrent("")))).await;
    fixture.after(2).await;
    assert_eq!(fixture.keys("").await, ["key"]);
    let listed = fixture.done(call("ALICE", "GET", "/bucket?versions&prefix=o")).await;
    assert_eq!(listed.elements("VersionId").len(), 2);
    assert_eq!(listed.elements("VersionId")[1], other);
    fixture.after(5).await;
    assert_eq!(fixture.keys("versions&prefix=o").await.len(), 2, "it was written over on day 2");
    fixture.after(6).await;
    let listed = fixture.done(call("ALICE", "GET", "/bucket?versions&prefix=o")).await;
    assert!(listed.text().contains("<DeleteMarker>") && !listed.text().contains("<Version>"));
    // and the marker that is left alone by the days of the rule, the next time
    fixture.after(6).await;
    assert!(fixture.keys("versions&prefix=o").await.is_empty());
}

#[tokio::test]
async fn a_marker_with_nothing_behind_it_goes_where_that_is_asked_for() {
    let mut fixture = Fixture::new().await;
    set(fixture.walrus.as_ref().unwrap(), "bucket", "Enabled").await;
    let version = fixture.put("key").await;
    for key in ["key", "lone"] {
        fixture.done(call("ALICE", "DELETE", &format!("/bucket/{key}"))).await;
    }
    let markers =
        "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
    fixture.rules(&rule("", markers)).await;
    fixture.after(0).await;
    assert_eq!(fixture.keys("versions").await, ["key", "key"], "there is a version behind it");
    let path = format!("/bucket/key?versionId={version}");
    fixture.done(call("ALICE", "DELETE", &path)).await;
    fixture.after(0).await;
    assert!(fixture.keys("versions").await.is_empty());
}

#[tokio::test]
async fn uploads_that_are_not_completed_are_aborted() {
    let mut fixture = Fixture::new().await;
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
                 </AbortIncompleteMultipartUpload>";
    fixture.rules(&rule("<Prefix>a</Prefix>", abort)).await;
    for key in ["a", "b"] {
        let begun = fixture.done(call("ALICE", "POST", &format!("/bucket/{key}?uploads"))).await;
        assert_eq!(begun.header("x-amz-abort-rule-id"), if key == "a" { "rule-1" } else { "" });
        assert_eq!(begun.header("x-amz-abort-date").is_empty(), key == "b");
        let id = begun.elements("UploadId")[0].to_owned();
        let part = format!("/bucket/{key}?partNumber=1&uploadId={id}");
        fixture.done(call("ALICE", "PUT", &part).body(content(1, 70_000))).await;
    }
    fixture.after(7).await;
    assert_eq!(fixture.keys("uploads").await, ["a", "b"]);
    fixture.after(8).await;
    assert_eq!(fixture.keys("uploads").await, ["b"]);
    drop(fixture.walrus.take());
    assert_eq!(blobs(fixture.path()), 1);
}

#[tokio::test]
async fn many_objects_expire_in_one_go_and_a_second_one_finds_nothing() {
    let mut fixture = Fixture::new().await;
    set(fixture.walrus.as_ref().unwrap(), "bucket", "Enabled").await;
    for number in 0..250 {
        fixture.put(&format!("k{number:04}")).await;
    }
    fixture.rules(&rule("", &days(1))).await;
    for _ in 0..2 {
        fixture.after(2).await;
        assert!(fixture.keys("").await.is_empty());
        let listed = fixture.done(call("ALICE", "GET", "/bucket?versions")).await;
        assert_eq!(listed.text().matches("<DeleteMarker>").count(), 250);
        assert_eq!(listed.text().matches("<Version>").count(), 250);
    }
}

#[tokio::test]
async fn answers_tell_when_an_object_expires() {
    let fixture = Fixture::new().await;
    let named = rule("<Prefix>logs/</Prefix>", &days(3)).replace("<Rule>", "<Rule><ID>a b</ID>");
    fixture.rules(&named).await;
    let midnight = (fixture.start.millis() / DAY_MILLIS + 4) * DAY_MILLIS / 1000;
    let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(midnight as u64);
    let expected = format!("expiry-date=\"{}\", rule-id=\"a%20b\"", httpdate::fmt_http_date(date));
    let put = fixture.done(call("ALICE", "PUT", "/bucket/logs/1").body("x")).await;
    assert_eq!(put.header("x-amz-expiration"), expected);
    let copy = call("ALICE", "PUT", "/bucket/logs/2").header("x-amz-copy-source", "/bucket/logs/1");
    assert_eq!(fixture.done(copy).await.header("x-amz-expiration"), expected);
    for method in ["GET", "HEAD"] {
        let answer = fixture.done(call("ALICE", method, "/bucket/logs/1")).await;
        assert_eq!(answer.header("x-amz-expiration"), expected);
    }
    fixture.put("other").await;
    let other = fixture.done(call("ALICE", "GET", "/bucket/other")).await;
    assert_eq!(other.header("x-amz-expiration"), "");
}

#[tokio::test]
async fn a_lifecycle_is_shown_as_it_was_set_until_it_is_deleted() {
    let mut fixture = Fixture::new().await;
    let get = || call("ALICE", "GET", "/bucket?lifecycle");
    refused(&fixture.send(get()).await, 404, "NoSuchLifecycleConfiguration");
    let rules = "<Rule><ID>one</ID><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value>\
        </Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And></Filter><Status>Enabled\
        </Status><Expiration><Date>2030-01-01T00:00:00.000Z</Date></Expiration>\
        <NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>3\
        </NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>\
        <Rule><ID>two</ID><Prefix>old</Prefix><Status>Disabled</Status>\
        <AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
        </AbortIncompleteMultipartUpload></Rule>\
        <Rule><ID>three</ID><Filter></Filter><Status>Enabled</Status><Expiration>\
        <ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>";
    let least = "x-amz-transition-default-minimum-object-size";
    let put = call("ALICE", "PUT", "/bucket?lifecycle").header(least, "varies_by_storage_class");
    fixture.done(put.body(document(rules))).await;
    fixture.after(0).await;
    let shown = fixture.done(get()).await;
    assert!(shown.text().ends_with(&format!("{rules}</LifecycleConfiguration>")), "{shown:?}");
    assert_eq!(shown.header(least), "varies_by_storage_class");
    assert_eq!(fixture.done(call("ALICE", "DELETE", "/bucket?lifecycle")).await.status, 204);
    refused(&fixture.send(get()).await, 404, "NoSuchLifecycleConfiguration");
    fixture.put("key").await;
    fixture.after(10_000).await;
    assert_eq!(fixture.keys("").await, ["key"]);
}

#[tokio::test]
async fn what_would_not_be_obeyed_is_refused() {
    let fixture = Fixture::new().await;
    let tag = "<Tag><Key>a</Key><Value>b</Value></Tag>";
    let abort = "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation>\
                 </AbortIncompleteMultipartUpload>";
    let expiration = |inner: &str| rule("", &format!("<Expiration>{inner}</Expiration>"));
    let noncurrent = |inner: &str| {
        let inner = format!("<NoncurrentDays>1</NoncurrentDays>{inner}");
        rule("", &format!("<NoncurrentVersionExpiration>{inner}</NoncurrentVersionExpiration>"))
    };
    let markers = "<ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>";
    let id = "<Rule><ID>same</ID>";
    let transition = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>";
    for (rules, status, code) in [
        (String::new(), 400, "MalformedXML"),
        (rule("", ""), 400, "InvalidRequest"),
        (rule("", &days(0)), 400, "InvalidArgument"),
        (expiration("<Days>-1</Days>"), 400, "InvalidArgument"),
        (expiration("<Days>1.5</Days>"), 400, "MalformedXML"),
        (expiration("<Days>99999999999</Days>"), 400, "MalformedXML"),
        (expiration(""), 400, "MalformedXML"),
        (expiration("<Date>2030-01-01T01:00:00Z</Date>"), 400, "InvalidArgument"),
        (expiration("<Date>soon</Date>"), 400, "MalformedXML"),
        (expiration(&format!("<Days>1</Days>{markers}")), 400, "MalformedXML"),
        (rule(tag, &format!("<Expiration>{markers}</Expiration>")), 400, "InvalidRequest"),
        (rule(tag, abort), 400, "InvalidRequest"),
        (rule(&tag.repeat(2), &days(1)), 400, "MalformedXML"),
        (rule("<And><And/></And>", &days(1)), 400, "MalformedXML"),
        (rule("<ObjectSizeLessThan>x</ObjectSizeLessThan>", &days(1)), 400, "MalformedXML"),
        (
            noncurrent("<NewerNoncurrentVersions>0</NewerNoncurrentVersions>"),
            400,
            "InvalidArgument",
        ),
        (
            noncurrent("<NewerNoncurrentVersions>101</NewerNoncurrentVersions>"),
            400,
            "InvalidArgument",
        ),
        (rule("", transition), 501, "NotImplemented"),
        (rule("", "<NoncurrentVersionTransition/>"), 501, "NotImplemented"),
        (rule("", &days(1)).replace("Enabled", "On"), 400, "MalformedXML"),
        (rule("", &days(1)).replace("<Filter></Filter>", ""), 400, "MalformedXML"),
        (rule("", &days(1)).replace("<Rule>", "<Rule><Prefix/>"), 400, "MalformedXML"),
        (rule("", &days(1)).replace("<Rule>", id).repeat(2), 400, "InvalidArgument"),
        (rule("", &days(1)).repeat(1001), 400, "MalformedXML"),
        (rule("", &(days(1) + "<Other/>")), 400, "MalformedXML"),
    ] {
        let put = call("ALICE", "PUT", "/bucket?lifecycle").body(document(&rules));
        let answer = fixture.send(put).await;
        assert_eq!(answer.code(), code, "{}", &rules[..rules.len().min(300)]);
        refused(&answer, status, code);
    }
    let put = call("ALICE", "PUT", "/bucket?lifecycle");
    let put = put.header("x-amz-transition-default-minimum-object-size", "all");
    refused(&fixture.send(put.body(document(&rule("", &days(1))))).await, 400, "InvalidArgument");
}
