//! Firewalls of somebody else on the way of instances that are on the site's own network: each is
//! named with a remedy that works.

use crate::dhcp;
use crate::site::{BRIDGE, GATEWAY, OWN, Site, address, door};
use crate::world::{Guest, sh};
use hostnet::Passage;
use netplan::METADATA_ADDRESS;

fn node() -> Passage {
    Passage::SiteNode(BRIDGE.to_owned())
}

/// Runs what a problem names as its remedy.
fn mend(site: &Site, problem: &str) {
    let remedy = problem.rsplit_once(": ").unwrap().1;
    for command in remedy.split("; ") {
        sh(&format!("ip netns exec {} sh -c '{command}'", site.host.name));
    }
}

fn served() -> (Site, Guest) {
    let site = Site::new();
    let guest = site.guest(0x51, OWN);
    address(&guest);
    site.apply(&[(&guest, true)]);
    (site, guest)
}

#[test]
fn what_keeps_bridged_packets_from_the_network_is_named_with_a_remedy_that_works() {
    for (firewall, whose) in [
        ("iptables-nft -P FORWARD DROP", "table ip filter"),
        ("iptables-nft -A FORWARD -j REJECT", "table ip filter"),
        ("iptables-legacy -P FORWARD DROP", "table filter of iptables-legacy"),
        (
            "nft 'add table inet mine; add chain inet mine f { type filter hook forward priority 5; \
             policy drop; }'",
            "table inet mine",
        ),
        (
            "nft 'add table bridge mine; add chain bridge mine f { type filter hook forward priority \
             5; policy drop; }'",
            "table bridge mine",
        ),
    ] {
        let (site, guest) = served();
        let meets = |on| format!("sysctl -qw net.bridge.bridge-nf-call-iptables={on}");
        let is_of_bridges = whose.contains("bridge");
        assert!(is_of_bridges || site.host.can(&meets(0)), "br_netfilter is needed");
        sh(&format!("ip netns exec {} {firewall}", site.host.name));
        if !is_of_bridges {
            assert!(guest.namespace.pings(GATEWAY), "{whose} does not see it");
            assert_eq!(site.controller.check_of(node()), [""; 0]);
            site.host.sh(&meets(1));
        }
        assert!(guest.namespace.pings_in_vain(GATEWAY), "{firewall}");
        let view = crate::look::look(&site.host, node());
        assert_eq!(view.hindrances.len(), 1, "{:?}", view.hindrances);
        assert!(view.hindrances[0].starts_with(whose), "{:?}", view.hindrances);
        // a rule is looked for when an administrator asks, a policy all the time
        if firewall.contains("-P") {
            assert_eq!(site.controller.check_of(node()), view.hindrances);
        }
        mend(&site, &view.hindrances[0]);
        assert!(guest.namespace.pings(GATEWAY), "{:?}", view.hindrances);
        assert_eq!(crate::look::look(&site.host, node()).hindrances, [""; 0], "{firewall}");
        assert_eq!(site.controller.check_of(node()), [""; 0]);
    }
}

#[test]
fn what_keeps_instances_from_their_metadata_is_named_with_a_remedy_that_works() {
    for (firewall, whose) in [
        ("iptables-nft -P INPUT DROP", "table ip filter"),
        ("iptables-legacy -P INPUT DROP", "table filter of iptables-legacy"),
        (
            "nft 'add table inet mine; add chain inet mine in { type filter hook input priority 5; \
             policy drop; }'",
            "table inet mine",
        ),
    ] {
        let (site, guest) = served();
        let _door = site.host.python(&door());
        sh(&format!("ip netns exec {} {firewall}", site.host.name));
        assert!(guest.namespace.is_silent(METADATA_ADDRESS, 80), "{firewall}");
        let problems = site.controller.check_of(node());
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(whose), "{problems:?}");
        mend(&site, &problems[0]);
        assert_eq!(guest.namespace.ask(METADATA_ADDRESS, 80), OWN.to_string());
        assert_eq!(site.controller.check_of(node()), [""; 0], "{firewall}");
    }
}

#[test]
fn what_keeps_instances_from_our_dhcp_is_named_with_a_remedy_that_works() {
    let site = Site::new();
    let guest = site.guest(0x51, OWN);
    site.apply(&[(&guest, false)]);
    site.host.sh(&format!("ip addr add 10.9.0.2/24 dev {BRIDGE}"));
    site.controller.router(&site.dhcp_of(&guest));
    // the device of the plan is a port of the bridge, by which requests come in
    let passage = || Passage::SiteDhcp("eth0".to_owned());
    site.host.sh("iptables-legacy -P INPUT DROP");
    let problems = site.controller.check_of(passage());
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(dhcp::ask_times(&guest, 2), None);
    mend(&site, &problems[0]);
    assert_eq!(dhcp::ask(&guest)["ip"], OWN.to_string());
    assert_eq!(site.controller.check_of(passage()), [""; 0]);
    site.host.sh("iptables-legacy -F");
    site.host.sh(&format!("iptables-legacy -A INPUT -i {BRIDGE} -j ACCEPT"));
    assert_eq!(site.controller.check_of(passage()), [""; 0]);
}
