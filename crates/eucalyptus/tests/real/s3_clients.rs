//! docs/s3-clients.md, followed by a user of a cloud controller that runs alone.

use crate::guide::{Reader, STORIES, long, s3_block};
use crate::machine::Machine;
use crate::site::{Site, client};
use std::fs;
use std::path::Path;

/// Walrus needs no instances.
const LINES: &str = "START_CC=\"N\"\nSTART_NC=\"N\"\n";

/// What a client is to have brought back.
const SAME: &str = "diff -r tree back && cmp big big.back";

/// A tree with odd names, and a file that clients send in parts.
fn furnish(dir: &Path) {
    let names = ["one", "a b/\u{fc} & <x>", "a b/c+d/100%", "a b/c+d/='quote\"", "deep/er/~t#?*"];
    for name in names {
        let file = dir.join("tree").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, name).unwrap();
    }
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| (at.wrapping_mul(at) >> 7) as u8).collect();
    fs::write(dir.join("big"), bytes).unwrap();
}

/// A session with a client in a directory of its own, with the tree and the large file in it.
fn session(reader: &Reader<'_>, name: &str, text: &str) -> String {
    // whoever runs the tests may have authorities of their own
    reader.shell(&format!(
        "unset AWS_CA_BUNDLE\nmkdir {name}\ncp -r tree big {name}\ncd {name}\n{text}"
    ))
}

/// A client of the command line: its block, and what must be so afterwards.
fn follow(reader: &Reader<'_>, heading: &str, before: &str, after: &str) {
    let name = heading.replace(' ', "-");
    session(reader, &name, &format!("{before}\n{}\n{after}", s3_block(heading, "sh")));
}

/// A library: the guide's connection, and its story behind it.
fn javascript(reader: &Reader<'_>, heading: &str, story: &str) {
    let source = fs::read_to_string(format!("{STORIES}/{story}.mjs")).unwrap();
    let connection = s3_block(heading, "js");
    fs::write(reader.dir().join("story.mjs"), format!("{connection}\n{source}")).unwrap();
    let python = client("python3");
    let modules = Path::new(&python).ancestors().nth(2).unwrap().join("node/node_modules");
    let text =
        format!("ln -s {} node_modules\nmv ../story.mjs .\nnode story.mjs", modules.display());
    assert!(session(reader, story, &text).ends_with("done\n"), "{heading}");
}

fn python(reader: &Reader<'_>, heading: &str, story: &str) {
    fs::write(reader.dir().join("connect.py"), s3_block(heading, "python")).unwrap();
    let said = session(reader, story, &format!("PYTHONPATH=.. python3 {STORIES}/{story}.py"));
    assert!(said.ends_with("done\n"), "{heading}: {said}");
}

#[test]
fn a_user_follows_the_guide_of_s3_clients() {
    let site = Site::on(Machine::boot(), LINES);
    site.start();
    let reader = &Reader::new(&site, "alice", "");
    furnish(reader.dir());
    follow(reader, "AWS CLI", "", SAME);
    follow(reader, "s3cmd", "", SAME);
    follow(reader, "restic", "", "diff -r tree back/tree");
    python(reader, "boto3", "s3_boto3_story");
    javascript(reader, "AWS SDK for JavaScript", "s3_aws_sdk_story");
    javascript(reader, "MinIO's client for JavaScript", "s3_minio_story");
    if long() {
        further_clients(reader);
    }
}

fn further_clients(reader: &Reader<'_>) {
    // Debian's AWS CLI is of version 2
    let older = s3_block("AWS CLI", "sh older");
    let again = s3_block("AWS CLI", "sh");
    let text = format!("PATH=/usr/bin:$PATH\n{older}\naws --version\n{again}\n{SAME}");
    assert!(session(reader, "aws-2", &text).starts_with("aws-cli/2."));
    python(reader, "boto 2", "s3_boto2_story");
    follow(reader, "rclone", "", SAME);
    follow(reader, "s5cmd", "", SAME);
    let make = |bucket: &str| format!("aws s3 mb s3://{bucket}");
    follow(reader, "duplicity", &make("my-duplicity"), "diff -r tree back");
    let mounted = "diff -r tree mounted/tree\ncmp big mounted/big\numount mounted\n\
                   aws s3 cp s3://my-s3fs/big - | cmp big -";
    follow(reader, "s3fs", &make("my-s3fs"), mounted);
}
