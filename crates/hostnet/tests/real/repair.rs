//! Applying again: nothing to do, something broken, everything to be removed.

use crate::plans::{DB, Town, WEB, network, node, open, router, tag};
use crate::world::{Controller, LIMIT, World};
use netplan::{NodePlan, RouterPlan, Table};
use std::time::{Duration, Instant};
use types::Protocol;

fn rules() -> Vec<protocol::GroupRule> {
    vec![
        open(Protocol::Tcp, 22, 22, "0.0.0.0/0"),
        open(Protocol::Tcp, 1, 1000, "10.0.0.0/8"),
        open(Protocol::Udp, 53, 53, "192.0.2.1/32"),
        open(Protocol::Icmp, -1, -1, "10.0.0.0/8"),
        open(Protocol::Icmp, 8, 0, "0.0.0.0/0"),
        open(Protocol::Icmp, 3, -1, "0.0.0.0/0"),
        open(Protocol::All, -1, -1, "192.0.2.128/25"),
    ]
}

#[test]
fn the_second_time_there_is_nothing_to_do() {
    let mut town = Town::new();
    let (router, node) = (town.router_plan(rules(), rules()), node(&town.guests()));
    assert_eq!(town.world.controller.router(&router).len(), 1);
    let listing = town.world.host.sh("nft -a list ruleset");
    for _ in 0..3 {
        assert!(town.world.controller.router(&router).is_empty());
        assert!(town.world.controller.node(&node).is_empty());
    }
    assert_eq!(town.world.host.sh("nft -a list ruleset"), listing, "handles changed");
    assert_eq!(town.world.controller.router_rules_hold(), Some(true));
    town.world.host.sh("nft flush chain inet eucalyptus to_host");
    assert_eq!(town.world.controller.router_rules_hold(), Some(false));
    town.world.restart();
    assert_eq!(town.world.controller.router_rules_hold(), None, "not known yet");
    town.world.controller.router(&router);
    town.world.controller.node(&node);
    assert!(town.world.controller.router(&router).is_empty());
    assert!(town.world.controller.node(&node).is_empty());
}

#[test]
fn whatever_is_broken_by_hand_is_mended_at_the_next_pass() {
    let town = Town::new();
    let (router, node) = (town.router_plan(rules(), vec![]), node(&town.guests()));
    let controller = &town.world.controller;
    controller.router(&router);
    // The kernel lists the chains of a table in the order in which they came.
    let parts = |table: &Table| {
        let list = format!("nft -s list table {} {}", table.family.as_str(), table.name);
        let listing = town.world.host.sh(&list);
        let mut parts: Vec<_> =
            listing.trim_end_matches("\n}\n").split("\n\n").map(str::to_owned).collect();
        parts.sort();
        parts
    };
    let tables = || RouterPlan::TABLES.iter().chain(NodePlan::TABLES);
    let stateless = || tables().flat_map(parts).collect::<Vec<_>>();
    // Whether they are up, but for whether the kernel has noted their carrier yet.
    let devices = || {
        town.world.host.sh("sh -c 'ip -br addr show type bridge | awk \"{print \\$1, \\$3}\";
            ip -br link show up type bridge | awk \"{print \\$1}\"'")
    };
    let (rules_before, devices_before) = (stateless(), devices());
    for (breakage, mended) in [
        ("nft delete table inet eucalyptus", "nftables table inet eucalyptus replaced"),
        ("nft flush chain inet eucalyptus forward", "nftables table inet eucalyptus replaced"),
        ("nft flush set inet eucalyptus members", "nftables table inet eucalyptus replaced"),
        (
            "nft delete table bridge eucalyptus",
            "nftables table bridge eucalyptus and table ip eucalyptus_metadata and \
             table inet eucalyptus_taps and table arp eucalyptus_taps replaced",
        ),
        ("nft flush ruleset", "nftables table inet eucalyptus replaced"),
        ("ip addr del 10.77.2.1/26 dev eucabr10", "address 10.77.2.1/26 added to eucabr10"),
        ("ip addr add 10.99.0.1/24 dev eucabr10", "address 10.99.0.1/24 removed from eucabr10"),
        ("ip link set eucabr10 down", "eucabr10 set up"),
        (
            "ip link set eucabr10 address 02:00:00:00:00:01",
            "eucabr10 has Ethernet address d2:0d:0a:4d:02:01",
        ),
        ("ip link set eucabr10 type bridge stp_state 1", "spanning tree of eucabr10 turned off"),
        (
            "sysctl -qw net.ipv6.conf.eucabr10.disable_ipv6=0",
            "net/ipv6/conf/eucabr10/disable_ipv6 set to 1",
        ),
        ("sysctl -qw net.ipv4.ip_forward=0", "net/ipv4/ip_forward set to 1"),
        (
            "sysctl -qw net.ipv4.conf.eucabr10.route_localnet=0",
            "net/ipv4/conf/eucabr10/route_localnet set to 1",
        ),
    ] {
        town.world.host.sh(breakage);
        let changes = [controller.router(&router), controller.node(&node)].concat();
        assert!(changes.iter().any(|change| change == mended), "{breakage}: {changes:?}");
        assert_eq!(stateless(), rules_before, "{breakage}");
        // the kernel says only once a second that a device has come up
        let until = Instant::now() + LIMIT;
        while devices() != devices_before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(devices(), devices_before, "{breakage}");
    }
}

#[test]
fn a_deleted_bridge_comes_back_and_instances_still_know_the_gateway() {
    let town = Town::new();
    assert!(town.web1.namespace.pings(WEB));
    let neighbour = || town.web1.namespace.sh("ip neigh show 10.77.2.1");
    let known = neighbour();
    town.world.host.sh("ip link del eucabr10");
    town.world.controller.router(&town.router_plan(vec![], vec![]));
    let changes = town.world.controller.node(&node(&town.guests()));
    let tap = format!("{} joined to eucabr10", town.web1.nic.tap);
    assert!(changes.contains(&tap), "{changes:?}");
    assert!(town.web1.namespace.pings(WEB));
    assert_eq!(neighbour().split(' ').nth(4), known.split(' ').nth(4));
}

#[test]
fn a_crash_in_the_middle_is_repaired() {
    let world = World::new();
    // The bridge was made, nothing else; a network of an older plan has kept its gateway.
    world.host.sh("ip link add eucabr10 type bridge");
    world.host.sh("ip link add eucabr12 type bridge");
    world.host.sh("ip addr add 10.77.2.129/26 dev eucabr12");
    let guest = world.guest(0x31, tag(10), "10.77.2.2");
    world.controller.node(&node(&[&guest]));
    assert!(world.host.can("ip link show eucabr12"), "the router's address is still on it");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    assert!(!world.host.can("ip link show eucabr12"));
    world.plug(&[&guest]);
    guest.address(WEB);
    assert!(guest.namespace.pings(WEB));
}

#[test]
fn a_network_that_cannot_be_made_does_not_stop_the_others() {
    let world = World::new();
    world.host.sh("ip link add eucabr10 type veth");
    let guest = world.guest(0x31, tag(11), "10.77.2.66");
    let plan = router(&[network(10, vec![]), network(11, vec![])], &[&guest]);
    let error = world.controller.try_router(&plan).unwrap_err().to_string();
    assert!(error.contains("eucabr10") && error.contains("no bridge"), "{error}");
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    guest.address(DB);
    assert!(guest.namespace.pings(DB));
    world.host.sh("ip link del eucabr10");
    world.controller.router(&plan);
    assert!(world.controller.router(&plan).is_empty());
}

#[test]
fn both_sides_may_start_at_once() {
    let world = World::new();
    let other = Controller::start(&world.host);
    let guests: Vec<_> = (0..8).map(|i| world.guest(0x40 + i, tag(11), "10.77.2.66")).collect();
    let router = router(&[network(10, vec![]), network(11, vec![])], &[&guests[0]]);
    let node = node(&guests.iter().collect::<Vec<_>>());
    for _ in 0..10 {
        std::thread::scope(|scope| {
            scope.spawn(|| world.controller.router(&router));
            scope.spawn(|| other.node(&node));
        });
        assert_eq!(world.controller.router(&router), [""; 0]);
        assert_eq!(other.node(&node), [""; 0]);
        world.host.sh("ip link del eucabr10");
        world.host.sh("ip link del eucabr11");
    }
}

#[test]
fn the_last_side_to_leave_removes_the_bridge() {
    let world = World::new();
    let guest = world.guest(0x31, tag(10), "10.77.2.2");
    let (empty_router, empty_node) = (router(&[], &[]), node(&[]));
    let exists = || world.host.can("ip link show eucabr10");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    world.controller.node(&node(&[&guest]));
    world.controller.node(&empty_node);
    assert!(exists(), "the gateway is on it");
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    world.controller.router(&empty_router);
    assert!(exists(), "an instance is on it");
    world.host.sh(&format!("ip link del {}", guest.nic.tap));
    world.controller.node(&empty_node);
    assert!(!exists());
}

#[test]
fn the_empty_plans_leave_no_trace() {
    let world = World::new();
    world.host.sh("sysctl -qw net.ipv4.ip_forward=1");
    let state = || world.host.sh("sh -c 'nft list ruleset; ip -br link; ip -br addr; ip route'");
    let before = state();
    let guest = world.guest(0x31, tag(10), "10.77.2.2");
    world.controller.router(&router(&[network(10, rules())], &[&guest]));
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    world.host.sh(&format!("ip link del {}", guest.nic.tap));
    world.controller.router(&RouterPlan::default());
    world.controller.node(&NodePlan::default());
    assert_eq!(state(), before);
    assert!(world.controller.router(&RouterPlan::default()).is_empty());
}

#[test]
fn the_rules_of_others_stay_byte_for_byte() {
    let world = World::new();
    world.host.sh("iptables-nft -P FORWARD ACCEPT");
    world.host.sh("iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE");
    world.host.sh("nft add table inet filter");
    world.host.sh("nft 'add chain inet filter mine { type filter hook input priority 0; }'");
    world.host.sh("nft add rule inet filter mine tcp dport 9999 counter drop");
    world.host.sh("nft add table bridge other");
    let theirs = || world.host.sh("nft -a list ruleset");
    let before = theirs();
    let guest = world.guest(0x31, tag(10), "10.77.2.2");
    for port in [1, 2] {
        let rules = vec![open(Protocol::Tcp, port, port, "0.0.0.0/0")];
        world.controller.router(&router(&[network(10, rules)], &[&guest]));
        world.controller.node(&node(&[&guest]));
    }
    assert!(theirs().starts_with(&before));
    world.controller.router(&RouterPlan::default());
    world.controller.node(&NodePlan::default());
    assert_eq!(theirs(), before);
}

#[test]
fn a_firewall_that_drops_forwarded_packets_is_named_with_a_remedy_that_works() {
    let town = Town::new();
    let host = &town.world.host;
    assert!(town.world.controller.check().is_empty());
    host.sh("iptables-nft -P FORWARD DROP");
    host.sh("iptables-nft -N DOCKER-USER");
    host.sh("iptables-nft -I FORWARD -j DOCKER-USER");
    assert!(town.web1.namespace.pings_in_vain(crate::world::OUTSIDE));
    let problems = town.world.controller.check();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("table ip filter drops"), "{problems:?}");
    let remedy = problems[0].rsplit_once(": ").unwrap().1;
    for command in remedy.split("; ") {
        host.sh(command);
    }
    assert!(town.world.controller.check().is_empty());
    assert!(town.web1.namespace.pings(crate::world::OUTSIDE));
    assert!(town.web1.namespace.pings_in_vain(town.db.nic.ip), "our own rules still decide");
}

#[test]
fn a_firewall_that_drops_what_comes_in_is_named_with_a_remedy_that_works() {
    let town = Town::new();
    let host = &town.world.host;
    host.sh("nft add table inet mine");
    host.sh("nft 'add chain inet mine in { type filter hook input priority 10; policy drop; }'");
    assert!(town.web1.namespace.pings_in_vain(DB));
    let problems = town.world.controller.check();
    let remedy = problems[0].rsplit_once(": ").unwrap().1;
    host.sh(&format!("sh -c '{remedy}'"));
    assert!(town.world.controller.check().is_empty());
    assert!(town.web1.namespace.pings(DB));
}

/// The tables come to hold the same whether they are changed or made anew, and what did not change
/// keeps the kernel's handles.
#[test]
fn a_change_touches_what_differs_and_leads_where_a_new_start_does() {
    let mut town = Town::new();
    let table = |town: &Town, flags: &str| {
        town.world.host.sh(&format!("nft -s {flags} list table inet eucalyptus"))
    };
    let group = |town: &Town, name: &str| {
        let chain = format!("nft -s -a list chain inet eucalyptus {name}");
        town.world.host.sh(&chain)
    };
    let ssh = || vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")];
    town.allow(rules(), ssh());
    for (web, db, without_db) in [
        (ssh(), ssh(), false),
        (rules(), ssh(), false),
        (vec![], ssh(), false),
        (ssh(), ssh(), true),
        (ssh(), ssh(), false),
    ] {
        let networks = [network(10, web), network(11, db)];
        let networks = if without_db { &networks[..1] } else { &networks[..] };
        let plan = router(networks, &town.guests());
        let is_there = town.world.host.can("nft list chain inet eucalyptus bob-db");
        let before = (is_there && !without_db).then(|| group(&town, "bob-db"));
        let changes = town.world.controller.router(&plan);
        assert!(
            changes.contains(&"nftables table inet eucalyptus changed".to_owned()),
            "{changes:?}"
        );
        if let Some(before) = before {
            assert_eq!(group(&town, "bob-db"), before, "it was not to be touched");
        }
        let changed = table(&town, "");
        town.world.restart();
        let anew = town.world.controller.router(&plan);
        assert!(anew.contains(&"nftables table inet eucalyptus replaced".to_owned()), "{anew:?}");
        // The kernel shows chains in the order in which they came.
        let [changed, anew] = [changed, table(&town, "")].map(|it| {
            let mut lines: Vec<_> = it.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        });
        assert_eq!(changed, anew);
    }
}
