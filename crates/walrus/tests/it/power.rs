//! What is left when the power goes: at every single step of a story of all kinds of changes, and
//! at any moment under load. The disk drops, keeps or tears what was not synced.

use crate::client::{call, content};
use crate::kill::{Seen, WRITERS, change, check, delete_everything, make_buckets, path};
use crate::twin::{Twin, Unsynced};
use crate::usage::compare;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use types::SystemClock;
use walrus::{Settings, Walrus};

/// How many seeds of tearing each step is tried with, and how many cuts there are under load; a
/// long run asks for more, by the number of kills.
const KILLS: &str = "WALRUS_KILLS";
const FOR_EVER: u64 = u64::MAX;

fn open(disk: &Twin) -> Result<Walrus, walrus::Error> {
    Walrus::open_on(Arc::new(disk.clone()), Settings::default(), Arc::new(SystemClock))
}

/// The changes of the story: method, path, header and how many bytes.
const STORY: [(&str, &str, (&str, &str), usize); 26] = [
    ("PUT", "/bucket", NONE, 0),
    ("PUT", "/bucket/small", NONE, 1000),
    ("PUT", "/bucket/large", NONE, 70_000),
    ("PUT", "/bucket/large", ("x-amz-meta-a", "b"), 300_000),
    ("PUT", "/bucket/small", NONE, 65_537),
    ("PUT", "/bucket/small?acl", ("x-amz-acl", "aws-exec-read"), 0),
    ("PUT", "/bucket/copy", ("x-amz-copy-source", "/bucket/large"), 0),
    ("PUT", "/bucket/large", NONE, 10),
    ("PUT", "/bucket?acl", ("x-amz-acl", "aws-exec-read"), 0),
    ("PUT", "/bucket?tagging", NONE, 0),
    ("POST", "/bucket/parts?uploads", NONE, 0),
    ("PUT", "/bucket/parts?partNumber=1&uploadId=ID", NONE, 80_000),
    ("PUT", "/bucket/parts?partNumber=2&uploadId=ID", NONE, 80_001),
    ("POST", "/bucket/parts?uploadId=ID", NONE, 0),
    ("DELETE", "/bucket/copy", NONE, 0),
    ("DELETE", "/bucket/parts", NONE, 0),
    ("DELETE", "/bucket?tagging", NONE, 0),
    ("PUT", "/bucket?versioning", NONE, 0),
    ("PUT", "/bucket/small", NONE, 90_000),
    ("PUT", "/bucket/small?tagging", NONE, 0),
    ("DELETE", "/bucket/small", NONE, 0),
    ("DELETE", "/bucket/small", NONE, 0),
    ("PUT", "/bucket/copy", ("x-amz-copy-source", "/bucket/small?versionId=null"), 0),
    ("DELETE", "/bucket/small?versionId=null", NONE, 0),
    ("DELETE", "/bucket/small?versionId=NEWEST", NONE, 0),
    ("DELETE", "/bucket/small?versionId=NEWEST", NONE, 0),
];
const NONE: (&str, &str) = ("x-amz-meta-none", "");
const KEYS: [&str; 4] = ["small", "large", "copy", "parts"];

/// Does a change; whether it is acknowledged. Keeps the id of the upload and its part's ETag.
async fn tell(walrus: &Walrus, at: usize, upload: &mut (String, String)) -> bool {
    let (method, path, (name, value), size) = STORY[at];
    let mut path = path.replace("=ID", &format!("={}", upload.0));
    if path.ends_with("NEWEST") {
        let listed = call("ALICE", "GET", "/bucket?versions&prefix=small").send(walrus).await;
        let Some(id) = listed.elements("VersionId").first().map(|id| (*id).to_owned()) else {
            return false;
        };
        path = path.replace("NEWEST", &id);
    }
    let body = if path.ends_with("?tagging") {
        b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>".to_vec()
    } else if path.ends_with("?versioning") {
        b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>".to_vec()
    } else if method == "POST" && path.contains("uploadId") {
        let part = format!("<PartNumber>1</PartNumber><ETag>{}</ETag>", upload.1);
        format!("<CompleteMultipartUpload><Part>{part}</Part></CompleteMultipartUpload>").into()
    } else {
        content(at as u64, size)
    };
    let answer = call("ALICE", method, &path).header(name, value).body(body).send(walrus).await;
    if path.ends_with("?uploads") && answer.status.is_success() {
        upload.0 = answer.elements("UploadId")[0].to_owned();
    }
    if path.contains("partNumber=1") && answer.status.is_success() {
        upload.1 = answer.header("etag").to_owned();
    }
    answer.status.is_success()
}

/// All that a client can see of the store, except times and ids.
async fn look(walrus: &Walrus) -> Vec<String> {
    let mut seen = Vec::new();
    for path in [
        "/bucket",
        "/bucket?acl",
        "/bucket?tagging",
        "/bucket?uploads",
        "/bucket?versioning",
        "/bucket?versions",
        "/bucket/small?tagging",
    ] {
        let answer = call("ALICE", "GET", path).send(walrus).await;
        let names = ["Code", "Key", "Size", "ETag", "Permission", "Value", "Status", "IsLatest"];
        let words: Vec<_> = names.iter().flat_map(|name| answer.elements(name)).collect();
        seen.push(format!("{path}: {words:?}"));
    }
    for key in KEYS {
        let answer = call("ALICE", "GET", &format!("/bucket/{key}")).send(walrus).await;
        let what = match answer.status.is_success() {
            true => signature::sha256_hex(&answer.body),
            false => answer.code().to_owned(),
        };
        let acl = call("ALICE", "GET", &format!("/bucket/{key}?acl")).send(walrus).await;
        let acl = acl.elements("Permission").len();
        seen.push(format!("{key}: {what} {:?} {acl}", answer.header("x-amz-meta-a")));
    }
    seen
}

/// What is seen before the first change and after each one.
async fn states() -> Vec<Vec<String>> {
    let disk = Twin::with_power_for(FOR_EVER);
    let walrus = open(&disk).unwrap();
    let mut states = vec![look(&walrus).await];
    let mut upload = Default::default();
    for (at, change) in STORY.iter().enumerate() {
        assert!(tell(&walrus, at, &mut upload).await, "{change:?}");
        states.push(look(&walrus).await);
    }
    states
}

/// Tells the story until the power goes after so many steps; how many changes were acknowledged.
async fn tell_until_cut(disk: &Twin) -> usize {
    let Ok(walrus) = open(disk) else { return 0 };
    let mut upload = Default::default();
    for at in 0..STORY.len() {
        if !tell(&walrus, at, &mut upload).await {
            return at;
        }
    }
    STORY.len()
}

#[test]
fn after_a_power_cut_at_any_step_everything_acknowledged_is_there_and_nothing_is_half_done() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let states = runtime.block_on(states());
    let seeds = std::env::var(KILLS).map_or(1, |kills| kills.parse::<u64>().unwrap() / 10);
    let torn = (0..seeds).map(Unsynced::Torn);
    let fates: Vec<_> = [Unsynced::Lost, Unsynced::Kept].into_iter().chain(torn).collect();
    for steps in 1.. {
        let disk = Twin::with_power_for(steps);
        let acknowledged = runtime.block_on(tell_until_cut(&disk));
        for fate in &fates {
            let left = disk.after_cut(*fate, FOR_EVER);
            let walrus = open(&left).unwrap_or_else(|error| panic!("{steps} {fate:?}: {error}"));
            runtime.block_on(compare(&walrus));
            let seen = runtime.block_on(look(&walrus));
            let may_be = &states[acknowledged..(acknowledged + 2).min(states.len())];
            assert!(
                may_be.contains(&seen),
                "after {steps} steps and {acknowledged} changes, {fate:?}: {seen:#?} instead of \
                 {may_be:#?}"
            );
        }
        if disk.has_power() {
            assert_eq!(acknowledged, STORY.len());
            break;
        }
    }
}

/// Changes a writer's keys until the power goes, and notes what was acknowledged.
async fn write(walrus: Arc<Walrus>, writer: u64, round: u64, seen: Arc<Mutex<Seen>>) {
    for number in round * 1_000_000.. {
        let path = path(writer, number);
        seen.lock().unwrap().entry(path.clone()).or_default().under_way = Some(number);
        if !change(&walrus, &path, number).await {
            return;
        }
        seen.lock().unwrap().entry(path).or_default().acknowledge(number);
    }
}

#[test]
fn after_power_cuts_under_load_everything_acknowledged_is_there() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let seen = Arc::new(Mutex::new(Seen::new()));
    let mut disk = Twin::with_power_for(FOR_EVER);
    runtime.block_on(async {
        let walrus = open(&disk).unwrap();
        make_buckets(&walrus).await;
    });
    let cuts = std::env::var(KILLS).map_or(12, |kills| kills.parse().unwrap());
    for round in 1..=cuts {
        disk = disk.after_cut(Unsynced::Kept, 300 + 37 * (round % 29));
        // the start itself may not come to its end
        if let Ok(walrus) = open(&disk) {
            let walrus = Arc::new(walrus);
            let start = |writer| write(walrus.clone(), writer, round, seen.clone());
            let writers: Vec<_> = (0..WRITERS).map(|it| runtime.spawn(start(it))).collect();
            writers.into_iter().for_each(|writer| runtime.block_on(writer).unwrap());
        }
        assert!(!disk.has_power());
        let fate = match round % 4 {
            0 => Unsynced::Lost,
            _ => Unsynced::Torn(round),
        };
        disk = disk.after_cut(fate, FOR_EVER);
        let walrus = open(&disk).unwrap();
        runtime.block_on(check(&walrus, &mut seen.lock().unwrap()));
    }
    runtime.block_on(delete_all(&disk, &seen.lock().unwrap()));
}

/// No blob stays of what a cut left.
async fn delete_all(disk: &Twin, seen: &Seen) {
    let walrus = open(disk).unwrap();
    delete_everything(&walrus, seen.keys()).await;
    let limit = Instant::now() + Duration::from_secs(20);
    while disk.blobs() > 0 {
        assert!(Instant::now() < limit, "{} blobs stay behind", disk.blobs());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
