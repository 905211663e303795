//! Instances on the site's own network, plugged into the administrator's bridge.

use super::faults::At;
use super::restart::work_until_killed;
use super::*;
use hostnet::Passage;
use netplan::{Sighting, tap_name};
use protocol::Attachment;
use std::net::Ipv4Addr;
use types::MacAddr;

const LENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 77);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 78);

/// A node in this mode, whose administrator has made the bridge.
fn world(mode: VnetMode) -> World {
    let mut world = World::new();
    world.mode = mode;
    world.restart();
    make_bridge(&world);
    world
}

fn make_bridge(world: &World) {
    world.net.set_bridge(BRIDGE, Some(MacAddr([2, 0, 0, 0, 0, 9])));
}

fn on_site(id: &str, ip: Option<Ipv4Addr>) -> InstanceDesired {
    let mut instance = instance(id);
    instance.nic.attachment = Attachment::Site { ip };
    instance
}

fn tap(id: &str) -> String {
    tap_name(id.parse().unwrap())
}

async fn address(world: &World, id: &str) -> Option<Ipv4Addr> {
    world.observed(id).await.unwrap().address
}

#[tokio::test]
async fn an_instance_is_plugged_into_the_administrators_bridge_and_no_bridge_of_ours_is_made() {
    let mut world = world(VnetMode::Static);
    world.bring_about(vec![on_site(ONE, Some(LENT))]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.hypervisor.spec(ONE.parse().unwrap()).unwrap().bridge, BRIDGE);
    let plan = world.net.node();
    assert!(plan.bridges.is_empty() && plan.trunk.is_none());
    assert_eq!(plan.site.bridge.as_deref(), Some(BRIDGE));
    assert_eq!(plan.site.neighbours, [(LENT, instance(ONE).nic.mac)].into());
    assert!(plan.site.watched.is_empty(), "its address is given");
    let rules = plan.rules.unwrap();
    assert!(rules.transaction().contains(&LENT.to_string()), "it may use it from the start");
    assert_eq!(world.observed(ONE).await.unwrap().address, None);
    world.bring_about(vec![InstanceDesired { goal: Goal::Terminate, ..on_site(ONE, None) }]).await;
    world.assert_all_given_back("at the end");
}

#[tokio::test]
async fn an_address_that_is_lent_is_found_reported_and_remembered() {
    let mut world = world(VnetMode::System);
    world.bring_about(vec![on_site(ONE, None)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(address(&world, ONE).await, None);
    assert!(world.net.node().site.neighbours.is_empty(), "nothing but DHCP passes");

    world.net.pass_by(&tap(ONE), Sighting::Claimed(OTHER));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, None, "it was watched from the start: only leases");
    world.net.pass_by(&tap(ONE), Sighting::Leased(LENT));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(LENT));
    let plan = world.net.node();
    assert_eq!(plan.site.neighbours, [(LENT, instance(ONE).nic.mac)].into());

    world.net.forget_sightings();
    world.restart();
    assert_eq!(address(&world, ONE).await, Some(LENT), "before the first pass");
    world.settle().await;
    assert_eq!(world.net.node(), plan);
    world.net.pass_by(&tap(ONE), Sighting::Claimed(OTHER));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(LENT), "a guest cannot say otherwise");
    world.net.pass_by(&tap(ONE), Sighting::Leased(OTHER));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(OTHER), "the server can");
}

#[tokio::test]
async fn a_lease_that_was_missed_is_made_up_for_by_what_the_guest_says() {
    let mut world = world(VnetMode::System);
    world.bring_about(vec![on_site(ONE, None), on_site(TWO, None)]).await;
    world.net.pass_by(&tap(TWO), Sighting::Leased(OTHER));
    world.settle().await;
    // it took its lease while no node controller looked
    world.restart();
    world.net.pass_by(&tap(ONE), Sighting::Claimed(OTHER));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, None, "that is another's");
    world.net.pass_by(&tap(ONE), Sighting::Claimed(LENT));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(LENT));
    world.net.pass_by(&tap(ONE), Sighting::Claimed([10, 9, 0, 79].into()));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(LENT), "once");
}

#[tokio::test]
async fn an_instance_that_starts_again_has_no_address_until_it_is_lent_one() {
    let mut world = world(VnetMode::System);
    world.bring_about(vec![on_site(ONE, None)]).await;
    world.net.pass_by(&tap(ONE), Sighting::Leased(LENT));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(LENT));
    world.reboot_host();
    make_bridge(&world);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(address(&world, ONE).await, None);
    world.net.pass_by(&tap(ONE), Sighting::Leased(OTHER));
    world.settle().await;
    assert_eq!(address(&world, ONE).await, Some(OTHER));
}

#[tokio::test]
async fn a_firewall_of_the_nodes_own_is_reported_for_as_long_as_it_drops() {
    let mut world = world(VnetMode::System);
    world.bring_about(vec![on_site(ONE, None)]).await;
    world.net.set_problem(Passage::SiteNode(BRIDGE.to_owned()), "table ip filter drops");
    world.nc().node.look_at_firewalls().await;
    assert_eq!(world.problems().await, ["table ip filter drops"]);
    assert_eq!(world.nc().observe(None, 0).await.unwrap().capacity, CAPACITY);
    world.net.clear_problem();
    world.nc().node.look_at_firewalls().await;
    assert_eq!(world.problems().await, [""; 0]);
}

#[tokio::test]
async fn without_the_bridge_a_node_says_so_offers_nothing_and_its_launches_wait() {
    let mut world = world(VnetMode::System);
    world.net.set_bridge(BRIDGE, None);
    world.bring_about(vec![on_site(ONE, None)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
    for text in [world.reason(ONE).await, world.problems().await.concat()] {
        assert!(text.contains("there is no bridge br0 (VNET_BRIDGE)"), "{text}");
        assert!(text.contains("ip link add name br0 type bridge"), "{text}");
    }
    let observed = world.nc().observe(None, 0).await.unwrap();
    let nothing = Figures { disk_gb: CAPACITY.disk_gb, ..Figures::default() };
    assert_eq!((observed.capacity, observed.mode), (nothing, Some(VnetMode::System)));

    make_bridge(&world);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.problems().await, [""; 0]);
    assert_eq!(world.nc().observe(None, 0).await.unwrap().capacity, CAPACITY);
}

#[tokio::test]
async fn without_vnet_bridge_an_instance_of_the_site_waits_with_the_remedy() {
    let mut world = World::new();
    world.bring_about(vec![on_site(ONE, Some(LENT))]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
    let reason = world.reason(ONE).await;
    assert!(reason.contains("its node has no VNET_BRIDGE: set VNET_MODE"), "{reason}");
}

#[tokio::test]
async fn a_node_that_is_killed_at_any_call_finds_the_address_in_the_end() {
    at_every_call!(|world, context| at least 1
        prepare {
            world.mode = VnetMode::System;
            world.restart();
            make_bridge(&world);
            world.bring_about(vec![on_site(ONE, None)]).await;
        }
        act { world.net.pass_by(&tap(ONE), Sighting::Leased(LENT)); }
        check {
            world.net.pass_by(&tap(ONE), Sighting::Claimed(LENT));
            world.settle().await;
            assert_eq!(address(&world, ONE).await, Some(LENT), "{context}");
            assert_eq!(world.net.node().site.neighbours.len(), 1, "{context}");
            assert_eq!(world.starts(ONE), 1, "{context}");
        }
    );
}
