//! More instances than this machine could run.

use sim::check::check;
use sim::{Answer, Ledger, Rng, Shape, SimCloud, run_isolated};
use types::InstanceState;

const NODES: usize = 25;
const SMALLS_EACH: u32 = 24;
const AT_ONCE: usize = 500;
const ONE_BY_ONE: usize = 100;

async fn launch(world: &SimCloud, ledger: &mut Ledger, count: usize) {
    let (image, count) = (world.image(), count.to_string());
    let parameters = [
        ("ImageId", image.as_str()),
        ("MinCount", count.as_str()),
        ("MaxCount", count.as_str()),
        ("InstanceType", "m1.small"),
    ];
    let answer = answered(world, "RunInstances", &parameters).await;
    ledger.launched(0, &answer.instances(), &"sim".parse().unwrap());
}

async fn answered(world: &SimCloud, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let answer = world.call(0, action, parameters).await.unwrap();
    assert_eq!(answer.refusal(), None, "{}", answer.body);
    answer
}

async fn rest(world: &mut SimCloud, ledger: &Ledger) -> Vec<InstanceState> {
    world.come_to_rest().await.unwrap();
    let scene = world.look_closely().await;
    assert_eq!(check(&scene, ledger), []);
    scene.instances.iter().map(|(instance, _)| instance.state).collect()
}

#[test]
fn a_full_cloud_stops_and_starts_and_stays_full() {
    run_isolated(1, async {
        const FULL: usize = 12;
        let mut world = SimCloud::new(&Shape::of(3, 4), &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        launch(&world, &mut ledger, FULL).await;
        assert_eq!(rest(&mut world, &ledger).await, [InstanceState::Running; FULL]);
        let full = [("ImageId", &*world.image()), ("MinCount", "1"), ("MaxCount", "1")];
        for (action, stopped, state) in [
            ("StopInstances", true, InstanceState::Stopped),
            ("StartInstances", false, InstanceState::Running),
        ] {
            for id in ledger.instances.clone() {
                answered(&world, action, &[("InstanceId.1", &id.to_string())]).await;
                ledger.asked.get_mut(&id).unwrap().stopped = Some(stopped);
            }
            assert_eq!(rest(&mut world, &ledger).await, [state; FULL]);
            let answer = world.call(0, "RunInstances", &full).await.unwrap();
            assert_eq!(answer.refusal(), Some("InsufficientInstanceCapacity"), "{}", answer.body);
        }
    });
}

#[test]
fn six_hundred_instances_fill_a_cloud_and_leave_it() {
    run_isolated(1, async {
        let shape = Shape::of(NODES, SMALLS_EACH);
        let mut world = SimCloud::new(&shape, &mut Rng::new(1)).await;
        let mut ledger = Ledger::default();
        launch(&world, &mut ledger, AT_ONCE).await;
        for _ in 0..ONE_BY_ONE {
            launch(&world, &mut ledger, 1).await;
        }
        let states = rest(&mut world, &ledger).await;
        assert_eq!(states, [InstanceState::Running; AT_ONCE + ONE_BY_ONE]);

        let full = [("ImageId", &*world.image()), ("MinCount", "1"), ("MaxCount", "1")];
        let answer = world.call(0, "RunInstances", &full).await.unwrap();
        assert_eq!(answer.refusal(), Some("InsufficientInstanceCapacity"), "{}", answer.body);

        for id in ledger.instances.clone() {
            answered(&world, "TerminateInstances", &[("InstanceId.1", &id.to_string())]).await;
            ledger.asked.get_mut(&id).unwrap().terminate = true;
        }
        let states = rest(&mut world, &ledger).await;
        assert_eq!(states, [InstanceState::Terminated; AT_ONCE + ONE_BY_ONE]);
    });
}
