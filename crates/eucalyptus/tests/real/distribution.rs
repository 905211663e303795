//! A stock distribution from elsewhere, with its own boot loader and cloud-init: in the longer
//! forms only, because an emulated Debian takes a minute to boot and some to make.

use crate::machine::wait_for;
use crate::site::Site;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks its own run.
const USER_DATA: &str = "#!/bin/sh\necho ran >/var/tmp/user-data\n";

/// What `scripts/test-distribution` has made.
fn disk() -> PathBuf {
    let made =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/test-distribution/debian.img");
    assert!(made.exists(), "no disk; run: scripts/test-distribution build/test-distribution");
    made.canonicalize().unwrap()
}

#[test]
fn debian_boots_from_its_own_disk_and_its_cloud_init_finds_ec2() {
    let site = Site::started();
    let emi = site.install_image("admin", &disk());
    let key = site.key("admin", "mine");
    let data = site.machine().dir().join("user-data");
    fs::write(&data, USER_DATA).unwrap();
    let launch = [&emi, "-k", &key.name, "-t", "m1.large", "-f", data.to_str().unwrap()];
    let id = site.run("admin", &launch);
    let id = id.as_str();
    let ip = site.wait_state("admin", id, "running")[4].clone();

    let to = format!("debian@{ip}");
    // an emulated Debian takes a minute or two, and longer on a busy machine
    wait_for("the guest's own tools", Duration::from_secs(600), || {
        let console = site.tool("admin", "euca-get-console-output", [id]);
        console.contains(" finished at ").then_some(())
    });
    let says = |command: &str| site.wait_login(&key, &to, command);
    let status = says("cloud-init status --wait --long; true");
    assert!(status.contains("status: done") && status.contains("DataSourceEc2"), "{status}");
    assert_eq!(says("cloud-init query instance_id"), id);
    assert_eq!(says("cloud-init query availability_zone"), "cluster");
    assert_eq!(says("cat /var/tmp/user-data"), "ran");
    // the disk is as large as the type's, and the guest's own growpart has taken it
    let kilobytes: u64 = says("df -k --output=size / | tail -n 1").trim().parse().unwrap();
    assert!(kilobytes > 9 << 20, "the root filesystem has {kilobytes} KB");
    let console = site.tool("admin", "euca-get-console-output", [id]);
    assert!(console.contains("login:"), "{console}");
}
