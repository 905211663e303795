use crate::world::{NOW, World, node, report};
use protocol::{Goal, InstanceObserved, InstancePhase};
use state::{Error, InstanceFilter};
use types::InstanceState;

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn terminating_takes_effect_at_once_and_ends_when_the_node_says_so() {
    let world = World::with_cores(4).await;
    let instance = world.launch(1).await.remove(0);
    world.observe(vec![report(instance.id, InstancePhase::Running)]).await;
    let generation = world.generation().await;
    let change = world.state.terminate_instances(None, vec![instance.id], NOW).await.unwrap()[0];
    assert_eq!(
        (change.previous, change.current),
        (InstanceState::Running, InstanceState::ShuttingDown)
    );
    assert!(world.generation().await > generation);
    assert_eq!(world.desired().await.instances[0].goal, Goal::Terminate);
    let again = world.state.terminate_instances(None, vec![instance.id], NOW).await.unwrap()[0];
    assert_eq!(again.previous, InstanceState::ShuttingDown, "repeating it is harmless");
    assert_eq!(world.generation().await, generation + 1, "repeating it changes nothing");

    world.observe(vec![report(instance.id, InstancePhase::Terminated)]).await;
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!(seen.state, InstanceState::Terminated);
    assert_eq!(seen.reason.unwrap(), "User initiated (2027-01-15T08:00:00.000Z)");
    let desired = world.desired().await;
    assert!(desired.instances.is_empty() && desired.networks.is_empty());
    let next = world.launch(1).await.remove(0);
    assert_eq!((next.ip, next.tag), (instance.ip, instance.tag), "both were given back");
}

#[tokio::test]
async fn a_network_lives_as_long_as_its_last_instance() {
    let world = World::with_cores(4).await;
    let two = world.launch(2).await;
    world.observe(vec![report(two[0].id, InstancePhase::Terminated)]).await;
    let desired = world.desired().await;
    assert_eq!((desired.instances.len(), desired.networks.len()), (1, 1));
    world.observe(vec![report(two[1].id, InstancePhase::Terminated)]).await;
    assert!(world.desired().await.networks.is_empty());
}

#[tokio::test]
async fn an_instance_that_failed_keeps_the_nodes_reason() {
    let world = World::with_cores(4).await;
    let instance = world.launch(1).await.remove(0);
    let failed = InstanceObserved {
        reason: Some("the disk of node1 is full: free 10 GB in /var".into()),
        ..report(instance.id, InstancePhase::Terminated)
    };
    let generation = world.generation().await;
    world.observe(vec![failed]).await;
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!((seen.state, seen.goal), (InstanceState::Terminated, Goal::Run));
    assert_eq!(seen.reason.unwrap(), "the disk of node1 is full: free 10 GB in /var");
    assert!(world.generation().await > generation, "it leaves the desired state");
}

#[tokio::test]
async fn silence_flags_and_releases_nothing() {
    let world = World::with_cores(4).await;
    let instance = world.launch(1).await.remove(0);
    world.observe(vec![report(instance.id, InstancePhase::Running)]).await;
    let generation = world.generation().await;
    let mut silent = node("node1", 4);
    silent.reachable = false;
    let running = vec![report(instance.id, InstancePhase::Running)];
    world.observe_nodes(vec![silent], running.clone()).await;
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!((seen.state, seen.impaired), (InstanceState::Running, true));
    world.observe_nodes(vec![node("node1", 4)], running.clone()).await;
    assert!(!world.see(instance.id, NOW).await.unwrap().impaired);

    let zone: types::ClusterName = "zone1".parse().unwrap();
    let silence = protocol::CallError::Unreachable("no route to host".into());
    assert!(world.state.record_silent(zone.clone(), &silence, NOW).await.unwrap());
    assert!(!world.state.record_silent(zone, &silence, NOW).await.unwrap(), "no news");
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!((seen.state, seen.impaired), (InstanceState::Running, true));
    let cluster = world.state.clusters().await.unwrap().remove(0);
    assert_eq!(
        (cluster.reachable, cluster.problems),
        (false, vec!["unreachable: no route to host".into()])
    );
    assert!(cluster.certificate_ok, "it has shown no other one");
    world.observe_nodes(vec![node("node1", 4)], running).await;
    assert!(!world.see(instance.id, NOW).await.unwrap().impaired);
    assert!(world.state.clusters().await.unwrap()[0].reachable);
    assert_eq!(world.generation().await, generation);
}

#[tokio::test]
async fn a_controller_whose_certificate_is_not_accepted_is_known_until_one_is() {
    let world = World::with_cores(4).await;
    let zone: types::ClusterName = "zone1".parse().unwrap();
    let accepted = async || world.state.clusters().await.unwrap()[0].certificate_ok;
    let refused = protocol::CallError::NotTrusted("127.0.0.1:8774: UnknownIssuer".into());
    let silence = protocol::CallError::Unreachable("connection refused".into());
    assert!(accepted().await);
    for error in [&refused, &silence] {
        assert!(world.state.record_silent(zone.clone(), error, NOW).await.unwrap());
        assert!(!accepted().await, "silence shows no other certificate");
    }
    world.observe(vec![]).await;
    assert!(accepted().await);
}

#[tokio::test]
async fn instances_that_a_report_does_not_name_stay_as_they_are() {
    let world = World::with_cores(4).await;
    let two = world.launch(2).await;
    let both = two.iter().map(|i| report(i.id, InstancePhase::Running)).collect();
    world.observe(both).await;
    world.observe(vec![]).await;
    for instance in two {
        let seen = world.see(instance.id, NOW).await.unwrap();
        assert_eq!(seen.state, InstanceState::Running);
    }
}

#[tokio::test]
async fn reboots_are_counted_and_refused_for_what_is_going_away() {
    let world = World::with_cores(4).await;
    let two = world.launch(2).await;
    world.state.reboot_instances(None, vec![two[0].id, two[1].id], NOW).await.unwrap();
    world.state.reboot_instances(None, vec![two[0].id], NOW).await.unwrap();
    let reboots: Vec<_> = world.desired().await.instances.iter().map(|i| i.reboots).collect();
    assert_eq!(reboots, [2, 1]);
    world.state.terminate_instances(None, vec![two[1].id], NOW).await.unwrap();
    let refused =
        world.state.reboot_instances(None, vec![two[0].id, two[1].id], NOW).await.unwrap_err();
    assert_eq!(refused.to_string(), format!("the instance \"{}\" is shutting-down", two[1].id));
    assert_eq!(world.desired().await.instances[0].reboots, 2, "all or none");
}

#[tokio::test]
async fn owners_touch_only_their_own() {
    let world = World::with_cores(4).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let hers = world.launch_as(&alice, 1).await.remove(0);
    let his = world.launch_as(&bob, 1).await.remove(0);
    let mine = InstanceFilter { account: Some(alice.account), ..InstanceFilter::default() };
    let seen = world.state.describe_instances(&mine, NOW).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].user.as_str(), seen[0].instances[0].id), ("alice", hers.id));
    let asked = InstanceFilter { ids: vec![his.id], ..mine };
    assert!(world.state.describe_instances(&asked, NOW).await.unwrap().is_empty());
    let both = vec![hers.id, his.id];
    let refused = world.state.terminate_instances(Some(alice.account), both, NOW).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(id)) if id == his.id));
    let seen = world.see(hers.id, NOW).await.unwrap();
    assert_eq!(seen.state, InstanceState::Pending, "all or none");
    let refused = world.state.reboot_instances(Some(alice.account), vec![his.id], NOW).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(_))));
}

#[tokio::test]
async fn a_terminated_instance_is_shown_for_an_hour_and_then_purged() {
    let world = World::with_cores(4).await;
    let id = world.launch(1).await[0].id;
    world.observe(vec![report(id, InstancePhase::Terminated)]).await;
    let shown = NOW.plus_millis(HOUR_MS - 1);
    world.state.purge_terminated(shown).await.unwrap();
    assert!(world.see(id, shown).await.is_some());
    let later = NOW.plus_millis(HOUR_MS + 1);
    assert!(world.see(id, later).await.is_none());
    let gone = world.state.terminate_instances(None, vec![id], later).await;
    assert!(matches!(gone, Err(Error::InstanceNotFound(_))));
    world.state.purge_terminated(later).await.unwrap();
    assert!(world.see(id, shown).await.is_none());
}

#[tokio::test]
async fn states_can_be_asked_for() {
    let world = World::with_cores(4).await;
    let two = world.launch(2).await;
    world.observe(vec![report(two[0].id, InstancePhase::Running)]).await;
    let running =
        InstanceFilter { states: vec![InstanceState::Running], ..InstanceFilter::default() };
    let seen = world.state.describe_instances(&running, NOW).await.unwrap();
    assert_eq!(seen[0].instances.iter().map(|i| i.id).collect::<Vec<_>>(), [two[0].id]);
}
