//! Clusters that come, change and go.

use crate::world::{NOW, World, cluster, node, observed, report};
use protocol::{CallError, ClusterObserved, ClusterSettings, InstancePhase, Networks};
use state::{Cluster, Error, Registration, RunRequest, Standing, State};
use types::{ClusterName, Figures, InstanceState, Timestamp, VmType};

const HOUR_MS: i64 = 3_600_000;

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

fn at(cluster: &str, endpoint: &str) -> Registration {
    Registration { name: name(cluster), endpoint: endpoint.into() }
}

fn told(subnet: &str, addrs_per_net: u32, policy: &str) -> Option<ClusterSettings> {
    let subnet = subnet.parse().unwrap();
    let networks = Networks::Managed { subnet, addrs_per_net };
    Some(ClusterSettings { networks, policy: policy.into(), public_addresses: None })
}

async fn find(state: &State, cluster: &str) -> Option<Cluster> {
    let all = state.clusters().await.unwrap();
    all.into_iter().find(|known| known.config.name.as_str() == cluster)
}

/// Reports a cluster of one node.
async fn see(state: &State, cluster: &str, cores: u32, settings: Option<ClusterSettings>) {
    let mut seen = observed(vec![node("node9", cores)], vec![]);
    seen.settings = settings;
    state.record_observed(name(cluster), seen, NOW).await.unwrap();
}

impl World {
    /// Registers a cluster whose one node has so many cores, and which has told its settings.
    async fn join(&self, cluster: &str, subnet: &str, cores: u32) {
        self.state.register_cluster(at(cluster, &format!("{cluster}:8774"))).await.unwrap();
        see(&self.state, cluster, cores, told(subnet, 64, "GREEDY")).await;
    }

    async fn launch_in(
        &self,
        cluster: Option<&str>,
        counts: (u32, u32),
        now: Timestamp,
    ) -> Result<(String, usize), Error> {
        let request = RunRequest {
            cluster: cluster.map(name),
            min_count: counts.0,
            max_count: counts.1,
            ..self.request(&self.admin)
        };
        let launched = self.state.run_instances(request, now).await?.reservation;
        Ok((launched.cluster.to_string(), launched.instances.len()))
    }
}

#[tokio::test]
async fn a_registered_cluster_takes_launches_once_it_has_told_its_settings() {
    let world = World::with_cores(1).await;
    world.state.register_cluster(at("far", "far:8774")).await.unwrap();
    see(&world.state, "far", 8, None).await;
    assert_eq!(find(&world.state, "far").await.unwrap().settings, None);
    let refused = world.launch_in(Some("far"), (1, 1), NOW).await;
    assert!(matches!(refused, Err(Error::ClusterUnreachable(_))), "{refused:?}");
    assert_eq!(world.launch_in(None, (1, 1), NOW).await.unwrap().0, "zone1");
    see(&world.state, "far", 8, told("10.9.0.0/16", 32, "roundrobin")).await;
    let settings = find(&world.state, "far").await.unwrap().settings.unwrap();
    let subnet = "10.9.0.0/16".parse().unwrap();
    assert_eq!(settings.networks, Networks::Managed { subnet, addrs_per_net: 32 });
    assert_eq!(settings.policy, placement::Policy::RoundRobin);
    assert_eq!(world.launch_in(Some("far"), (2, 2), NOW).await.unwrap(), ("far".into(), 2));
    let world = world.reopened().await;
    world.state.retire_other_clusters(vec![name("zone1")]).await.unwrap();
    let kept = find(&world.state, "far").await.unwrap();
    assert_eq!((kept.standing, kept.settings), (Standing::Registered, Some(settings)));
}

#[tokio::test]
async fn settings_that_cannot_be_are_a_problem_and_change_nothing() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    let before = find(&world.state, "far").await.unwrap().settings;
    for (wrong, word) in [
        (told("10.9.0.0/16", 0, "GREEDY"), "VNET_ADDRSPERNET"),
        (told("10.9.0.0/16", 48, "GREEDY"), "VNET_ADDRSPERNET"),
        (told("10.9.0.0/30", 64, "GREEDY"), "VNET_ADDRSPERNET"),
        (told("10.9.0.0/16", 64, "GENEROUS"), "SCHEDPOLICY"),
    ] {
        see(&world.state, "far", 4, wrong).await;
        let now = find(&world.state, "far").await.unwrap();
        assert_eq!(now.settings, before);
        assert!(now.problems.iter().any(|problem| problem.contains(word)), "{:?}", now.problems);
    }
}

#[tokio::test]
async fn a_new_subnet_is_refused_while_instances_live_and_a_new_policy_is_not() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    let request = RunRequest { cluster: Some(name("far")), ..world.request(&world.admin) };
    let launched = world.state.run_instances(request, NOW).await.unwrap().reservation;
    see(&world.state, "far", 4, told("10.8.0.0/16", 64, "BESTFIT")).await;
    let now = find(&world.state, "far").await.unwrap();
    let settings = now.settings.unwrap();
    assert_eq!(settings.networks.subnet(), Some("10.9.0.0/16".parse().unwrap()));
    assert_eq!(settings.policy, placement::Policy::BestFit);
    assert!(now.problems[0].contains("VNET_SUBNET is 10.8.0.0/16"), "{:?}", now.problems);
    let mut ended = observed(
        vec![node("node9", 4)],
        vec![report(launched.instances[0].id, InstancePhase::Terminated)],
    );
    ended.settings = told("10.8.0.0/16", 64, "BESTFIT");
    world.state.record_observed(name("far"), ended, NOW).await.unwrap();
    let now = find(&world.state, "far").await.unwrap();
    let subnet = now.settings.unwrap().networks.subnet();
    assert_eq!(subnet, Some("10.8.0.0/16".parse().unwrap()));
    assert!(now.problems.is_empty());
}

#[tokio::test]
async fn the_least_full_cluster_takes_the_whole_launch() {
    let world = World::with_cores(3).await;
    world.join("far", "10.9.0.0/16", 5).await;
    // one instance fits into both: the one with most room is chosen, not the first by name
    assert_eq!(world.launch_in(None, (1, 1), NOW).await.unwrap().0, "far");
    assert_eq!(world.launch_in(None, (1, 1), NOW).await.unwrap().0, "far");
    assert_eq!(world.launch_in(None, (1, 9), NOW).await.unwrap(), ("far".into(), 3));
    assert_eq!(world.launch_in(None, (2, 2), NOW).await.unwrap(), ("zone1".into(), 2));
    // one is left: two are not launched, in two clusters neither
    let refused = world.launch_in(None, (2, 2), NOW).await;
    assert!(matches!(refused, Err(Error::NoCapacity { wanted: 2, available: 1, .. })));
    assert_eq!(world.launch_in(None, (1, 2), NOW).await.unwrap(), ("zone1".into(), 1));
}

#[tokio::test]
async fn a_cluster_whose_network_is_full_passes_the_launch_on() {
    let world = World::with_cores(3).await;
    world.state.register_cluster(at("far", "far:8774")).await.unwrap();
    see(&world.state, "far", 9, told("10.9.0.0/16", 4, "GREEDY")).await;
    assert_eq!(world.launch_in(None, (1, 1), NOW).await.unwrap().0, "far");
    assert_eq!(world.launch_in(None, (1, 1), NOW).await.unwrap().0, "zone1", "4 less 3 is 1");
    let refused = world.launch_in(Some("far"), (1, 1), NOW).await;
    assert!(matches!(refused, Err(Error::AddressesExhausted { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_silent_cluster_takes_no_launches_after_the_time_of_a_restart() {
    let world = World::with_cores(3).await;
    world.join("far", "10.9.0.0/16", 5).await;
    let silent = CallError::Unreachable("no route to host".into());
    assert!(world.state.record_silent(name("far"), &silent, NOW).await.unwrap());
    let (soon, late) = (NOW.plus_millis(20_000), NOW.plus_millis(60_000));
    assert_eq!(world.launch_in(None, (1, 1), soon).await.unwrap().0, "zone1");
    assert_eq!(world.launch_in(Some("far"), (1, 1), soon).await.unwrap().0, "far");
    // that it is still silent is no news
    assert!(!world.state.record_silent(name("far"), &silent, late).await.unwrap());
    let refused = world.launch_in(Some("far"), (1, 1), late).await.unwrap_err();
    assert!(matches!(refused, Error::ClusterUnreachable(_)), "{refused}");
    assert_eq!(world.launch_in(None, (1, 1), late).await.unwrap().0, "zone1");
    let seen = find(&world.state, "far").await.unwrap();
    assert_eq!((seen.reachable, seen.changed), (false, Some(NOW)));
    assert!(matches!(
        world.launch_in(Some("nowhere"), (1, 1), late).await,
        Err(Error::ClusterNotFound(_))
    ));
}

#[tokio::test]
async fn a_tag_is_given_once_in_the_whole_cloud() {
    let world = World::with_cores(8).await;
    world.join("far", "172.19.0.0/16", 8).await;
    let mut seen = std::collections::BTreeSet::new();
    for user in ["alice", "bob", "carol"] {
        let user = world.user(user).await;
        for cluster in ["zone1", "far"] {
            let request = RunRequest { cluster: Some(name(cluster)), ..world.request(&user) };
            let launched = world.state.run_instances(request, NOW).await.unwrap().reservation;
            let instance = &launched.instances[0];
            let tag = instance.tag.unwrap();
            assert!(seen.insert(tag), "tag {tag} has two owners");
        }
    }
}

#[tokio::test]
async fn one_cluster_does_not_use_up_the_networks_of_another() {
    let world = World::with_cores(8).await;
    // Eight networks of four addresses fit behind the eight that are not used.
    world.state.register_cluster(at("small", "small:8774")).await.unwrap();
    see(&world.state, "small", 9, told("10.9.0.0/26", 4, "GREEDY")).await;
    let launch = async |user: &str, cluster| {
        let user = world.user(user).await;
        let request = RunRequest { cluster: Some(name(cluster)), ..world.request(&user) };
        let launched = world.state.run_instances(request, NOW).await?.reservation;
        let instance = &launched.instances[0];
        Ok((instance.tag.unwrap().get(), instance.ip.to_string()))
    };
    for n in 0..8 {
        launch(&format!("first{n}"), "zone1").await.unwrap();
    }
    for n in 0..8 {
        let place = launch(&format!("second{n}"), "small").await.unwrap();
        assert_eq!(place, (18 + n, format!("10.9.0.{}", 34 + 4 * n)));
    }
    let refused: Result<_, Error> = launch("last", "small").await;
    let exhausted =
        matches!(refused, Err(Error::NetworksExhausted { in_use: 8, in_cloud: 16, .. }));
    assert!(exhausted, "{refused:?}");
}

#[tokio::test]
async fn what_a_cluster_has_kept_from_before_its_record_is_overtaken() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    let keeps = async |generation| {
        let seen = ClusterObserved { generation, ..observed(vec![node("node9", 4)], vec![]) };
        world.state.record_observed(name("far"), seen, NOW).await.unwrap();
        world.state.cluster_generation(&name("far")).await.unwrap()
    };
    let before = keeps(0).await;
    assert_eq!(keeps(before).await, before);
    for _ in 0..2 {
        assert_eq!(keeps(57).await, 58, "once is enough");
    }
    assert_eq!(keeps(58).await, 58);
    assert_eq!(keeps(u64::MAX).await, 58, "nothing would be left for what follows");
    world.launch_in(Some("far"), (1, 1), NOW).await.unwrap();
    assert_eq!(world.state.cluster_desired(&name("far"), "").await.unwrap().generation, 59);
}

#[tokio::test]
async fn registering_again_moves_a_cluster_and_what_is_wrong_is_refused() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    world.state.register_cluster(at("far", "far:8774")).await.unwrap();
    assert!(find(&world.state, "far").await.unwrap().reachable, "nothing changed");
    world.state.register_cluster(at("far", "other:8774")).await.unwrap();
    let moved = find(&world.state, "far").await.unwrap();
    assert_eq!((moved.config.endpoint.as_str(), moved.reachable), ("other:8774", false));
    assert!(moved.settings.is_some(), "its addresses are as they were");
    for (wrong, word) in [
        (at("zone1", "elsewhere:8774"), "eucalyptus.conf"),
        (at("third", "other:8774"), "is the controller of cluster \"far\""),
    ] {
        let error = world.state.register_cluster(wrong).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    for n in 2..state::MOST_CLUSTERS {
        let new = at(&format!("c{n}"), &format!("c{n}:8774"));
        world.state.register_cluster(new).await.unwrap();
    }
    let full = world.state.register_cluster(at("more", "more:8774")).await.unwrap_err();
    assert!(matches!(full, Error::LimitReached { .. }), "{full}");
}

#[tokio::test]
async fn a_cluster_goes_when_its_instances_are_gone_and_can_come_again() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    let request = RunRequest { cluster: Some(name("far")), ..world.request(&world.admin) };
    let launched = world.state.run_instances(request, NOW).await.unwrap().reservation;
    let id = launched.instances[0].id;
    let refused = world.state.deregister_cluster(name("far"), false, NOW).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains(&id.to_string()) && text.contains("terminate them first"), "{text}");
    let ended = observed(vec![node("node9", 4)], vec![report(id, InstancePhase::Terminated)]);
    world.state.record_observed(name("far"), ended.clone(), NOW).await.unwrap();
    world.state.deregister_cluster(name("far"), false, NOW).await.unwrap();
    assert_eq!(find(&world.state, "far").await, None);
    // a report that was under way
    world.state.record_observed(name("far"), ended, NOW).await.unwrap();
    let gone = CallError::Unreachable("gone".into());
    assert!(!world.state.record_silent(name("far"), &gone, NOW).await.unwrap());
    assert_eq!(find(&world.state, "far").await, None);
    let refused = world.launch_in(Some("far"), (1, 1), NOW).await;
    assert!(matches!(refused, Err(Error::ClusterNotFound(_))), "{refused:?}");
    let seen = world.see(id, NOW).await.unwrap();
    assert_eq!((seen.state, seen.cluster.as_str()), (InstanceState::Terminated, "far"));
    // its controller has kept a desired state, and takes none that is older when it comes again
    let before = world.state.cluster_generation(&name("far")).await.unwrap();
    world.state.purge_terminated(NOW.plus_millis(2 * HOUR_MS)).await.unwrap();
    world.state.register_cluster(at("far", "far:8774")).await.unwrap();
    assert_eq!(find(&world.state, "far").await.unwrap().settings, None);
    assert!(world.state.cluster_generation(&name("far")).await.unwrap() >= before);
}

#[tokio::test]
async fn a_lost_cluster_is_given_up_on_the_administrators_word() {
    let world = World::with_cores(1).await;
    world.join("far", "10.9.0.0/16", 4).await;
    let request = RunRequest { cluster: Some(name("far")), ..world.request(&world.admin) };
    let launched = world.state.run_instances(request, NOW).await.unwrap().reservation;
    let answers = world.state.deregister_cluster(name("far"), true, NOW).await.unwrap_err();
    assert!(matches!(answers, Error::ClusterAnswers(_)), "{answers}");
    let burnt = CallError::Unreachable("burnt down".into());
    world.state.record_silent(name("far"), &burnt, NOW).await.unwrap();
    world.state.deregister_cluster(name("far"), true, NOW).await.unwrap();
    let seen = world.see(launched.instances[0].id, NOW).await.unwrap();
    assert_eq!(seen.state, InstanceState::Terminated);
    assert!(seen.reason.unwrap().contains("as lost"));
    // the name is free for another one, of which nothing is known
    world.state.register_cluster(at("far", "new:8774")).await.unwrap();
    assert_eq!(find(&world.state, "far").await.unwrap().settings, None);
}

#[tokio::test]
async fn the_own_cluster_follows_the_configuration() {
    let world = World::with_cores(1).await;
    let here = world.state.deregister_cluster(name("zone1"), false, NOW).await.unwrap_err();
    assert!(matches!(here, Error::ClusterIsHere(_)), "{here}");
    let instance = world.launch(1).await.remove(0);
    world.state.retire_other_clusters(vec![]).await.unwrap();
    assert_eq!(find(&world.state, "zone1").await.unwrap().standing, Standing::Left);
    // its controller may have moved to another machine
    world.state.register_cluster(at("zone1", "moved:8774")).await.unwrap();
    world.state.retire_other_clusters(vec![]).await.unwrap();
    let moved = find(&world.state, "zone1").await.unwrap();
    assert_eq!((moved.standing, moved.settings.is_some()), (Standing::Registered, true));
    world.state.configure_cluster(cluster("zone1", "172.19.0.0/16", 64)).await.unwrap();
    assert_eq!(find(&world.state, "zone1").await.unwrap().standing, Standing::Here);
    world.state.retire_other_clusters(vec![]).await.unwrap();
    let ended = observed(vec![], vec![report(instance.id, InstancePhase::Terminated)]);
    world.state.record_observed(name("zone1"), ended, NOW).await.unwrap();
    world.state.purge_terminated(NOW).await.unwrap();
    assert_eq!(find(&world.state, "zone1").await, None, "it had instances, and has none");
}

fn vm_type(text: &str) -> VmType {
    text.parse().unwrap()
}

#[tokio::test]
async fn vm_types_change_together_while_they_are_in_use() {
    let world = World::with_cores(8).await;
    let instance = world.launch(1).await.remove(0);
    let many: Vec<_> =
        (0..64).map(|n| vm_type(&format!("x{n}.large={},64,{}", n + 1, 65 - n))).collect();
    world.state.set_vm_types(many.clone()).await.unwrap();
    assert_eq!(world.state.vm_types().await.unwrap(), many, "in any order, more than five");
    let figures = world.see(instance.id, NOW).await.unwrap().figures;
    assert_eq!(figures, Figures { cores: 1, memory_mb: 128, disk_gb: 10 }, "it keeps its own");
    let gone = world.state.run_instances(world.request(&world.admin), NOW).await.unwrap_err();
    assert!(matches!(gone, Error::VmTypeNotFound(_)), "{gone}");

    let one_more = world.state.set_vm_type(vm_type("one.more=1,1,1")).await.unwrap_err();
    assert!(matches!(one_more, Error::LimitReached { most: 64, .. }), "{one_more}");
    let twice = vec![vm_type("a=1,1,1"), vm_type("b=1,1,1"), vm_type("a=2,2,2")];
    assert!(matches!(world.state.set_vm_types(twice).await, Err(Error::VmTypeTwice(_))));
    let mut wrong = vm_type("a=1,1,1");
    wrong.figures.cores = 0;
    assert!(matches!(world.state.set_vm_types(vec![wrong]).await, Err(Error::VmTypeInvalid(_))));
    assert!(matches!(world.state.set_vm_types(vec![]).await, Err(Error::NoVmTypes)));
    assert_eq!(world.state.vm_types().await.unwrap(), many, "a refused change changes nothing");

    world.state.set_vm_types(vec![vm_type("a=1,1,1"), vm_type("b=1,1,1")]).await.unwrap();
    world.state.set_vm_type(vm_type("a=2,2,2")).await.unwrap();
    world.state.set_vm_type(vm_type("c=3,3,3")).await.unwrap();
    let now = [vm_type("a=2,2,2"), vm_type("b=1,1,1"), vm_type("c=3,3,3")];
    assert_eq!(world.state.vm_types().await.unwrap(), now);
    world.state.delete_vm_type("b".into()).await.unwrap();
    world.state.delete_vm_type("a".into()).await.unwrap();
    assert!(matches!(world.state.delete_vm_type("a".into()).await, Err(Error::VmTypeNotFound(_))));
    assert!(matches!(world.state.delete_vm_type("c".into()).await, Err(Error::NoVmTypes)));
}

#[tokio::test]
async fn a_cluster_that_has_told_nothing_is_shown_without_room() {
    let world = World::with_cores(1).await;
    world.state.register_cluster(at("far", "far:8774")).await.unwrap();
    let capacities = world.state.type_capacities(&name("far")).await.unwrap();
    assert!(!capacities.is_empty() && capacities.iter().all(|it| it.room.max == 0));
}
