//! Capacity is claimed in the transaction that inserts the instance.

use crate::world::{NOW, World, cluster, node, observed, report};
use futures_util::future::join_all;
use placement::Policy;
use protocol::{InstancePhase, NodeStatus};
use state::{ClusterConfig, Error, RunRequest};
use types::Figures;

fn with_overhead(name: &str, disk_gb: u64, each_gb: u64) -> NodeStatus {
    NodeStatus {
        capacity: Figures { cores: 64, memory_mb: 1 << 20, disk_gb },
        overhead: Figures { disk_gb: each_gb, ..Figures::default() },
        ..node(name, 64)
    }
}

async fn world(policy: Policy, nodes: Vec<NodeStatus>) -> World {
    let config = ClusterConfig { policy, ..cluster("zone1", "172.19.0.0/16", 256) };
    let world = World::with(1, config).await;
    world.observe_nodes(nodes, vec![]).await;
    world
}

async fn room(world: &World) -> (u64, u64) {
    let zone = "zone1".parse().unwrap();
    let room = world.state.type_capacities(&zone).await.unwrap()[0].room;
    (room.free, room.max)
}

/// Launches so many times at once, in two VM types; how many instances came of it.
async fn storm(world: &World, launches: u32) -> usize {
    let launch = |n: u32| {
        let vm_type = if n.is_multiple_of(2) { "m1.small" } else { "m1.large" };
        let request = RunRequest {
            vm_type: vm_type.into(),
            max_count: 1 + n % 3,
            ..world.request(&world.admin)
        };
        let state = world.state.clone();
        tokio::spawn(async move { state.run_instances(request, NOW).await })
    };
    let mut count = 0;
    for done in join_all((0..launches).map(launch)).await {
        match done.unwrap() {
            Ok(outcome) => count += outcome.reservation.instances.len(),
            Err(Error::NoCapacity { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_launches_fills_the_nodes_and_never_promises_more_with_any_policy() {
    for policy in [Policy::Greedy, Policy::RoundRobin, Policy::BestFit] {
        let world = world(policy, vec![node("node1", 7), node("node2", 5)]).await;
        storm(&world, 40).await;
        let desired = world.desired().await.instances;
        // Whichever node round robin goes on with, all that was promised finds its place.
        for last in [None, Some("node1"), Some("node2")] {
            let mut rooms = [("node1", 7), ("node2", 5)].map(|(name, cores)| {
                let capacity = node(name, cores).capacity;
                placement::Room::empty(name.parse().unwrap(), capacity, Figures::default())
            });
            let mut last = last.map(|name| name.parse().unwrap());
            for instance in &desired {
                let figures = &instance.figures;
                let at = placement::choose(policy, &rooms, last.as_ref(), figures);
                let at = at.unwrap_or_else(|| panic!("{policy:?}: {} has no place", instance.id));
                rooms[at].take(figures);
                last = Some(rooms[at].node.clone());
            }
        }
        let cores: u32 = desired.iter().map(|it| it.figures.cores).sum();
        assert!((10..=12).contains(&cores), "{policy:?}: {cores} of 12 cores were given");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_slot_is_given_once_whether_its_neighbours_wait_run_or_are_going_away() {
    for policy in [Policy::Greedy, Policy::RoundRobin, Policy::BestFit] {
        let world = world(policy, vec![node("node1", 4)]).await;
        let before = world.launch(3).await;
        world.observe(vec![report(before[0].id, InstancePhase::Running)]).await;
        world.state.terminate_instances(None, vec![before[0].id, before[1].id], NOW).await.unwrap();
        // One runs, one was to end before any node was named, one waits: one slot is left.
        assert_eq!(room(&world).await, (1, 4), "{policy:?}");
        let launch = |_| {
            let (state, request) = (world.state.clone(), world.request(&world.admin));
            tokio::spawn(async move { state.run_instances(request, NOW).await.is_ok() })
        };
        let won = join_all((0..16).map(launch)).await;
        assert_eq!(won.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1, "{policy:?}");
        assert_eq!(room(&world).await, (0, 4));
        world.observe(vec![report(before[1].id, InstancePhase::Terminated)]).await;
        assert_eq!(room(&world).await, (1, 4), "it is known to be gone");
    }
}

#[tokio::test]
async fn what_a_node_spends_on_each_instance_is_counted_for_what_runs_and_what_waits() {
    let world = world(Policy::Greedy, vec![with_overhead("node1", 40, 1)]).await;
    assert_eq!(room(&world).await, (3, 3), "three times 10 + 1 GB");
    let first = world.launch(1).await.remove(0);
    assert_eq!(room(&world).await, (2, 3), "it waits");
    world.observe(vec![report(first.id, InstancePhase::Running)]).await;
    assert_eq!(room(&world).await, (2, 3), "it runs");
    world.launch(2).await;
    let refused = world.state.run_instances(world.request(&world.admin), NOW).await;
    assert!(matches!(refused, Err(Error::NoCapacity { available: 0, .. })));
    let nodes = world.state.clusters().await.unwrap().remove(0).nodes;
    assert_eq!(nodes[0].overhead.disk_gb, 1);
}

#[tokio::test]
async fn a_node_that_offers_less_than_it_gave_takes_none_and_keeps_what_it_has() {
    let world = world(Policy::Greedy, vec![node("node1", 4)]).await;
    let all = world.launch(3).await;
    let running = || all.iter().map(|it| report(it.id, InstancePhase::Running)).collect::<Vec<_>>();
    world.observe(running()).await;
    for (less, max) in [(node("node1", 2), 2), (with_overhead("node1", 0, 1), 0)] {
        world.observe_nodes(vec![less], running()).await;
        assert_eq!(room(&world).await, (0, max));
        let refused = world.state.run_instances(world.request(&world.admin), NOW).await;
        assert!(matches!(refused, Err(Error::NoCapacity { available: 0, .. })));
        for instance in &all {
            let seen = world.see(instance.id, NOW).await.unwrap();
            assert_eq!(seen.state, types::InstanceState::Running);
        }
    }
}

#[tokio::test]
async fn one_that_waits_and_fits_nowhere_does_not_stop_all_launches() {
    let world = world(Policy::Greedy, vec![node("node1", 4), node("node2", 1)]).await;
    let request = RunRequest { vm_type: "c1.xlarge".into(), ..world.request(&world.admin) };
    world.state.run_instances(request, NOW).await.unwrap();
    let silent = NodeStatus { reachable: false, ..node("node1", 4) };
    world.observe_nodes(vec![silent, node("node2", 1)], vec![]).await;
    assert_eq!(room(&world).await, (1, 1));
    world.launch(1).await;
}

#[tokio::test]
async fn a_second_cluster_is_counted_for_itself() {
    let world = world(Policy::Greedy, vec![with_overhead("node1", 22, 1)]).await;
    world.state.configure_cluster(cluster("zone2", "172.20.0.0/16", 64)).await.unwrap();
    let zone2 = "zone2".parse().unwrap();
    let other = observed(vec![with_overhead("node1", 22, 12)], vec![]);
    world.state.record_observed(zone2, other, NOW).await.unwrap();
    let request = RunRequest { max_count: 9, ..world.request(&world.admin) };
    for (zone, count) in [("zone1", 2), ("zone2", 1)] {
        let reservation =
            world.state.run_instances(request.clone(), NOW).await.unwrap().reservation;
        assert_eq!((reservation.cluster.as_str(), reservation.instances.len()), (zone, count));
    }
}
