//! What an instance must not be able to send or to see.

use crate::plans::{Town, WEB};
use std::net::Ipv4Addr;
use types::MacAddr;

/// Prints what stands between `<<` and `>>` in every frame that comes in.
pub(crate) fn sniffer() -> String {
    sniffer_on("eth0")
}

pub(crate) fn sniffer_on(device: &str) -> String {
    "import re,socket
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind(('DEVICE',0))
print('ready')
while True:
    frame,where=s.recvfrom(4096)
    mark=re.search(rb'<<(.*?)>>',frame)
    if mark and where[2]!=4: print(mark.group(1).decode())"
        .replace("DEVICE", device)
}

/// Sends one datagram.
pub(crate) fn datagram(from: &str, to: Ipv4Addr, port: u16, mark: &str) -> String {
    format!(
        "import socket
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('{from}',0))
s.sendto(b'<<{mark}>>',('{to}',{port}))
print('ready')"
    )
}

/// Sends frames, each an expression over the functions below.
pub(crate) fn frames(device: &str, me: MacAddr, ip: Ipv4Addr, frames: &[(&str, &str)]) -> String {
    let sends: String = frames
        .iter()
        .map(|(mark, frame)| format!("mark=b'<<{mark}>>'; s.send({frame})\n"))
        .collect();
    format!(
        "import socket,struct
def mac(t): return bytes.fromhex(t.replace(':',''))
def ip4(t): return socket.inet_aton(t)
ME=mac('{me}'); MY='{ip}'; ALL=b'\\xff'*6; OTHER=mac('d0:0d:00:00:00:77')
def eth(payload,src=ME,kind=0x800): return ALL+src+struct.pack('!H',kind)+payload
def ip(payload,src=MY,dst='255.255.255.255',proto=17):
    h=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(payload),1,0,64,proto,0,ip4(src),ip4(dst))
    c=sum(struct.unpack('!10H',h)); c=(c>>16)+(c&0xffff); c=~(c+(c>>16))&0xffff
    return h[:10]+struct.pack('!H',c)+h[12:]+payload
def udp(sport=1000,dport=2000): return struct.pack('!HHHH',sport,dport,8+len(mark),0)+mark
def arp(smac=ME,sip=MY,op=2,htype=1):
    return struct.pack('!HHBBH6s4s6s4s',htype,0x800,6,4,op,smac,ip4(sip),ALL,ip4('10.77.2.3'))+mark
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(('{device}',0))
{sends}print('ready')"
    )
}

fn send(town: &Town, frames_to_send: &[(&str, &str)]) {
    let nic = &town.web1.nic;
    town.web1.namespace.python(&frames("eth0", nic.mac, nic.ip, frames_to_send));
}

#[test]
fn what_an_instance_may_send_reaches_its_neighbour() {
    Town::with_and_without_br_netfilter(neighbours_hear_each_other);
}

fn neighbours_hear_each_other(town: &Town) {
    let honest = [
        ("its own address", "eth(ip(udp()))"),
        ("arp for itself", "eth(arp(),kind=0x806)"),
        ("arp probe", "eth(arp(sip='0.0.0.0',op=1),kind=0x806)"),
        ("dhcp discover", "eth(ip(udp(68,67),src='0.0.0.0'))"),
    ];
    let seen = town.web2.namespace.python(&sniffer());
    send(town, &honest);
    for (mark, _) in honest {
        assert_eq!(seen.line(), mark);
    }
}

#[test]
fn nothing_that_an_instance_forges_reaches_its_neighbour_or_the_host() {
    Town::with_and_without_br_netfilter(forge);
}

fn forge(town: &Town) {
    let forged = [
        ("another mac", "eth(ip(udp()),src=OTHER)"),
        ("another ip", "eth(ip(udp(),src='10.77.2.9'))"),
        ("ip of the router", "eth(ip(udp(),src='10.77.2.1'))"),
        ("ip of its neighbour", "eth(ip(udp(),src='10.77.2.3'))"),
        ("arp with another mac", "eth(arp(smac=OTHER),kind=0x806)"),
        ("arp from another mac", "eth(arp(),src=OTHER,kind=0x806)"),
        ("arp for the router", "eth(arp(sip='10.77.2.1'),kind=0x806)"),
        ("arp for its neighbour", "eth(arp(sip='10.77.2.3'),kind=0x806)"),
        ("arp of another hardware type", "eth(arp(htype=6),kind=0x806)"),
        ("reverse arp", "eth(arp(op=3),kind=0x8035)"),
        ("dhcp answer", "eth(ip(udp(67,68)))"),
        ("dhcp answer from nowhere", "eth(ip(udp(67,68),src='0.0.0.0'))"),
        ("datagram from nowhere", "eth(ip(udp(),src='0.0.0.0'))"),
        ("ping from nowhere", "eth(ip(b'\\x08\\0\\0\\0'+mark,src='0.0.0.0',proto=1))"),
        ("loopback", "eth(ip(udp(),dst='127.0.0.1'))"),
        ("ipv6", "eth(b'\\x60'+bytes(39)+mark,kind=0x86dd)"),
        ("vlan", "eth(struct.pack('!HH',5,0x800)+ip(udp()),kind=0x8100)"),
        ("provider vlan", "eth(struct.pack('!HH',5,0x800)+ip(udp()),kind=0x88a8)"),
        ("llc", "eth(b'\\x42\\x42\\x03'+mark,kind=60)"),
        ("pppoe", "eth(bytes(6)+mark,kind=0x8864)"),
    ];
    let seen = town.web2.namespace.python(&sniffer());
    let seen_by_host = town.world.host.python(&sniffer_on("eucabr10"));
    send(town, &forged);
    send(town, &[("the end", "eth(ip(udp()))")]);
    assert_eq!(seen.line(), "the end");
    assert_eq!(seen_by_host.line(), "the end");
}

#[test]
fn an_instance_sees_only_ipv4_and_arp_and_only_of_its_network() {
    let town = Town::new();
    let mac: MacAddr = "d2:0d:0a:4d:02:01".parse().unwrap();
    let seen = town.web2.namespace.python(&sniffer());
    let elsewhere = town.db.namespace.python(&sniffer());
    let from_host = [
        ("ipv6", "eth(b'\\x60'+bytes(39)+mark,kind=0x86dd)"),
        ("llc", "eth(b'\\x42\\x42\\x03'+mark,kind=60)"),
        ("ipv4 of web", "eth(ip(udp()))"),
    ];
    town.world.host.python(&frames("eucabr10", mac, WEB, &from_host));
    assert_eq!(seen.line(), "ipv4 of web");
    town.world.host.python(&frames("eucabr11", mac, WEB, &[("ipv4 of db", "eth(ip(udp()))")]));
    assert_eq!(elsewhere.line(), "ipv4 of db");
}

#[test]
fn bridges_have_no_ipv6() {
    let town = Town::new();
    for bridge in ["eucabr10", "eucabr11"] {
        assert_eq!(town.world.host.sh(&format!("ip -6 addr show dev {bridge}")), "");
    }
}
