//! Guests that ask for their address with a real client.

use crate::plans::{WEB, network, node, router, tag};
use crate::world::{Guest, World};
use std::collections::HashMap;

/// What busybox's client was told.
pub(crate) fn ask(guest: &Guest) -> HashMap<String, String> {
    ask_times(guest, 20).unwrap()
}

/// What it was told after so many requests, a second apart; none when nobody answered.
pub(crate) fn ask_times(guest: &Guest, times: u32) -> Option<HashMap<String, String>> {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("script");
    let told = dir.path().join("told");
    let text = format!("#!/bin/sh\n[ $1 = bound ] && env > {}\nexit 0\n", told.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let client = format!("busybox udhcpc -i eth0 -f -q -n -t {times} -T 1 -O mtu -s");
    if !guest.namespace.can(&format!("{client} {}", script.display())) {
        return None;
    }
    let text = std::fs::read_to_string(told).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[test]
fn an_instance_is_told_all_that_it_needs() {
    let world = World::new();
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    assert_told_all(&ask(&guest));
}

/// What the first guest of network 10 is told.
pub(crate) fn assert_told_all(told: &HashMap<String, String>) {
    for (name, value) in [
        ("ip", "10.77.2.2"),
        ("subnet", "255.255.255.192"),
        ("broadcast", "10.77.2.63"),
        ("router", "10.77.2.1"),
        ("serverid", "10.77.2.1"),
        ("dns", "192.0.2.53"),
        ("hostname", "ip-10-77-2-2"),
        ("mtu", "1500"),
        ("lease", "43200"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn strangers_and_members_of_another_network_get_no_answer() {
    let world = World::new();
    let known = world.guest(0x21, tag(10), "10.77.2.2");
    let stranger = world.guest(0x22, tag(10), "10.77.2.3");
    let mut elsewhere = world.guest(0x23, tag(11), "10.77.2.66");
    let networks = [network(10, vec![]), network(11, vec![])];
    world.controller.router(&router(&networks, &[&known, &elsewhere]));
    elsewhere.nic.tag = tag(10);
    world.controller.node(&node(&[&known, &stranger, &elsewhere]));
    world.plug(&[&known, &stranger, &elsewhere]);
    ask(&known);
    assert_eq!(ask_times(&stranger, 2), None);
    assert_eq!(ask_times(&elsewhere, 2), None);
}

#[test]
fn the_server_follows_its_bridges_and_its_table() {
    let world = World::new();
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    let later = world.guest(0x22, tag(10), "10.77.2.3");
    let networks = [network(10, vec![])];
    world.controller.router(&router(&networks, &[&guest]));
    world.controller.node(&node(&[&guest, &later]));
    world.plug(&[&guest, &later]);
    world.controller.router(&router(&networks, &[&guest, &later]));
    assert_eq!(ask(&later)["ip"], "10.77.2.3");
    world.host.sh("ip link del eucabr10");
    world.controller.router(&router(&networks, &[&guest, &later]));
    world.plug(&[&guest, &later]);
    assert_eq!(ask(&guest)["ip"], "10.77.2.2");
}

#[test]
fn a_lease_is_renewed_by_a_request_to_the_server_itself() {
    let world = World::new();
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    world.controller.router(&router(&[network(10, vec![])], &[&guest]));
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    guest.address(WEB);
    let program = "import socket,struct
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('10.77.2.2',68)); s.settimeout(5)
a=socket.inet_aton('10.77.2.2'); z=bytes(4)
p=struct.pack('!BBBBIHH4s4s4s4s16s',1,1,6,0,7,0,0,a,z,z,z,bytes.fromhex('d00d00000021'))
p+=bytes(192)+b'\\x63\\x82\\x53\\x63'+b'\\x35\\x01\\x03\\xff'
s.sendto(p,('10.77.2.1',67)); r,where=s.recvfrom(2000)
i=r.index(b'\\x63\\x82\\x53\\x63')+4
o={}
while r[i]!=255: o[r[i]]=r[i+2:i+2+r[i+1]]; i+=2+r[i+1]
print('ready'); print(where[0],socket.inet_ntoa(r[16:20]),o[53][0])";
    assert_eq!(guest.namespace.python(program).line(), "10.77.2.1 10.77.2.2 5");
}

#[test]
fn a_taken_port_is_reported_and_the_next_pass_starts_the_server() {
    let world = World::new();
    let guest = world.guest(0x21, tag(10), "10.77.2.2");
    let plan = router(&[network(10, vec![])], &[&guest]);
    let squatter = world.host.run(|| std::net::UdpSocket::bind(("0.0.0.0", 67)).unwrap());
    let error = world.controller.try_router(&plan).unwrap_err().to_string();
    assert!(error.contains("eucabr10") && error.contains("another DHCP server"), "{error}");
    drop(squatter);
    assert_eq!(world.controller.router(&plan), ["DHCP started on eucabr10"]);
    world.controller.node(&node(&[&guest]));
    world.plug(&[&guest]);
    ask(&guest);
}
