//! Group networks as tagged frames. Many kernels of test machines have no 802.1Q, so these run in a
//! guest of Debian's kernel: this very program, on a disk of its own (`scripts/test-guest`).

use crate::cluster::{Cluster, address};
use crate::dhcp;
use crate::fabric::members_reach_each_other_and_nobody_else;
use crate::killed::kill_between_rules_and_devices;
use crate::matrix::try_every_pair;
use crate::plans::METADATA_PORT;
use crate::world::Namespace;
use netplan::{NodePlan, RouterPlan};
use protocol::Carrier;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Prints `TAG TYPE` of every frame that passes a port of the switch with a tag. The kernel takes
/// the tag off a frame before it shows it, and tells of it beside.
const CAPTURE: &str = "import socket,struct
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind(('port2',0))
s.setsockopt(263,8,1); print('ready')
while True:
    data,notes,_,_=s.recvmsg(2048,256)
    for level,kind,note in notes:
        if (level,kind)==(263,8):
            status,_,_,_,_,tci,tpid=struct.unpack('IIIHHHH',note)
            tag=tci&4095 if status&16 else 0
            print(tag,data[12:14].hex())";

/// For the kernel, and for this program in the guest.
const ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 root=/dev/vda \
                         program_args=vlan::,--ignored,--test-threads,1";

fn files() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("build/test-guest")
}

#[test]
fn a_kernel_with_802_1q_carries_the_group_networks_as_tagged_frames() {
    let dir = tempfile::tempdir().unwrap();
    let [program, root] = ["program", "root"].map(|name| dir.path().join(name));
    let own = std::env::current_exe().unwrap();
    let stripped = Command::new("strip").arg("-o").arg(&program).arg(own).status();
    assert!(stripped.unwrap().success());
    let disk =
        |file: &Path, format: &str| format!("file={},format={format},if=virtio", file.display());
    let overlay = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"];
    let made =
        Command::new("qemu-img").args(overlay).arg(files().join("root.img")).arg(&root).status();
    assert!(made.unwrap().success(), "build/test-guest is missing? run scripts/test-guest");
    let output = Command::new("qemu-system-x86_64")
        .args(["-accel", "tcg", "-m", "768", "-nographic", "-no-reboot", "-nic", "none"])
        .arg("-kernel")
        .arg(files().join("kernel"))
        .arg("-initrd")
        .arg(files().join("ramdisk"))
        .args(["-append", ARGUMENTS])
        .args(["-drive", &disk(&root, "qcow2"), "-drive", &disk(&program, "raw")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said.lines().find(|line| line.starts_with("test result:"));
    let errors = String::from_utf8_lossy(&output.stderr);
    let result = result.unwrap_or_else(|| panic!("no result: {said}{errors}"));
    assert!(result.starts_with("test result: ok. 7 passed"), "{said}");
}

#[test]
#[ignore = "runs in the guest"]
fn a_group_spans_the_machines_and_no_other_group_is_in_it() {
    let cluster = Cluster::tagged();
    members_reach_each_other_and_nobody_else(&cluster);
    // What is not refused with its size must fit: a tag takes nothing from a packet.
    assert!(cluster.web1.namespace.can("busybox ping -c 1 -W 20 -s 1472 10.77.2.4"));
}

#[test]
#[ignore = "runs in the guest"]
fn frames_have_the_tag_of_their_network() {
    let cluster = Cluster::tagged().addressed();
    let capture = cluster.switch.python(CAPTURE);
    assert!(cluster.web1.namespace.pings(cluster.web2.nic.ip));
    let seen = |program: &crate::world::Program| program.line();
    let mut lines = vec![seen(&capture)];
    while lines.iter().filter(|line| line.ends_with("0800")).count() < 2 {
        lines.push(seen(&capture));
    }
    let strange = |line: &&String| !["10 0800", "10 0806"].contains(&line.as_str());
    let strange: Vec<_> = lines.iter().filter(strange).filter(|it| it.ends_with("0800")).collect();
    assert_eq!(strange, [] as [&String; 0], "{lines:?}");
}

#[test]
#[ignore = "runs in the guest"]
fn instances_elsewhere_get_their_address_and_ask_their_own_machine() {
    let cluster = Cluster::tagged();
    for guest in cluster.guests() {
        let told = dhcp::ask(guest);
        assert_eq!((told["ip"].clone(), told["mtu"].as_str()), (guest.nic.ip.to_string(), "1500"));
    }
    cluster.address();
    cluster.nodes.iter().for_each(|it| it.space.serve(Ipv4Addr::LOCALHOST, METADATA_PORT));
    for guest in [&cluster.web1, &cluster.web2, &cluster.db2] {
        assert_eq!(guest.namespace.ask(METADATA, 80), guest.nic.ip.to_string());
    }
    // A neighbour's machine is no more in a group network than its own is.
    cluster.nodes[1].space.serve(Ipv4Addr::UNSPECIFIED, 8775);
    for guest in [&cluster.web1, &cluster.web2] {
        assert!(guest.namespace.is_silent(address(3), 8775));
    }
}

#[test]
#[ignore = "runs in the guest"]
fn whatever_is_broken_by_hand_is_mended_at_the_next_pass() {
    let cluster = Cluster::tagged().addressed();
    let node = &cluster.nodes[1].space;
    let state = || held(node);
    let before = state();
    assert!(before.contains("eth0.10@eth0") && before.contains("master eucabr10"), "{before}");
    for (breakage, mended) in [
        ("ip link del eth0.10", "eth0.10 made"),
        ("ip link set eth0.10 down", "eth0.10 set up"),
        ("ip link set eth0.10 nomaster", "eth0.10 joined to eucabr10"),
    ] {
        node.sh(breakage);
        let changes = cluster.apply();
        assert!(changes.iter().any(|change| change == mended), "{breakage}: {changes:?}");
        assert_eq!(state(), before, "{breakage}");
        assert_eq!(cluster.apply(), [""; 0], "{breakage}");
    }
    assert!(cluster.db0.namespace.pings(cluster.db2.nic.ip));
}

#[test]
#[ignore = "runs in the guest"]
fn the_administrators_own_tagged_devices_are_left_alone() {
    let cluster = Cluster::tagged();
    let head = &cluster.head;
    head.space.sh("ip link add link eth0 name eth0.99 type vlan id 99");
    head.space.sh("ip link del eth0.11");
    head.space.sh("ip link add link eth0 name eth0.11 type vlan id 11");
    let refused = head.controller.try_router(&cluster.router()).unwrap_err().to_string();
    assert!(refused.contains("eth0.11") && refused.contains("not ours"), "{refused}");
    for guest in [&cluster.web0, &cluster.db0] {
        head.space.sh(&format!("ip link del {}", guest.nic.tap));
    }
    head.controller.router(&RouterPlan::default());
    head.controller.node(&NodePlan::default());
    let links = head.space.sh("ip -br link");
    assert!(links.contains("eth0.99") && links.contains("eth0.11"), "{links}");
    assert!(!links.contains("eth0.10") && !links.contains("eucabr"), "{links}");
}

#[test]
#[ignore = "runs in the guest"]
fn every_packet_arrives_where_it_may_and_nowhere_else() {
    try_every_pair(Carrier::Vlan);
}

#[test]
#[ignore = "runs in the guest"]
fn whoever_dies_in_the_middle_of_an_apply_leaves_nothing_open_and_nothing_undone() {
    kill_between_rules_and_devices(Carrier::Vlan);
}

/// A machine's tagged devices, without what the kernel numbers, and without the state that it notes
/// a second late: whether they are up is among the flags.
fn held(machine: &Namespace) -> String {
    let shown = machine.sh("sh -c \"ip -o link show type vlan | sed 's/ state [A-Z]*//'\"");
    let line = |line: &str| line.split_once(": ").map(|(_, rest)| rest.to_owned());
    let mut lines: Vec<_> = shown.lines().filter_map(line).collect();
    lines.iter_mut().for_each(|line| {
        if let Some((said, _)) = line.split_once("link/ether") {
            *line = said.to_owned();
        }
    });
    lines.sort_unstable();
    lines.join("\n")
}
