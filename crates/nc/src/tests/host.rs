//! The host is shut down in order: libvirt asks the guests to shut down before anything else ends.

use super::*;
use crate::decide::{HOST_GOES_DOWN, HOST_REBOOTED, HOST_STAYED};
use hypervisor::Ending;
use protocol::reason;

/// Two instances that run, and a host that is being shut down.
async fn going_down() -> World {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.host.asked.load(Ordering::SeqCst), 0, "only an end is a reason to ask");
    world.host.says(Ok(true));
    world
}

#[tokio::test]
async fn guests_that_shut_down_with_their_host_keep_their_disks_and_come_back_with_it() {
    for killed in [false, true] {
        let mut world = going_down().await;
        world.hypervisor.power_off(ONE.parse().unwrap());
        world.settle().await;
        if killed {
            world.restart();
            world.settle().await;
        }
        // as managedsave has it
        world.hypervisor.end(TWO.parse().unwrap(), Ending::Unknown);
        world.settle().await;
        for id in [ONE, TWO] {
            assert_eq!(world.phase(id).await, Some(InstancePhase::Running), "it is not over");
            assert_eq!((world.reason(id).await.as_str(), world.starts(id)), (HOST_GOES_DOWN, 1));
        }
        assert_eq!(world.disks.held().len(), 2);

        world.reboot_host();
        world.host.says(Ok(false));
        world.settle().await;
        for id in [ONE, TWO] {
            assert_eq!((world.reason(id).await.as_str(), world.starts(id)), (HOST_REBOOTED, 2));
            assert_eq!(world.disks.preparations(id.parse().unwrap()), 1, "its disks hold its data");
        }
        world.hypervisor.power_off(ONE.parse().unwrap());
        world.settle().await;
        assert_eq!(world.reason(ONE).await, reason::GUEST_POWERED_OFF, "now it is its own wish");
    }
}

#[tokio::test]
async fn a_shutdown_that_is_called_off_costs_nobody_his_disks() {
    let mut world = going_down().await;
    world.hypervisor.power_off(ONE.parse().unwrap());
    world.settle().await;
    world.host.says(Ok(false));
    world.restart();
    world.settle().await;
    assert_eq!((world.reason(ONE).await.as_str(), world.starts(ONE)), (HOST_STAYED, 2));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1);
    assert_eq!(world.starts(TWO), 1);
}

#[tokio::test]
async fn owners_still_stop_and_terminate_what_went_down_with_its_host() {
    let mut world = going_down().await;
    for id in [ONE, TWO] {
        world.hypervisor.power_off(id.parse().unwrap());
    }
    world.settle().await;
    world.bring_about(vec![ended(ONE), InstanceDesired { turn: 1, ..instance(TWO) }]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Stopped));
    assert_eq!(world.disks.held(), [TWO.parse().unwrap()]);
}

#[tokio::test]
async fn while_nobody_can_tell_whether_the_host_goes_down_an_end_is_not_judged() {
    let mut world = going_down().await;
    world.host.says(Err("systemd does not answer"));
    world.hypervisor.power_off(ONE.parse().unwrap());
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!((world.starts(ONE), world.disks.held().len()), (1, 2));
    assert_eq!(world.problems().await, ["systemd does not answer"]);
    world.hypervisor.power_off(TWO.parse().unwrap());
    world.bring_about(vec![instance(ONE), ended(TWO)]).await;
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Terminated), "as its owner wants");

    world.host.says(Ok(false));
    world.settle().await;
    assert_eq!(world.reason(ONE).await, reason::GUEST_POWERED_OFF);
    assert_eq!(world.problems().await, Vec::<String>::new());
}
