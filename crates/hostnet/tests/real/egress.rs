//! What an instance reaches outside its group.

use crate::plans::{DNS, METADATA_PORT, Town, WEB, network, open, open_to_group};
use crate::spoofing::{datagram, sniffer};
use crate::world::{HOST_OUTSIDE, LIMIT, Namespace, OUTSIDE};
use protocol::GroupRule;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use types::Protocol;

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

fn echoes(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok()
}

#[test]
fn only_what_a_rule_names_is_reached_and_a_revoked_rule_ends_its_connections() {
    let town = Town::new();
    let web1 = &town.web1.namespace;
    for port in [80, 81] {
        town.world.outside.serve(ANY, port);
    }
    let (mut open_connection, _) = web1.connect(OUTSIDE, 80, LIMIT).unwrap();
    assert!(echoes(&mut open_connection) && web1.pings(OUTSIDE));
    town.limit(vec![open(Protocol::Tcp, 81, 81, "198.51.100.0/24")]);
    assert!(!echoes(&mut open_connection), "the connection outlives its rule");
    assert!(web1.is_silent(OUTSIDE, 80) && web1.pings_in_vain(OUTSIDE));
    assert_eq!(web1.ask(OUTSIDE, 81), HOST_OUTSIDE.to_string());
    town.limit(vec![open(Protocol::Tcp, 81, 81, "198.51.100.128/25")]);
    assert!(web1.is_silent(OUTSIDE, 81), "the rule names other addresses");
    town.limit(vec![GroupRule::UNLIMITED]);
    assert!(web1.pings(OUTSIDE));
}

#[test]
fn who_was_asked_may_answer() {
    let town = Town::new();
    town.web1.namespace.serve(ANY, 22);
    town.limit(vec![]);
    let (mut connection, _) = town.world.outside.connect(town.web1.nic.ip, 22, LIMIT).unwrap();
    assert!(echoes(&mut connection));
    town.limit(vec![open(Protocol::Tcp, 81, 81, "0.0.0.0/0")]);
    assert!(echoes(&mut connection), "an answer is no traffic of its own");
}

#[test]
fn the_members_of_a_group_reach_each_other() {
    Town::with_and_without_br_netfilter(|town| {
        town.limit(vec![]);
        town.web2.namespace.serve(ANY, 80);
        town.web1.namespace.ask(town.web2.nic.ip, 80);
        assert!(town.web1.namespace.pings(town.web2.nic.ip));
    });
}

#[test]
fn a_rule_names_a_group_and_that_group_decides_too() {
    let town = Town::new();
    let (web1, db) = (&town.web1.namespace, town.db.nic.ip);
    town.db.namespace.serve(ANY, 5432);
    town.db.namespace.serve(ANY, 5433);
    town.limit(vec![open_to_group(5432, &network(11, vec![]))]);
    assert_eq!(web1.ask(db, 5432), town.web1.nic.ip.to_string());
    assert!(web1.is_silent(db, 5433) && web1.is_silent(OUTSIDE, 5432));
    town.allow(vec![], vec![]);
    assert!(web1.is_silent(db, 5432), "what may leave web may not enter db");
}

#[test]
fn the_host_is_reached_as_the_rules_say() {
    let town = Town::new();
    let web1 = &town.web1.namespace;
    for port in [8443, 8773] {
        town.world.host.serve(ANY, port);
    }
    let (mut open_connection, _) = web1.connect(HOST_OUTSIDE, 8773, LIMIT).unwrap();
    town.limit(vec![open(Protocol::Tcp, 8443, 8443, "10.77.2.1/32")]);
    web1.ask(WEB, 8443);
    assert!(web1.is_silent(HOST_OUTSIDE, 8443) && web1.is_silent(WEB, 8773));
    assert!(!echoes(&mut open_connection), "the connection outlives its rule");
    assert!(web1.pings_in_vain(WEB));
    town.limit(vec![open(Protocol::Icmp, 8, 0, "10.77.2.1/32")]);
    assert!(web1.pings(WEB) && web1.pings_in_vain(HOST_OUTSIDE));
    // The host itself reaches the instance whatever its group says.
    assert!(town.world.host.pings(town.web1.nic.ip));
}

#[test]
fn metadata_and_dns_need_no_rule() {
    let dns_on = |server: &Namespace| {
        server.sh(&format!("ip addr add {DNS}/32 dev lo"));
        server.serve(DNS, 53);
        server.serve(DNS, 54);
    };
    for is_on_the_host in [true, false] {
        let town = Town::new();
        let web1 = &town.web1.namespace;
        town.limit(vec![]);
        town.world.host.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
        web1.ask(Ipv4Addr::new(169, 254, 169, 254), 80);
        dns_on(if is_on_the_host { &town.world.host } else { &town.world.outside });
        web1.ask(DNS, 53);
        assert!(web1.is_silent(DNS, 54), "on the host: {is_on_the_host}");
    }
}

/// Sends one packet of IP protocol 50.
fn esp(to: Ipv4Addr, mark: &str) -> String {
    format!(
        "import socket
s=socket.socket(socket.AF_INET,socket.SOCK_RAW,50)
s.sendto(b'<<{mark}>>',('{to}',0))
print('ready')"
    )
}

#[test]
fn a_rule_for_all_protocols_is_for_those_without_a_name_too() {
    let town = Town::new();
    let (web1, web_ip) = (&town.web1.namespace, town.web1.nic.ip.to_string());
    let seen = town.db.namespace.python(&sniffer());
    let send = |egress: &[GroupRule], mark: &str| {
        town.limit(egress.to_vec());
        web1.python(&esp(town.db.nic.ip, mark));
    };
    let named = [Protocol::Tcp, Protocol::Udp].map(|named| open(named, 0, 65535, "0.0.0.0/0"));
    send(&named, "every port");
    send(&[open(Protocol::All, -1, -1, "192.0.2.0/24")], "all, elsewhere");
    send(&[open(Protocol::All, -1, -1, "10.77.2.64/26")], "all");
    assert_eq!(seen.line(), "all");
    town.limit(vec![]);
    web1.python(&datagram(&web_ip, town.db.nic.ip, 53, "no dns server"));
    send(&[GroupRule::UNLIMITED], "unlimited");
    assert_eq!(seen.line(), "unlimited");
}
