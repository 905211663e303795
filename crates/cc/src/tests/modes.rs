//! Clusters whose instances are on the site's own network.

use super::*;
use crate::StaticSettings;
use InstancePhase::{Pending, Running};
use hostnet::{HostNetError, Passage, Path};
use netplan::RouterPlan;
use protocol::Networks;
use std::net::Ipv4Addr;
use types::{AddressPair, VnetMode};

const PAIR: AddressPair =
    AddressPair { mac: MacAddr([0xaa, 0, 0, 0, 0, 1]), ip: Ipv4Addr::new(192, 168, 1, 3) };

fn static_network() -> Network {
    Network::Static(StaticSettings {
        device: "eth0".to_owned(),
        subnet: "192.168.1.0/24".parse().unwrap(),
        broadcast: [192, 168, 1, 255].into(),
        router: [192, 168, 1, 1].into(),
        dns: vec![[192, 168, 1, 2].into()],
        mtu: 1500,
        pairs: vec![PAIR],
    })
}

/// A cluster in this mode of two nodes of the same.
fn world(site: Network) -> World {
    let mut world = World::new(2);
    let mode = site.reported().mode();
    world.nodes.iter().for_each(|node| node.set_mode(Some(mode)));
    world.site = Some(site);
    world.restart();
    world
}

fn on_site(id: &str, pair: Option<AddressPair>) -> InstanceDesired {
    let mut instance = instance(id);
    instance.nic.mac = pair.map_or(instance.nic.mac, |pair| pair.mac);
    instance.nic.attachment = Attachment::Site { ip: pair.map(|pair| pair.ip) };
    instance
}

#[tokio::test]
async fn in_static_mode_dhcp_knows_the_live_instances_and_nothing_is_routed() {
    let mut world = world(static_network());
    world.bring_about(vec![on_site(ONE, Some(PAIR))]).await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
    let plan = world.net.router();
    let site = plan.site.clone().unwrap();
    assert_eq!(RouterPlan::of_site(site.clone()), plan, "no bridge, no table, no forwarding");
    assert_eq!((site.device.as_str(), site.leases.len()), ("eth0", 1));
    assert_eq!(site.leases[&PAIR.mac].ip, PAIR.ip);
    let told = site.served_from([192, 168, 1, 254].into());
    assert_eq!((told.router, told.broadcast), (site.router, site.broadcast));

    // it answers before anybody else is reached
    world.net.reboot();
    world.restart();
    world.cc().repair_router().await;
    assert_eq!(world.net.router(), plan);

    let terminated = InstanceDesired { goal: Goal::Terminate, ..on_site(ONE, Some(PAIR)) };
    world.bring_about(vec![terminated]).await;
    assert!(world.net.router().site.unwrap().leases.is_empty());
    let settings = world.observed().await.settings.unwrap();
    let subnet = "192.168.1.0/24".parse().unwrap();
    assert_eq!(settings.networks, Networks::Static { subnet, pairs: vec![PAIR] });

    world.net.set_problem(Passage::SiteDhcp("eth0".to_owned()), "table inet mine drops");
    world.cc().repair_router().await;
    assert_eq!(world.observed().await.problems, ["table inet mine drops"]);
}

#[tokio::test]
async fn in_system_mode_the_host_is_left_alone_and_addresses_are_passed_on() {
    let mut world = world(Network::System);
    // neither found nor joined: the site's network is for the site to join
    let lost = HostNetError::Path { host: "b".to_owned(), cause: "no such name".to_owned() };
    world.net.set_path("a", Ok(Path::Elsewhere { ours: PAIR.ip, theirs: PAIR.ip }));
    world.net.set_path("b", Err(lost));
    world.net.set_problem(Passage::Router, "IP forwarding is off");
    let three = [ONE, TWO, THREE].map(|id| on_site(id, None));
    world.bring_about(three.to_vec()).await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
    assert_eq!(world.place_of(THREE).await, on("b", Running));
    assert_eq!(world.nodes[0].desired().unwrap().fabric, None);
    assert_eq!(world.net.router(), RouterPlan::default());
    assert_eq!(world.observed().await.problems, [""; 0]);
    assert_eq!(world.instance(ONE).await.unwrap().address, None);
    world.nodes[0].lend(PAIR.ip);
    world.settle().await;
    assert_eq!(world.instance(ONE).await.unwrap().address, Some(PAIR.ip));
}

#[tokio::test]
async fn a_node_of_another_mode_gets_nothing_and_is_told_what_to_do() {
    let mut world = world(Network::System);
    world.nodes[0].set_mode(Some(VnetMode::Static));
    world.nodes[1].set_mode(None);
    world.bring_about(vec![on_site(ONE, None)]).await;
    assert_eq!(world.place_of(ONE).await, on("", Pending));
    let nodes = world.observed().await.nodes;
    for (node, theirs) in nodes.iter().zip(["STATIC", "MANAGED"]) {
        let expect = format!("has VNET_MODE {theirs} and its cluster SYSTEM, so it gets no");
        assert!(node.problems[0].contains(&expect), "{:?}", node.problems);
        assert_eq!(node.capacity, Figures::default());
    }
    world.nodes[1].set_mode(Some(VnetMode::System));
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("b", Running));
}

#[tokio::test]
async fn the_mode_is_not_changed_under_instances() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE)]).await;
    world.cc = None;
    world.site = Some(Network::System);
    let refused = world.open().err().unwrap().to_string();
    for part in ["VNET_MODE is SYSTEM", "1 instances have a network of MANAGED mode", ONE] {
        assert!(refused.contains(part), "{refused}");
    }
    world.site = None;
    world.restart();
    world.bring_about(vec![ended(ONE)]).await;
    world.cc = None;
    world.site = Some(Network::System);
    assert!(world.open().is_ok(), "it is known to be gone");
}
