//! Walrus with clients that are not ours: each signs the path in its own way.

use crate::machine::must;
use crate::site::{Site, client};
use std::fs;

const STORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/s3_story.py");

#[test]
fn buckets_and_objects_work_with_clients_of_every_age() {
    let site = Site::started();
    for library in ["boto3_v4", "boto3_v2", "boto2"] {
        let mut story = site.as_user("admin", &client("python3"));
        story.args([STORY, library]);
        must(story);
    }
    copy_with(&site, &client("aws"), |from, to| strings(["s3", "cp", from, to]), "s3://cli/object");
    let rclone = |from: &str, to: &str| strings(["copyto", from, to]);
    copy_with(&site, "rclone", rclone, ":s3,provider=Other,env_auth:clone/object");
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
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    fs::write(&from, &bytes).unwrap();
    for words in [copy(&from, remote), copy(remote, &back)] {
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
    assert!(fs::read(&back).unwrap() == bytes, "{program} gives back other bytes");
    fs::remove_file(&back).unwrap();
}
