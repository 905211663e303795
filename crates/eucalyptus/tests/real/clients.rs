//! The User's Guide with clients that are not ours, for users who see nothing of each other.

use crate::guide::{Reader, block, long};
use crate::kills::wait_no_domain;
use crate::machine::must;
use crate::site::{Key, Site, client};
use std::path::PathBuf;
use std::thread;

/// What a story prints: the instance, its address and the key's file.
struct Told {
    id: String,
    ip: String,
    key: Key,
}

/// The user's whole story with boto3, but for the end.
fn boto3_story(site: &Site, user: &str, emi: &str) -> Told {
    let said = Reader::known(site, user, emi).python("boto3", "boto3");
    let mut words = said.split(' ').map(str::to_owned);
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

/// Public addresses that lead to instances from the machine itself.
const POOL: &str = "VNET_PUBLICIPS=\"192.0.2.10-192.0.2.40\"\nVNET_INTERFACE=\"lo\"\n";

#[test]
fn two_users_follow_the_readme_with_boto3_and_the_aws_cli() {
    let site = Site::started_with(POOL);
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

/// The whole story with the AWS CLI; what `aws` must be first is in `before`.
fn aws_cli(reader: &Reader<'_>, before: &str) {
    let kinds = ["sh story", "sh address", "sh stop", "sh end"];
    let kinds = kinds.into_iter().filter(|kind| *kind != "sh stop" || long());
    let text: Vec<String> = kinds.map(|kind| block("AWS CLI", kind)).collect();
    let said = reader.shell(&format!("{before}\n{}", text.join("\n")));
    assert!(said.contains("Linux"), "{said}");
}

/// Debian's AWS CLI is of version 2, and too old to read its endpoint from the environment.
fn aws_cli_2(reader: &Reader<'_>) {
    let before = format!("PATH=/usr/bin:$PATH\n{}", block("AWS CLI", "sh older"));
    let version = reader.shell(&format!("{before}\naws --version"));
    assert!(version.starts_with("aws-cli/2."), "{version}");
    aws_cli(reader, &before);
}

fn ansible(reader: &Reader<'_>) {
    for play in ["yaml launch.yml", "yaml restart.yml", "yaml remove.yml"] {
        reader.save("Ansible", play);
    }
    for line in block("Ansible", "sh").lines() {
        if line.contains("restart") && !long() {
            continue;
        }
        reader.shell(line);
        if !line.contains("remove") {
            reader.log_in("ansible");
        }
    }
}

fn terraform(reader: &Reader<'_>) {
    reader.save("Terraform", "hcl main.tf");
    let apply = block("Terraform", "sh apply");
    reader.shell(&apply);
    reader.log_in("terraform");
    let variables = apply.lines().next().unwrap();
    let destroy = block("Terraform", "sh destroy");
    reader.shell(&format!("{variables}\n{destroy}"));
}

/// A user's name, and what that user does.
type Part = (&'static str, fn(&Reader<'_>));

/// Lets several users follow the guide on one cloud: each list one after the other, the lists at
/// the same time. Nothing of theirs is left.
fn follow(lists: &[&[Part]]) {
    let site = Site::started_with(POOL);
    let emi = site.register_images();
    let readers = |list: &&[Part]| {
        list.iter().map(|(user, tell)| (Reader::new(&site, user, &emi), *tell)).collect::<Vec<_>>()
    };
    let lists: Vec<_> = lists.iter().map(readers).collect();
    thread::scope(|scope| {
        for list in &lists {
            scope.spawn(move || {
                for (reader, tell) in list {
                    tell(reader);
                }
            });
        }
    });
    wait_no_domain(&site);
}

#[test]
fn users_follow_the_guide_with_the_aws_cli_boto_and_libcloud() {
    let boto2 = |reader: &Reader<'_>| drop(reader.python("boto 2", "boto2"));
    let libcloud = |reader: &Reader<'_>| drop(reader.python("Apache libcloud", "libcloud"));
    let aws_cli_1 = |reader: &Reader<'_>| aws_cli(reader, "");
    if long() {
        follow(&[
            &[("cli1", aws_cli_1), ("cli2", aws_cli_2)],
            &[("boto", boto2), ("libcloud", libcloud)],
        ]);
    } else {
        follow(&[&[("cli2", aws_cli_2)], &[("boto", boto2), ("libcloud", libcloud)]]);
    }
}

#[test]
fn users_follow_the_guide_with_ansible_and_terraform() {
    follow(&[&[("ansible", ansible)], &[("terraform", terraform)]]);
}
