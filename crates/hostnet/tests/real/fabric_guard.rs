//! Group networks over several machines: what instances and strangers must not reach.

use crate::cluster::{Cluster, address};
use crate::plans::{METADATA_PORT, WEB};
use crate::spoofing::{datagram, sniffer};
use crate::world::{Guest, Namespace};
use std::net::Ipv4Addr;
use types::MacAddr;

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// A program that sends a frame to everybody in network 10, in an envelope for a machine.
fn envelope(from: Option<Ipv4Addr>, to: Ipv4Addr, mark: &str) -> String {
    let source = from.map_or_else(|| "None".to_owned(), |ip| format!("'{ip}'"));
    format!(
        "import socket,struct
mark=b'<<{mark}>>'
def ip4(t): return socket.inet_aton(t)
def ip(payload,src,dst):
    h=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(payload),1,0,64,17,0,ip4(src),ip4(dst))
    c=sum(struct.unpack('!10H',h)); c=(c>>16)+(c&0xffff); c=~(c+(c>>16))&0xffff
    return h[:10]+struct.pack('!H',c)+h[12:]+payload
inner=ip(struct.pack('!HHHH',9,9,8+len(mark),0)+mark,'10.77.2.9','255.255.255.255')
frame=b'\\xff'*6+bytes.fromhex('d00d00000077')+b'\\x08\\0'+inner
packet=b'\\x08\\0\\0\\0'+struct.pack('!I',10<<8)+frame
source={source}
if source is None:
    s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.sendto(packet,('{to}',4789))
else:
    udp=struct.pack('!HHHH',4789,4789,8+len(packet),0)+packet
    s=socket.socket(socket.AF_INET,socket.SOCK_RAW,socket.IPPROTO_RAW)
    s.sendto(ip(udp,source,'{to}'),('{to}',0))
print('ready')"
    )
}

/// A program that asks for a TCP connection in a frame to this Ethernet address, and prints
/// whether somebody takes it.
fn knock(guest: &Guest, mac: MacAddr, ip: Ipv4Addr, port: u16) -> String {
    format!(
        "import socket,struct
def ip4(t): return socket.inet_aton(t)
def total(b):
    c=sum(struct.unpack('!%dH'%(len(b)//2),b)); c=(c>>16)+(c&0xffff); return ~(c+(c>>16))&0xffff
me,to=ip4('{mine}'),ip4('{ip}')
tcp=struct.pack('!HHIIBBHHH',40000,{port},1,0,0x50,2,1000,0,0)
tcp=tcp[:16]+struct.pack('!H',total(me+to+struct.pack('!BBH',0,6,20)+tcp))+tcp[18:]
h=struct.pack('!BBHHHBBH4s4s',0x45,0,40,1,0,64,6,0,me,to)
h=h[:10]+struct.pack('!H',total(h))+h[12:]
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind(('eth0',0)); s.settimeout(0.7)
s.send(bytes.fromhex('{mac}'.replace(':',''))+bytes.fromhex('{own}'.replace(':',''))+b'\\x08\\0'+h+tcp)
print('ready')
try:
    while True:
        f,where=s.recvfrom(2000)
        if where[2]!=4 and f[12:14]==b'\\x08\\0' and f[23]==6 and f[36:38]==struct.pack('!H',40000) and f[47]&2:
            print('answered'); break
except TimeoutError: print('silent')",
        mine = guest.nic.ip,
        own = guest.nic.mac,
    )
}

fn bridge_mac(of: &Namespace) -> MacAddr {
    of.sh("cat /sys/class/net/eucabr10/address").trim().parse().unwrap()
}

#[test]
fn an_instance_reaches_nothing_of_its_machine_but_metadata() {
    Cluster::with_and_without_br_netfilter(|cluster| {
        cluster.address();
        let node = &cluster.nodes[0];
        node.space.sh("sysctl -qw net.ipv4.ip_forward=1");
        node.space.serve(ANY, 8775);
        node.space.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
        let (mac, everybody) = (bridge_mac(&node.space), MacAddr([0xff; 6]));
        for (mac, ip, port) in [
            (mac, node.ip, 8775),
            (everybody, node.ip, 8775),
            (mac, Ipv4Addr::LOCALHOST, METADATA_PORT),
        ] {
            let guests = [&cluster.web0, &cluster.web1, &cluster.web2];
            let knocks = guests.map(|it| it.namespace.python(&knock(it, mac, ip, port)));
            for (guest, knock) in guests.iter().zip(knocks) {
                assert_eq!(knock.line(), "silent", "{} at {mac}, {ip}:{port}", guest.nic.ip);
            }
        }
        let metadata = Ipv4Addr::new(169, 254, 169, 254);
        let from_elsewhere = knock(&cluster.web0, mac, metadata, 80);
        assert_eq!(cluster.web0.namespace.python(&from_elsewhere).line(), "silent");
        // The same program gets an answer where one is due.
        let due = knock(&cluster.web1, bridge_mac(&cluster.head.space), metadata, 80);
        assert_eq!(cluster.web1.namespace.python(&due).line(), "answered");
        // Without the guard it would arrive.
        node.space.sh("nft flush chain bridge eucalyptus input");
        let open = knock(&cluster.web1, mac, node.ip, 8775);
        assert_eq!(cluster.web1.namespace.python(&open).line(), "answered");
    });
}

#[test]
fn a_machine_does_not_tell_instances_that_it_is_there() {
    let cluster = Cluster::new().addressed();
    let web1 = &cluster.web1.namespace;
    web1.sh("ip route add 198.51.100.2 dev eth0");
    assert!(web1.pings_in_vain(address(2)));
    assert!(!web1.sh("ip neigh show 198.51.100.2").contains("lladdr"));
}

#[test]
fn of_the_other_machines_instances_reach_only_ping_and_the_public_ports() {
    let cluster = Cluster::new().addressed();
    for (node, number) in cluster.nodes.iter().zip([2, 3]) {
        node.space.sh(&format!("ip route add 10.77.0.0/16 via {}", cluster.head.ip));
        for port in [22, 8773, 8775] {
            node.space.serve(ANY, port);
        }
        for guest in [&cluster.web0, &cluster.web1] {
            let from = &guest.namespace;
            assert!(from.pings(address(number)));
            from.ask(address(number), 8773);
            for port in [22, 8775] {
                assert!(
                    from.is_silent(address(number), port),
                    "{} to {number}:{port}",
                    guest.nic.ip
                );
            }
        }
    }
    // What is outside is reached as ever.
    cluster.stranger.space.serve(ANY, 22);
    cluster.web1.namespace.ask(cluster.stranger.ip, 22);
}

#[test]
fn an_envelope_from_an_instance_or_a_stranger_is_not_opened() {
    let cluster = Cluster::new().addressed();
    let node = &cluster.nodes[1];
    // A second address of a machine is as good to its kernel as the one that all know.
    node.space.sh("ip addr add 198.51.100.33/24 dev eth0");
    let seen = cluster.web2.namespace.python(&sniffer());
    for to in [node.ip, address(33)] {
        for guest in [&cluster.web0, &cluster.web1, &cluster.db2] {
            guest.namespace.python(&envelope(None, to, "from an instance"));
        }
        cluster.stranger.space.python(&envelope(None, to, "from a stranger"));
        node.space.python(&envelope(None, to, "from a user of the machine"));
    }
    let head = cluster.web0.namespace.python(&sniffer());
    cluster.stranger.space.python(&envelope(None, cluster.head.ip, "from a stranger"));
    for guest in [&cluster.web1, &cluster.db0] {
        guest.namespace.python(&envelope(None, cluster.head.ip, "from an instance"));
        guest.namespace.python(&envelope(None, WEB, "from an instance"));
    }
    // The same from a machine of the cluster arrives.
    cluster.head.space.python(&envelope(None, node.ip, "from the router"));
    assert_eq!(seen.line(), "from the router");
    cluster.nodes[0].space.python(&envelope(None, cluster.head.ip, "from a node"));
    assert_eq!(head.line(), "from a node");
}

#[test]
fn each_side_refuses_strangers_by_itself() {
    let cluster = Cluster::new().addressed();
    let (seen, head) =
        (cluster.web2.namespace.python(&sniffer()), cluster.web0.namespace.python(&sniffer()));
    // Only the tables for frames and those of the other side are left out.
    cluster.nodes[1].space.sh("nft delete table bridge eucalyptus");
    cluster.head.space.sh("nft delete table bridge eucalyptus");
    cluster.head.space.sh("nft delete table ip eucalyptus_metadata");
    for to in [cluster.nodes[1].ip, cluster.head.ip] {
        cluster.stranger.space.python(&envelope(None, to, "from a stranger"));
    }
    cluster.head.space.python(&envelope(None, cluster.nodes[1].ip, "from the router"));
    cluster.nodes[0].space.python(&envelope(None, cluster.head.ip, "from a node"));
    assert_eq!(
        (seen.line(), head.line()),
        ("from the router".to_owned(), "from a node".to_owned())
    );
}

#[test]
fn a_machine_that_is_no_member_any_more_is_a_stranger() {
    let cluster = Cluster::new().addressed();
    let seen = cluster.web2.namespace.python(&sniffer());
    let node = &cluster.nodes[1];
    let mut fabric = cluster.fabric(1);
    fabric.peers.remove(&address(2));
    let plan = crate::plans::joined_node(&[&cluster.web2, &cluster.db2], Some(&fabric));
    node.controller.node(&plan);
    cluster.nodes[0].space.python(&envelope(None, node.ip, "from one that left"));
    cluster.head.space.python(&envelope(None, node.ip, "from the router"));
    assert_eq!(seen.line(), "from the router");
}

#[test]
fn nobody_reaches_an_instance_through_its_machine() {
    Cluster::with_and_without_br_netfilter(|cluster| {
        cluster.address();
        let (node, web2) = (&cluster.nodes[1], &cluster.web2);
        // A machine that routes for others, as Docker makes it.
        node.space.sh("sysctl -qw net.ipv4.ip_forward=1");
        let stranger = &cluster.stranger.space;
        stranger.sh(&format!("ip route add {} via {}", web2.nic.ip, node.ip));
        let (to, seen) = (web2.nic.ip, web2.namespace.python(&sniffer()));
        stranger.python(&datagram("198.51.100.9", to, 9, "around the router"));
        cluster.web1.namespace.python(&datagram("10.77.2.3", to, 9, "of its group"));
        assert_eq!(seen.line(), "of its group");
        // Without the guard it would arrive.
        node.space.sh("nft delete table ip eucalyptus_metadata");
        stranger.python(&datagram("198.51.100.9", to, 9, "around the router"));
        assert_eq!(seen.line(), "around the router");
    });
}

#[test]
fn what_is_forged_is_dropped_where_it_is_sent() {
    let cluster = Cluster::new().addressed();
    let web1 = &cluster.web1.namespace;
    web1.sh("ip addr add 10.77.2.9/32 dev lo");
    let seen = cluster.web2.namespace.python(&sniffer());
    web1.python(&datagram("10.77.2.9", cluster.web2.nic.ip, 9, "posed"));
    web1.python(&datagram("10.77.2.3", cluster.web2.nic.ip, 9, "honest"));
    assert_eq!(seen.line(), "honest");
}
