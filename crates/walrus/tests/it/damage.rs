//! Stored bytes that are altered, cut short, lost or not referred to: what the scrubber and the
//! check tell, what is mended, and that nothing else is harmed.

use crate::client::{call, content, open, open_with};
use crate::kill::blobs;
use crate::protocol::refused;
use crate::versions::set;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use walrus::{Check, Settings, Walrus, check};

/// More than fits into the ordered store.
const LARGE: usize = 200_000;

fn as_fast_as_possible() -> Settings {
    Settings { scrub_bytes_per_second: u64::MAX, ..Settings::default() }
}

async fn put(walrus: &Walrus, path: &str, bytes: Vec<u8>) {
    let answer = call("ALICE", "PUT", path).body(bytes).send(walrus).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

/// Objects, a copy, versions, an object in parts and an upload in progress. The last blob is that
/// of `/bucket/victim`.
async fn filled() -> (TempDir, Walrus) {
    let dir = TempDir::new().unwrap();
    let walrus = open_with(dir.path(), as_fast_as_possible());
    for bucket in ["/bucket", "/versioned"] {
        put(&walrus, bucket, Vec::new()).await;
    }
    set(&walrus, "versioned", "Enabled").await;
    put(&walrus, "/bucket/small", content(1, 1000)).await;
    put(&walrus, "/bucket/empty", Vec::new()).await;
    put(&walrus, "/bucket/large", content(2, LARGE)).await;
    let copy = call("ALICE", "PUT", "/bucket/copy");
    let copy = copy.header("x-amz-copy-source", "/bucket/large").send(&walrus).await;
    assert_eq!(copy.status, 200);
    for number in 3..6 {
        put(&walrus, "/versioned/key", content(number, 70_000)).await;
    }
    call("ALICE", "DELETE", "/versioned/key").send(&walrus).await;
    upload(&walrus, "/bucket/parts", true).await;
    upload(&walrus, "/bucket/begun", false).await;
    (dir, walrus)
}

/// Uploads two parts, the second of which is small.
async fn upload(walrus: &Walrus, path: &str, completes: bool) {
    let begun = call("ALICE", "POST", &format!("{path}?uploads")).send(walrus).await;
    let id = begun.elements("UploadId")[0].to_owned();
    let mut parts = String::new();
    for (number, size) in [(1, 5 << 20), (2, 10)] {
        let part = format!("{path}?partNumber={number}&uploadId={id}");
        let part = call("ALICE", "PUT", &part).body(content(number, size)).send(walrus).await;
        let etag = part.header("etag");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    if completes {
        let all = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        let done = call("ALICE", "POST", &format!("{path}?uploadId={id}")).body(all);
        assert_eq!(done.send(walrus).await.status, 200);
    }
}

/// The objects and parts of [`filled`]: five of `bucket`, three versions, two parts in progress.
const CONTENTS: u64 = 4 + 2 + 3 + 2;

/// All blob files, the oldest first.
fn files(dir: &Path) -> Vec<PathBuf> {
    let shelves = fs::read_dir(dir.join("blobs")).unwrap();
    let files = shelves.flat_map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort_by_key(|path| path.file_name().unwrap().to_owned());
    files
}

/// Adds an object and gives the file that it has.
async fn victim(dir: &Path, walrus: &Walrus) -> PathBuf {
    put(walrus, "/bucket/victim", content(9, LARGE)).await;
    files(dir).pop().unwrap()
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip,
    Cut,
    Lose,
}

const HARMS: [(Harm, &str); 3] = [
    (Harm::Flip, "damaged: bucket/victim: its bytes were altered"),
    (Harm::Cut, "damaged: bucket/victim: it has 199999 bytes instead of 200000"),
    (Harm::Lose, "damaged: bucket/victim: its bytes (blobs/"),
];

fn harm(file: &Path, harm: Harm) {
    let mut open = OpenOptions::new().write(true).open(file).unwrap();
    match harm {
        Harm::Flip => {
            let byte = fs::read(file).unwrap()[150_000];
            open.seek(SeekFrom::Start(150_000)).unwrap();
            open.write_all(&[byte ^ 4]).unwrap();
        }
        Harm::Cut => open.set_len(LARGE as u64 - 1).unwrap(),
        Harm::Lose => fs::remove_file(file).unwrap(),
    }
}

/// Checks a store and gives what was told.
fn checked(dir: &Path, repair: bool) -> (Vec<String>, Check) {
    let mut told = Vec::new();
    let check = check(dir, repair, &mut |finding| told.push(finding.to_string())).unwrap();
    (told, check)
}

async fn whole_round(walrus: &Walrus) -> walrus::Round {
    loop {
        let round = walrus.scrub(3).await.unwrap();
        if round.ended.is_some() {
            return round;
        }
    }
}

#[tokio::test]
async fn what_is_whole_is_found_whole() {
    let (dir, walrus) = filled().await;
    let round = whole_round(&walrus).await;
    assert_eq!((round.contents, round.damaged), (CONTENTS, 0));
    let bytes = 1000 + 2 * LARGE as u64 + 3 * 70_000 + 2 * ((5 << 20) + 10);
    assert_eq!(round.bytes, bytes, "a copy is read again");
    drop(walrus);
    let (told, check) = checked(dir.path(), true);
    assert_eq!(told, [""; 0]);
    let bytes = bytes - LARGE as u64;
    assert_eq!(check, Check { contents: CONTENTS, bytes, ..Check::default() });
}

#[tokio::test]
async fn a_round_goes_on_after_a_restart() {
    let (dir, walrus) = filled().await;
    let mut seen = Vec::new();
    let mut round = walrus.scrub(1).await.unwrap();
    drop(walrus);
    while round.ended.is_none() {
        seen.push(round.contents);
        let walrus = open_with(dir.path(), as_fast_as_possible());
        assert_eq!(walrus.scrubbed().await.unwrap(), round);
        round = walrus.scrub(1).await.unwrap();
    }
    assert_eq!(seen, (1..=CONTENTS).collect::<Vec<_>>());
    let walrus = open_with(dir.path(), as_fast_as_possible());
    assert_eq!(walrus.scrub(1).await.unwrap().contents, 1, "the next round begins");
}

#[tokio::test]
async fn harm_to_one_object_is_named_and_is_that_objects_only() {
    for (kind, told) in HARMS {
        let (dir, walrus) = filled().await;
        let file = victim(dir.path(), &walrus).await;
        harm(&file, kind);
        let round = whole_round(&walrus).await;
        assert_eq!((round.contents, round.damaged), (CONTENTS + 1, 1), "{kind:?}");
        if !matches!(kind, Harm::Flip) {
            let answer = call("ALICE", "GET", "/bucket/victim").send(&walrus).await;
            refused(&answer, 500, "InternalError");
        }
        let copy = call("ALICE", "GET", "/bucket/copy").send(&walrus).await;
        assert!(copy.body == content(2, LARGE));
        drop(walrus);
        let (lines, check) = checked(dir.path(), true);
        assert_eq!((check.damaged, check.flaws, check.mended), (1, 0, 0), "{lines:?}");
        assert!(lines[0].starts_with(told), "{lines:?}");
        // it can be written again, and the store is sound then
        let walrus = open(dir.path());
        put(&walrus, "/bucket/victim", content(10, LARGE)).await;
        drop(walrus);
        assert_eq!(checked(dir.path(), false).1.damaged, 0);
    }
}

#[tokio::test]
async fn versions_and_parts_are_named() {
    let (dir, walrus) = filled().await;
    let listed = call("ALICE", "GET", "/versioned?versions").send(&walrus).await;
    let oldest = listed.elements("VersionId").last().map(|id| (*id).to_owned()).unwrap();
    drop(walrus);
    let files = files(dir.path());
    // large, three versions, and the large parts of two uploads
    assert_eq!(files.len(), 6);
    for at in [1, 4, 5] {
        fs::remove_file(&files[at]).unwrap();
    }
    let (told, _) = checked(dir.path(), false);
    let what: Vec<_> = told.iter().map(|line| line.split(": its").next().unwrap()).collect();
    let version = format!("damaged: versioned/key (version {oldest})");
    let begun = "damaged: bucket/begun (upload in progress), part 1";
    assert_eq!(what, ["damaged: bucket/parts, part 1", &version, begun]);
}

#[tokio::test]
async fn a_damaged_object_that_is_deleted_meanwhile_is_not_counted() {
    let (dir, walrus) = filled().await;
    let file = victim(dir.path(), &walrus).await;
    harm(&file, Harm::Lose);
    call("ALICE", "DELETE", "/bucket/victim").send(&walrus).await;
    assert_eq!(whole_round(&walrus).await.damaged, 0);
}

#[tokio::test]
async fn a_file_without_an_object_is_mended_only_when_that_is_asked_for() {
    let (dir, walrus) = filled().await;
    drop(walrus);
    let there = blobs(dir.path());
    let orphan = dir.path().join("blobs/07").join(format!("{:032x}", 7_u128 << 92));
    fs::write(&orphan, b"left by a crash").unwrap();
    let (told, check) = checked(dir.path(), false);
    assert!(told[0].starts_with("flaw: nothing refers to the file blobs/07/"), "{told:?}");
    assert_eq!((check.flaws, blobs(dir.path())), (1, there + 1));
    assert_eq!(checked(dir.path(), true).1.mended, 1);
    assert_eq!(blobs(dir.path()), there);
    assert_eq!(checked(dir.path(), false).0, [""; 0]);
}

#[tokio::test]
async fn a_store_that_is_not_there_or_in_use_is_not_checked() {
    let (dir, _walrus) = filled().await;
    let error = check(dir.path(), true, &mut |_| {}).unwrap_err();
    assert!(matches!(error, walrus::Error::InUse(_)), "{error}");
    let nothing = dir.path().join("nothing");
    assert!(check(&nothing, true, &mut |_| {}).is_err());
    assert!(!nothing.exists());
}
