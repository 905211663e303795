//! The way to the metadata service, which listens on 127.0.0.1.

use crate::plans::{METADATA_PORT, Town, WEB};
use crate::world::HOST_OUTSIDE;
use std::net::Ipv4Addr;

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

#[test]
fn an_instance_is_known_by_its_address() {
    Town::with_and_without_br_netfilter(|town| {
        town.world.host.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
        for guest in town.guests() {
            assert_eq!(guest.namespace.ask(METADATA, 80), guest.nic.ip.to_string());
        }
    });
}

#[test]
fn an_instance_cannot_pose_as_another() {
    let town = Town::new();
    town.world.host.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
    let web1 = &town.web1.namespace;
    // It need not ask who has the gateway's address, which would give it away.
    web1.sh(&format!("ip neigh replace {WEB} lladdr d2:0d:0a:4d:02:01 dev eth0 nud permanent"));
    for posed in ["10.77.2.9", "10.77.2.70", "192.0.2.7"] {
        web1.sh(&format!("ip addr add {posed}/32 dev eth0"));
        web1.sh(&format!("ip route replace {METADATA} via {WEB} src {posed}"));
        assert!(web1.is_silent(METADATA, 80), "{posed}");
    }
    // Without the rules for frames it would pose as anybody of its network.
    town.world.host.sh("nft delete table bridge eucalyptus");
    assert!(web1.is_silent(METADATA, 80));
    web1.sh(&format!("ip route replace {METADATA} via {WEB} src 10.77.2.9"));
    assert_eq!(web1.ask(METADATA, 80), "10.77.2.9");
}

#[test]
fn the_service_is_reached_in_no_other_way() {
    let town = Town::new();
    town.world.host.serve(Ipv4Addr::LOCALHOST, METADATA_PORT);
    let web1 = &town.web1.namespace;
    assert!(town.world.outside.is_silent(HOST_OUTSIDE, METADATA_PORT));
    for address in [METADATA, WEB, HOST_OUTSIDE] {
        assert!(web1.is_silent(address, METADATA_PORT), "{address}");
    }
    // A guest that sends packets for 127.0.0.1 over the wire.
    web1.sh("ip addr del 127.0.0.1/8 dev lo");
    web1.sh(&format!("ip route add 127.0.0.1 via {WEB}"));
    web1.sh("sysctl -qw net.ipv4.conf.eth0.route_localnet=1");
    assert!(web1.is_silent(Ipv4Addr::LOCALHOST, METADATA_PORT));
    // Each of the tables refuses it by itself; without any it arrives.
    for table in ["bridge eucalyptus", "inet eucalyptus"] {
        town.world.host.sh(&format!("nft delete table {table}"));
        assert!(web1.is_silent(Ipv4Addr::LOCALHOST, METADATA_PORT), "without {table}");
    }
    town.world.host.sh("nft delete table ip eucalyptus_metadata");
    web1.ask(Ipv4Addr::LOCALHOST, METADATA_PORT);
}

#[test]
fn nothing_else_of_link_local_leaves_the_host() {
    let town = Town::new();
    let outside = &town.world.outside;
    outside.sh(&format!("ip addr add {METADATA}/32 dev lo"));
    outside.serve(METADATA, 80);
    outside.serve(METADATA, 81);
    let web1 = &town.web1.namespace;
    assert!(web1.is_silent(METADATA, 81));
    // Even while the node's tables are gone.
    town.world.host.sh("nft delete table ip eucalyptus_metadata");
    assert!(web1.is_silent(METADATA, 80));
    // The host itself goes where it went.
    town.world.host.ask(METADATA, 80);
}
