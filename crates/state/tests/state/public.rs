//! Public addresses that instances have by themselves, and the pools that they are from.

use crate::addresses::{allocate, pool, told};
use crate::world::{NOW, World, node, observed, report};
use protocol::{ClusterSettings, InstancePhase, Networks};
use state::{AddressRef, Error, Registration, RunRequest, State, User};
use std::net::Ipv4Addr;
use types::{AddressPool, ClusterName, InstanceId, Tags};

const POOL: [[u8; 4]; 4] = [[192, 0, 2, 9], [192, 0, 2, 10], [192, 0, 2, 11], [192, 0, 2, 12]];

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn some(lasts: &[u8]) -> Vec<Option<Ipv4Addr>> {
    lasts.iter().map(|last| (*last > 0).then(|| ip(*last))).collect()
}

async fn launch(world: &World, user: &User, count: u32) -> Vec<InstanceId> {
    world.launch_as(user, count).await.iter().map(|instance| instance.id).collect()
}

/// Every address with what it leads to, as the administrator sees it.
async fn all(state: &State) -> Vec<(u8, Option<InstanceId>)> {
    let addresses = state.addresses(None).await.unwrap();
    let shown = |it: &state::Address| {
        (it.ip.octets()[3], it.association.as_ref().map(|there| there.instance))
    };
    addresses.iter().map(shown).collect()
}

#[tokio::test]
async fn each_instance_gets_one_at_its_launch_unless_it_should_not_or_none_is_free() {
    let world = World::with_cores(9).await;
    let alice = world.user("alice").await;
    let before = world.launch(1).await;
    assert!(!before[0].public, "there is no pool");
    pool(&world.state, &POOL[..3]).await;
    let private = RunRequest { public: false, ..world.request(&alice) };
    world.state.run_instances(private, NOW).await.unwrap();
    let request = RunRequest { min_count: 2, max_count: 2, ..world.request(&alice) };
    let outcome = world.state.run_instances(request, NOW).await.unwrap();
    let given: Vec<_> = outcome.addresses.iter().map(|address| address.ip).collect();
    assert_eq!(given, [ip(9), ip(10)]);
    launch(&world, &alice, 2).await;
    assert_eq!(told(&world).await, some(&[0, 0, 9, 10, 11, 0]));
    let late = world.desired().await.instances[5].id;
    assert!(world.see(late, NOW).await.unwrap().public, "it is known that it lacks one");
    let none = world.state.allocate_address(alice.account, None, Tags::new()).await;
    assert!(matches!(none, Err(Error::NoAddress)));
}

#[tokio::test]
async fn it_is_not_the_users() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    pool(&world.state, &POOL).await;
    let ids = launch(&world, &alice, 1).await;
    assert_eq!(world.state.addresses(Some(alice.account)).await.unwrap(), []);
    let leading = world.state.leading_addresses(Some(alice.account)).await.unwrap();
    assert_eq!((leading.len(), leading[0].ip, &leading[0].owner), (1, ip(9), &None));
    assert_eq!(leading[0].association.as_ref().unwrap().id, None);
    let bob = world.user("bob").await;
    assert_eq!(world.state.leading_addresses(Some(bob.account)).await.unwrap(), []);
    assert_eq!(all(&world.state).await[0], (9, Some(ids[0])));
    let named = AddressRef::Ip(ip(9));
    for account in [Some(alice.account), None] {
        let refused = world.state.disassociate_address(account, named).await;
        assert!(matches!(refused, Err(Error::AddressNotFound(_))));
        let refused = world.state.release_address(account, named).await;
        assert!(matches!(refused, Err(Error::AddressNotFound(_))));
    }
    let refused = world.state.associate_address(alice.account, named, ids[0], true, NOW).await;
    assert!(matches!(refused, Err(Error::AddressNotFound(_))));
}

#[tokio::test]
async fn one_of_its_owners_takes_its_place_and_another_one_comes_after_it() {
    let world = World::with_cores(4).await;
    let (state, account) = (&world.state, world.admin.account);
    pool(state, &POOL).await;
    let ids = launch(&world, &world.admin, 2).await;
    let elastic = allocate(state, account).await.unwrap();
    assert_eq!((elastic, told(&world).await), (ip(11), some(&[9, 10])));
    let lead = |id| state.associate_address(account, AddressRef::Ip(elastic), id, true, NOW);
    lead(ids[0]).await.unwrap();
    assert_eq!(told(&world).await, some(&[11, 10]));
    lead(ids[1]).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 11]), "the first has one of the pool again");
    let generation = world.generation().await;
    state.disassociate_address(None, AddressRef::Ip(elastic)).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 10]));
    assert!(world.generation().await > generation);

    lead(ids[1]).await.unwrap();
    state.release_address(None, AddressRef::Ip(elastic)).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 10]), "another than the one that was released");
    let elastic = allocate(state, account).await.unwrap();
    let lead = |id| state.associate_address(account, AddressRef::Ip(elastic), id, true, NOW);
    lead(ids[1]).await.unwrap();
    for _ in 0..2 {
        allocate(state, account).await.unwrap();
    }
    state.disassociate_address(None, AddressRef::Ip(elastic)).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 0]), "none is free");
    lead(ids[1]).await.unwrap();
    state.release_address(None, AddressRef::Ip(elastic)).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 11]), "the one that was released is the only one");
}

#[tokio::test]
async fn an_instance_that_was_launched_private_stays_so() {
    let world = World::with_cores(4).await;
    let (state, account) = (&world.state, world.admin.account);
    pool(state, &POOL).await;
    let private = RunRequest { public: false, ..world.request(&world.admin) };
    let id = state.run_instances(private, NOW).await.unwrap().reservation.instances[0].id;
    let elastic = AddressRef::Ip(allocate(state, account).await.unwrap());
    state.associate_address(account, elastic, id, true, NOW).await.unwrap();
    assert_eq!(told(&world).await, some(&[9]));
    state.disassociate_address(None, elastic).await.unwrap();
    assert_eq!(told(&world).await, [None]);
}

#[tokio::test]
async fn it_is_kept_while_the_instance_is_stopped_and_free_when_it_has_ended() {
    let world = World::with_cores(4).await;
    pool(&world.state, &POOL).await;
    let ids = launch(&world, &world.admin, 2).await;
    world.state.stop_instances(None, vec![ids[0]], false, NOW).await.unwrap();
    let stopped = protocol::InstanceObserved { turn: 1, ..report(ids[0], InstancePhase::Stopped) };
    world.observe(vec![stopped]).await;
    assert_eq!(told(&world).await, some(&[9, 10]));
    world.state.terminate_instances(None, vec![ids[0]], NOW).await.unwrap();
    assert_eq!(told(&world).await, some(&[9, 10]), "not before it is known to be gone");
    world.observe(vec![report(ids[0], InstancePhase::Terminated)]).await;
    assert_eq!(told(&world).await, some(&[10]));
    launch(&world, &world.admin, 1).await;
    assert_eq!(told(&world).await, some(&[10, 9]));
}

#[tokio::test]
async fn one_that_left_the_pool_stays_with_its_instance_until_that_has_ended() {
    let world = World::with_cores(4).await;
    pool(&world.state, &POOL[..2]).await;
    let ids = launch(&world, &world.admin, 1).await;
    pool(&world.state, &POOL[1..3]).await;
    assert_eq!(all(&world.state).await, [(9, Some(ids[0])), (10, None), (11, None)]);
    world.state.terminate_instances(None, ids.clone(), NOW).await.unwrap();
    world.observe(vec![report(ids[0], InstancePhase::Terminated)]).await;
    assert_eq!(all(&world.state).await, [(10, None), (11, None)]);
}

/// What a cluster's controller tells of its pool; the problems that the cloud shows of it then.
async fn tell(state: &State, cluster: &str, pool: &str) -> Vec<String> {
    let name: ClusterName = cluster.parse().unwrap();
    let mut seen = observed(vec![node("node9", 4)], vec![]);
    let pool: AddressPool = pool.parse().unwrap();
    seen.settings = Some(ClusterSettings {
        networks: Networks::Managed {
            subnet: if cluster == "zone1" { "172.19.0.0/16" } else { "172.20.0.0/16" }
                .parse()
                .unwrap(),
            addrs_per_net: 64,
        },
        policy: "GREEDY".into(),
        public_addresses: Some(pool),
    });
    state.record_observed(name.clone(), seen, NOW).await.unwrap();
    let clusters = state.clusters().await.unwrap();
    clusters.into_iter().find(|it| it.config.name == name).unwrap().problems
}

async fn join(state: &State, cluster: &str) {
    let endpoint = format!("{cluster}:8774");
    let new = Registration { name: cluster.parse().unwrap(), endpoint };
    state.register_cluster(new).await.unwrap();
}

#[tokio::test]
async fn every_cluster_has_the_pool_that_its_controller_tells() {
    let world = World::with_cores(4).await;
    let state = &world.state;
    join(state, "far").await;
    assert_eq!(tell(state, "zone1", "192.0.2.9").await, [""; 0]);
    assert_eq!(tell(state, "far", "192.0.2.10-192.0.2.11").await, [""; 0]);
    let far = RunRequest { cluster: Some("far".parse().unwrap()), ..world.request(&world.admin) };
    let outcome = state.run_instances(far.clone(), NOW).await.unwrap();
    assert_eq!(outcome.addresses[0].ip, ip(10));
    tell(state, "far", "192.0.2.11").await;
    assert_eq!(state.run_instances(far, NOW).await.unwrap().addresses[0].ip, ip(11));
    assert_eq!(tell(state, "zone1", "").await, [""; 0]);
    let known: Vec<_> = all(state).await.iter().map(|(last, _)| *last).collect();
    assert_eq!(known, [10, 11], "with those that instances still have");
}

#[tokio::test]
async fn an_address_that_two_clusters_claim_is_the_firsts_until_it_lets_go() {
    let world = World::with_cores(4).await;
    let state = &world.state;
    join(state, "far").await;
    tell(state, "zone1", "192.0.2.9-192.0.2.11").await;
    let elastic = allocate(state, world.admin.account).await.unwrap();
    let problems = tell(state, "far", "192.0.2.9-192.0.2.12").await;
    assert!(problems[0].contains("192.0.2.9-192.0.2.11, which cluster \"zone1\""), "{problems:?}");
    let of = async |last: u8| {
        let addresses = state.addresses(None).await.unwrap();
        addresses.iter().find(|it| it.ip == ip(last)).unwrap().cluster.to_string()
    };
    assert_eq!((of(9).await, of(12).await), ("zone1".into(), "far".into()));
    assert_eq!(elastic, ip(9));

    // it lets go of all, and has an instance with one of them
    let here =
        RunRequest { cluster: Some("zone1".parse().unwrap()), ..world.request(&world.admin) };
    let id = state.run_instances(here, NOW).await.unwrap().reservation.instances[0].id;
    tell(state, "zone1", "").await;
    assert_eq!(tell(state, "far", "192.0.2.9-192.0.2.12").await, [""; 0]);
    assert_eq!(of(9).await, "far", "a user's own that leads nowhere goes with the pool");
    assert_eq!((of(10).await, of(11).await), ("zone1".into(), "far".into()));
    state.terminate_instances(None, vec![id], NOW).await.unwrap();
    let mut seen = observed(vec![node("node9", 4)], vec![report(id, InstancePhase::Terminated)]);
    seen.settings = None;
    state.record_observed("zone1".parse().unwrap(), seen, NOW).await.unwrap();
    assert_eq!(of(10).await, "far", "once the instance has ended");
    let leaves = state.deregister_cluster("far".parse().unwrap(), false, NOW).await;
    leaves.unwrap();
    assert_eq!(all(state).await, [(9, None)], "the user's own is kept");
}
