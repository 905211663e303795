//! Stopping, starting, metadata options.

use crate::world::{NOW, World, report};
use protocol::{InstanceObserved, InstancePhase, MetadataOptions};
use sqlx::Connection;
use state::{Error, Instance, MetadataChange, StateChange};
use types::{InstanceId, InstanceState, RequestId};

const USER: &str = "User initiated (2027-01-15T08:00:00.000Z)";

async fn stop(world: &World, id: InstanceId, forced: bool) -> Result<StateChange, Error> {
    Ok(world.state.stop_instances(None, vec![id], forced, NOW).await?.remove(0))
}

async fn start(world: &World, id: InstanceId) -> Result<StateChange, Error> {
    Ok(world.state.start_instances(None, vec![id], NOW).await?.remove(0))
}

async fn tell(world: &World, id: InstanceId, turn: u32, phase: InstancePhase) -> Instance {
    world.observe(vec![InstanceObserved { turn, ..report(id, phase) }]).await;
    world.see(id, NOW).await.unwrap()
}

#[tokio::test]
async fn desired_state_names_the_call_that_changed_it_last() {
    let world = World::with_cores(8).await;
    let [launch, stop, start, reboot, end] = [1, 2, 3, 4, 5].map(|n| RequestId::new([n; 16]));
    let by = async || world.desired().await.instances.first().and_then(|it| it.request);
    let state = |request| world.state.on_behalf_of(request);
    let launched = state(launch).run_instances(world.request(&world.admin), NOW).await.unwrap();
    let id = launched.reservation.instances[0].id;
    assert_eq!(by().await, Some(launch));
    world.observe(vec![report(id, InstancePhase::Running)]).await;
    state(reboot).reboot_instances(None, vec![id], NOW).await.unwrap();
    assert_eq!(by().await, Some(reboot));
    state(start).start_instances(None, vec![id], NOW).await.unwrap();
    assert_eq!(by().await, Some(reboot), "it ran already: nothing was changed");
    state(stop).stop_instances(None, vec![id], false, NOW).await.unwrap();
    assert_eq!(by().await, Some(stop));
    let stopped = InstanceObserved { turn: 1, ..report(id, InstancePhase::Stopped) };
    world.observe(vec![stopped]).await;
    state(start).start_instances(None, vec![id], NOW).await.unwrap();
    assert_eq!(by().await, Some(start));
    state(end).terminate_instances(None, vec![id], NOW).await.unwrap();
    state(stop).terminate_instances(None, vec![id], NOW).await.unwrap();
    assert_eq!(by().await, Some(end), "the first one counts");
    let world = world.reopened().await;
    assert_eq!(world.desired().await.instances[0].request, Some(end));
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_found_out() {
    let world = World::with_cores(1).await;
    world.state.check_writable(NOW).await.unwrap();
    let mut other = sqlx::SqliteConnection::connect(&world.url()).await.unwrap();
    sqlx::query("DROP TABLE health").execute(&mut other).await.unwrap();
    assert!(world.state.check_writable(NOW).await.is_err());
}

#[tokio::test]
async fn an_instance_is_stopped_and_started_and_keeps_what_it_has() {
    use InstanceState::{Pending, Running, Stopped, Stopping};
    let world = World::with_cores(1).await;
    let instance = world.launch(1).await.remove(0);
    let id = instance.id;
    tell(&world, id, 0, InstancePhase::Running).await;
    for turn in [1, 3] {
        let generation = world.generation().await;
        let change = stop(&world, id, false).await.unwrap();
        assert_eq!((change.previous, change.current), (Running, Stopping));
        assert_eq!(world.generation().await, generation + 1);
        let again = stop(&world, id, false).await.unwrap();
        assert_eq!((again.previous, again.current), (Stopping, Stopping));
        assert_eq!(world.generation().await, generation + 1, "repeating it changes nothing");
        let wanted = world.desired().await.instances.remove(0);
        assert_eq!((wanted.turn, wanted.forced, wanted.should_be_stopped()), (turn, false, true));

        let late = tell(&world, id, turn - 1, InstancePhase::Running).await;
        assert_eq!(late.state, Stopping);
        let refused = start(&world, id).await.unwrap_err();
        assert!(matches!(refused, Error::InstanceNotRunning { state: "stopping", .. }));
        let seen = tell(&world, id, turn, InstancePhase::Stopped).await;
        assert_eq!((seen.state, seen.turn, seen.reason.as_deref()), (Stopped, turn, Some(USER)));
        assert_eq!(stop(&world, id, true).await.unwrap().current, Stopped);
        let refused = world.state.reboot_instances(None, vec![id], NOW).await.unwrap_err();
        assert!(matches!(refused, Error::InstanceNotRunning { state: "stopped", .. }));
        assert_eq!((seen.ip, seen.node), (instance.ip, Some("node1".parse().unwrap())));
        let full = world.state.run_instances(world.request(&world.admin), NOW).await;
        assert!(matches!(full.unwrap_err(), Error::NoCapacity { .. }), "it keeps its capacity");

        let change = start(&world, id).await.unwrap();
        assert_eq!((change.previous, change.current), (Stopped, Pending));
        let late = tell(&world, id, turn, InstancePhase::Stopped).await;
        assert_eq!((late.state, late.reason), (Pending, None));
        assert_eq!(start(&world, id).await.unwrap().current, Pending, "and changes nothing");
        let seen = tell(&world, id, turn + 1, InstancePhase::Running).await;
        assert_eq!((seen.state, seen.turn), (Running, turn + 1));
        assert_eq!(start(&world, id).await.unwrap().current, Running);
    }
}

#[tokio::test]
async fn a_stop_can_be_forced_at_once_or_later_and_a_start_ends_that() {
    let world = World::with_cores(2).await;
    let instances = world.launch(2).await;
    for (instance, first) in instances.iter().zip([true, false]) {
        stop(&world, instance.id, first).await.unwrap();
        stop(&world, instance.id, true).await.unwrap();
        let generation = world.generation().await;
        stop(&world, instance.id, false).await.unwrap();
        assert_eq!(world.generation().await, generation);
    }
    let forced = |it: &protocol::InstanceDesired| (it.turn, it.forced);
    let desired = world.desired().await;
    assert_eq!(desired.instances.iter().map(forced).collect::<Vec<_>>(), [(1, true), (1, true)]);
    for instance in instances {
        tell(&world, instance.id, 1, InstancePhase::Stopped).await;
        start(&world, instance.id).await.unwrap();
    }
    let desired = world.desired().await;
    assert_eq!(desired.instances.iter().map(forced).collect::<Vec<_>>(), [(2, false), (2, false)]);
}

#[tokio::test]
async fn all_or_none_are_stopped_and_only_by_their_owner() {
    let world = World::with_cores(4).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let mine = world.launch_as(&alice, 2).await;
    let ids: Vec<_> = mine.iter().map(|instance| instance.id).collect();
    world.state.terminate_instances(None, vec![ids[1]], NOW).await.unwrap();
    for account in [Some(alice.account), None] {
        let refused = world.state.stop_instances(account, ids.clone(), false, NOW).await;
        assert!(matches!(refused.unwrap_err(), Error::InstanceNotRunning { .. }));
    }
    assert_eq!(world.see(ids[0], NOW).await.unwrap().state, InstanceState::Pending);
    let id = ids[0];
    let others = world.state.stop_instances(Some(bob.account), vec![id], true, NOW).await;
    assert!(matches!(others.unwrap_err(), Error::InstanceNotFound(it) if it == id));
    let others = world.state.start_instances(Some(bob.account), vec![id], NOW).await;
    assert!(matches!(others.unwrap_err(), Error::InstanceNotFound(it) if it == id));
    let change = MetadataChange { enabled: Some(false), ..MetadataChange::default() };
    let others = world.state.set_metadata_options(Some(bob.account), id, change, NOW).await;
    assert!(matches!(others.unwrap_err(), Error::InstanceNotFound(it) if it == id));
}

#[tokio::test]
async fn a_stopped_instance_terminates() {
    let world = World::with_cores(1).await;
    let id = world.launch(1).await.remove(0).id;
    stop(&world, id, false).await.unwrap();
    tell(&world, id, 1, InstancePhase::Stopped).await;
    let change = world.state.terminate_instances(None, vec![id], NOW).await.unwrap().remove(0);
    assert_eq!(change.previous, InstanceState::Stopped);
    assert_eq!(change.current, InstanceState::ShuttingDown);
    let refused = start(&world, id).await.unwrap_err();
    assert!(matches!(refused, Error::InstanceNotRunning { state: "shutting-down", .. }));
    let seen = tell(&world, id, 1, InstancePhase::Terminated).await;
    assert_eq!(seen.state, InstanceState::Terminated);
}

#[tokio::test]
async fn metadata_options_change_one_by_one_and_are_pending_until_the_node_has_them() {
    let world = World::with_cores(1).await;
    let id = world.launch(1).await.remove(0).id;
    let told = |metadata| InstanceObserved {
        metadata: Some(metadata),
        ..report(id, InstancePhase::Running)
    };
    world.observe(vec![told(MetadataOptions::default())]).await;
    assert!(!world.see(id, NOW).await.unwrap().metadata_pending);
    let set = async |change| world.state.set_metadata_options(None, id, change, NOW).await.unwrap();
    let tokens = MetadataChange { tokens_required: Some(true), ..MetadataChange::default() };
    let one = MetadataOptions { enabled: true, tokens_required: true, hops: 1 };
    assert_eq!(set(tokens).await, (one, true));
    let generation = world.generation().await;
    assert_eq!(set(tokens).await, (one, true), "the same again");
    assert_eq!(world.generation().await, generation);
    let rest = MetadataChange { enabled: Some(false), hops: Some(7), ..MetadataChange::default() };
    let all = MetadataOptions { enabled: false, tokens_required: true, hops: 7 };
    assert_eq!(set(rest).await, (all, true));
    assert_eq!(world.desired().await.instances[0].metadata, all);
    world.observe(vec![told(one)]).await;
    assert!(world.see(id, NOW).await.unwrap().metadata_pending);
    world.observe(vec![told(all)]).await;
    let seen = world.see(id, NOW).await.unwrap();
    assert_eq!((seen.metadata, seen.metadata_pending), (all, false));
    assert_eq!(set(rest).await, (all, false));
}
