use super::*;
use InstancePhase::{Pending, Running};
use hostnet::{HostNetError, Path};
use netplan::{Trunk, Vlan};
use protocol::Fabric;
use std::net::Ipv4Addr;

const HEAD: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const C: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);

fn at(theirs: Ipv4Addr) -> Result<Path, HostNetError> {
    Ok(Path::Elsewhere { ours: HEAD, theirs })
}

fn lost(host: &str) -> Result<Path, HostNetError> {
    Err(HostNetError::Path { host: host.to_owned(), cause: "no such name".to_owned() })
}

/// Nodes b and c are on other machines, a is here.
fn spread(carrier: Option<Carrier>) -> World {
    let mut world = World::new(3);
    world.net.set_path("b", at(B));
    world.net.set_path("c", at(C));
    world.carrier = carrier;
    world.restart();
    world
}

fn fabric(own: Ipv4Addr, peers: &[Ipv4Addr]) -> Option<Fabric> {
    Some(Fabric { own, peers: peers.iter().copied().collect(), carrier: Carrier::Vxlan })
}

impl World {
    fn fabrics(&self) -> Vec<Option<Fabric>> {
        self.nodes.iter().map(|node| node.desired().unwrap().fabric).collect()
    }

    fn peers(&self) -> Vec<Ipv4Addr> {
        match self.net.router().trunk {
            Some(Trunk::Vxlan(overlay)) => overlay.peers.into_iter().collect(),
            other => panic!("not joined by VXLAN: {other:?}"),
        }
    }
}

#[tokio::test]
async fn nodes_elsewhere_are_joined_with_the_router_and_each_other() {
    let mut world = spread(Some(Carrier::Vxlan));
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.peers(), [B, C]);
    assert_eq!(world.fabrics(), [None, fabric(B, &[HEAD, C]), fabric(C, &[HEAD, B])]);
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}

#[tokio::test]
async fn tagged_networks_leave_by_the_interface_of_each_machine() {
    let mut world = spread(Some(Carrier::Vlan));
    world.bring_about(vec![instance(ONE)]).await;
    let vlan = Vlan { interface: "eth0".to_owned() };
    assert_eq!(world.net.router().trunk, Some(Trunk::Vlan(vlan)));
    let tagged = |it: Option<Fabric>| it.map(|it| Fabric { carrier: Carrier::Vlan, ..it });
    let wanted = [None, fabric(B, &[HEAD, C]), fabric(C, &[HEAD, B])].map(tagged);
    assert_eq!(world.fabrics(), wanted);
}

#[tokio::test]
async fn one_machine_needs_no_overlay_whatever_is_configured() {
    let mut world = World::new(2);
    world.carrier = Some(Carrier::Vxlan);
    world.restart();
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.net.router().trunk, None);
    assert_eq!(world.fabrics(), [None, None]);
}

#[tokio::test]
async fn without_a_transport_nodes_elsewhere_are_a_problem_and_guard_themselves() {
    let mut world = spread(None);
    world.bring_about(vec![instance(ONE)]).await;
    let problems = world.observed().await.problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("node b is on another machine"), "{problems:?}");
    assert!(problems[0].contains("VNET_TRANSPORT"), "{problems:?}");
    assert_eq!(world.net.router().trunk, None);
    assert_eq!(world.net.router().machines, [B, C].into());
    assert_eq!(world.fabrics(), [None, fabric(B, &[]), fabric(C, &[])]);
}

#[tokio::test]
async fn a_node_whose_instances_would_have_no_network_gets_none_and_offers_nothing() {
    let vxlan = Some(Carrier::Vxlan);
    for (path, carrier, expected) in [
        (Ok(Path::Here), None, on("b", Running)),
        (at(B), vxlan, on("b", Running)),
        (at(B), Some(Carrier::Vlan), on("b", Running)),
        (at(B), None, on("", Pending)),
        (lost("b"), vxlan, on("", Pending)),
    ] {
        let mut world = World::new(2);
        world.carrier = carrier;
        world.list("b");
        world.net.set_path("b", path);
        world.restart();
        world.bring_about(vec![instance(ONE)]).await;
        assert_eq!(world.place_of(ONE).await, expected);
        let offered = world.observed().await.nodes[0].capacity;
        let waits = expected == on("", Pending);
        assert_eq!(offered == Figures::default(), waits);
        if waits {
            assert!(world.reason(ONE).await.starts_with("waiting for a node"));
            world.list("b a");
            world.settle().await;
            assert_eq!(world.place_of(ONE).await, on("a", Running));
        }
    }
}

#[tokio::test]
async fn what_was_not_told_to_a_node_goes_elsewhere_when_its_network_is_lost() {
    let mut world = spread(None);
    world.net.set_path("b", Ok(Path::Here));
    world.list("b c");
    world.restart();
    world.settle().await;
    world.tell(vec![instance(ONE)]).await;
    world.cc().place().await;
    world.net.set_path("b", at(B));
    world.list("b c a");
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
    assert_eq!(world.held()[1], Vec::<String>::new());
}

#[tokio::test]
async fn the_clouds_machine_is_guarded_too() {
    let mut world = spread(Some(Carrier::Vxlan));
    let cloud = Ipv4Addr::new(198, 51, 100, 9);
    world.net.set_path("head", at(cloud));
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.net.router().machines, [B, C, cloud].into());
    assert_eq!(world.peers(), [B, C]);
}

#[tokio::test]
async fn a_node_that_is_not_found_is_told_nothing_until_it_is() {
    let mut world = spread(Some(Carrier::Vxlan));
    world.net.set_path("b", lost("b"));
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.nodes[1].syncs(), 0);
    let problems = world.observed().await.problems;
    assert!(problems[0].starts_with("the address of b was not found"), "{problems:?}");
    world.net.set_path("b", at(B));
    world.settle().await;
    assert_eq!(world.nodes[1].desired().unwrap().fabric, fabric(B, &[HEAD, C]));
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_found_last_stays_without_a_name_server_and_over_restarts() {
    let mut world = spread(Some(Carrier::Vxlan));
    world.bring_about(vec![instance(ONE)]).await;
    let (router, fabrics) = (world.net.router(), world.fabrics());
    for name in ["b", "c"] {
        world.net.set_path(name, lost(name));
    }
    for _ in 0..2 {
        world.net.reboot();
        world.settle().await;
        assert_eq!((world.net.router(), world.fabrics()), (router.clone(), fabrics.clone()));
        assert_eq!(world.observed().await.problems, Vec::<String>::new());
        world.restart();
    }
}

#[tokio::test]
async fn a_new_address_is_told_to_all_as_something_later() {
    let mut world = spread(Some(Carrier::Vxlan));
    world.bring_about(vec![instance(ONE)]).await;
    let before = world.nodes[1].desired().unwrap();
    let moved = Ipv4Addr::new(198, 51, 100, 7);
    world.net.set_path("c", at(moved));
    world.settle().await;
    assert_eq!(world.peers(), [B, moved]);
    assert_eq!(world.fabrics(), [None, fabric(B, &[HEAD, moved]), fabric(moved, &[HEAD, B])]);
    let after = world.nodes[1].desired().unwrap();
    assert_eq!(after.generation, before.generation);
    assert!(after.sequence > before.sequence);
}

#[tokio::test]
async fn the_loops_find_nodes_too() {
    let mut world = spread(Some(Carrier::Vxlan));
    let first = world.desired(vec![instance(ONE), instance(TWO), instance(THREE)]);
    let cc = world.cc();
    let story = async {
        cc.sync(first).await.unwrap();
        let mut since = None;
        loop {
            let now = cc.observe(since, 10_000).await.unwrap();
            if now.instances.iter().filter(|it| it.phase == InstancePhase::Running).count() == 3 {
                return;
            }
            since = Some(now.revision);
        }
    };
    cc.run(story).await;
    assert_eq!(world.nodes[1].desired().unwrap().fabric, fabric(B, &[HEAD, C]));
}

#[test]
fn placements_of_an_older_controller_are_read() {
    let text = r#"{"of":{},"sequence":7,"last_chosen":null,"seen":{}}"#;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("placements.json"), text).unwrap();
    let files = crate::memory::Files::under(home.path());
    assert_eq!(files.load().unwrap().1, crate::Placements { sequence: 7, ..Default::default() });
}
