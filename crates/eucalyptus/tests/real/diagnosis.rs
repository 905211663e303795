//! `euca_conf --check network` and `--show network` on clouds that are broken by hand.

use crate::guest::Guest;
use crate::installation::Installation;
use crate::machine::{Machine, wait_for};
use crate::nodes::Town;
use crate::outside::add_outside;
use crate::site::Site;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Whether nothing is wrong, and what was printed.
fn check(on: &Installation) -> (bool, String) {
    let output = on.command("euca_conf").args(["--check", "network"]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout) + &text(output.stderr))
}

/// Waits until nothing is wrong.
fn wait_sound(on: &Installation) -> String {
    wait_for("nothing to be wrong", SOON, || {
        let (is_sound, said) = check(on);
        if !is_sound {
            eprintln!("{said}");
        }
        is_sound.then_some(said)
    })
}

/// Looks once, now.
fn assert_named(on: &Installation, faults: &[&str]) {
    let (is_sound, said) = check(on);
    assert!(!is_sound, "{said}");
    for fault in faults {
        let is_named = said.lines().any(|line| line.starts_with("WRONG") && line.contains(fault));
        assert!(is_named, "{fault}: {said}");
    }
}

fn do_on(site: &Site, command: &str) {
    site.machine().must("sh", ["-ec", command]);
}

/// Types what docs/differences.md says shows what the guide's commands showed, and two of those.
fn follow_the_page(site: &Site) {
    let page = include_str!("../../../../docs/differences.md");
    let looks = page.split("\n## ").skip(1).take(2).flat_map(str::lines);
    let last =
        looks.filter(|line| line.starts_with("| `")).filter_map(|row| row.split(" | ").last());
    let commands: Vec<&str> = last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let said = site.tool("admin", "sh", ["-ec", command]);
        let object = command.rsplit(' ').next().unwrap();
        assert!(said.contains("eucabr") || said.contains(object), "{command}: {said}");
    }
    let fails = site.machine().run("sh", ["-ec", "iptables -L admin-default"]);
    let said = String::from_utf8(fails.stderr).unwrap();
    let told = ["No chain/target/match by that name", "incompatible, use 'nft' tool"];
    assert!(!fails.status.success() && told.iter().any(|it| said.contains(it)), "{said}");
    let daemon = site.machine().run("sh", ["-c", "ps axww | grep [/]dhcpd"]);
    assert_eq!(String::from_utf8(daemon.stdout).unwrap(), "");
}

#[test]
fn whatever_is_broken_on_one_machine_is_named() {
    let site = Site::on(Machine::boot(), "VNET_INTERFACE=\"uplink\"\nVNET_PUBLICIPS=\"\"\n");
    add_outside(&site);
    site.start();
    site.credentials("admin");
    let said = wait_sound(&site);
    assert!(said.contains("ok     bridges: no group has an instance here"), "{said}");

    let emi = site.register_images();
    let key = site.key("admin", "mine");
    site.tool("admin", "euca-authorize", ["default", "-P", "tcp", "-p", "22", "-s", "0.0.0.0/0"]);
    let guest = Guest::launch(&site, &emi, &key);
    guest.says("true");
    let said = wait_sound(&site);
    for step in [
        "bridges: eucabr10",
        "taps: 1 instances",
        "DHCP: it is answered on 1 networks",
        "instances: 1 on this machine answer ARP",
        "rules: nft tables inet eucalyptus, bridge eucalyptus, ip eucalyptus_metadata, \
         inet eucalyptus_taps, arp eucalyptus_taps are there; the router's are as they were written",
    ] {
        assert!(said.contains(&format!("ok     {step}")), "{step}: {said}");
    }
    let shown = site.must("euca_conf", ["--show", "network"]);
    for line in [
        "network 10  admin-default (sg-".to_owned(),
        "chain    admin-default: ".to_owned(),
        "in       tcp 22 from 0.0.0.0/0".to_owned(),
        format!("lease    {}  d0:0d:", guest.ip),
    ] {
        assert!(shown.contains(&line), "{line}: {shown}");
    }

    follow_the_page(&site);

    do_on(&site, "iptables -I FORWARD -i eucabr+ -j DROP");
    assert_named(&site, &["other firewalls: table ip filter drops"]);
    do_on(&site, "iptables -D FORWARD -i eucabr+ -j DROP; iptables -P FORWARD DROP");
    assert_named(&site, &["other firewalls: table ip filter drops what its chain FORWARD"]);
    do_on(&site, "iptables -P FORWARD ACCEPT");
    site.append("VNET_INTERFACE=\"eth9\"\n");
    assert_named(&site, &["VNET_INTERFACE: it is eth9, and there is no such device"]);
    site.append("VNET_INTERFACE=\"uplink\"\n");
    wait_sound(&site);

    site.kill("nc");
    site.kill("cc");
    do_on(&site, "ip link del eucabr10; sysctl -qw net.ipv4.ip_forward=0");
    let tap = format!("tap{} of instance {}", &guest.id[2..], guest.id);
    let broken = [
        "components: the cluster controller does not answer at port 8774",
        "cluster: the cluster controller cannot be asked",
        "forwarding: net.ipv4.ip_forward is 0",
        "bridges: eucabr10 of ",
        &format!("taps: {tap} is plugged into no bridge"),
    ];
    assert_named(&site, &broken);
    site.start();
    // All of it comes right by itself.
    wait_sound(&site);
    guest.says("true");
    guest.terminate();
}

#[test]
fn it_is_told_whether_frames_pass_between_machines() {
    let town = Town::new("NODES=\"node1\"\n");
    let (front, node) = (&town.fleet.front, town.fleet.on("node1"));
    // what no instance uses yet leads nowhere; the switch's test network is what everybody has
    front.append("VNET_PUBLICIPS=\"\"\n");
    town.start("node1");
    assert!(check(front).1.contains("?      trunk: to node node1: no instance runs there"));
    let (id, home) = town.launch();
    assert_eq!(home, "node1");
    let ip = front.describe("admin", &id).unwrap()[4].clone();
    front.wait_ssh(&town.key, &ip, "true");
    let said = wait_sound(front);
    assert!(said.contains(&format!("trunk: node node1 is reached: {ip} on network 10")), "{said}");
    assert!(said.contains("ok     trunk devices: euvx10"), "{said}");
    let said = wait_sound(node);
    assert!(said.contains("ok     taps: 1 instances"), "{said}");

    node.machine().must("sh", ["-ec", "iptables -I INPUT -p udp --dport 4789 -j DROP"]);
    assert_named(
        front,
        &["trunk: no instance of network 10 (admin-default) on node node1 answers"],
    );
    node.machine().must("sh", ["-ec", "iptables -F INPUT"]);
    wait_sound(front);
    node.kill("nc");
    assert_named(node, &["components: the node controller does not answer at port 8775"]);
    node.start();
    town.fleet.front.tool("admin", "euca-terminate-instances", [&id]);
    town.fleet.front.wait_state("admin", &id, "terminated");
}
