use super::*;
use hostnet::Path;
use protocol::admin::{NetworkReport, NodePlace};
use std::net::Ipv4Addr;

const HEAD: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

#[tokio::test]
async fn networks_are_told_with_those_who_have_addresses_of_them() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    let report = world.cc().networks().await;
    let network = &report.networks[0];
    assert_eq!(network.chain, format!("{}-{}", network.user, network.group));
    assert_eq!(network.gateway.to_string(), "192.168.2.1/26");
    assert_eq!(network.trunk, None);
    let leases: Vec<_> = network.instances.iter().map(|lease| (lease.ip, lease.mac)).collect();
    let wanted = [ONE, TWO].map(|id| (instance(id).nic.ip().unwrap(), instance(id).nic.mac));
    assert_eq!(leases, wanted);
    assert!(network.instances.iter().all(|lease| lease.node.as_ref().unwrap().as_str() == "a"));
    assert!(network.instances.iter().all(|lease| lease.running));
    assert_eq!(report.rules_hold, Some(true));

    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    let left = &world.cc().networks().await.networks[0].instances;
    assert_eq!(
        left.iter().map(|lease| lease.ip).collect::<Vec<_>>(),
        [instance(TWO).nic.ip().unwrap()]
    );
}

#[tokio::test]
async fn a_network_that_spans_machines_is_told_with_its_device_and_the_nodes_addresses() {
    let mut world = World::new(2);
    world.net.set_path("b", Ok(Path::Elsewhere { ours: HEAD, theirs: B }));
    world.carrier = Some(Carrier::Vxlan);
    world.restart();
    world.bring_about(vec![instance(ONE)]).await;
    let report = world.cc().networks().await;
    assert_eq!(report.networks[0].trunk.as_deref(), Some("euvx10"));
    let place = |name: &str, is_here: bool, address: Option<Ipv4Addr>| NodePlace {
        name: name.parse().unwrap(),
        reachable: true,
        is_here: Some(is_here),
        address,
        problems: vec![],
    };
    assert_eq!(report.nodes, [place("a", true, None), place("b", false, Some(B))]);
}

#[tokio::test]
async fn a_stopped_instance_keeps_its_addresses_and_does_not_run() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE)]).await;
    world.bring_about(vec![InstanceDesired { turn: 1, ..instance(ONE) }]).await;
    let network = world.cc().networks().await.networks.remove(0);
    assert_eq!(network.instances[0].ip, instance(ONE).nic.ip().unwrap());
    assert!(!network.instances[0].running);
}

#[tokio::test]
async fn before_the_cloud_has_said_anything_there_is_nothing_to_tell() {
    let world = World::new(0);
    assert_eq!(world.cc().networks().await, NetworkReport::default());
}

#[tokio::test]
async fn rules_of_the_administrators_that_are_not_loaded_are_a_problem_of_the_cluster() {
    let world = World::new(1);
    world.cc().note_own_rules(vec!["line 3".to_owned()]);
    world.settle().await;
    assert_eq!(world.observed().await.problems, ["line 3"]);
    assert_eq!(world.cc().networks().await.problems, ["line 3"]);
}
