//! Launches that find no address in their group's network, or no network for their group.

use super::world::{Answer, World};
use protocol::Networks;
use state::User;

/// Eight networks, since the first eight are not used, of one instance each.
async fn world() -> World {
    let subnet = "10.5.0.0/26".parse().unwrap();
    World::with_few_networks(Networks::Managed { subnet, addrs_per_net: 4 }).await
}

async fn launch(world: &World, user: &User, image: &str, more: &[(&str, &str)]) -> Answer {
    let one = [("MinCount", "1"), ("MaxCount", "1"), ("ImageId", image)];
    world.call(user, "RunInstances", &[&one, more].concat()).await
}

/// A launch that is refused leaves nothing behind, not even what it tried.
async fn assert_refused(
    world: &World,
    user: &User,
    image: &str,
    more: &[(&str, &str)],
    (code, remedy): (&str, &str),
) {
    let before = world.database();
    let refused = launch(world, user, image, more).await;
    assert_eq!(refused.refusal(), (400, code));
    assert!(refused.text("Message").contains(remedy), "{}", refused.body);
    assert!(before == world.database(), "something was written");
}

const NO_ADDRESS: (&str, &str) = ("InsufficientFreeAddressesInSubnet", "VNET_ADDRSPERNET");
const NO_NETWORK: (&str, &str) = ("InsufficientInstanceCapacity", "enlarge VNET_SUBNET");

#[tokio::test]
async fn a_group_whose_network_is_full_takes_one_when_one_has_gone() {
    let world = world().await;
    let (alice, image) = (world.user("alice").await, world.image().await.to_string());
    let two = [("MinCount", "2"), ("MaxCount", "2")];
    let one = [("ImageId", image.as_str())];
    let before = world.database();
    let refused = world.call(&alice, "RunInstances", &[&two[..], &one].concat()).await;
    assert_eq!(refused.refusal(), (400, NO_ADDRESS.0), "a new network has room for one");
    assert!(before == world.database(), "something was written");

    let first = launch(&world, &alice, &image, &[]).await.good();
    assert_eq!(first.text("privateIpAddress"), "10.5.0.34");
    world.settle().await;
    assert_refused(&world, &alice, &image, &[("ClientToken", "t")], NO_ADDRESS).await;
    let id = [("InstanceId.1", first.text("instanceId"))];
    world.call(&alice, "TerminateInstances", &id).await.good();
    assert_refused(&world, &alice, &image, &[("ClientToken", "t")], NO_ADDRESS).await;
    world.settle().await;
    let second = launch(&world, &alice, &image, &[("ClientToken", "t")]).await.good();
    assert_eq!(second.text("privateIpAddress"), "10.5.0.34");
}

#[tokio::test]
async fn without_a_free_network_a_group_waits_for_the_last_instance_of_another_to_go() {
    let world = world().await;
    let image = world.image().await.to_string();
    let mut ids = Vec::new();
    for n in 0..8 {
        let user = world.user(&format!("user{n}")).await;
        let launched = launch(&world, &user, &image, &[]).await.good();
        assert_eq!(launched.text("privateIpAddress"), format!("10.5.0.{}", 34 + 4 * n));
        ids.push((user, launched.text("instanceId").to_owned()));
    }
    world.settle().await;
    let late = world.user("late").await;
    let token = [("ClientToken", "t")];
    assert_refused(&world, &late, &image, &token, NO_NETWORK).await;
    // a group that has a network is not refused for want of another one
    let (owner, id) = &ids[3];
    assert_refused(&world, owner, &image, &[], NO_ADDRESS).await;

    world.call(owner, "TerminateInstances", &[("InstanceId.1", id)]).await.good();
    assert_refused(&world, &late, &image, &token, NO_NETWORK).await;
    world.settle().await;
    let launched = launch(&world, &late, &image, &token).await.good();
    assert_eq!(launched.text("privateIpAddress"), "10.5.0.46", "in the network that is free again");
    assert_refused(&world, owner, &image, &[], NO_NETWORK).await;
}
