use super::fake_node::Fault;
use super::*;
use crate::memory::{Placement, Placements};
use crate::place::Ground;
use InstancePhase::{Pending, Running, Stopped, Stopping, Terminated};
use placement::Room;
use std::collections::BTreeMap;

#[tokio::test]
async fn instances_go_to_the_first_node_with_room_and_each_node_hears_of_its_own() {
    let mut world = World::new(3);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
    assert_eq!(world.place_of(THREE).await, on("b", Running));
    assert_eq!(world.held(), [vec![ONE, TWO], vec![THREE], vec![]]);
    let told = world.nodes[1].desired().unwrap();
    assert_eq!((told.generation, told.image_source.as_str()), (1, "head:8773"));
    assert_eq!((told.instances, told.networks), (vec![instance(THREE)], vec![network()]));
    assert_eq!(world.nodes[2].desired().unwrap().networks, []);
}

#[tokio::test]
async fn what_fits_nowhere_waits_and_is_then_given_up_for_good_with_the_figures() {
    let mut world = World::new(1);
    let all = vec![instance(ONE), instance(TWO), instance(THREE)];
    world.bring_about(all.clone()).await;
    assert_eq!(world.place_of(THREE).await, on("", Pending));
    assert!(
        world.reason(THREE).await.starts_with("waiting for a node: no node has room for 1 core")
    );

    world.clock.advance(GRACE_MS - 1);
    world.settle().await;
    assert_eq!(world.place_of(THREE).await, on("", Pending));
    world.clock.advance(1);
    world.settle().await;
    assert_eq!(world.place_of(THREE).await, on("", Terminated));
    assert!(world.reason(THREE).await.contains("the roomiest of 1 has 0 cores"));

    world.restart();
    world.bring_about(vec![ended(ONE), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(THREE).await, on("", Terminated), "also when there is room later");
    assert_eq!(world.held(), [[TWO]]);
}

#[tokio::test]
async fn what_a_node_spends_on_each_instance_counts_also_after_a_restart() {
    let mut world = World::new(2);
    let disk = |gb| Figures { cores: 8, memory_mb: 8192, disk_gb: gb };
    let each = instance(ONE).figures.disk_gb;
    world.nodes[0].set_capacity(disk(2 * each));
    world.nodes[0].set_overhead(Figures { disk_gb: 1, ..Figures::default() });
    world.settle().await;
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.held(), [[ONE], [TWO]], "a second one would leave nothing for its swap");
    let statuses = world.observed().await.nodes;
    assert_eq!(statuses.iter().map(|it| it.overhead.disk_gb).collect::<Vec<_>>(), [1, 0]);
    world.restart();
    world.nodes[1].set(Fault::Away);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(THREE).await, on("", Pending));
    world.nodes[0].set_overhead(Figures::default());
    world.settle().await;
    assert_eq!(world.place_of(THREE).await, on("a", Running));
}

#[tokio::test]
async fn a_node_that_offers_less_than_it_gave_keeps_its_instances_and_takes_none() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    for less in [Figures { disk_gb: 0, ..NODE }, Figures { cores: 1, ..NODE }] {
        world.nodes[0].set_capacity(less);
        world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
        assert_eq!(world.held(), [[ONE, TWO]], "{less:?}");
        assert_eq!(world.place_of(THREE).await, on("", Pending));
    }
}

/// As a node says it of which KVM turns out to run no guests.
#[tokio::test]
async fn a_node_that_can_start_nothing_is_passed_over() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE)]).await;
    world.nodes[0].set_capacity(Figures { cores: 0, memory_mb: 0, ..NODE });
    world.settle().await;
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.held(), [[ONE], [TWO]]);
}

#[tokio::test]
async fn a_stopped_instance_keeps_its_node_and_its_room() {
    let mut world = World::new(1);
    let turned = |turn| InstanceDesired { turn, ..instance(ONE) };
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.bring_about(vec![turned(1), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(ONE).await, on("a", Stopped));
    assert_eq!(world.instance(ONE).await.unwrap().turn, 1);
    assert_eq!(world.place_of(THREE).await, on("", Pending), "there is no room for it");
    world.restart();
    world.bring_about(vec![turned(2), instance(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
}

#[tokio::test]
async fn what_waits_for_a_node_and_should_be_stopped_is_not_said_to_be_pending() {
    let mut world = World::new(1);
    world.nodes[0].set(Fault::Away);
    world.bring_about(vec![InstanceDesired { turn: 1, ..instance(ONE) }]).await;
    assert_eq!(world.place_of(ONE).await, on("", Stopping));
    assert_eq!(world.instance(ONE).await.unwrap().turn, 1);
}

#[tokio::test]
async fn room_that_comes_free_within_the_grace_is_used() {
    let mut world = World::new(1);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    world.bring_about(vec![ended(ONE), instance(TWO), instance(THREE)]).await;
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Terminated));
    assert_eq!(world.place_of(THREE).await, on("a", Running));
}

#[tokio::test]
async fn without_any_node_that_answers_an_instance_is_given_up_too() {
    let mut world = World::new(1);
    world.nodes[0].set(Fault::Away);
    world.bring_about(vec![instance(ONE)]).await;
    world.clock.advance(GRACE_MS);
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("", Terminated));
    assert!(world.reason(ONE).await.ends_with("no node is available"));
}

#[tokio::test]
async fn ending_what_no_node_has_heard_of_ends_it_at_once() {
    let mut world = World::new(1);
    world.nodes[0].set(Fault::Away);
    world.bring_about(vec![instance(ONE)]).await;
    world.bring_about(vec![ended(ONE)]).await;
    assert_eq!(world.place_of(ONE).await, on("", Terminated));
    assert_eq!(world.nodes[0].syncs(), 0);
}

#[tokio::test]
async fn a_placement_outlives_the_controller_and_is_not_made_twice() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE)]).await;
    world.restart();
    world.settle().await;
    assert_eq!(world.held(), [vec![ONE.to_owned()], vec![]]);

    // The node may have heard of it: its answer was lost, and then it is away.
    world.nodes[0].set(Fault::AnswersLost);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    world.nodes[0].set(Fault::Away);
    world.restart();
    world.clock.advance(10 * GRACE_MS);
    world.settle().await;
    assert_eq!(world.nodes[1].live(), Vec::<String>::new());
    assert_eq!(world.place_of(TWO).await, None, "only the node knows");

    world.nodes[0].set(Fault::None);
    world.settle().await;
    assert_eq!(world.place_of(TWO).await, on("a", Running));
}

#[tokio::test]
async fn a_node_that_may_have_heard_of_an_instance_keeps_it_although_it_refused() {
    let mut world = World::new(2);
    world.nodes[0].set(Fault::Refuses);
    world.bring_about(vec![instance(ONE)]).await;
    world.nodes[0].set(Fault::Away);
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.held(), [vec![] as Vec<String>, vec![TWO.to_owned()]]);
    world.nodes[0].set(Fault::None);
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
}

/// Places with these nodes answering, and tells on which node ONE is.
fn place_among(names: &[&str], placements: &mut Placements) -> Option<String> {
    let room = |name: &&str| Room::empty(name.parse().unwrap(), NODE, Figures::default());
    let mut ground = Ground {
        policy: Policy::Greedy,
        grace_ms: GRACE_MS,
        now: Timestamp::from_millis(0),
        rooms: names.iter().map(room).collect(),
        waiting: &mut BTreeMap::new(),
    };
    ground.place(&desired(1, vec![instance(ONE)]), placements);
    match placements.of.get(&ONE.parse().unwrap())? {
        Placement::On { node, .. } => Some(node.to_string()),
        Placement::Ended { .. } => None,
    }
}

#[test]
fn an_instance_whose_node_has_not_heard_of_it_moves_when_that_node_goes_away() {
    let mut placements = Placements::default();
    assert_eq!(place_among(&["a", "b"], &mut placements).as_deref(), Some("a"));
    assert_eq!(place_among(&["a", "b"], &mut placements).as_deref(), Some("a"));
    assert_eq!(place_among(&["b"], &mut placements).as_deref(), Some("b"));
    assert_eq!(place_among(&[], &mut placements), None);
}

#[tokio::test]
async fn a_controller_that_lost_its_memory_learns_from_the_nodes_what_they_have() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    world.restart_with_an_empty_disk();
    let same = desired(world.generation, vec![instance(THREE), instance(ONE), instance(TWO)]);
    world.cc().sync(same).await.unwrap();
    world.settle().await;
    assert_eq!(world.held(), [vec![ONE, TWO], vec![THREE]]);
    assert_eq!(world.place_of(THREE).await, on("b", Running));
    let refusals: Vec<_> =
        world.observed().await.nodes.into_iter().flat_map(|n| n.problems).collect();
    assert_eq!(refusals, Vec::<String>::new());
}
