//! What a packet costs on its way from outside to an instance: with few rules, with many, and with
//! as many in a list that is gone through, as 1.4 made it. 1.4 let packets of known connections pass
//! before its list, and so never ended one whose rule was revoked; here every packet meets the rules.

use crate::cloud::Cloud;
use crate::world::{Guest, Namespace, World};
use std::fmt::Write as _;
use types::NetworkTag;

const ROUNDS: usize = 5;
/// Of the rules of [`Cloud`]'s groups the last one of the first group.
const FEW: u16 = 10;
const MANY: u16 = 5000;

pub(crate) fn measure() {
    let world = World::new();
    let guest = world.guest(1, NetworkTag::FIRST, "10.77.2.2");
    let ways = [
        (Cloud::new(1, 1, FEW), last_port(FEW)),
        (Cloud::new(1, 1, MANY), last_port(MANY)),
        (Cloud::of_mixed_rules(MANY), 5001 + 6 * MANY),
    ];
    let mut rates = [const { Vec::new() }; 4];
    for round in 0..ROUNDS {
        for (at, (cloud, port)) in ways.iter().enumerate() {
            world.controller.router(&cloud.router());
            if round + at == 0 {
                world.plug(&[&guest]);
                guest.address(cloud.gateway().addr());
            }
            rates[at].push(packets_a_second(&world, &guest, *port));
        }
        world.controller.router(&netplan::RouterPlan::default());
        world.host.sh("ip addr add 10.77.2.1/26 dev eucabr10");
        world.host.sh("sysctl -qw net.ipv4.ip_forward=1");
        list(&world.host);
        rates[3].push(packets_a_second(&world, &guest, last_port(MANY)));
        world.host.sh("nft delete table ip linear");
        world.host.sh("ip addr del 10.77.2.1/26 dev eucabr10");
    }
    let names = [
        "10 rules",
        "5,000 rules",
        "5,000 rules of mixed ports and networks",
        "5,000 rules in a list, every packet",
    ];
    for (name, mut rates) in names.into_iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        let (least, median, most) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
        println!("TCP packets a second past {name}: {least:.0} {median:.0} {most:.0}");
    }
}

const fn last_port(rules: u16) -> u16 {
    5001 + 2 * (rules - 1)
}

/// A list with the rule that matches at its end.
fn list(host: &Namespace) {
    let mut text = String::from(
        "table ip linear { chain forward { type filter hook forward priority 0; policy drop;\n\
         ip saddr 10.77.2.0/26 accept\n",
    );
    for rule in 0..MANY {
        let port = 5001 + 2 * rule;
        writeln!(text, "ip saddr 198.51.100.0/24 ip daddr 10.77.2.0/26 tcp dport {port} accept")
            .unwrap();
    }
    text.push_str("}\n}\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    host.sh(&format!("nft -f {}", file.path().display()));
}

/// Small segments, so that packets and not bytes are what takes time.
fn packets_a_second(world: &World, guest: &Guest, port: u16) -> f64 {
    let seconds = 3;
    let server = guest.namespace.python(&format!(
        "import socket
s=socket.create_server(('0.0.0.0',{port})); print('ready')
c,_=s.accept()
while c.recv(1<<20): pass"
    ));
    let received = || -> f64 {
        let path = "cat /sys/class/net/eth0/statistics/rx_packets";
        guest.namespace.sh(path).trim().parse().unwrap()
    };
    let before = received();
    let client = world.outside.python(&format!(
        "import socket,time
s=socket.create_connection(('10.77.2.2',{port}))
s.setsockopt(socket.IPPROTO_TCP,socket.TCP_NODELAY,1)
print('ready')
end=time.time()+{seconds}
data=b'x'*100
while time.time()<end: s.send(data)
s.close(); print('done')"
    ));
    assert_eq!(client.line(), "done");
    drop(server);
    (received() - before) / f64::from(seconds)
}
