//! The story of the README with clients that are not ours, for two users who see nothing of each
//! other.

use crate::kills::wait_no_domain;
use crate::machine::must;
use crate::site::{Key, Site, client};
use std::path::PathBuf;

const BOTO3: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/boto3_story.py");

/// What a story prints: the instance, its address and the key's file.
struct Told {
    id: String,
    ip: String,
    key: Key,
}

/// The user's whole story with boto3.
fn boto3_story(site: &Site, user: &str, emi: &str) -> Told {
    let dir = site.root().join("credentials").join(user);
    let mut story = site.as_user(user, &client("python3"));
    story.arg(BOTO3).args([emi, dir.to_str().unwrap()]);
    let said = must(story);
    let mut words = said.lines().last().unwrap().split(' ').map(str::to_owned);
    let mut next = || words.next().unwrap();
    let (id, ip, file) = (next(), next(), PathBuf::from(next()));
    Told { id, ip, key: Key { name: "boto3".to_owned(), file } }
}

/// An AWS CLI call; its text output.
fn aws(site: &Site, user: &str, line: &[&str]) -> String {
    let mut command = site.as_user(user, &client("aws"));
    command.args(line).args(["--output", "text"]);
    must(command).trim().to_owned()
}

/// The user's whole story with the AWS CLI.
fn aws_story(site: &Site, user: &str, emi: &str) -> Told {
    let material =
        aws(site, user, &["ec2", "create-key-pair", "--key-name", "cli", "--query", "KeyMaterial"]);
    let file = site.root().join("credentials").join(user).join("cli.pem");
    std::fs::write(&file, material + "\n").unwrap();
    site.machine().must("chmod", ["600", file.to_str().unwrap()]);
    let rule =
        ["--group-name", "default", "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0"];
    aws(site, user, &[&["ec2", "authorize-security-group-ingress"], &rule[..]].concat());
    let launch = ["ec2", "run-instances", "--image-id", emi, "--key-name", "cli"];
    let query = ["--instance-type", "m1.small", "--query", "Instances[0].InstanceId"];
    let id = aws(site, user, &[&launch[..], &query].concat());
    aws(site, user, &["ec2", "wait", "instance-running", "--instance-ids", &id]);
    let query = ["--query", "Reservations[0].Instances[0].PublicIpAddress"];
    let ip = aws(
        site,
        user,
        &[&["ec2", "describe-instances", "--instance-ids", &id], &query[..]].concat(),
    );
    Told { id, ip, key: Key { name: "cli".to_owned(), file } }
}

#[test]
fn two_users_follow_the_readme_with_boto3_and_the_aws_cli() {
    let site = Site::started();
    let emi = site.register_images();
    site.must("euca_conf", ["--add-user", "alice"]);
    site.credentials("alice");

    let admin = boto3_story(&site, "admin", &emi);
    assert!(site.wait_ssh(&admin.key, &admin.ip, "uname -a").starts_with("Linux"));
    let alice = aws_story(&site, "alice", &emi);
    assert!(site.wait_ssh(&alice.key, &alice.ip, "uname -a").starts_with("Linux"));

    // the key of one user opens nothing of the other
    assert!(!site.ssh(&alice.key, &admin.ip, "true").status.success());
    let query = ["--query", "Reservations[].Instances[].InstanceId"];
    let seen = aws(&site, "alice", &[&["ec2", "describe-instances"], &query[..]].concat());
    assert_eq!(seen, alice.id, "alice sees her own instance and no other");
    let keys = aws(&site, "alice", &["ec2", "describe-key-pairs", "--query", "KeyPairs[].KeyName"]);
    assert_eq!(keys, "cli");
    let mut touch = site.as_user("alice", &client("aws"));
    let output =
        touch.args(["ec2", "terminate-instances", "--instance-ids", &admin.id]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("InvalidInstanceID.NotFound"), "not even that it exists: {said}");
    let buckets = aws(&site, "alice", &["s3api", "list-buckets", "--query", "Buckets[].Name"]);
    assert!(matches!(buckets.as_str(), "" | "None"), "{buckets}");

    for (user, id) in [("admin", &admin.id), ("alice", &alice.id)] {
        aws(&site, user, &["ec2", "terminate-instances", "--instance-ids", id]);
        aws(&site, user, &["ec2", "wait", "instance-terminated", "--instance-ids", id]);
    }
    wait_no_domain(&site);
}
