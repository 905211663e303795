use super::fake_node::Fault;
use super::*;
use hostnet::{HostNetError, Passage};
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
    world.net.set_problem(Passage::Router, "table ip filter drops what is forwarded");
    world.bring_about(vec![instance(ONE)]).await;
    let problems = world.observed().await.problems;
    assert!(problems[0].contains("nft could not be run"), "{problems:?}");
    assert_eq!(problems[1], "table ip filter drops what is forwarded");
    world.net.fail_with(None);
    world.net.clear_problem();
    world.settle().await;
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}

const PUBLIC: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);

fn with_public(id: &str) -> InstanceDesired {
    let mut with = instance(id);
    let (tag, ip) = (with.nic.tag().unwrap(), with.nic.ip().unwrap());
    with.nic.attachment = Attachment::Group { tag, ip, public_ip: Some(PUBLIC) };
    with
}

fn leads(world: &World) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    world.net.router().public.leads.into_iter().collect()
}

#[tokio::test]
async fn a_public_address_leads_to_its_instance_until_it_is_anothers_or_that_has_ended() {
    let mut world = World::new(1);
    world.bring_about(vec![with_public(ONE), instance(TWO)]).await;
    assert_eq!(leads(&world), [(PUBLIC, instance(ONE).nic.ip().unwrap())]);
    world.bring_about(vec![instance(ONE), with_public(TWO)]).await;
    assert_eq!(leads(&world), [(PUBLIC, instance(TWO).nic.ip().unwrap())]);
    let ending = InstanceDesired { goal: Goal::Terminate, ..with_public(TWO) };
    world.bring_about(vec![instance(ONE), ending]).await;
    assert_eq!(leads(&world), []);
}

#[tokio::test]
async fn a_public_address_of_another_machine_is_left_to_it_and_tried_again() {
    let mut world = World::new(1);
    world.net.set_taken([(PUBLIC, "somebody has it".to_owned())].into());
    world.bring_about(vec![with_public(ONE)]).await;
    assert_eq!(leads(&world), []);
    let told = format!("public address {PUBLIC} does not lead to its instance: somebody has it");
    assert_eq!(world.observed().await.problems, std::slice::from_ref(&told));
    world.net.set_taken([].into());
    world.settle().await;
    assert_eq!(world.observed().await.problems, [told], "it is looked for again after a while");
    world.clock.advance(60_000);
    world.settle().await;
    assert_eq!(leads(&world), [(PUBLIC, instance(ONE).nic.ip().unwrap())]);
    assert_eq!(world.observed().await.problems, [""; 0]);
    // What is ours is not asked for any more, nor after a restart.
    world.net.set_taken([(PUBLIC, "somebody has it".to_owned())].into());
    world.restart();
    world.cc().pass().await;
    assert_eq!(leads(&world), [(PUBLIC, instance(ONE).nic.ip().unwrap())]);
}

#[tokio::test]
async fn the_cloud_is_told_the_pool_as_it_is_now() {
    let world = World::new(1);
    let pool = async || world.observed().await.settings.unwrap().public_addresses.unwrap();
    assert_eq!(pool().await.to_string(), "203.0.113.1-203.0.113.9");
    world.cc().set_public_addresses("203.0.113.7".parse().unwrap());
    assert_eq!(pool().await.to_string(), "203.0.113.7");
}
