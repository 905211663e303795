//! Elastic addresses: whose they are, where they lead.

use crate::world::{NOW, World, cluster, report};
use protocol::InstancePhase;
use state::{AddressRef, ClusterConfig, Error, State};
use std::net::Ipv4Addr;
use types::{AccountId, Tags};

const POOL: [[u8; 4]; 8] = {
    let mut pool = [[192, 0, 2, 0]; 8];
    let mut at = 0;
    while at < 8 {
        pool[at][3] = 9 + at as u8;
        at += 1;
    }
    pool
};

pub(crate) async fn pool(state: &State, addresses: &[[u8; 4]]) {
    let public_addresses = addresses.iter().map(|ip| Ipv4Addr::from(*ip)).collect();
    let config = ClusterConfig { public_addresses, ..cluster("zone1", "172.19.0.0/16", 64) };
    state.configure_cluster(config).await.unwrap();
}

pub(crate) async fn allocate(state: &State, account: AccountId) -> Result<Ipv4Addr, Error> {
    Ok(state.allocate_address(account, None, Tags::new()).await?.ip)
}

/// Where an instance's node is told that its address leads to it.
pub(crate) async fn told(world: &World) -> Vec<Option<Ipv4Addr>> {
    let desired = world.desired().await;
    desired.instances.iter().map(|instance| instance.nic.public_ip()).collect()
}

#[tokio::test]
async fn the_lowest_free_address_is_given_until_the_limit_or_the_pool_ends() {
    let world = World::with_cores(1).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    assert!(matches!(allocate(&world.state, alice.account).await, Err(Error::NoAddress)));
    pool(&world.state, &POOL).await;
    for expected in &POOL[..5] {
        let ip = allocate(&world.state, alice.account).await.unwrap();
        assert_eq!(ip.octets(), *expected, "by number, not by text: 9 is before 10");
    }
    assert!(matches!(allocate(&world.state, alice.account).await, Err(Error::AddressLimit(5))));
    world.state.set_addresses_per_user(6).await.unwrap();
    allocate(&world.state, alice.account).await.unwrap();
    for _ in 0..2 {
        allocate(&world.state, bob.account).await.unwrap();
    }
    assert!(matches!(allocate(&world.state, bob.account).await, Err(Error::NoAddress)));
    assert_eq!(world.state.addresses(Some(bob.account)).await.unwrap().len(), 2);
    let gone = world.state.delete_user("bob".parse().unwrap()).await;
    assert!(gone.unwrap_err().to_string().contains("2 public IPs"));
}

#[tokio::test]
async fn nobody_touches_the_addresses_and_instances_of_others() {
    let world = World::with_cores(4).await;
    let state = &world.state;
    pool(state, &POOL).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let hers = AddressRef::Ip(allocate(state, alice.account).await.unwrap());
    let his = AddressRef::Ip(allocate(state, bob.account).await.unwrap());
    let (ours, other) = (world.launch_as(&alice, 1).await, world.launch_as(&bob, 1).await);
    let associate = |account, address, id| state.associate_address(account, address, id, true, NOW);
    let refused = associate(bob.account, hers, other[0].id).await;
    assert!(matches!(refused, Err(Error::AddressNotFound(_))));
    let refused = associate(bob.account, his, ours[0].id).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(_))));
    associate(alice.account, hers, ours[0].id).await.unwrap();
    let refused = state.disassociate_address(Some(bob.account), hers).await;
    assert!(matches!(refused, Err(Error::AddressNotFound(_))));
    let refused = state.release_address(Some(bob.account), hers).await;
    assert!(matches!(refused, Err(Error::AddressNotFound(_))));
    state.release_address(None, hers).await.unwrap();
    assert!(state.addresses(Some(alice.account)).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_address_leads_to_one_instance_and_away_from_it_when_that_ends() {
    let world = World::with_cores(4).await;
    let (state, account) = (&world.state, world.admin.account);
    // before there is a pool, so that they have no addresses by themselves
    let ids: Vec<_> = world.launch(2).await.iter().map(|instance| instance.id).collect();
    pool(state, &POOL).await;
    let (first, second) =
        (allocate(state, account).await.unwrap(), allocate(state, account).await.unwrap());
    let associate =
        |ip, id, moving| state.associate_address(account, AddressRef::Ip(ip), id, moving, NOW);
    let pair = associate(first, ids[0], false).await.unwrap();
    assert_eq!(associate(first, ids[0], false).await.unwrap(), pair, "again is the same");
    assert!(matches!(associate(first, ids[1], false).await, Err(Error::AddressInUse(_))));
    associate(first, ids[1], true).await.unwrap();
    assert_eq!(told(&world).await, [None, Some(first)]);
    associate(second, ids[1], false).await.unwrap();
    assert_eq!(told(&world).await, [None, Some(second)], "the instance had another");

    let allocation = state.addresses(None).await.unwrap()[1].owner.clone().unwrap().allocation;
    let used = state.release_address(None, AddressRef::Allocation(allocation)).await;
    assert!(matches!(used, Err(Error::AddressInUse(_))));
    let gone = state.disassociate_address(None, AddressRef::Association(pair)).await;
    assert!(matches!(gone, Err(Error::AddressNotFound(_))), "that pair is no more");

    state.terminate_instances(None, vec![ids[1]], NOW).await.unwrap();
    assert!(matches!(associate(first, ids[1], true).await, Err(Error::InstanceNotRunning { .. })));
    world.observe(vec![report(ids[1], InstancePhase::Terminated)]).await;
    let addresses = state.addresses(Some(account)).await.unwrap();
    assert!(addresses.iter().all(|address| address.association.is_none()), "{addresses:?}");
    assert_eq!(addresses.len(), 2, "it stays with its owner");
}

#[tokio::test]
async fn an_address_that_left_the_pool_is_kept_until_it_is_released() {
    let world = World::with_cores(1).await;
    let (state, account) = (&world.state, world.admin.account);
    pool(state, &POOL[..2]).await;
    let ip = allocate(state, account).await.unwrap();
    pool(state, &POOL[1..3]).await;
    let known = |addresses: Vec<state::Address>| -> Vec<_> {
        addresses.iter().map(|address| address.ip.octets()).collect()
    };
    assert_eq!(known(state.addresses(None).await.unwrap()), &POOL[..3]);
    let world = world.reopened().await;
    world.state.release_address(None, AddressRef::Ip(ip)).await.unwrap();
    assert_eq!(known(world.state.addresses(None).await.unwrap()), &POOL[1..3]);
    let wanted = world.state.allocate_address(account, Some(ip), Tags::new()).await;
    assert!(matches!(wanted, Err(Error::AddressNotFound(_))));
}
