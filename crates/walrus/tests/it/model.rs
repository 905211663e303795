//! Random operations of two users, with restarts, compared with maps in memory.

use crate::client::{Answer, call, content, open};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use walrus::Walrus;

const USERS: [&str; 2] = ["ALICE", "BOB"];
const BUCKETS: [&str; 3] = ["one", "two", "three"];
const KEYS: [&str; 11] =
    ["a", "a/", "a/b", "a/b/c", "a//b", "a0", "ab", "b", "b/c", "%C3%A9/x", "~"];
const SIZES: [usize; 6] = [0, 1, 65_536, 65_537, 262_144, 600_000];

#[derive(Debug, Clone)]
enum Operation {
    CreateBucket,
    DeleteBucket,
    Put { key: &'static str, size: usize, seed: u64 },
    Get { key: &'static str },
    GetRange { key: &'static str, first: usize, last: usize },
    Delete { key: &'static str },
    List { prefix: &'static str, delimiter: &'static str, after: &'static str, limit: usize },
    Reopen,
}

fn operations() -> impl Strategy<Value = Vec<(&'static str, &'static str, Operation)>> {
    let key = || select(&KEYS[..]);
    let operation = prop_oneof![
        2 => Just(Operation::CreateBucket),
        1 => Just(Operation::DeleteBucket),
        6 => (key(), select(&SIZES[..]), any::<u64>())
            .prop_map(|(key, size, seed)| Operation::Put { key, size, seed }),
        3 => key().prop_map(|key| Operation::Get { key }),
        2 => (key(), 0..70_000usize, 0..70_000usize)
            .prop_map(|(key, first, last)| Operation::GetRange { key, first, last }),
        3 => key().prop_map(|key| Operation::Delete { key }),
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

#[derive(Debug, Default)]
struct Bucket {
    owner: &'static str,
    objects: BTreeMap<String, Vec<u8>>,
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
    for key in bucket.objects.keys().filter(|key| key.starts_with(prefix)) {
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
                Ok(bucket) if !bucket.objects.is_empty() => "BucketNotEmpty",
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
                model.get_mut(name).unwrap().objects.insert(decoded(key), body);
            }
        }
        Operation::Get { key } => {
            let answer = call(user, "GET", &at(key)).send(walrus).await;
            expect_bytes(&answer, object(model, user, name, key));
        }
        Operation::GetRange { key, first, last } => {
            let call =
                call(user, "GET", &at(key)).header("range", &format!("bytes={first}-{last}"));
            let answer = call.send(walrus).await;
            let whole = object(model, user, name, key);
            expect_bytes(
                &answer,
                whole.and_then(|bytes| {
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
                model.get_mut(name).unwrap().objects.remove(&decoded(key));
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
        Operation::Reopen => unreachable!("handled by the caller"),
    }
}

fn object<'a>(
    model: &'a Model,
    user: &str,
    name: &str,
    key: &str,
) -> Result<&'a [u8], &'static str> {
    let object = access(model, user, name)?.objects.get(&decoded(key));
    object.map(Vec::as_slice).ok_or("NoSuchKey")
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
        }
    }
}
