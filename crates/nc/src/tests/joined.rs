use super::*;
use netplan::{Overlay, Trunk};
use protocol::{Carrier, Fabric};

fn fabric() -> Fabric {
    let own = [198, 51, 100, 2].into();
    Fabric { own, peers: [[198, 51, 100, 1].into()].into(), carrier: Carrier::Vxlan }
}

#[tokio::test]
async fn a_node_stays_joined_with_the_others_while_nobody_tells_it_anything() {
    let mut world = World::new();
    let desired = NodeDesired { fabric: Some(fabric()), ..world.desired(vec![instance(ONE)]) };
    world.nc().sync(desired).await.unwrap();
    world.settle().await;
    let plan = world.net.node();
    let overlay = Overlay { local: Some(fabric().own), peers: fabric().peers };
    assert_eq!(plan.trunk, Some(Trunk::Vxlan(overlay)));
    assert_eq!(plan.bridges[&types::NetworkTag::FIRST].neighbours.len(), 1);
    world.reboot_host();
    world.settle().await;
    assert_eq!(world.net.node(), plan);

    world.tell(vec![instance(ONE)]).await;
    world.settle().await;
    assert_eq!(world.net.node(), super::launch::plan_of(&[ONE]), "the router came here");
}
