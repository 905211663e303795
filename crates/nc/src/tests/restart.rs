use super::faults::At;
use super::launch::plan_of;
use super::*;
use std::fs;

/// Works until nothing changes, or until the call at which the process is killed.
pub(super) async fn work_until_killed(world: &World) {
    tokio::select! {
        () = world.settle() => {}
        () = world.fuse.blows() => {}
    }
}

/// Repeats a story for every call at which the node controller may be killed, before and after
/// the call has its effect, until a run in which it is not killed at all.
macro_rules! at_every_call {
    (|$world:ident, $context:ident| at least $least:literal prepare $prepare:block act $act:block check $check:block) => {
        for at in [At::Begin, At::End] {
            let mut calls = 0;
            loop {
                let mut $world = World::new();
                $world.settle().await;
                $prepare
                $world.fuse.set(calls, at);
                $act
                work_until_killed(&$world).await;
                let killed = $world.fuse.is_blown();
                $world.nc = None;
                $world.fuse.mend();
                $world.restart();
                $world.settle().await;
                let $context = format!("killed at the {at:?} of call {calls}");
                let $context = $context.as_str();
                $check
                if !killed {
                    break;
                }
                calls += 1;
            }
            assert!(calls >= $least, "only {calls} calls were interrupted");
        }
    };
}

#[tokio::test]
async fn a_launch_killed_at_any_call_is_completed_with_one_start() {
    at_every_call!(|world, context| at least 3
        prepare {}
        act { world.tell(vec![instance(ONE)]).await; }
        check {
            assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running), "{context}");
            assert_eq!(world.starts(ONE), 1, "{context}");
            assert_eq!(world.net.node(), plan_of(&[ONE]), "{context}");
            assert_eq!(world.disks.held().len(), 1, "{context}");
        }
    );
}

#[tokio::test]
async fn a_termination_killed_at_any_call_is_completed_and_gives_back_everything() {
    at_every_call!(|world, context| at least 3
        prepare { world.bring_about(vec![instance(ONE)]).await; }
        act { world.tell(vec![ended(ONE)]).await; }
        check {
            assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated), "{context}");
            assert_eq!(world.reason(ONE).await, "", "{context}");
            world.assert_all_given_back(context);
        }
    );
}

#[tokio::test]
async fn a_failed_launch_killed_while_it_is_undone_keeps_its_reason() {
    at_every_call!(|world, context| at least 3
        prepare { world.hypervisor.fail_next_start("no emulator"); }
        act { world.tell(vec![instance(ONE)]).await; }
        check {
            // Killed before the reason was noted, the launch is simply tried again.
            if world.phase(ONE).await != Some(InstancePhase::Running) {
                assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated), "{context}");
                assert!(world.reason(ONE).await.contains("no emulator"), "{context}");
                world.assert_all_given_back(context);
            }
        }
    );
}

#[tokio::test]
async fn a_restart_touches_neither_domain_nor_network() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.restart();
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running), "before the first pass");
    world.settle().await;
    let id = ONE.parse().unwrap();
    assert_eq!((world.starts(ONE), world.hypervisor.resets(id)), (1, 0));
    assert_eq!(world.disks.preparations(id), 1);
    assert_eq!(world.net.node(), plan_of(&[ONE]));
}

#[tokio::test]
async fn after_a_reboot_of_the_host_instances_start_again_from_their_disks() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.reboot_host();
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.starts(ONE), 2);
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1, "its disks hold its data");
    assert_eq!(world.net.node(), plan_of(&[ONE]));
}

#[tokio::test]
async fn an_instance_that_cannot_start_again_keeps_its_disks_and_is_tried_again() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.hypervisor.fail_next_start("no emulator");
    world.reboot_host();
    world.nc().pass().await;
    world.nc().settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
    assert!(world.reason(ONE).await.contains("no emulator"));
    assert_eq!(world.disks.held().len(), 1);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_reported_and_its_instance_left_alone() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.nc = None;
    let entry = world.directory(ONE).join("instance.json");
    fs::write(&entry, "{").unwrap();
    world.restart();
    world.settle().await;
    assert!(world.problems().await[0].contains("instance.json cannot be understood"));
    assert_eq!(world.phase(ONE).await, None);
    assert_eq!(world.domains(), [ONE, TWO]);
    assert_eq!(world.nc().observe(None, 0).await.unwrap().orphans, [ONE]);
    assert_eq!(world.net.node(), plan_of(&[ONE, TWO]), "its tap stays filtered");
    assert_eq!(fs::read_to_string(entry).unwrap(), "{");
}
