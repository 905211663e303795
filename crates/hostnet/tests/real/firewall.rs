//! Who reaches whom.

use crate::plans::{DB, DNS, Town, WEB, network, open, open_to_group};
use crate::spoofing::{datagram, sniffer};
use crate::world::{HOST_OUTSIDE, LIMIT, OUTSIDE};
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
    assert!(outside.is_silent(web, 22));
    town.allow(vec![open(Protocol::Tcp, 22, 22, "0.0.0.0/0")], vec![]);
    assert_eq!(outside.ask(web, 22), OUTSIDE.to_string());
    assert!(outside.is_silent(web, 23));
    let (mut open_connection, _) = outside.connect(web, 22, LIMIT).unwrap();
    town.allow(vec![], vec![]);
    assert!(outside.is_silent(web, 22));
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
    assert!(town.web1.namespace.is_silent(db, 5432));
    town.allow(vec![], vec![open(Protocol::Tcp, 5000, 6000, "198.51.100.128/25")]);
    assert!(outside.is_silent(db, 5432));
    town.allow(vec![], vec![open_to_group(5432, &network(10, vec![]))]);
    assert_eq!(town.web1.namespace.ask(db, 5432), town.web1.nic.ip.to_string());
    assert!(outside.is_silent(db, 5432));
}

#[test]
fn ping_needs_a_rule_between_groups_and_none_inside_one() {
    let town = Town::new();
    let (web1, db) = (&town.web1.namespace, town.db.nic.ip);
    assert!(web1.pings(town.web2.nic.ip));
    assert!(web1.pings_in_vain(db));
    town.allow(vec![], vec![open(Protocol::Icmp, 8, 0, "10.77.0.0/16")]);
    assert!(web1.pings(db));
    assert!(town.world.outside.pings_in_vain(db));
    town.allow(vec![], vec![open(Protocol::Icmp, 13, -1, "0.0.0.0/0")]);
    assert!(web1.pings_in_vain(db));
}

#[test]
fn instances_reach_outside_with_an_address_of_the_host() {
    let town = Town::new();
    town.world.outside.serve(ANY, 80);
    assert_eq!(town.web1.namespace.ask(OUTSIDE, 80), HOST_OUTSIDE.to_string());
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
            if is_open {
                web1.ask(address, port);
            } else {
                assert!(web1.is_silent(address, port), "{address}:{port}");
            }
        }
    }
    // For those outside the host's own rules decide.
    town.world.outside.ask(HOST_OUTSIDE, 8774);
}

#[test]
fn a_dns_server_on_the_host_is_reached() {
    let town = Town::new();
    town.world.host.sh(&format!("ip addr add {DNS}/32 dev lo"));
    town.world.host.serve(DNS, 53);
    town.world.host.serve(DNS, 54);
    town.web1.namespace.ask(DNS, 53);
    assert!(town.web1.namespace.is_silent(DNS, 54));
}

#[test]
fn nobody_outside_can_pose_as_an_instance() {
    let town = Town::new();
    town.allow(vec![], vec![open(Protocol::Udp, 5432, 5432, "0.0.0.0/0")]);
    let outside = &town.world.outside;
    outside.sh("ip addr add 10.77.2.9/32 dev lo");
    let seen = town.db.namespace.python(&sniffer());
    outside.python(&datagram("10.77.2.9", town.db.nic.ip, 5432, "posed"));
    outside.python(&datagram("198.51.100.2", town.db.nic.ip, 5432, "honest"));
    assert_eq!(seen.line(), "honest");
}

#[test]
fn the_router_by_itself_refuses_addresses_of_other_networks() {
    let town = Town::new();
    town.allow(vec![], vec![open(Protocol::Udp, 5432, 5432, "0.0.0.0/0")]);
    town.world.host.sh("nft delete table bridge eucalyptus");
    let web1 = &town.web1.namespace;
    web1.sh("ip addr add 10.77.2.70/32 dev lo");
    web1.sh("ip addr add 192.0.2.7/32 dev lo");
    let seen = town.db.namespace.python(&sniffer());
    for posed in ["10.77.2.70", "192.0.2.7"] {
        web1.python(&datagram(posed, town.db.nic.ip, 5432, posed));
    }
    web1.python(&datagram("10.77.2.2", town.db.nic.ip, 5432, "honest"));
    assert_eq!(seen.line(), "honest");
}
