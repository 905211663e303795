//! Walrus with clients that are not ours: each signs the path in its own way.

use crate::machine::must;
use crate::site::{Site, client};
use std::fs;
use std::path::Path;

const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/s3_story.py");

#[test]
fn buckets_and_objects_work_with_clients_of_every_age() {
    let site = Site::started();
    for library in ["boto3_v4", "boto3_v2", "boto2"] {
        let mut story = site.as_user("admin", &client("python3"));
        story.args([STORY, library]);
        must(story);
    }
    let aws = client("aws");
    copy_with(&site, &aws, |from, to| strings(["s3", "cp", from, to]), "s3://cli/object");
    mirror_with(&site, &aws, &["s3", "sync", "--delete"], "s3://cli/tree");
    let rclone = |from: &str, to: &str| strings(["copyto", from, to]);
    copy_with(&site, "rclone", rclone, ":s3,provider=Other,env_auth:clone/object");
    mirror_with(&site, "rclone", &["sync"], ":s3,provider=Other,env_auth:clone/tree");
}

fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// Copies a file to a bucket and back.
fn copy_with(site: &Site, program: &str, copy: impl Fn(&str, &str) -> Vec<String>, remote: &str) {
    let bucket = remote.rsplit(['/', ':']).nth(1).unwrap();
    let mut make = site.as_user("admin", &client("aws"));
    make.args(["s3api", "create-bucket", "--bucket", bucket]);
    must(make);
    let local = |name: &str| site.machine().dir().join(name).to_str().unwrap().to_owned();
    let (from, back) = (local("there"), local("back"));
    // more than clients send at once
    let bytes: Vec<u8> = (0..18_000_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    fs::write(&from, &bytes).unwrap();
    for words in [copy(&from, remote), copy(remote, &back)] {
        run(site, program, &words);
    }
    assert!(fs::read(&back).unwrap() == bytes, "{program} gives back other bytes");
    fs::remove_file(&back).unwrap();
}

/// Mirrors a tree with odd names to a bucket, after a change again, and back.
fn mirror_with(site: &Site, program: &str, words: &[&str], remote: &str) {
    let dir = site.machine().dir().join(format!("mirror-{}", words.len()));
    let (from, back) = (dir.join("from"), dir.join("back"));
    fs::create_dir_all(from.join("a b/c+d")).unwrap();
    let names = ["one", "a b/\u{fc} & <x>", "a b/c+d/100%", "a b/c+d/='quote\""];
    for name in names {
        fs::write(from.join(name), name).unwrap();
    }
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let sync = |from: &str, to: &str| {
        let words = words.iter().copied().chain([from, to]).map(str::to_owned);
        run(site, program, &words.collect::<Vec<_>>());
    };
    sync(&path(&from), remote);
    fs::remove_file(from.join("one")).unwrap();
    fs::write(from.join("two"), "another").unwrap();
    sync(&path(&from), remote);
    sync(remote, &path(&back));
    let files = |dir: &Path| {
        let mut find = site.as_user("admin", "sh");
        find.args(["-euc", "cd \"$0\" && find . -type f -exec sha256sum {} + | sort"]).arg(dir);
        must(find)
    };
    assert_eq!(files(&back), files(&from), "{program} brings back another tree");
}

fn run(site: &Site, program: &str, words: &[String]) {
    let mut command = site.as_user("admin", "env");
    // rclone reads its endpoint there, and takes no authorities from the machine's environment
    command.args([
        "-u",
        "AWS_CA_BUNDLE",
        "bash",
        "-c",
        "RCLONE_S3_ENDPOINT=$S3_URL exec \"$0\" \"$@\"",
        program,
    ]);
    command.args(words);
    must(command);
}
