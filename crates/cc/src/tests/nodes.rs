use super::fake_node::Fault;
use super::*;
use InstancePhase::{Running, Terminated};
use protocol::CallError;

#[tokio::test]
async fn a_node_is_told_only_what_it_does_not_know() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE)]).await;
    let syncs = world.nodes[0].syncs();
    let idle = world.nodes[1].syncs();
    world.settle().await;
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.nodes[0].syncs(), syncs, "only the generation is new");
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.nodes[0].syncs(), syncs + 1);
    assert_eq!(world.nodes[1].syncs(), idle, "it is none of its business");
}

#[tokio::test]
async fn a_silent_node_keeps_its_instances_and_their_room() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.clock.advance(5_000);
    world.nodes[0].set(Fault::Away);
    world.settle().await;
    let node = &world.observed().await.nodes[0];
    assert!(!node.reachable && node.certificate_ok);
    assert_eq!(node.capacity, NODE);
    assert_eq!(node.last_seen, Some(Timestamp::from_millis(0)));
    assert_eq!(node.problems, ["node a does not answer: unreachable: no route to host"]);
    assert_eq!(world.place_of(ONE).await, on("a", Running));

    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    assert_eq!(world.place_of(ONE).await, on("a", Running), "its end is not known");
    world.restart();
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, None);
    let node = &world.observed().await.nodes[0];
    assert_eq!((node.last_seen, node.capacity), (Some(Timestamp::from_millis(0)), NODE));

    world.nodes[0].set(Fault::None);
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Terminated));
    assert!(world.observed().await.nodes[0].reachable);
}

#[tokio::test]
async fn an_instance_that_ends_by_itself_is_reported_with_its_reason_and_gives_its_room_back() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.nodes[0].becomes(ONE, Terminated, "the guest powered itself off");
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Terminated));
    assert_eq!(world.reason(ONE).await, "the guest powered itself off");

    world.nodes[0].set(Fault::Away);
    world.restart();
    world.settle().await;
    assert_eq!(world.reason(ONE).await, "the guest powered itself off", "kept by the controller");
    world.nodes[0].set(Fault::None);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(THREE).await, on("a", Running));
    assert_eq!(world.place_of(ONE).await, on("a", Terminated), "it is not started again");
}

#[tokio::test]
async fn an_instance_that_vanished_from_the_desired_state_holds_its_room_until_its_node_drops_it() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.nodes[0].set_orphans(&[ONE]);
    world.bring_about(vec![instance(TWO), instance(THREE)]).await;
    assert_eq!(world.held(), [[ONE, TWO]], "never ended by the controller");
    assert_eq!(world.observed().await.nodes[0].orphans, [ONE]);
    assert_eq!(world.place_of(THREE).await.unwrap().0, "");

    world.nodes[0].set_orphans(&[]);
    world.nodes[0].becomes(ONE, Terminated, "ended by hand");
    world.settle().await;
    world.settle().await;
    assert_eq!(world.place_of(THREE).await, on("a", Running));
}

#[tokio::test]
async fn a_node_that_refuses_is_named_and_told_again() {
    let mut world = World::new(1);
    world.nodes[0].set(Fault::Refuses);
    world.bring_about(vec![instance(ONE)]).await;
    let node = &world.observed().await.nodes[0];
    assert!(node.reachable);
    assert_eq!(node.problems, ["node a did not take in its desired state: the disk is full"]);
    world.nodes[0].set(Fault::None);
    world.settle().await;
    assert_eq!(world.observed().await.nodes[0].problems, Vec::<String>::new());
    assert_eq!(world.place_of(ONE).await, on("a", Running));
}

#[tokio::test]
async fn a_node_of_another_cluster_gets_nothing_until_it_is_free_and_is_then_taken_by_an_instance()
{
    let mut world = World::new(2);
    world.settle().await;
    world.nodes[0].becomes_of("elsewhere", true);
    let syncs = world.nodes[0].syncs();
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.place_of(ONE).await, on("b", InstancePhase::Running));
    let status = world.observed().await.nodes.remove(0);
    assert_eq!(status.capacity, Figures::default(), "the cloud does not count on it");
    assert!(status.problems[0].contains("instances of cluster \"elsewhere\""), "{status:?}");

    world.nodes[0].becomes_of("elsewhere", false);
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.nodes[0].syncs(), syncs, "two clusters do not contend for a node");
    let status = world.observed().await.nodes.remove(0);
    assert_eq!((status.capacity, status.problems), (NODE, vec![]));
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.place_of(TWO).await, on("a", InstancePhase::Running));
}

#[tokio::test]
async fn older_generations_are_refused_also_after_a_restart() {
    let mut world = World::new(1);
    world.generation = 6;
    world.bring_about(vec![instance(ONE)]).await;
    for _ in 0..2 {
        let stale = world.cc().sync(desired(6, vec![])).await;
        assert_eq!(stale, Err(CallError::Stale { given: 6, seen: 7 }));
        world.cc().sync(desired(7, vec![instance(ONE)])).await.unwrap();
        world.restart();
        world.settle().await;
    }
    assert_eq!(world.observed().await.generation, 7);
    assert_eq!(world.held(), [[ONE]]);
}

#[tokio::test]
async fn a_controller_older_than_its_nodes_leaves_them_alone_and_says_so() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE)]).await;
    world.generation += 10;
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.restart_with_an_empty_disk();
    world.cc().sync(desired(1, vec![instance(ONE)])).await.unwrap();
    world.settle().await;
    assert_eq!(world.held(), [[ONE, TWO]]);
    assert!(world.observed().await.nodes[0].problems[0].contains("has seen a later state"));
}

#[tokio::test]
async fn consoles_come_from_the_node_for_an_hour_after_the_end() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE)]).await;
    let ask = async |world: &World| {
        let console = world.cc().console_output(ONE.parse().unwrap()).await;
        console.map(|console| console.output_base64)
    };
    assert_eq!(ask(&world).await.unwrap(), "i-00000001 on a");
    world.bring_about(vec![ended(ONE)]).await;
    world.bring_about(vec![]).await;
    world.clock.advance(60 * 60 * 1000);
    world.restart();
    world.settle().await;
    assert_eq!(ask(&world).await.unwrap(), "i-00000001 on a");
    world.clock.advance(60 * 1000);
    world.settle().await;
    assert_eq!(ask(&world).await, Err(CallError::NotFound(ONE.to_owned())));
}

#[tokio::test]
async fn a_node_that_does_not_know_its_capacity_yet_has_what_it_had() {
    let mut world = World::new(1);
    world.bring_about(vec![]).await;
    world.nodes[0].set_capacity(Figures::default());
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.observed().await.nodes[0].capacity, NODE);
    assert_eq!(world.place_of(ONE).await, on("a", Running));
}

#[tokio::test]
async fn consoles_come_from_a_node_that_has_left_too() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE)]).await;
    world.list("b");
    world.bring_about(vec![ended(ONE)]).await;
    world.bring_about(vec![]).await;
    let names: Vec<_> = world.observed().await.nodes.into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["b".parse().unwrap()], "the other has left");
    let console = world.cc().console_output(ONE.parse().unwrap()).await.unwrap();
    assert_eq!(console.output_base64, "i-00000001 on a");
}
