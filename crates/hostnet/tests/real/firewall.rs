//! Who reaches whom.

use crate::plans::{DB, DNS, Town, WEB, network, open, open_to_group};
use crate::spoofing::{datagram, sniffer};
use crate::world::{HOST_OUTSIDE, LIMIT, OUTSIDE, until};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::time::Duration;
use types::Protocol;

const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

#[test]
fn a_port_is_closed_until_a_rule_opens_it_and_again_when_that_is_revoked() {
    let town = Town::new();
    let (outside, web) = (&town.world.outside, town.web1.nic.ip);
    town.web1.namespace.serve(ANY, 22);
    town.web1.namespace.serve(ANY, 23);
    assert_eq!(outside.ask(web, 22), None);
    town.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    assert_eq!(outside.ask(web, 22).unwrap(), OUTSIDE.to_string());
    assert_eq!(outside.ask(web, 23), None);
    let (mut open_connection, _) = outside.connect(web, 22, LIMIT).unwrap();
    town.allow(vec![], vec![]);
    assert_eq!(outside.ask(web, 22), None);
    open_connection.write_all(b"still there?").unwrap();
    open_connection.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    assert!(open_connection.read(&mut [0; 16]).is_err(), "the connection outlives its rule");
}

#[test]
fn an_open_connection_survives_every_other_change_of_rules() {
    let town = Town::new();
    town.web1.namespace.serve(ANY, 22);
    let ssh = || open(Protocol::Tcp, 22, 22, "198.51.100.0/24");
    town.allow(vec![ssh()], vec![]);
    let (mut connection, _) = town.world.outside.connect(town.web1.nic.ip, 22, LIMIT).unwrap();
    for port in 1000..1020 {
        town.allow(vec![ssh(), open(Protocol::Udp, port, port, "0.0.0.0/0")], vec![]);
        connection.write_all(b"x").unwrap();
        connection.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn rules_name_their_source_by_address_and_by_group() {
    let town = Town::new();
    let (outside, db) = (&town.world.outside, town.db.nic.ip);
    town.db.namespace.serve(ANY, 5432);
    assert_eq!(town.web1.namespace.ask(db, 5432), None);
    town.allow(vec![], vec![open(Protocol::Tcp, 5000, 6000, "198.51.100.128/25")]);
    assert_eq!(outside.ask(db, 5432), None);
    town.allow(vec![], vec![open_to_group(5432, &network(10, vec![]))]);
    assert_eq!(town.web1.namespace.ask(db, 5432).unwrap(), town.web1.nic.ip.to_string());
    assert_eq!(outside.ask(db, 5432), None);
}

#[test]
fn ping_needs_a_rule_between_groups_and_none_inside_one() {
    let town = Town::new();
    let (web1, db) = (&town.web1.namespace, town.db.nic.ip);
    assert!(web1.pings(town.web2.nic.ip));
    assert!(!web1.pings(db));
    town.allow(vec![], vec![open(Protocol::Icmp, 8, 0, "10.77.0.0/16")]);
    assert!(web1.pings(db));
    assert!(!town.world.outside.pings(db));
    town.allow(vec![], vec![open(Protocol::Icmp, 13, -1, "0.0.0.0/0")]);
    assert!(!web1.pings(db));
}

#[test]
fn instances_reach_outside_with_an_address_of_the_host() {
    let town = Town::new();
    town.world.outside.serve(ANY, 80);
    until("the world outside answers", || town.web1.namespace.ask(OUTSIDE, 80).is_some());
    assert_eq!(town.web1.namespace.ask(OUTSIDE, 80).unwrap(), HOST_OUTSIDE.to_string());
    assert!(town.db.namespace.pings(OUTSIDE));
}

#[test]
fn instances_reach_only_the_public_ports_of_the_host() {
    let town = Town::new();
    for port in [22, 8773, 8774, 8775, 8443] {
        town.world.host.serve(ANY, port);
    }
    let web1 = &town.web1.namespace;
    assert!(web1.pings(WEB));
    for address in [WEB, DB, HOST_OUTSIDE] {
        for (port, is_open) in
            [(8773, true), (8443, true), (22, false), (8774, false), (8775, false)]
        {
            assert_eq!(web1.ask(address, port).is_some(), is_open, "{address}:{port}");
        }
    }
    assert!(town.world.outside.ask(HOST_OUTSIDE, 8774).is_some(), "the host's own rules decide");
}

#[test]
fn a_dns_server_on_the_host_is_reached() {
    let town = Town::new();
    town.world.host.sh(&format!("ip addr add {DNS}/32 dev lo"));
    town.world.host.serve(DNS, 53);
    town.world.host.serve(DNS, 54);
    assert!(town.web1.namespace.ask(DNS, 53).is_some());
    assert_eq!(town.web1.namespace.ask(DNS, 54), None);
}

#[test]
fn nobody_outside_can_pose_as_an_instance() {
    let town = Town::new();
    town.allow(vec![], vec![open(Protocol::Udp, 5432, 5432, "0.0.0.0/0")]);
    let outside = &town.world.outside;
    outside.sh("ip addr add 10.77.2.9/32 dev lo");
    let mut seen = town.db.namespace.python(&sniffer());
    outside.python(&datagram("10.77.2.9", town.db.nic.ip, 5432, "posed"));
    outside.python(&datagram("198.51.100.2", town.db.nic.ip, 5432, "honest"));
    assert_eq!(seen.line(), "honest");
}
