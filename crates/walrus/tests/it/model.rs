//! Random operations of two users, with restarts, compared with maps in memory.

mod bucket;
mod versions;

use crate::client::{Answer, call, content, open};
use crate::kill::blobs;
use crate::usage::compare;
use bucket::{Bucket, Version, Versioning};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use versions::{expect_version, picked, step_of_versions, version_of};
use walrus::{UsageReport, Walrus};

const USERS: [&str; 2] = ["ALICE", "BOB"];
const BUCKETS: [&str; 3] = ["one", "two", "three"];
const KEYS: [&str; 11] =
    ["a", "a/", "a/b", "a/b/c", "a//b", "a0", "ab", "b", "b/c", "%C3%A9/x", "~"];
const SIZES: [usize; 6] = [0, 1, 65_536, 65_537, 262_144, 600_000];

#[derive(Debug, Clone)]
enum Operation {
    CreateBucket,
    DeleteBucket,
    Put {
        key: &'static str,
        size: usize,
        seed: u64,
    },
    Get {
        key: &'static str,
    },
    GetRange {
        key: &'static str,
        first: usize,
        last: usize,
    },
    Delete {
        key: &'static str,
    },
    DeleteMany {
        keys: Vec<&'static str>,
    },
    SetVersioning {
        suspended: bool,
    },
    GetVersion {
        key: &'static str,
        pick: usize,
    },
    DeleteVersion {
        key: &'static str,
        pick: usize,
        among_others: bool,
    },
    /// Of a version, or of what has the key.
    Tag {
        key: &'static str,
        pick: Option<usize>,
        count: usize,
    },
    SetAcl {
        key: &'static str,
        pick: Option<usize>,
        public: bool,
    },
    ListVersions {
        prefix: &'static str,
        delimiter: &'static str,
        limit: usize,
    },
    Copy {
        from: (&'static str, &'static str),
        pick: Option<usize>,
        key: &'static str,
    },
    Parts {
        key: &'static str,
        last: usize,
        seed: u64,
        end: End,
    },
    List {
        prefix: &'static str,
        delimiter: &'static str,
        after: &'static str,
        limit: usize,
    },
    Reopen,
}

/// What becomes of an upload in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Completed,
    Aborted,
    Left,
}

/// The least that a part may have that is not the last one.
const PART: usize = 5 << 20;

fn operations() -> impl Strategy<Value = Vec<(&'static str, &'static str, Operation)>> {
    // one key most of the time, so that it has versions
    let key = || prop_oneof![1 => Just(KEYS[2]), 2 => select(&KEYS[..])];
    let pick = || proptest::option::of(0..5usize);
    let operation = prop_oneof![
        2 => Just(Operation::CreateBucket),
        1 => Just(Operation::DeleteBucket),
        6 => (key(), select(&SIZES[..]), any::<u64>())
            .prop_map(|(key, size, seed)| Operation::Put { key, size, seed }),
        3 => key().prop_map(|key| Operation::Get { key }),
        2 => (key(), 0..70_000usize, 0..70_000usize)
            .prop_map(|(key, first, last)| Operation::GetRange { key, first, last }),
        3 => key().prop_map(|key| Operation::Delete { key }),
        1 => proptest::collection::vec(key(), 1..5).prop_map(|keys| Operation::DeleteMany { keys }),
        3 => ((prop_oneof![4 => Just(BUCKETS[0]), 1 => select(&BUCKETS[1..])], key()), pick(), key())
            .prop_map(|(from, pick, key)| Operation::Copy { from, pick, key }),
        2 => prop_oneof![2 => Just(false), 1 => Just(true)]
            .prop_map(|suspended| Operation::SetVersioning { suspended }),
        3 => (key(), 0..5usize).prop_map(|(key, pick)| Operation::GetVersion { key, pick }),
        4 => (key(), 0..5usize, any::<bool>()).prop_map(|(key, pick, among_others)| {
            Operation::DeleteVersion { key, pick, among_others }
        }),
        1 => (key(), pick(), 0..3usize)
            .prop_map(|(key, pick, count)| Operation::Tag { key, pick, count }),
        1 => (key(), pick(), any::<bool>())
            .prop_map(|(key, pick, public)| Operation::SetAcl { key, pick, public }),
        3 => (select(&["", "a", "a/", "b", "z"][..]), select(&["", "/", "b"][..]), 1..6usize)
            .prop_map(|(prefix, delimiter, limit)| {
                Operation::ListVersions { prefix, delimiter, limit }
            }),
        1 => (key(), select(&SIZES[..]), any::<u64>(),
              prop_oneof![3 => Just(End::Completed), 1 => Just(End::Aborted), 1 => Just(End::Left)])
            .prop_map(|(key, last, seed, end)| Operation::Parts { key, last, seed, end }),
        3 => (select(&["", "a", "a/", "b", "z"][..]), select(&["", "/", "b"][..]),
              prop_oneof![Just(""), key()], 1..6usize)
            .prop_map(|(prefix, delimiter, after, limit)| {
                Operation::List { prefix, delimiter, after, limit }
            }),
        1 => Just(Operation::Reopen),
    ];
    // one user and one bucket most of the time, so that operations meet
    let user = prop_oneof![4 => Just(USERS[0]), 1 => Just(USERS[1])];
    let bucket = prop_oneof![4 => Just(BUCKETS[0]), 1 => select(&BUCKETS[1..])];
    proptest::collection::vec((user, bucket, operation), 1..60)
}

type Model = BTreeMap<&'static str, Bucket>;

fn decoded(key: &str) -> String {
    signature::uri_decode(key).unwrap()
}

/// What a page of a listing has to contain: keys and groups after `after`, in order.
fn page(
    bucket: &Bucket,
    prefix: &str,
    delimiter: &str,
    after: &str,
    limit: usize,
) -> (Vec<String>, bool) {
    let mut names: Vec<String> = Vec::new();
    for key in bucket.objects().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let group = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let end = group.map_or(key.len(), |at| prefix.len() + at + delimiter.len());
        if key[..end] > *after && names.last().is_none_or(|last| *last != key[..end]) {
            names.push(key[..end].to_owned());
        }
    }
    let truncated = names.len() > limit;
    names.truncate(limit);
    (names, truncated)
}

/// The error that stands before every operation on a bucket, or the bucket.
fn access<'a>(model: &'a Model, user: &str, name: &str) -> Result<&'a Bucket, &'static str> {
    let bucket = model.get(name).ok_or("NoSuchBucket")?;
    if bucket.owner == user { Ok(bucket) } else { Err("AccessDenied") }
}

async fn step(
    walrus: &Walrus,
    model: &mut Model,
    (user, name, operation): (&'static str, &'static str, Operation),
) {
    let at = |key: &str| format!("/{name}/{key}");
    let bucket_path = format!("/{name}");
    match operation {
        Operation::CreateBucket => {
            let answer = call(user, "PUT", &bucket_path).send(walrus).await;
            let bucket = model.entry(name).or_insert(Bucket { owner: user, ..Bucket::default() });
            expect(&answer, if bucket.owner == user { "" } else { "BucketAlreadyExists" });
        }
        Operation::DeleteBucket => {
            let answer = call(user, "DELETE", &bucket_path).send(walrus).await;
            let code = match access(model, user, name) {
                Ok(bucket) if !bucket.keys.is_empty() => "BucketNotEmpty",
                other => other.err().unwrap_or(""),
            };
            expect(&answer, code);
            if code.is_empty() {
                model.remove(name);
            }
        }
        Operation::Put { key, size, seed } => {
            let body = content(seed, size);
            let answer = call(user, "PUT", &at(key)).body(body.clone()).send(walrus).await;
            let code = access(model, user, name).err().unwrap_or("");
            expect(&answer, code);
            if code.is_empty() {
                let id = answer.header("x-amz-version-id");
                model.get_mut(name).unwrap().push(&decoded(key), id, Some(body), 0);
            }
        }
        Operation::Get { key } => {
            let answer = call(user, "GET", &at(key)).send(walrus).await;
            let object = object(model, user, name, key);
            if let (Err("NoSuchKey"), Some(bucket)) = (&object, model.get(name)) {
                let newest = bucket.keys.get(&decoded(key)).map(|versions| &*versions[0].id);
                assert_eq!(answer.header("x-amz-version-id"), newest.unwrap_or(""));
                let marker = if newest.is_some() { "true" } else { "" };
                assert_eq!(answer.header("x-amz-delete-marker"), marker);
            }
            expect_version(&answer, &model.get(name), object);
        }
        Operation::GetRange { key, first, last } => {
            let call =
                call(user, "GET", &at(key)).header("range", &format!("bytes={first}-{last}"));
            let answer = call.send(walrus).await;
            let whole = object(model, user, name, key);
            expect_bytes(
                &answer,
                whole.map(|version| version.bytes.as_deref().unwrap()).and_then(|bytes| {
                    let end = bytes.len().min(last + 1);
                    match (first <= last, first < bytes.len()) {
                        (true, true) => Ok(&bytes[first..end]),
                        (true, false) => Err("InvalidRange"),
                        (false, _) => Ok(bytes),
                    }
                }),
            );
        }
        Operation::Delete { key } => {
            let answer = call(user, "DELETE", &at(key)).send(walrus).await;
            expect(&answer, access(model, user, name).err().unwrap_or(""));
            if answer.status.is_success() {
                let id = answer.header("x-amz-version-id");
                let bucket = model.get_mut(name).unwrap();
                let marker = if bucket.versioning == Versioning::Never { "" } else { "true" };
                assert_eq!(answer.header("x-amz-delete-marker"), marker);
                bucket.push(&decoded(key), id, None, 0);
            }
        }
        Operation::DeleteMany { keys } => {
            let item = |key| format!("<Object><Key>{}</Key></Object>", decoded(key));
            let list = keys.iter().copied().map(item).collect::<String>();
            let list = format!("<Delete>{list}</Delete>");
            let path = format!("{bucket_path}?delete");
            let answer = call(user, "POST", &path).body(list).send(walrus).await;
            // each key has an answer of its own, whoever asks
            let code = access(model, user, name).err().unwrap_or("");
            assert_eq!(answer.code(), code, "{answer:?}");
            if code.is_empty() {
                assert_eq!(answer.elements("Key").len(), keys.len());
                let bucket = model.get_mut(name).unwrap();
                let mut ids = answer.elements("DeleteMarkerVersionId").into_iter();
                for key in keys {
                    let never = bucket.versioning == Versioning::Never;
                    let id = if never { "" } else { ids.next().unwrap() };
                    bucket.push(&decoded(key), id, None, 0);
                }
            }
        }
        Operation::Copy { from: (bucket, from), pick, key } => {
            let id = pick.map(|pick| picked(model, bucket, from, pick));
            let version = id.as_ref().map_or(String::new(), |id| format!("?versionId={id}"));
            let source = format!("/{bucket}/{from}{version}");
            let copy = call(user, "PUT", &at(key)).header("x-amz-copy-source", &source);
            let copy = copy.header("x-amz-metadata-directive", "REPLACE");
            let answer = copy.send(walrus).await;
            let source = access(model, user, name)
                .and_then(|_| match &id {
                    None => object(model, user, bucket, from),
                    Some(id) => version_of(model, user, bucket, from, id),
                })
                .map(|version| (version.bytes.clone(), version.tags));
            let code = source.as_ref().err().copied().unwrap_or("");
            expect(&answer, if code == "MethodNotAllowed" { "InvalidRequest" } else { code });
            if let Ok((bytes, tags)) = source {
                let id = answer.header("x-amz-version-id");
                model.get_mut(name).unwrap().push(&decoded(key), id, bytes, tags);
            }
        }
        operation => step_of_versions(walrus, model, (user, name, operation)).await,
    }
}

async fn step_of_listing_and_parts(
    walrus: &Walrus,
    model: &mut Model,
    (user, name, operation): (&'static str, &'static str, Operation),
) {
    let at = |key: &str| format!("/{name}/{key}");
    let bucket_path = format!("/{name}");
    match operation {
        Operation::Parts { key, last, seed, end } => {
            let path = at(key);
            let begun = call(user, "POST", &format!("{path}?uploads")).send(walrus).await;
            expect(&begun, access(model, user, name).err().unwrap_or(""));
            if !begun.status.is_success() {
                return;
            }
            let id = begun.elements("UploadId")[0].to_owned();
            let bytes = content(seed, PART + last);
            let parts = [&bytes[..PART], &bytes[PART..]].map(<[u8]>::to_vec);
            let made = upload_parts(walrus, user, &path, &id, &parts, end).await;
            if let Some(id) = made {
                model.get_mut(name).unwrap().push(&decoded(key), &id, Some(bytes), 0);
            }
        }
        Operation::List { prefix, delimiter, after, limit } => {
            let query = format!(
                "{bucket_path}?prefix={prefix}&delimiter={delimiter}&marker={after}&max-keys={limit}"
            );
            let answer = call(user, "GET", &query).send(walrus).await;
            match access(model, user, name) {
                Err(code) => expect(&answer, code),
                Ok(bucket) => {
                    let (names, truncated) =
                        page(bucket, prefix, delimiter, &decoded(after), limit);
                    let mut listed = answer.elements("Key");
                    // the first Prefix is that of the request
                    listed.extend(&answer.elements("Prefix")[1..]);
                    listed.sort_unstable();
                    assert_eq!(listed, names, "{query}");
                    assert_eq!(answer.elements("IsTruncated"), [truncated.to_string()]);
                }
            }
        }
        operation => unreachable!("{operation:?} is handled elsewhere"),
    }
}

async fn upload_parts(
    walrus: &Walrus,
    user: &str,
    path: &str,
    id: &str,
    parts: &[Vec<u8>],
    end: End,
) -> Option<String> {
    let mut list = String::new();
    for (at, bytes) in parts.iter().enumerate() {
        let part = format!("{path}?partNumber={}&uploadId={id}", at + 1);
        let answer = call(user, "PUT", &part).body(bytes.clone()).send(walrus).await;
        expect(&answer, "");
        let (number, etag) = (at + 1, answer.header("etag"));
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let path = format!("{path}?uploadId={id}");
    let answer = match end {
        End::Completed => {
            let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
            call(user, "POST", &path).body(list).send(walrus).await
        }
        End::Aborted => call(user, "DELETE", &path).send(walrus).await,
        End::Left => return None,
    };
    expect(&answer, "");
    (end == End::Completed).then(|| answer.header("x-amz-version-id").to_owned())
}

/// Deletes all that there is and looks whether any blob stays.
async fn nothing_stays(walrus: &Walrus, model: &Model) {
    for (name, bucket) in model {
        let path = format!("/{name}");
        for (key, versions) in &bucket.keys {
            let key = format!("{path}/{}", signature::uri_encode(key).replace("%2F", "/"));
            for Version { id, .. } in versions {
                let version = format!("{key}?versionId={id}");
                expect(&call(bucket.owner, "DELETE", &version).send(walrus).await, "");
            }
        }
        expect(&call(bucket.owner, "DELETE", &path).send(walrus).await, "");
    }
}

fn object<'a>(
    model: &'a Model,
    user: &str,
    name: &str,
    key: &str,
) -> Result<&'a Version, &'static str> {
    access(model, user, name)?.current(&decoded(key)).ok_or("NoSuchKey")
}

fn expect(answer: &Answer, code: &str) {
    let shown = if answer.status.is_success() { "" } else { answer.code() };
    assert_eq!(shown, code, "{answer:?}");
}

fn expect_bytes(answer: &Answer, bytes: Result<&[u8], &str>) {
    expect(answer, bytes.err().unwrap_or(""));
    if let Ok(bytes) = bytes {
        assert!(answer.body == bytes, "{} bytes instead of {}", answer.body.len(), bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_store_behaves_as_maps_in_memory_do(operations in operations()) {
        // what a sync costs does not matter here
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut walrus = open(dir.path());
        let mut model = Model::new();
        for (user, bucket, operation) in operations {
            if matches!(operation, Operation::Reopen) {
                drop(walrus);
                walrus = open(dir.path());
            } else {
                runtime.block_on(step(&walrus, &mut model, (user, bucket, operation)));
            }
            runtime.block_on(compare(&walrus));
        }
        runtime.block_on(nothing_stays(&walrus, &model));
        assert_eq!(runtime.block_on(walrus.usage()).unwrap(), UsageReport::default());
        drop(walrus);
        assert_eq!(blobs(dir.path()), 0, "bytes that nobody refers to");
    }
}
