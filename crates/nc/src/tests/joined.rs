use super::*;
use protocol::Fabric;

fn fabric() -> Fabric {
    let own = [198, 51, 100, 2].into();
    Fabric { own, peers: [[198, 51, 100, 1].into()].into() }
}

#[tokio::test]
async fn a_node_stays_joined_with_the_others_while_nobody_tells_it_anything() {
    let mut world = World::new();
    let desired = NodeDesired { fabric: Some(fabric()), ..world.desired(vec![instance(ONE)]) };
    world.nc().sync(desired).await.unwrap();
    world.settle().await;
    let plan = world.net.node();
    let overlay = plan.overlay.as_ref().expect("a way to the other machines");
    assert_eq!((overlay.local, &overlay.peers), (Some(fabric().own), &fabric().peers));
    assert_eq!(plan.bridges[&types::NetworkTag::FIRST].neighbours.len(), 1);
    world.reboot_host();
    world.settle().await;
    assert_eq!(world.net.node(), plan);

    world.tell(vec![instance(ONE)]).await;
    world.settle().await;
    assert_eq!(world.net.node(), super::launch::plan_of(&[ONE]), "the router came here");
}
