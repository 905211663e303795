use super::fake_node::Fault;
use super::*;
use hostnet::HostNetError;
use netplan::RouterPlan;
use std::net::Ipv4Addr;

/// The addresses that are lent on the network.
fn lent(plan: &RouterPlan) -> Vec<Ipv4Addr> {
    let networks = plan.dhcp.values();
    networks.flat_map(|network| network.leases.values().map(|lease| lease.ip)).collect()
}

#[tokio::test]
async fn networks_and_addresses_are_routed_until_their_instances_have_ended() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    let plan = world.net.router();
    assert_eq!(plan.bridges[0].address.to_string(), "192.168.2.1/26");
    let ip = |id| instance(id).nic.ip().unwrap();
    assert_eq!(lent(&plan), [ip(ONE), ip(TWO)]);

    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    assert_eq!(lent(&world.net.router()), [ip(TWO)]);
    world.bring_about(vec![]).await;
    assert!(world.net.router().bridges.is_empty());
}

#[tokio::test]
async fn after_a_restart_the_router_is_repaired_before_anybody_has_answered() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE)]).await;
    let plan = world.net.router();
    world.net.reboot();
    world.nodes[0].set(Fault::Away);
    world.restart();
    world.cc().pass().await;
    assert_eq!(world.net.router(), plan);
}

#[tokio::test]
async fn a_controller_that_was_never_told_anything_changes_nothing() {
    let world = World::new(1);
    world.settle().await;
    assert_eq!(world.net.router(), RouterPlan::default());
    assert_eq!(world.nodes[0].syncs(), 0);
    assert_eq!(world.observed().await.cluster, None);
}

#[tokio::test]
async fn what_keeps_the_router_from_working_is_a_problem_of_the_cluster() {
    let mut world = World::new(1);
    world.net.fail_with(Some(HostNetError::NoNft("not found".to_owned())));
    world.net.set_problems(vec!["table ip filter drops what is forwarded".to_owned()]);
    world.bring_about(vec![instance(ONE)]).await;
    let problems = world.observed().await.problems;
    assert!(problems[0].contains("nft could not be run"), "{problems:?}");
    assert_eq!(problems[1], "table ip filter drops what is forwarded");
    world.net.fail_with(None);
    world.net.set_problems(vec![]);
    world.settle().await;
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}
