//! Nodes that come, are drained and go.

use super::fake_node::Fault;
use super::*;
use InstancePhase::{Pending, Running, Terminated};
use protocol::Networks;
use protocol::Standing::{Accepting, Draining, Leaving};

impl World {
    /// The nodes that are reported, a drained one with an exclamation mark, a leaving one with a
    /// question mark.
    async fn reported(&self) -> String {
        let nodes = self.observed().await.nodes;
        let words = nodes.into_iter().map(|node| match node.standing {
            Accepting => node.name.to_string(),
            Draining => format!("{}!", node.name),
            Leaving => format!("{}?", node.name),
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test]
async fn a_node_joins_is_drained_leaves_and_comes_back_without_a_restart() {
    let mut world = World::new(3);
    world.list("a");
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.reported().await, "a");

    world.list("b a");
    world.settle().await;
    assert_eq!(world.reported().await, "b a", "in the order of NODES");
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.place_of(TWO).await, on("b", Running));

    for _ in 0..2 {
        world.list("b! a");
        world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
        assert_eq!(world.reported().await, "b! a");
        assert_eq!(world.held(), [vec![ONE, THREE], vec![TWO], vec![]]);
        world.restart();
    }
    world.list("a");
    for _ in 0..2 {
        world.settle().await;
        assert_eq!(world.reported().await, "a b?", "it still has an instance");
        assert_eq!(world.place_of(TWO).await, on("b", Running));
        assert!(world.observed().await.nodes.iter().all(|node| node.reachable));
        world.restart();
    }
    world.list("a b");
    world.settle().await;
    assert_eq!(world.reported().await, "a b");

    world.list("a");
    world.bring_about(vec![instance(ONE), ended(TWO), instance(THREE)]).await;
    assert_eq!(world.place_of(TWO).await, on("b", Terminated), "a leaving node is told, too");
    assert_eq!(world.reported().await, "a");
    assert_eq!(world.held(), [vec![ONE, THREE], vec![], vec![]]);
}

#[tokio::test]
async fn a_leaving_node_that_is_silent_stays_until_it_says_that_all_is_gone() {
    let mut world = World::new(2);
    world.list("b");
    world.bring_about(vec![instance(ONE)]).await;
    world.nodes[1].set(Fault::Away);
    world.list("a");
    world.bring_about(vec![ended(ONE)]).await;
    for _ in 0..2 {
        assert_eq!(world.reported().await, "a b?");
        world.restart();
        world.settle().await;
    }
    world.nodes[1].set(Fault::None);
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("b", Terminated));
    assert_eq!(world.reported().await, "a");
}

#[tokio::test]
async fn a_node_that_may_have_heard_of_an_instance_is_leaving_until_that_is_known() {
    let mut world = World::new(2);
    world.list("a");
    world.nodes[0].set(Fault::AnswersLost);
    world.bring_about(vec![instance(ONE)]).await;
    world.nodes[0].set(Fault::Away);
    world.list("b");
    world.restart();
    world.settle().await;
    assert_eq!(world.reported().await, "b a?");
    assert_eq!(world.held()[1], Vec::<String>::new(), "it may run on the other");
}

#[tokio::test]
async fn what_was_placed_on_a_node_and_not_told_moves_when_that_node_is_closed() {
    for (closed, reported) in [("a! b", "a! b"), ("b", "b")] {
        let mut world = World::new(2);
        world.settle().await;
        world.tell(vec![instance(ONE)]).await;
        world.cc().place().await;
        assert_eq!(world.place_of(ONE).await, on("a", Pending));
        world.list(closed);
        for node in world.cc().followed() {
            world.cc().push(&node).await;
        }
        assert_eq!(world.nodes[0].live(), Vec::<String>::new(), "it is not told any more");
        world.settle().await;
        assert_eq!(world.place_of(ONE).await, on("b", Running));
        assert_eq!(world.reported().await, reported);
        assert_eq!(world.held(), [vec![], vec![ONE.to_owned()]]);
    }
}

#[tokio::test]
async fn with_every_node_drained_an_instance_waits_and_finds_the_first_that_is_not() {
    let mut world = World::new(1);
    world.list("a!");
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.place_of(ONE).await, on("", Pending));
    world.list("a");
    world.settle().await;
    assert_eq!(world.place_of(ONE).await, on("a", Running));
}

#[tokio::test]
async fn a_list_with_a_node_to_which_there_is_no_way_changes_nothing() {
    let mut world = World::new(2);
    world.list("a");
    let unknown = world.cc().set_nodes(entries("b nowhere")).unwrap_err();
    assert_eq!(unknown.to_string(), "no way to node nowhere can be made: no such machine");
    world.settle().await;
    assert_eq!(world.reported().await, "a");
}

#[tokio::test]
async fn the_policy_is_taken_over_and_told_with_the_other_settings() {
    let mut world = World::new(2);
    world.settle().await;
    let before = world.observed().await;
    world.cc().set_policy(Policy::RoundRobin);
    let after = world.observed().await;
    assert_ne!(before.revision, after.revision, "who waits for a change is told");
    let settings = after.settings.unwrap();
    assert_eq!(settings.policy.as_str(), "ROUNDROBIN");
    let subnet = "192.168.0.0/16".parse().unwrap();
    assert_eq!(settings.networks, Networks::Managed { subnet, addrs_per_net: 64 });
    world.bring_about(vec![instance(ONE), instance(TWO)]).await;
    assert_eq!(world.held(), [[ONE], [TWO]]);
}

#[tokio::test]
async fn a_wrong_configuration_is_a_problem_of_the_cluster_until_it_is_corrected() {
    let world = World::new(1);
    world.cc().note_configuration(Some("NODES is wrong".to_owned()));
    assert_eq!(world.observed().await.problems, ["NODES is wrong"]);
    world.settle().await;
    assert_eq!(world.observed().await.problems, ["NODES is wrong"]);
    world.cc().note_configuration(None);
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_certificate_is_judged_when_the_node_shows_one() {
    let mut world = World::new(1);
    // What is done, whether its certificate is accepted then, and whether one was refused.
    let story = [
        (Fault::Away, false, false),
        (Fault::Stranger, false, true),
        (Fault::Away, false, true),
        (Fault::None, true, false),
        (Fault::Away, true, false),
        (Fault::Stranger, false, true),
        (Fault::None, true, false),
    ];
    for (at, (fault, accepted, refused)) in story.into_iter().enumerate() {
        world.nodes[0].set(fault);
        world.settle().await;
        let node = world.cc().nodes().remove(0);
        let certificate = (node.status.certificate_ok, node.certificate_refused);
        assert_eq!(certificate, (accepted, refused), "{at}: {fault:?}");
        let told = node.status.problems.iter().any(|it| it.ends_with("euca_sync_key a"));
        assert_eq!(told, fault == Fault::Stranger, "{at}: {:?}", node.status.problems);
    }
    world.restart();
    assert!(world.observed().await.nodes[0].certificate_ok, "it was seen before");
}

#[tokio::test]
async fn an_administrator_sees_what_each_node_has() {
    let mut world = World::new(2);
    world.bring_about(vec![instance(ONE), instance(TWO), instance(THREE)]).await;
    world.list("a");
    let shown = world.cc().nodes();
    let of =
        |at: usize| (shown[at].status.name.as_str(), shown[at].used, shown[at].instances.len());
    assert_eq!((of(0), of(1)), (("a", NODE, 2), ("b", instance(THREE).figures, 1)));
}

#[tokio::test]
async fn the_loops_follow_a_node_that_joins_and_leave_one_that_goes() {
    let mut world = World::new(2);
    world.list("a");
    let first = world.desired(vec![instance(ONE)]);
    let second = world.desired(vec![instance(ONE), instance(TWO)]);
    let cc = world.cc();
    let story = async {
        cc.sync(first).await.unwrap();
        loops::reach(cc, ONE, Running).await;
        cc.set_nodes(entries("a! b")).unwrap();
        cc.sync(second).await.unwrap();
        loops::reach(cc, TWO, Running).await;
        assert_eq!(world.held(), [[ONE], [TWO]]);
        // It leaves as soon as it says by itself that its instance is gone.
        cc.set_nodes(entries("b")).unwrap();
        world.nodes[0].becomes(ONE, Terminated, "powered off");
        let mut since = None;
        loop {
            let now = cc.observe(since, 10_000).await.unwrap();
            if now.nodes.len() == 1 {
                break;
            }
            since = Some(now.revision);
        }
    };
    cc.run(story).await;
    assert_eq!(Arc::strong_count(&world.nodes[0]), 2, "nobody but the world holds a way to it");
}
