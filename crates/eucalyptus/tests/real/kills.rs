//! `kill -9` of any daemon leaves the instance, its network and its metadata as they are.

use crate::machine::wait_for;
use crate::site::{Key, Site};
use std::time::Duration;

pub(crate) const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";
pub(crate) const METADATA: &str =
    "timeout 3 wget -q -O - http://169.254.169.254/latest/meta-data/instance-id";
/// Asks for metadata all the time and counts what fails.
const WATCH_METADATA: &str = "while :; do \
    timeout 3 wget -q -O /dev/null http://169.254.169.254/latest/meta-data/instance-id \
    && echo served || echo refused; sleep 0.1; done >/tmp/metadata.log 2>/dev/null </dev/null &";

#[test]
fn an_instance_outlives_every_daemon() {
    let site = Site::started();
    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    let id = site.run_instance("admin", &emi, &key);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    let boot_id = site.wait_ssh(&key, &ip, BOOT_ID);
    assert_eq!(site.wait_ssh(&key, &ip, METADATA), id);
    site.wait_ssh(&key, &ip, WATCH_METADATA);
    let mut ping = site.machine().command("ping");
    ping.args(["-i", "0.2", &ip]).stdout(std::process::Stdio::piped());
    let ping = ping.spawn().unwrap();

    site.stop();
    assert_serves(&site, &key, &ip, &id, &boot_id);
    site.start();
    for dead in [&["cloud"][..], &["cc"], &["nc"], &["cloud", "cc", "nc"]] {
        dead.iter().for_each(|component| site.kill(component));
        assert_serves(&site, &key, &ip, &id, &boot_id);
        site.start();
        let line = site.wait_state("admin", &id, "running");
        assert_eq!(line[4], ip, "after {dead:?}");
        assert_serves(&site, &key, &ip, &id, &boot_id);
    }

    let log = site.wait_ssh(&key, &ip, "cat /tmp/metadata.log");
    assert!(log.lines().filter(|line| *line == "served").count() > 10, "{log}");
    assert!(!log.contains("refused"), "metadata stopped:\n{log}");
    site.machine().must("pkill", ["-INT", "ping"]);
    let told = String::from_utf8(ping.wait_with_output().unwrap().stdout).unwrap();
    let answered = |line: &str| line.split_once("icmp_seq=")?.1.split(' ').next()?.parse().ok();
    let answered: std::collections::BTreeSet<u32> = told.lines().filter_map(answered).collect();
    // those that were sent last may be under way
    let last = *answered.last().unwrap();
    assert!(answered.into_iter().eq(1..=last), "the network stopped: {told}");
    assert_eq!(site.domains(), [id], "one domain for one instance");
}

/// The instance answers, has not rebooted, and gets its metadata.
fn assert_serves(site: &Site, key: &Key, ip: &str, id: &str, boot_id: &str) {
    assert_eq!(site.wait_ssh(key, ip, BOOT_ID), boot_id);
    assert_eq!(site.wait_ssh(key, ip, METADATA), id);
}

/// Waits until libvirt has no domain.
pub(crate) fn wait_no_domain(site: &Site) {
    wait_for("the domains' end", Duration::from_secs(60), || {
        site.domains().is_empty().then_some(())
    });
}
