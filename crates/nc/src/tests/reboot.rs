//! Reboots: graceful, then hard.

use super::faults::At;
use super::restart::work_until_killed;
use super::*;
use crate::decide::REBOOT_TAKES_MS;

pub(super) fn resets(world: &World) -> u32 {
    world.hypervisor.resets(ONE.parse().unwrap())
}

/// Graceful reboots and resets that the domain has seen.
fn seen(world: &World) -> (u32, u32) {
    (world.hypervisor.reboots(ONE.parse().unwrap()), resets(world))
}

async fn told(world: &World) -> u32 {
    world.observed(ONE).await.unwrap().reboots
}

#[tokio::test]
async fn reboots_are_done_until_as_many_are_done_as_are_wanted() {
    let mut world = World::new();
    world.bring_about(vec![rebooted(ONE, 1)]).await;
    assert_eq!((seen(&world), told(&world).await), ((0, 0), 1), "asked for before it ran");
    world.bring_about(vec![rebooted(ONE, 2)]).await;
    world.bring_about(vec![rebooted(ONE, 2)]).await;
    assert_eq!((seen(&world), told(&world).await), ((1, 0), 2));
    world.restart();
    world.bring_about(vec![rebooted(ONE, 3)]).await;
    assert_eq!((seen(&world), told(&world).await), ((2, 0), 3));
    assert_eq!(world.starts(ONE), 1);
}

#[tokio::test]
async fn a_guest_that_does_not_listen_is_reset_after_four_minutes_and_not_before() {
    for killed in [false, true] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        world.hypervisor.set_deaf(true);
        world.bring_about(vec![rebooted(ONE, 2)]).await;
        world.clock.advance(REBOOT_TAKES_MS - 1);
        if killed {
            world.restart();
        }
        world.settle().await;
        assert_eq!((seen(&world), told(&world).await), ((0, 0), 0), "nothing is told too early");
        world.clock.advance(1);
        world.settle().await;
        assert_eq!((seen(&world), told(&world).await), ((0, 1), 2), "one reset is enough for both");
    }
}

#[tokio::test]
async fn a_reboot_that_the_guest_makes_late_counts() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![rebooted(ONE, 1)]).await;
    assert_eq!(told(&world).await, 0);
    world.hypervisor.reboot_itself(ONE.parse().unwrap());
    world.settle().await;
    world.clock.advance(REBOOT_TAKES_MS);
    world.settle().await;
    assert_eq!((seen(&world), told(&world).await), ((1, 0), 1));
}

#[tokio::test]
async fn a_guest_that_goes_down_for_its_reboot_and_stays_down_is_started() {
    for ending in [hypervisor::Ending::PoweredOff, hypervisor::Ending::Unknown] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        world.hypervisor.set_deaf(true);
        world.bring_about(vec![rebooted(ONE, 1)]).await;
        world.hypervisor.end(ONE.parse().unwrap(), ending);
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
        assert_eq!((world.starts(ONE), told(&world).await), (2, 1));
        assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1);
    }
}

#[tokio::test]
async fn a_stop_overtakes_a_reboot() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_deaf(true);
    world.bring_about(vec![rebooted(ONE, 1)]).await;
    world.hypervisor.set_deaf(false);
    world.bring_about(vec![InstanceDesired { turn: 1, ..rebooted(ONE, 1) }]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Stopped));
    world.bring_about(vec![InstanceDesired { turn: 2, ..rebooted(ONE, 1) }]).await;
    world.clock.advance(REBOOT_TAKES_MS);
    world.settle().await;
    assert_eq!((world.starts(ONE), seen(&world), told(&world).await), (2, (0, 0), 1));
}

#[tokio::test]
async fn a_reboot_killed_at_any_call_is_completed() {
    at_every_call!(|world, context| at least 1
        prepare { world.bring_about(vec![instance(ONE)]).await; }
        act { world.tell(vec![rebooted(ONE, 1)]).await; }
        check {
            assert_eq!(told(&world).await, 1, "{context}");
            let (graceful, resets) = seen(&world);
            assert!((1..=2).contains(&graceful) && resets == 0, "{context}: {graceful} {resets}");
            assert_eq!(world.starts(ONE), 1, "{context}");
        }
    );
}

#[tokio::test]
async fn a_reset_killed_at_any_call_is_completed() {
    at_every_call!(|world, context| at least 1
        prepare {
            world.bring_about(vec![instance(ONE)]).await;
            world.hypervisor.set_deaf(true);
            world.bring_about(vec![rebooted(ONE, 1)]).await;
        }
        act { world.clock.advance(REBOOT_TAKES_MS); }
        check {
            assert_eq!(told(&world).await, 1, "{context}");
            let (_, resets) = seen(&world);
            assert!((1..=2).contains(&resets), "{context}: {resets}");
        }
    );
}
