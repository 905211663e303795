use super::launch::plan_of;
use super::reboot::resets;
use super::*;
use crate::decide::{ASK_AGAIN_MS, CONSOLE_KEPT_MS, DESTROYED, DIED, LOST, REVIVED_APART_MS};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hypervisor::{DomainState, Ending};
use protocol::reason;
use std::fs;

#[tokio::test]
async fn terminating_gives_back_everything_and_keeps_the_console_for_an_hour() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    fs::write(world.directory(ONE).join("console.log"), "Linux version").unwrap();
    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!((world.domains(), world.net.node()), (vec![TWO.to_owned()], plan_of(&[TWO])));
    assert_eq!(world.disks.held(), [TWO.parse().unwrap()]);

    world.bring_about(vec![instance(TWO)]).await;
    assert_eq!(world.phase(ONE).await, None, "no longer reported once nobody asks for it");
    world.clock.advance(CONSOLE_KEPT_MS - 1);
    world.restart();
    world.settle().await;
    let console = world.nc().console_output(ONE.parse().unwrap()).await.unwrap();
    assert_eq!(STANDARD.decode(console.output_base64).unwrap(), b"Linux version");

    world.clock.advance(1);
    world.settle().await;
    assert!(!world.directory(ONE).exists());
    let gone = world.nc().console_output(ONE.parse().unwrap()).await;
    assert_eq!(gone, Err(CallError::NotFound(ONE.to_owned())));

    world.bring_about(vec![ended(TWO)]).await;
    world.assert_all_given_back("after the last instance");
}

#[tokio::test]
async fn an_instance_without_a_console_yet_has_an_empty_one() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    let console = world.nc().console_output(ONE.parse().unwrap()).await.unwrap();
    assert_eq!(console.output_base64, "");
}

/// Whether the node controller looks on or comes back later: the end itself is still to be seen.
#[tokio::test]
async fn a_guest_that_powers_itself_off_is_terminated() {
    for killed in [false, true] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        if killed {
            world.nc = None;
        }
        world.hypervisor.power_off(ONE.parse().unwrap());
        if killed {
            world.restart();
        }
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
        assert_eq!(world.reason(ONE).await, reason::GUEST_POWERED_OFF);
        world.assert_all_given_back("after the guest's end");
    }
}

/// An end of which nobody knows how it came may not be the guest's own: `virsh managedsave`, or a
/// QEMU that died while libvirtd was down, look like that, and took the disks with them.
#[tokio::test]
async fn a_virtual_machine_that_ends_otherwise_is_started_again_from_its_disks_once_a_minute() {
    type End = fn(&SimHypervisor, InstanceId);
    let ends: [(End, &str); 4] = [
        (|sim, id| sim.end(id, Ending::Died), DIED),
        (|sim, id| sim.end(id, Ending::Destroyed), DESTROYED),
        (|sim, id| sim.end(id, Ending::Unknown), LOST),
        (SimHypervisor::vanish, LOST),
    ];
    for (end, reason) in ends {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        let id = ONE.parse().unwrap();
        end(&world.hypervisor, id);
        world.settle().await;
        assert_eq!(world.starts(ONE), 2);
        end(&world.hypervisor, id);
        world.clock.advance(REVIVED_APART_MS - 1);
        world.restart();
        world.settle().await;
        assert_eq!(world.starts(ONE), 2, "it died a moment ago");
        world.clock.advance(1);
        world.settle().await;
        assert_eq!((world.starts(ONE), world.reason(ONE).await.as_str()), (3, reason));
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
        assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1, "its disks hold its data");
        world.bring_about(vec![ended(ONE)]).await;
        assert_eq!(world.reason(ONE).await, "", "its owner's wish needs no reason of the node");
    }
}

/// A domain that vanishes at its end tells nobody that its guest has shut down.
#[tokio::test]
async fn a_domain_that_would_vanish_at_its_end_is_made_to_stay_known() {
    let id = ONE.parse().unwrap();
    for cut_short in [true, false] {
        let mut world = World::new();
        if cut_short {
            world.hypervisor.lose_next_start_answer();
            world.bring_about(vec![instance(ONE)]).await;
        } else {
            world.bring_about(vec![instance(ONE)]).await;
            world.hypervisor.make_passing(id);
            world.restart();
            world.settle().await;
        }
        world.hypervisor.power_off(id);
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
        assert_eq!(world.reason(ONE).await, reason::GUEST_POWERED_OFF);
        assert_eq!(world.starts(ONE), 1);
    }
}

#[tokio::test]
async fn a_crashed_guest_is_told_of_and_kept_until_its_owner_does_something() {
    let id = ONE.parse().unwrap();
    for killed in [false, true] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        world.hypervisor.crash(id);
        if killed {
            world.restart();
        }
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
        assert_eq!(world.reason(ONE).await, reason::GUEST_CRASHED);
        assert_eq!((world.disks.held().len(), world.starts(ONE)), (1, 1));

        world.bring_about(vec![rebooted(ONE, 1)]).await;
        assert!(world.hypervisor.is_running(id));
        assert_eq!((world.reason(ONE).await.as_str(), resets(&world)), ("", 1));
        world.hypervisor.crash(id);
        world.bring_about(vec![InstanceDesired { turn: 1, ..rebooted(ONE, 1) }]).await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Stopped), "it cannot be asked");
    }
}

#[tokio::test]
async fn a_guest_without_disk_space_is_told_of_and_goes_on_when_there_is_some() {
    let id = ONE.parse().unwrap();
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_full(true);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.reason(ONE).await, reason::NO_SPACE);
    world.restart();
    world.settle().await;
    assert_eq!(world.reason(ONE).await, reason::NO_SPACE);
    world.hypervisor.set_full(false);
    world.settle().await;
    assert_eq!((world.reason(ONE).await.as_str(), world.starts(ONE)), ("", 1));
    assert!(world.hypervisor.is_running(id));

    world.hypervisor.set_full(true);
    world.bring_about(vec![InstanceDesired { turn: 1, ..instance(ONE) }]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Stopping), "it may yet hear it");
    world.hypervisor.set_full(false);
    world.clock.advance(ASK_AGAIN_MS);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Stopped));
}

/// A domain that libvirt is still starting was taken for one that runs, and its end for the
/// guest's.
#[tokio::test]
async fn a_domain_that_is_being_started_is_neither_there_nor_gone() {
    for vanishes in [true, false] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        world.reboot_host();
        world.hypervisor.lose_next_start_answer();
        world.nc().pass().await;
        world.nc().settle().await;
        let id = ONE.parse().unwrap();
        world.hypervisor.set_state(id, DomainState::Starting);
        world.restart();
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
        assert_eq!(world.starts(ONE), 2);
        if vanishes {
            world.hypervisor.vanish(id);
        } else {
            world.hypervisor.set_state(id, DomainState::Running);
        }
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
        assert_eq!(world.starts(ONE), if vanishes { 3 } else { 2 });
        assert_eq!(world.disks.preparations(id), 1);
    }
}

#[tokio::test]
async fn a_node_that_can_start_nothing_says_so_and_has_nothing_to_give() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.set_obstacle(Some("KVM runs no guests"));
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    let observed = world.nc().observe(None, 0).await.unwrap();
    assert_eq!(
        (observed.capacity, observed.problems),
        (Figures { cores: 0, memory_mb: 0, ..CAPACITY }, vec!["KVM runs no guests".to_owned()]),
        "all zero would say that it is not known yet, and what was known would hold"
    );
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Pending));
    assert!(world.reason(TWO).await.contains("KVM runs no guests"));
    world.hypervisor.set_obstacle(None);
    world.settle().await;
    assert_eq!(world.nc().observe(None, 0).await.unwrap().capacity, CAPACITY);
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Running));
}

#[tokio::test]
async fn an_instance_never_heard_of_terminates_too() {
    let mut world = World::new();
    world.bring_about(vec![ended(ONE)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 0);
}

#[tokio::test]
async fn an_instance_that_is_no_longer_named_runs_on_as_an_orphan() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.hypervisor.add_foreign("i-0BADCAFE");
    world.hypervisor.add_foreign("somebody-elses");
    world.bring_about(vec![instance(TWO)]).await;
    let observed = world.nc().observe(None, 0).await.unwrap();
    assert_eq!(observed.orphans, [ONE, "i-0BADCAFE"]);
    assert_eq!(world.domains(), [ONE, TWO, "i-0BADCAFE", "somebody-elses"]);
    assert_eq!(world.net.node(), plan_of(&[ONE, TWO]), "its tap stays filtered");

    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
}

#[tokio::test]
async fn while_the_hypervisor_is_away_nothing_changes_and_the_problem_is_reported() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.hypervisor.set_reachable(false);
    world.bring_about(vec![ended(ONE), instance(TWO), instance("i-00000003")]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Running));
    assert_eq!(world.phase("i-00000003").await, Some(InstancePhase::Pending));
    assert!(world.reason("i-00000003").await.contains("not reachable"));
    assert!(world.problems().await[0].contains("not reachable"));
    assert_eq!(world.nc().observe(None, 0).await.unwrap().capacity, CAPACITY);

    world.restart();
    world.settle().await;
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Running));
    assert_eq!(world.net.node(), plan_of(&[ONE, TWO, "i-00000003"]));

    world.hypervisor.set_reachable(true);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.phase("i-00000003").await, Some(InstancePhase::Running));
    assert_eq!(world.problems().await, Vec::<String>::new());
    assert_eq!((world.starts(ONE), world.starts(TWO)), (1, 1));
}

#[tokio::test]
async fn while_the_disk_cannot_be_read_what_was_offered_stays() {
    let mut world = World::new();
    world.limits.disk = "2.5".parse().unwrap();
    world.restart();
    let offered = Figures { disk_gb: 250, ..CAPACITY };
    let capacity = async |world: &mut World| {
        world.settle().await;
        world.nc().observe(None, 0).await.unwrap().capacity
    };
    assert_eq!(capacity(&mut world).await, offered);
    world.disks.blind(Some(disks::DiskError::Failed("it hangs".to_owned())));
    for _ in 0..3 {
        assert_eq!(capacity(&mut world).await, offered);
    }
    world.disks.blind(None);
    assert_eq!(capacity(&mut world).await, offered);
}
