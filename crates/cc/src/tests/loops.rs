use super::fake_node::Fault;
use super::*;
use std::fs;

/// Waits, by long polls, until an instance is in this phase.
pub(super) async fn reach(cc: &Cc, id: &str, phase: InstancePhase) {
    let id: InstanceId = id.parse().unwrap();
    let mut since = None;
    for _ in 0..100 {
        let now = cc.observe(since, 10_000).await.unwrap();
        if now.instances.iter().any(|it| it.id == id && it.phase == phase) {
            return;
        }
        since = Some(now.revision);
    }
    panic!("{id} does not become {phase:?}");
}

#[tokio::test]
async fn the_loops_bring_about_what_is_told_although_another_node_hangs() {
    let mut world = World::new(2);
    world.nodes[0].set(Fault::Hangs);
    let (first, second) =
        (world.desired(vec![instance(ONE)]), world.desired(vec![ended(ONE), instance(TWO)]));
    let cc = world.cc();
    let story = async {
        cc.sync(first).await.unwrap();
        reach(cc, ONE, InstancePhase::Running).await;
        cc.sync(second).await.unwrap();
        reach(cc, ONE, InstancePhase::Terminated).await;
        reach(cc, TWO, InstancePhase::Running).await;
        world.nodes[1].becomes(TWO, InstancePhase::Terminated, "powered off");
        reach(cc, TWO, InstancePhase::Terminated).await;
    };
    cc.run(story).await;
    assert_eq!(world.held(), [vec![] as Vec<String>, vec![]]);
}

#[tokio::test]
async fn a_cluster_without_nodes_is_run_until_it_is_told_to_stop() {
    let world = World::new(0);
    let before = world.observed().await.revision;
    let cc = world.cc();
    let story = async {
        cc.sync(desired(1, vec![instance(ONE)])).await.unwrap();
        let after = cc.observe(Some(before), 10_000).await.unwrap();
        assert_eq!((after.generation, after.instances.len()), (1, 1));
    };
    cc.run(story).await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_decided() {
    let mut world = World::new(1);
    world.cc().pass().await;
    // A directory where the memory wants a file: every write fails as on a full disk.
    let file = world.home.path().join("placements.json");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.held(), [vec![] as Vec<String>]);
    assert!(world.observed().await.problems[0].contains("nothing new can be kept"));
    fs::remove_dir(&file).unwrap();
    world.settle().await;
    assert_eq!(world.held(), [[ONE]]);
    assert_eq!(world.observed().await.problems, Vec::<String>::new());
}
