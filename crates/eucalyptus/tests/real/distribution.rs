//! A stock distribution from elsewhere, with its own boot loader and cloud-init: in the longer
//! forms only, because an emulated Debian takes a minute to boot and some to make.

use crate::machine::wait_for;
use crate::modes::{SiteDhcp, Town};
use crate::site::{Key, Site};
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

/// Launches the disk with a key and user data.
fn launch(site: &Site) -> (Key, String) {
    let emi = site.install_image("admin", &disk());
    let key = site.key("admin", "debian");
    let data = site.machine().dir().join("user-data");
    fs::write(&data, USER_DATA).unwrap();
    let launch = [&emi, "-k", &key.name, "-t", "m1.large", "-f", data.to_str().unwrap()];
    let id = site.run("admin", &launch);
    (key, id)
}

/// An emulated Debian takes a minute or two, and longer on a busy machine.
fn wait_booted(site: &Site, id: &str) {
    wait_for("the guest's own tools", Duration::from_secs(600), || {
        let console = site.tool("admin", "euca-get-console-output", [id]);
        console.contains(" finished at ").then_some(())
    });
}

/// What Debian's own cloud-init must have found in EC2's metadata and done with it.
fn assert_cloud_init(site: &Site, key: &Key, id: &str, ip: &str, zone: &str) {
    let says = |command: &str| site.wait_login(key, &format!("debian@{ip}"), command);
    let status = says("cloud-init status --wait --long; true");
    assert!(status.contains("status: done") && status.contains("DataSourceEc2"), "{status}");
    assert_eq!(says("cloud-init query instance_id"), id);
    assert_eq!(says("cloud-init query availability_zone"), zone);
    assert_eq!(says("cat /var/tmp/user-data"), "ran");
}

#[test]
fn debian_boots_from_its_own_disk_and_its_cloud_init_finds_ec2() {
    let site = Site::started();
    let (key, id) = launch(&site);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    wait_booted(&site, &id);
    assert_cloud_init(&site, &key, &id, &ip, "cluster");
    // the disk is as large as the type's, and the guest's own growpart has taken it
    let size = "df -k --output=size / | tail -n 1";
    let size = site.wait_login(&key, &format!("debian@{ip}"), size);
    let kilobytes: u64 = size.trim().parse().unwrap();
    assert!(kilobytes > 9 << 20, "the root filesystem has {kilobytes} KB");
    let console = site.tool("admin", "euca-get-console-output", [&*id]);
    assert!(console.contains("login:"), "{console}");
}

#[test]
fn debian_finds_ec2_on_the_sites_own_network_too() {
    let town = Town::new("SYSTEM", "");
    town.make_bridge();
    town.wait_room();
    let _dhcp = SiteDhcp::start(&town);
    let (key, id) = launch(town.front());
    wait_booted(town.front(), &id);
    let ip = town.address(&id);
    assert_cloud_init(town.front(), &key, &id, &ip, "one");
}
