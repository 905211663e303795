//! A namespace that plays the world outside: what a group lets in, and the way out.

use crate::machine::wait_for;
use crate::site::{Key, Site};
use std::process::Command;
use std::time::Duration;

pub(crate) const OUTSIDE: &str = "203.0.113.2";

/// Joins a namespace `outside` to the machine, which routes between it and the instances.
pub(crate) fn add_outside(site: &Site) {
    let machine = site.machine();
    let ip = |line: &str| machine.must("ip", line.split(' '));
    ip("netns add outside");
    ip("link add uplink type veth peer name eth0 netns outside");
    ip("address add 203.0.113.1/24 dev uplink");
    ip("link set uplink up");
    ip("-n outside address add 203.0.113.2/24 dev eth0");
    ip("-n outside link set eth0 up");
    ip("-n outside link set lo up");
}

/// A command run in the world outside.
pub(crate) fn outside(site: &Site, program: &str) -> Command {
    let mut command = site.machine().command("ip");
    command.args(["netns", "exec", "outside", program]);
    command
}

/// What a command prints in an instance that the world outside logs in to; none when it cannot.
pub(crate) fn from_outside(site: &Site, key: &Key, ip: &str, command: &str) -> Option<String> {
    let to = format!("root@{ip}");
    let output = site.ssh_from(outside(site, "timeout"), key, &to, command);
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

pub(crate) fn enters(site: &Site, key: &Key, ip: &str) -> bool {
    from_outside(site, key, ip, "true").is_some()
}

#[test]
fn a_group_opens_and_closes_its_ports_to_the_world() {
    let site = Site::started();
    add_outside(&site);
    let emi = site.register_images();
    let key = site.imported_key("admin", "mine");
    let id = site.run_instance("admin", &emi, &key);
    let ip = site.wait_state("admin", &id, "running")[4].clone();
    // from the machine itself the instance is reached whatever its group says
    site.wait_ssh(&key, &ip, "true");
    // the world knows the way, but no other address than its own: replies prove NAT below
    site.machine()
        .must("ip", ["-n", "outside", "route", "add", &format!("{ip}/32"), "via", "203.0.113.1"]);

    assert!(!enters(&site, &key, &ip), "a port that was never opened");
    let rule = ["default", "-P", "tcp", "-p", "22", "-s", "203.0.113.0/24"];
    site.tool("admin", "euca-authorize", rule);
    wait_for("the opened port", Duration::from_secs(10), || enters(&site, &key, &ip).then_some(()));
    let elsewhere = ["default", "-P", "tcp", "-p", "23", "-s", "0.0.0.0/0"];
    site.tool("admin", "euca-authorize", elsewhere);
    site.tool("admin", "euca-revoke", rule);
    wait_for("the closed port", Duration::from_secs(10), || {
        (!enters(&site, &key, &ip)).then_some(())
    });

    site.machine().must("ip", ["-n", "outside", "route", "del", &format!("{ip}/32")]);
    let ping = format!("ping -c 1 -W 5 {OUTSIDE}");
    site.wait_ssh(&key, &ip, &ping);
    assert_internal_ports_closed(&site, &key, &ip);
}

/// An instance reaches the public port of the cloud and none of the internal ones.
fn assert_internal_ports_closed(site: &Site, key: &Key, ip: &str) {
    let router = site.wait_ssh(key, ip, "ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'");
    let get = |port: u16| {
        let fetch = format!("timeout 3 wget -O /dev/null http://{router}:{port}/ 2>&1; true");
        String::from_utf8(site.ssh(key, ip, &fetch).stdout).unwrap()
    };
    assert!(get(8773).contains("404"), "{}", get(8773));
    for port in [8774, 8775, 22] {
        let said = get(port);
        assert!(!said.contains("refused") && !said.contains("error"), "{port} answers: {said}");
    }
}
