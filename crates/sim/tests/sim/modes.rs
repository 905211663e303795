//! Clouds whose instances are on the site's own network.

use protocol::Networks;
use sim::check::check;
use sim::{Ledger, Rng, Shape, SimCloud, run_isolated};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{AddressPair, InstanceState, MacAddr};

const COUNT: usize = 6;

fn shape(networks: Networks) -> Shape {
    let mut shape = Shape::of(2, 4);
    shape.clusters[0].networks = networks;
    shape
}

async fn launch(world: &SimCloud, ledger: &mut Ledger, count: usize) {
    let (image, count) = (world.image(), count.to_string());
    let parameters = [
        ("ImageId", image.as_str()),
        ("MinCount", count.as_str()),
        ("MaxCount", count.as_str()),
        ("InstanceType", "m1.small"),
    ];
    let answer = world.call(0, "RunInstances", &parameters).await.unwrap();
    assert_eq!(answer.refusal(), None, "{}", answer.body);
    ledger.launched(0, &answer.instances(), &"sim".parse().unwrap());
}

/// The addresses of the live instances, in a cloud at rest in which all is as it should be.
async fn rest(world: &mut SimCloud, ledger: &Ledger) -> Vec<Ipv4Addr> {
    world.come_to_rest().await.unwrap();
    let scene = world.look_closely().await;
    assert_eq!(check(&scene, ledger), []);
    scene.live().map(|instance| instance.ip).collect()
}

async fn end_all(world: &mut SimCloud, ledger: &mut Ledger) {
    for id in ledger.instances.clone() {
        let id_text = id.to_string();
        let answer = world.call(0, "TerminateInstances", &[("InstanceId.1", &id_text)]).await;
        assert_eq!(answer.unwrap().refusal(), None);
        ledger.asked.get_mut(&id).unwrap().terminate = true;
    }
    assert_eq!(rest(world, ledger).await, [Ipv4Addr::UNSPECIFIED; 0]);
    let scene = world.look().await;
    assert!(scene.instances.iter().all(|(it, _)| it.state == InstanceState::Terminated));
}

#[test]
fn in_system_mode_every_instance_runs_and_shows_what_the_site_lends_it() {
    run_isolated(1, async {
        let mut world = SimCloud::new(&shape(Networks::System), &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        launch(&world, &mut ledger, COUNT).await;
        assert_eq!(rest(&mut world, &ledger).await, [Ipv4Addr::UNSPECIFIED; COUNT]);
        world.lend_addresses();
        let shown: BTreeSet<_> = rest(&mut world, &ledger).await.into_iter().collect();
        assert_eq!(shown.len(), COUNT);
        assert!(!shown.contains(&Ipv4Addr::UNSPECIFIED), "{shown:?}");
        end_all(&mut world, &mut ledger).await;
    });
}

#[test]
fn in_static_mode_every_instance_has_a_pair_and_all_come_back() {
    run_isolated(1, async {
        let pair = |last| AddressPair {
            mac: MacAddr([0xaa, 0, 0, 0, 0, last]),
            ip: Ipv4Addr::new(192, 168, 1, last),
        };
        let pairs: Vec<_> = (10..10 + COUNT as u8).map(pair).collect();
        let subnet = "192.168.1.0/24".parse().unwrap();
        let networks = Networks::Static { subnet, pairs: pairs.clone() };
        let mut world = SimCloud::new(&shape(networks), &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        for _ in 0..2 {
            launch(&world, &mut ledger, COUNT).await;
            let given: BTreeSet<_> = rest(&mut world, &ledger).await.into_iter().collect();
            assert_eq!(given, pairs.iter().map(|pair| pair.ip).collect());
            let full = [("ImageId", &*world.image()), ("MinCount", "1"), ("MaxCount", "1")];
            let answer = world.call(0, "RunInstances", &full).await.unwrap();
            assert_eq!(answer.refusal(), Some("InsufficientInstanceCapacity"), "{}", answer.body);
            end_all(&mut world, &mut ledger).await;
        }
    });
}
