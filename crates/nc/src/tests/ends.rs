use super::launch::plan_of;
use super::*;
use crate::decide::{CONSOLE_KEPT_MS, ENDED_BY_ITSELF};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

#[tokio::test]
async fn a_guest_that_powers_itself_off_is_terminated_with_a_reason() {
    for vanish in [SimHypervisor::power_off, SimHypervisor::stop] {
        let mut world = World::new();
        world.bring_about(vec![instance(ONE)]).await;
        vanish(&world.hypervisor, ONE.parse().unwrap());
        world.settle().await;
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
        assert_eq!(world.reason(ONE).await, ENDED_BY_ITSELF);
        world.assert_all_given_back("after the guest's end");
    }
}

#[tokio::test]
async fn a_guest_that_ended_while_nobody_looked_is_noticed_by_the_next_node_controller() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.nc = None;
    world.hypervisor.power_off(ONE.parse().unwrap());
    world.restart();
    world.settle().await;
    assert_eq!(world.reason(ONE).await, ENDED_BY_ITSELF);
    world.assert_all_given_back("after the guest's end");
}

#[tokio::test]
async fn an_instance_never_heard_of_terminates_too() {
    let mut world = World::new();
    world.bring_about(vec![ended(ONE)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 0);
}

#[tokio::test]
async fn reboots_are_done_until_as_many_are_done_as_are_wanted() {
    let mut world = World::new();
    world.bring_about(vec![rebooted(ONE, 1)]).await;
    assert_eq!(resets(&world), 0, "asked for before it ran");
    world.bring_about(vec![rebooted(ONE, 2)]).await;
    world.bring_about(vec![rebooted(ONE, 2)]).await;
    assert_eq!((resets(&world), world.observed(ONE).await.unwrap().reboots), (1, 2));
    world.restart();
    world.bring_about(vec![rebooted(ONE, 3)]).await;
    assert_eq!((resets(&world), world.observed(ONE).await.unwrap().reboots), (2, 3));
    assert_eq!(world.starts(ONE), 1);
}

fn resets(world: &World) -> u32 {
    world.hypervisor.resets(ONE.parse().unwrap())
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
