//! Stopping and starting.

use super::faults::At;
use super::launch::plan_of;
use super::restart::work_until_killed;
use super::*;
use crate::decide::{ASK_AGAIN_MS, GUEST_TAKES_MS};
use InstancePhase::{Running, Stopped, Stopping, Terminated};
use protocol::reason;

/// An instance that was stopped or started so often.
fn turned(id: &str, turn: u32) -> InstanceDesired {
    InstanceDesired { turn, ..instance(id) }
}

fn forced(id: &str, turn: u32) -> InstanceDesired {
    InstanceDesired { forced: true, ..turned(id, turn) }
}

async fn turn_and_phase(world: &World) -> (u32, InstancePhase) {
    let observed = world.observed(ONE).await.unwrap();
    (observed.turn, observed.phase)
}

/// What stays of a stopped instance: its disks and its place in the network.
fn assert_held(world: &World, context: &str) {
    assert!(world.domains().is_empty(), "{context}");
    assert_eq!(world.disks.held(), [ONE.parse().unwrap()], "{context}");
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1, "{context}");
    assert_eq!(world.net.node(), plan_of(&[ONE]), "{context}");
}

#[tokio::test]
async fn a_stopped_instance_keeps_its_disks_and_starts_from_them() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    std::fs::write(world.directory(ONE).join("console.log"), "Linux version").unwrap();
    for turn in [1, 3] {
        world.bring_about(vec![turned(ONE, turn)]).await;
        assert_eq!(turn_and_phase(&world).await, (turn, Stopped));
        assert_held(&world, "stopped");
        world.restart();
        world.settle().await;
        assert_eq!(turn_and_phase(&world).await, (turn, Stopped), "after a restart");

        world.bring_about(vec![turned(ONE, turn + 1)]).await;
        assert_eq!(turn_and_phase(&world).await, (turn + 1, Running));
        assert_eq!((world.domains(), world.disks.held().len()), (vec![ONE.to_owned()], 1));
    }
    assert_eq!(world.starts(ONE), 3);
    assert!(world.directory(ONE).join("console.log").exists());
}

#[tokio::test]
async fn a_guest_that_does_not_listen_loses_its_power_after_a_minute() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![turned(ONE, 1)]).await;
    world.clock.advance(ASK_AGAIN_MS);
    world.settle().await;
    assert_eq!((turn_and_phase(&world).await, world.domains().len()), ((1, Stopping), 1));
    world.restart();
    world.clock.advance(GUEST_TAKES_MS - ASK_AGAIN_MS - 1);
    world.settle().await;
    assert_eq!((turn_and_phase(&world).await, world.domains().len()), ((1, Stopping), 1));
    world.clock.advance(1);
    world.settle().await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopped));
    assert_held(&world, "powered off");
}

#[tokio::test]
async fn a_guest_that_was_booting_is_asked_again() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![turned(ONE, 1)]).await;
    world.hypervisor.set_deaf(false);
    world.settle().await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopping), "it was asked a moment ago");
    world.clock.advance(ASK_AGAIN_MS);
    world.settle().await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopped));
}

#[tokio::test]
async fn force_does_not_wait_for_the_guest() {
    let mut world = World::new();
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![instance(ONE)]).await;
    world.bring_about(vec![forced(ONE, 1)]).await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopped));
    world.bring_about(vec![turned(ONE, 2)]).await;
    world.bring_about(vec![turned(ONE, 3)]).await;
    assert_eq!(turn_and_phase(&world).await, (3, Stopping));
    world.bring_about(vec![forced(ONE, 3)]).await;
    assert_eq!(turn_and_phase(&world).await, (3, Stopped), "asked for once it took too long");
}

#[tokio::test]
async fn termination_does_not_wait_for_the_guest_and_leaves_nothing_of_a_stopped_instance() {
    for deaf in [true, false] {
        let mut world = World::new();
        world.hypervisor.set_deaf(deaf);
        world.bring_about(vec![instance(ONE)]).await;
        world.bring_about(vec![turned(ONE, 1)]).await;
        world.bring_about(vec![InstanceDesired { turn: 1, ..ended(ONE) }]).await;
        assert_eq!(world.phase(ONE).await, Some(Terminated));
        world.assert_all_given_back("after the end");
    }
}

#[tokio::test]
async fn what_was_never_started_is_stopped_at_once_and_launched_later() {
    let mut world = World::new();
    world.bring_about(vec![turned(ONE, 1)]).await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopped));
    assert_eq!((world.starts(ONE), world.disks.held()), (0, vec![]));
    world.bring_about(vec![turned(ONE, 2)]).await;
    assert_eq!(turn_and_phase(&world).await, (2, Running));
}

#[tokio::test]
async fn a_stop_during_a_launch_ends_it() {
    let mut world = World::new();
    world.fuse.preparing.close();
    world.tell(vec![instance(ONE)]).await;
    world.nc().pass().await;
    world.fuse.preparing.holds_a_call().await;
    world.tell(vec![turned(ONE, 1)]).await;
    world.settle().await;
    assert_eq!((turn_and_phase(&world).await, world.starts(ONE)), ((1, Stopped), 0));
}

#[tokio::test]
async fn a_guest_that_ends_while_it_is_to_be_stopped_is_stopped() {
    for vanish in [SimHypervisor::power_off, SimHypervisor::vanish, SimHypervisor::crash] {
        for killed in [true, false] {
            let mut world = World::new();
            world.bring_about(vec![instance(ONE)]).await;
            world.hypervisor.set_deaf(true);
            world.bring_about(vec![turned(ONE, 1)]).await;
            vanish(&world.hypervisor, ONE.parse().unwrap());
            if killed {
                world.restart();
            }
            world.settle().await;
            assert_eq!(turn_and_phase(&world).await, (1, Stopped));
            assert_held(&world, "ended while stopping");
        }
    }
}

#[tokio::test]
async fn a_guest_that_powers_itself_off_after_a_start_is_terminated_as_before() {
    let mut world = World::new();
    for turn in 0..=2 {
        world.bring_about(vec![turned(ONE, turn)]).await;
    }
    world.hypervisor.power_off(ONE.parse().unwrap());
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(Terminated));
    assert_eq!(world.reason(ONE).await, reason::GUEST_POWERED_OFF);
}

#[tokio::test]
async fn a_reboot_of_the_host_leaves_a_stopped_instance_stopped() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![turned(ONE, 1)]).await;
    for _ in 0..2 {
        world.reboot_host();
        world.settle().await;
        assert_eq!(turn_and_phase(&world).await, (1, Stopped));
        assert_held(&world, "after a reboot of the host");
    }
    world.bring_about(vec![turned(ONE, 2)]).await;
    assert_eq!((turn_and_phase(&world).await, world.starts(ONE)), ((2, Running), 2));
}

#[tokio::test]
async fn reboots_that_were_asked_for_before_the_start_count_as_done() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.bring_about(vec![InstanceDesired { reboots: 2, ..turned(ONE, 1) }]).await;
    world.bring_about(vec![InstanceDesired { reboots: 2, ..turned(ONE, 2) }]).await;
    assert_eq!(world.hypervisor.resets(ONE.parse().unwrap()), 0);
    assert_eq!(world.observed(ONE).await.unwrap().reboots, 2);
}

#[tokio::test]
async fn a_start_that_fails_is_tried_again_and_keeps_the_disks() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.bring_about(vec![turned(ONE, 1)]).await;
    world.hypervisor.fail_next_start("no memory");
    world.bring_about(vec![turned(ONE, 2)]).await;
    assert_eq!(turn_and_phase(&world).await, (2, Running));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1);
}

#[tokio::test]
async fn a_stop_is_not_told_before_it_is_on_disk() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.tell(vec![turned(ONE, 1)]).await;
    let entry = world.directory(ONE).join("instance.json");
    std::fs::remove_file(&entry).unwrap();
    std::fs::create_dir(&entry).unwrap();
    world.settle().await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopping));
    assert_eq!(world.domains(), [ONE], "its end would look as if it came from the guest");
    std::fs::remove_dir(&entry).unwrap();
    world.settle().await;
    assert_eq!(turn_and_phase(&world).await, (1, Stopped));
}

#[tokio::test]
async fn a_stop_killed_at_any_call_is_completed() {
    at_every_call!(|world, context| at least 2
        prepare { world.bring_about(vec![instance(ONE)]).await; }
        act { world.tell(vec![turned(ONE, 1)]).await; }
        check {
            assert_eq!(turn_and_phase(&world).await, (1, Stopped), "{context}");
            assert_held(&world, context);
        }
    );
}

#[tokio::test]
async fn a_start_killed_at_any_call_is_completed_with_one_start() {
    at_every_call!(|world, context| at least 1
        prepare {
            world.bring_about(vec![instance(ONE)]).await;
            world.bring_about(vec![turned(ONE, 1)]).await;
        }
        act { world.tell(vec![turned(ONE, 2)]).await; }
        check {
            assert_eq!(turn_and_phase(&world).await, (2, Running), "{context}");
            assert_eq!(world.starts(ONE), 2, "{context}");
            assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1, "{context}");
        }
    );
}
