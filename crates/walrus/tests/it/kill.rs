//! What is left after `kill -9` under load.

use crate::client::{Answer, call, content, open};
use crate::usage::compare;
use crate::versions::set;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use walrus::{UsageReport, Walrus};

const DIR: &str = "WALRUS_KILL_TEST_DIR";
const ROUND: &str = "WALRUS_KILL_TEST_ROUND";
/// How many kills; a long run asks for more than 6.
const KILLS: &str = "WALRUS_KILLS";
pub(crate) const WRITERS: u64 = 6;
const KEYS: u64 = 5;
const SIZES: [usize; 5] = [0, 100, 65_536, 65_537, 900_000];

/// The writer that changes ACLs of the bucket and of an object, and the object's tags, in turn.
const ACL_WRITER: u64 = WRITERS;

pub(crate) fn path(writer: u64, number: u64) -> String {
    match (writer, number % 3) {
        (ACL_WRITER, 0) => "/bucket?acl".to_owned(),
        (ACL_WRITER, 1) => "/bucket/acl?acl".to_owned(),
        (ACL_WRITER, _) => "/bucket/acl?tagging".to_owned(),
        _ if writer.is_multiple_of(2) => format!("/bucket/{writer}/{}", number % KEYS),
        _ => format!("/versioned/{writer}/{}", number % KEYS),
    }
}

/// The ACL that a change of this number sets, and its permissions.
fn acl(number: u64) -> (&'static str, &'static [&'static str]) {
    match number / 3 % 3 {
        0 => ("private", &["FULL_CONTROL"]),
        1 => ("public-read", &["FULL_CONTROL", "READ"]),
        _ => ("public-read-write", &["FULL_CONTROL", "READ", "WRITE"]),
    }
}

fn size(number: u64) -> usize {
    SIZES[(number % 7 % 5) as usize]
}

/// Runs in the child: each writer puts and deletes its own keys for ever and says what has been
/// acknowledged; another one changes ACLs.
#[tokio::main]
async fn write_until_killed(dir: &str, round: u64) {
    let walrus = Arc::new(open(Path::new(dir)));
    if round == 0 {
        make_buckets(&walrus).await;
    }
    let writers = 0..=ACL_WRITER;
    let writers = writers.map(|writer| tokio::spawn(write(walrus.clone(), writer, round)));
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// One bucket that keeps versions, and one that does not.
pub(crate) async fn make_buckets(walrus: &Walrus) {
    for path in ["/bucket", "/bucket/acl", "/versioned"] {
        assert!(call("ALICE", "PUT", path).send(walrus).await.status.is_success());
    }
    set(walrus, "versioned", "Enabled").await;
}

async fn write(walrus: Arc<Walrus>, writer: u64, round: u64) {
    for number in round * 1_000_000.. {
        let path = path(writer, number);
        say(&format!("start {writer} {number}"));
        assert!(change(&walrus, &path, number).await);
        say(&format!("done {writer} {number}"));
    }
}

/// Does the change that belongs to a number; whether it is acknowledged.
pub(crate) async fn change(walrus: &Walrus, path: &str, number: u64) -> bool {
    let body = content(number, size(number));
    let answer = match number % 6 {
        _ if path.ends_with("?tagging") => {
            let tag = format!("<Tag><Key>number</Key><Value>{number}</Value></Tag>");
            let body = format!("<Tagging><TagSet>{tag}</TagSet></Tagging>");
            call("ALICE", "PUT", path).body(body).send(walrus).await
        }
        _ if path.ends_with("?acl") => {
            call("ALICE", "PUT", path).header("x-amz-acl", acl(number).0).send(walrus).await
        }
        5 => call("ALICE", "DELETE", path).send(walrus).await,
        4 => upload(walrus, path, body).await,
        _ => call("ALICE", "PUT", path).body(body).send(walrus).await,
    };
    answer.status.is_success()
}

/// Writes an object by an upload of one part, and a second part that is not wanted in the end.
async fn upload(walrus: &Walrus, path: &str, body: Vec<u8>) -> Answer {
    let begun = call("ALICE", "POST", &format!("{path}?uploads")).send(walrus).await;
    let Some(id) = begun.elements("UploadId").first().map(|id| (*id).to_owned()) else {
        return begun;
    };
    let part = |number: u8| format!("{path}?partNumber={number}&uploadId={id}");
    let put = call("ALICE", "PUT", &part(1)).body(body).send(walrus).await;
    call("ALICE", "PUT", &part(2)).body(content(2, 70_000)).send(walrus).await;
    let (part, etag) = ("<PartNumber>1</PartNumber>", put.header("etag"));
    let list = format!(
        "<CompleteMultipartUpload><Part>{part}<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    call("ALICE", "POST", &format!("{path}?uploadId={id}")).body(list).send(walrus).await
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// What each key may hold: the last acknowledged write, or one that was under way.
pub(crate) type Seen = BTreeMap<String, Allowed>;

/// See [`Seen`].
#[derive(Debug, Default, Clone)]
pub(crate) struct Allowed {
    pub(crate) acknowledged: Option<u64>,
    pub(crate) under_way: Option<u64>,
    /// How many writes and deletes there were, of which each made a version where they are kept.
    pub(crate) changes: u64,
}

impl Allowed {
    /// This change is done.
    pub(crate) fn acknowledge(&mut self, number: u64) {
        (self.acknowledged, self.under_way) = (Some(number), None);
        self.changes += 1;
    }
}

/// The arguments with which this program is the child.
pub(crate) const ARGUMENTS: [&str; 3] =
    ["--exact", "kill::every_acknowledged_write_survives_kill_9", "--nocapture"];

/// What tells the child where to write, and which round it is.
pub(crate) fn variables(dir: &Path, round: u64) -> [(&'static str, String); 2] {
    [(DIR, dir.display().to_string()), (ROUND, round.to_string())]
}

/// Starts a child, kills it after it has acknowledged so many operations, and notes what it said.
pub(crate) fn run_and_kill(mut child: Command, operations: usize, seen: &mut Seen) {
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut done = 0;
    for line in lines {
        let line = line.unwrap();
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let [what @ ("start" | "done"), writer, number] = words[..] else { continue };
        let (writer, number) = (writer.parse().unwrap(), number.parse().unwrap());
        let allowed = seen.entry(path(writer, number)).or_default();
        if what == "start" {
            allowed.under_way = Some(number);
        } else {
            allowed.acknowledge(number);
            done += 1;
        }
        if done == operations {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(done >= operations, "the child died by itself after {done} operations");
}

/// Checks every key against what it may hold, and settles what an unacknowledged write has done.
pub(crate) async fn check(walrus: &Walrus, seen: &mut Seen) {
    compare(walrus).await;
    for (path, allowed) in seen {
        let answer = call("ALICE", "GET", path).send(walrus).await;
        let holds = |number: u64| {
            if path.ends_with("?acl") {
                answer.elements("Permission") == acl(number).1
            } else if path.ends_with("?tagging") {
                answer.elements("Value") == [number.to_string()]
            } else if number % 6 == 5 {
                answer.status == 404
            } else {
                answer.status.is_success() && answer.body == content(number, size(number))
            }
        };
        // as the bucket and the object were made
        let unchanged = path.ends_with("?acl") && answer.elements("Permission") == acl(0).1
            || path.ends_with("?tagging") && answer.elements("Value").is_empty();
        let mut nothing = allowed.acknowledged.is_none() && (answer.status == 404 || unchanged);
        let mut may_hold = [allowed.acknowledged, allowed.under_way];
        if let Some(key) = path.strip_prefix("/versioned/") {
            // each change has made one, so their number tells which change was the last
            match ids(walrus, key).await.len() as u64 - allowed.changes {
                0 => may_hold[1] = None,
                1 => (may_hold[0], nothing) = (None, false),
                more => panic!("{path} has {more} versions too many: {allowed:?}"),
            }
        }
        let found = may_hold.into_iter().flatten().find(|number| holds(*number));
        assert!(found.is_some() || nothing, "{path} is none of {allowed:?}: {:?}", answer.status);
        let more = u64::from(found.is_some() && found == allowed.under_way);
        *allowed =
            Allowed { acknowledged: found, under_way: None, changes: allowed.changes + more };
    }
}

/// The ids of all versions of a key, or of those that begin so, with their keys.
async fn ids(walrus: &Walrus, prefix: &str) -> Vec<(String, String)> {
    let (mut from, mut ids) = (String::new(), Vec::new());
    loop {
        let path = format!("/versioned?versions&prefix={prefix}{from}");
        let page = call("ALICE", "GET", &path).send(walrus).await;
        let entries = page.elements("Key").into_iter().zip(page.elements("VersionId"));
        ids.extend(entries.map(|(key, id)| (key.to_owned(), id.to_owned())));
        if page.elements("IsTruncated") == ["false"] {
            return ids;
        }
        let next = ["NextKeyMarker", "NextVersionIdMarker"].map(|name| page.elements(name)[0]);
        from = format!("&key-marker={}&version-id-marker={}", next[0], next[1]);
    }
}

/// Deletes all versions that keys of writers have, and the buckets.
pub(crate) async fn delete_everything(walrus: &Walrus, paths: impl Iterator<Item = &String>) {
    for path in paths {
        let key = path.split('?').next().unwrap();
        if key.starts_with("/bucket/") {
            call("ALICE", "DELETE", key).send(walrus).await;
        } else if let Some(prefix) = path.strip_prefix("/versioned/") {
            for (key, id) in ids(walrus, prefix).await {
                let path = format!("/versioned/{key}?versionId={id}");
                call("ALICE", "DELETE", &path).send(walrus).await;
            }
        }
    }
    call("ALICE", "DELETE", "/bucket/acl").send(walrus).await;
    // with the uploads that were never completed
    for bucket in ["/bucket", "/versioned"] {
        assert_eq!(call("ALICE", "DELETE", bucket).send(walrus).await.status, 204);
    }
    assert_eq!(walrus.usage().await.unwrap(), UsageReport::default());
}

/// The number of blob files.
pub(crate) fn blobs(dir: &Path) -> usize {
    let parts = std::fs::read_dir(dir.join("blobs")).unwrap();
    parts.map(|part| std::fs::read_dir(part.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn every_acknowledged_write_survives_kill_9() {
    if let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) {
        return write_until_killed(&dir, round.parse().unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut seen = BTreeMap::new();
    let kills = std::env::var(KILLS).map_or(6, |text| text.parse().unwrap());
    for round in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(ARGUMENTS).envs(variables(dir.path(), round));
        run_and_kill(child, 60 + 17 * (round % 12) as usize, &mut seen);
        runtime.block_on(async { check(&open(dir.path()), &mut seen).await });
    }
    let walrus = open(dir.path());
    runtime.block_on(delete_all(&walrus, dir.path(), seen.keys()));
}

/// After the last object and the bucket are gone no blob stays behind, not even one that a crash left.
async fn delete_all(walrus: &Walrus, dir: &Path, paths: impl Iterator<Item = &String>) {
    delete_everything(walrus, paths).await;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while blobs(dir) > 0 {
        assert!(std::time::Instant::now() < limit, "{} blobs stay behind", blobs(dir));
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

#[test]
fn a_first_start_that_was_killed_keeps_nobody_from_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT"), "").unwrap();
    std::fs::write(dir.path().join("walrus.redb.new"), "half").unwrap();
    drop(open(dir.path()));
    assert!(!dir.path().join("walrus.redb.new").exists());
    drop(open(dir.path()));
}

#[tokio::test]
async fn a_blob_that_no_object_refers_to_is_unlinked_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let walrus = open(dir.path());
    call("ALICE", "PUT", "/bucket").send(&walrus).await;
    let body = content(1, 100_000);
    call("ALICE", "PUT", "/bucket/key").body(body.clone()).send(&walrus).await;
    drop(walrus);
    // what an upload leaves that was under way in January 2009
    let orphan = dir.path().join("blobs/7e/011eadf7e0000000000000000000000a");
    std::fs::write(&orphan, "half").unwrap();
    let walrus = open(dir.path());
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while orphan.exists() {
        assert!(std::time::Instant::now() < limit, "the orphan stays");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let answer = call("ALICE", "GET", "/bucket/key").send(&walrus).await;
    assert!(answer.body == body, "the object's blob stays: {:?}", answer.status);
}
