//! Group networks over several machines: who reaches whom, and what is repaired.

use crate::cluster::{Cluster, address};
use crate::dhcp;
use crate::plans::{DB, METADATA_PORT, WEB, open};
use crate::world::{LIMIT, Namespace, sh};
use hostnet::Path;
use netplan::{NodePlan, RouterPlan};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use types::Protocol;

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[test]
fn a_group_spans_the_machines_and_no_other_group_is_in_it() {
    Cluster::with_and_without_br_netfilter(members_reach_each_other_and_nobody_else);
}

/// Whatever carries the networks.
pub(crate) fn members_reach_each_other_and_nobody_else(cluster: &Cluster) {
    cluster.address();
    let [web0, web1, web2, db0, db2] = cluster.guests();
    for (from, to) in [(web1, web2), (web2, web0), (web0, web1), (db0, db2)] {
        assert!(from.namespace.pings(to.nic.ip), "{} to {}", from.nic.ip, to.nic.ip);
    }
    assert!(web1.namespace.pings(WEB) && db2.namespace.pings(DB));
    for (from, to) in [(web1, db2), (db2, web2), (web2, db0)] {
        assert!(from.namespace.pings_in_vain(to.nic.ip), "{} to {}", from.nic.ip, to.nic.ip);
    }
    cluster.allow(vec![], vec![open(Protocol::Icmp, 8, 0, "10.77.0.0/16")]);
    assert!(web1.namespace.pings(db2.nic.ip) && web2.namespace.pings(db2.nic.ip));
}

#[test]
fn instances_elsewhere_get_their_address_from_the_router() {
    let cluster = Cluster::new();
    for guest in cluster.guests() {
        let told = dhcp::ask(guest);
        assert_eq!(told["ip"], guest.nic.ip.to_string());
        assert_eq!(told["mtu"], "1450");
    }
}

#[test]
fn every_instance_asks_the_metadata_service_of_its_own_machine() {
    Cluster::with_and_without_br_netfilter(|cluster| {
        cluster.address();
        let [web0, web1, web2, _, db2] = cluster.guests();
        cluster.nodes.iter().for_each(|it| it.space.serve(Ipv4Addr::LOCALHOST, METADATA_PORT));
        for guest in [web1, web2, db2] {
            assert_eq!(guest.namespace.ask(METADATA, 80), guest.nic.ip.to_string());
        }
        // Nobody serves on the router's machine, so those above were not answered there.
        assert!(web0.namespace.is_silent(METADATA, 80));
        assert!(web1.namespace.is_silent(METADATA, 81));
    });
}

#[test]
fn packets_of_any_size_arrive() {
    let cluster = Cluster::new().addressed();
    let [_, web1, web2, ..] = cluster.guests();
    // The guests kept the 1500 bytes of Ethernet, as those do that ignore what DHCP says.
    for (from, to) in [(web1, web2.nic.ip), (web2, WEB)] {
        // The first is refused with what fits, the next is sent in parts.
        let large = format!("busybox ping -c 3 -W 5 -s 1472 {to}");
        assert!(from.namespace.can(&large), "{} to {to}", from.nic.ip);
    }
    cluster.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    let s = &cluster.stranger.space;
    s.sh(&format!("ip route add 10.77.0.0/16 via {}", cluster.head.ip));
    web1.namespace.serve(ANY, 22);
    let big = [b'x'; 64];
    for client in [s, &web2.namespace] {
        let (mut stream, _) = client.connect(web1.nic.ip, 22, LIMIT).unwrap();
        // The server sends back what it gets; much at once goes in the largest packets.
        let mut writer = stream.try_clone().unwrap();
        let sending =
            std::thread::spawn(move || (0..2000).for_each(|_| writer.write_all(&big).unwrap()));
        let mut back = vec![0; 2000 * big.len()];
        stream.read_exact(&mut back).unwrap();
        sending.join().unwrap();
    }
}

#[test]
fn the_router_tells_the_world_outside_which_segments_fit() {
    let cluster = Cluster::new().addressed();
    let s = &cluster.stranger.space;
    s.sh(&format!("ip route add 10.77.0.0/16 via {}", cluster.head.ip));
    cluster.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    cluster.web1.namespace.serve(ANY, 22);
    let program = format!(
        "import socket
s=socket.create_connection(('{}',22)); print('ready')
print(s.getsockopt(socket.IPPROTO_TCP,socket.TCP_MAXSEG))",
        cluster.web1.nic.ip
    );
    // Of the 1410 bytes that fit, 12 are the time stamps'.
    assert_eq!(s.python(&program).line(), "1398");
}

#[test]
fn the_second_time_there_is_nothing_to_do() {
    let cluster = Cluster::new();
    for _ in 0..2 {
        assert_eq!(cluster.apply(), [""; 0]);
    }
}

/// What a machine holds, without what the kernel numbers or learns by itself.
fn held(machine: &Namespace) -> String {
    let shown = machine.sh("sh -c \"
        ip -o link show type vxlan | sed 's/^[0-9]*//; s/link.ether.*//'
        bridge fdb show | grep ^00:00:00:00:00:00
        ip route; ip neigh show nud permanent\"");
    let mut lines: Vec<_> = shown.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn whatever_is_broken_by_hand_is_mended_at_the_next_pass() {
    let cluster = Cluster::new().addressed();
    let [head, node] = [&cluster.head.space, &cluster.nodes[1].space];
    let state = || [head, node].map(held);
    let before = state();
    for (space, breakage, mended) in [
        (node, "ip link del euvx10", "euvx10 made"),
        (node, "ip link set euvx10 down", "euvx10 set up"),
        (node, "ip link set euvx10 nomaster", "euvx10 joined to eucabr10"),
        (node, "ip link set euvx10 mtu 1400", "euvx10 made"),
        (
            node,
            "sysctl -qw net.ipv6.conf.euvx10.disable_ipv6=0",
            "net/ipv6/conf/euvx10/disable_ipv6 set to 1",
        ),
        (
            node,
            "bridge fdb del 00:00:00:00:00:00 dev euvx10 dst 198.51.100.1 self",
            "euvx10 leads to 198.51.100.1",
        ),
        (
            node,
            "bridge fdb append 00:00:00:00:00:00 dev euvx10 dst 198.51.100.77 self",
            "euvx10 leads no more to 198.51.100.77",
        ),
        (node, "ip route del 10.77.2.67", "10.77.2.67 is reached over eucabr11"),
        (
            node,
            "ip route add 10.77.2.9 dev eucabr10",
            "10.77.2.9 is no longer reached over eucabr10",
        ),
        (
            node,
            "ip neigh del 10.77.2.67 dev eucabr11",
            "10.77.2.67 is d0:0d:00:00:00:32 on eucabr11",
        ),
        (
            node,
            "ip neigh replace 10.77.2.67 lladdr 02:00:00:00:00:01 dev eucabr11",
            "10.77.2.67 is d0:0d:00:00:00:32 on eucabr11",
        ),
        (
            node,
            "ip neigh add 10.77.2.9 lladdr 02:00:00:00:00:01 dev eucabr10",
            "10.77.2.9 is no longer known on eucabr10",
        ),
        (
            node,
            "ip link set eucabr10 address 02:00:00:00:00:01",
            "eucabr10 has Ethernet address d2:0e:c6:33:64:03",
        ),
        (node, "ip link set eucabr11 down", "eucabr11 set up"),
        (head, "ip link del euvx11", "euvx11 made"),
        (
            head,
            "bridge fdb del 00:00:00:00:00:00 dev euvx11 dst 198.51.100.3 self",
            "euvx11 leads to 198.51.100.3",
        ),
    ] {
        space.sh(breakage);
        let changes = cluster.apply();
        assert!(changes.iter().any(|change| change == mended), "{breakage}: {changes:?}");
        assert_eq!(state(), before, "{breakage}");
        assert_eq!(cluster.apply(), [""; 0], "{breakage}");
    }
    assert!(cluster.db0.namespace.pings(cluster.db2.nic.ip));
}

#[test]
fn a_deleted_bridge_comes_back_with_all_that_was_on_it() {
    let cluster = Cluster::new().addressed();
    cluster.nodes[0].space.sh("ip link del eucabr10");
    cluster.head.space.sh("ip link del eucabr10");
    cluster.apply();
    assert_eq!(cluster.apply(), [""; 0]);
    assert!(cluster.web1.namespace.pings(cluster.web2.nic.ip));
    assert!(cluster.web1.namespace.pings(WEB));
    cluster.nodes[0].space.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
    cluster.web1.namespace.ask(METADATA, 80);
}

#[test]
fn a_device_of_another_kind_is_made_anew() {
    let cluster = Cluster::new();
    let node = &cluster.nodes[0].space;
    for other in ["type bridge", "type vxlan id 99 dstport 4789", "type vxlan id 10 dstport 8472"] {
        node.sh("ip link del euvx10");
        node.sh(&format!("ip link add euvx10 {other}"));
        cluster.apply();
        assert!(node.sh("ip -d link show euvx10").contains("vxlan id 10 local 198.51.100.2"));
        assert_eq!(cluster.apply(), [""; 0], "{other}");
    }
}

#[test]
fn the_last_side_to_leave_takes_the_device_with_it() {
    let cluster = Cluster::new();
    let head = &cluster.head;
    let exists = |device: &str| head.space.can(&format!("ip link show {device}"));
    // The router goes: what it made between the machines goes with the next pass of the node.
    head.controller.router(&RouterPlan::default());
    assert_eq!(cluster.apply_head_node(), ["euvx10 deleted", "euvx11 deleted"]);
    assert!(exists("eucabr10") && !exists("euvx10"), "instances are on it");
    head.controller.router(&cluster.router());
    for guest in [&cluster.web0, &cluster.db0] {
        head.space.sh(&format!("ip link del {}", guest.nic.tap));
    }
    head.controller.node(&NodePlan::default());
    assert!(exists("eucabr10") && exists("euvx10"), "the gateway is on it");
    head.controller.router(&RouterPlan::default());
    assert!(!exists("eucabr10") && !exists("euvx10"));
}

#[test]
fn the_empty_plan_leaves_no_trace() {
    let cluster = Cluster::new();
    let node = &cluster.nodes[1];
    for guest in [&cluster.web2, &cluster.db2] {
        node.space.sh(&format!("ip link del {}", guest.nic.tap));
    }
    node.controller.node(&NodePlan::default());
    let links = node.space.sh("ip -br link");
    assert_eq!(links.lines().count(), 2, "{links}");
    assert_eq!(node.space.sh("nft list ruleset"), "");
    assert_eq!(
        node.space.sh("ip route"),
        "198.51.100.0/24 dev eth0 proto kernel scope link src 198.51.100.3 \n"
    );
    assert_eq!(node.space.sh("ip neigh show nud permanent"), "");
    assert!(node.controller.node(&NodePlan::default()).is_empty());
}

#[test]
fn a_machine_that_gets_the_router_forgets_what_it_needed_without() {
    let cluster = Cluster::new();
    let node = &cluster.nodes[0];
    node.controller.node(&crate::plans::node(&[&cluster.web1]));
    assert_eq!(node.space.sh("ip neigh show nud permanent"), "");
    assert!(!node.space.sh("ip route").contains("10.77."));
    assert!(!node.space.can("ip link show euvx10"));
    assert!(!node.space.sh("nft list ruleset").contains("4789"));
}

#[test]
fn where_a_machine_is() {
    let cluster = Cluster::new();
    let (head, node) = (&cluster.head.controller, &cluster.nodes[0].controller);
    for here in ["127.0.0.1", "localhost", "198.51.100.1", "127.0.1.1"] {
        assert_eq!(head.path_to(here), Ok(Path::Here), "{here}");
    }
    let there = Path::Elsewhere { ours: address(1), theirs: address(2) };
    assert_eq!(head.path_to("198.51.100.2"), Ok(there));
    let back = Path::Elsewhere { ours: address(2), theirs: address(1) };
    assert_eq!(node.path_to("198.51.100.1"), Ok(back));
    for nowhere in ["192.0.2.77", "no.such.name.invalid", "2001:db8::1"] {
        let error = head.path_to(nowhere).unwrap_err().to_string();
        assert!(error.starts_with(&format!("the address of {nowhere} was not found")), "{error}");
    }
    let second = &cluster.head.space.name;
    sh(&format!("ip -n {second} addr add 203.0.113.1/24 dev eth0"));
    let ours = Ipv4Addr::new(203, 0, 113, 1);
    let path = Path::Elsewhere { ours, theirs: Ipv4Addr::new(203, 0, 113, 2) };
    assert_eq!(head.path_to("203.0.113.2"), Ok(path));
}
