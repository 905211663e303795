use super::*;
use std::fs;
use types::NodeName;

#[tokio::test]
async fn told_twice_is_told_once() {
    let mut world = World::new();
    let desired = world.desired(vec![instance(ONE)]);
    for _ in 0..2 {
        world.nc().sync(desired.clone()).await.unwrap();
        world.settle().await;
    }
    assert_eq!((world.starts(ONE), world.disks.preparations(ONE.parse().unwrap())), (1, 1));
}

#[tokio::test]
async fn older_states_and_those_for_other_nodes_are_refused_also_after_a_restart() {
    let mut world = World::new();
    let mut kept = world.desired(vec![instance(ONE)]);
    (kept.generation, kept.sequence) = (7, 3);
    world.nc().sync(kept.clone()).await.unwrap();
    world.restart();
    let stale = Err(CallError::Stale { given: 6, seen: 7 });
    let stale_sequence = Err(CallError::Stale { given: 7, seen: 7 });
    let table = [
        (6, 9, "node1", stale),
        (7, 2, "node1", stale_sequence),
        (7, 3, "node1", Ok(())),
        (7, 4, "node1", Ok(())),
        (8, 0, "node1", Ok(())),
    ];
    for (generation, sequence, node, expected) in table {
        let node = node.parse().unwrap();
        let given = NodeDesired { generation, sequence, node, ..kept.clone() };
        assert_eq!(world.nc().sync(given).await, expected, "{generation}.{sequence}");
    }
    let node: NodeName = "node2".parse().unwrap();
    let refused = world.nc().sync(NodeDesired { generation: 9, node, ..kept }).await;
    assert!(matches!(refused, Err(CallError::Failed(text)) if text.contains("this is node node1")));
    let now = world.nc().observe(None, 0).await.unwrap();
    assert_eq!((now.generation, now.sequence), (8, 0));
}

#[tokio::test]
async fn a_node_changes_its_cluster_when_it_has_no_instances_and_each_counts_for_itself() {
    let mut world = World::new();
    let of = |cluster: &str, generation, instances| NodeDesired {
        generation,
        sequence: 0,
        node: "node1".parse().unwrap(),
        cluster: cluster.parse().unwrap(),
        image_source: "head:8773".to_owned(),
        instances,
        networks: Vec::new(),
        fabric: None,
    };
    world.nc().sync(of("old", 7, vec![instance(ONE)])).await.unwrap();
    for running in [false, true] {
        if running {
            world.settle().await;
        }
        world.restart();
        let refused = world.nc().sync(of("new", 1, vec![instance(TWO)])).await;
        let Err(CallError::Failed(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("node node1 has instances of cluster \"old\""), "{text}");
        let now = world.nc().observe(None, 0).await.unwrap();
        assert_eq!((now.cluster, now.held), (Some("old".parse().unwrap()), true));
    }
    // one that is not named any more runs on, and is still the old cluster's
    world.nc().sync(of("old", 8, vec![])).await.unwrap();
    world.settle().await;
    assert!(world.nc().sync(of("new", 1, vec![])).await.is_err());
    world.nc().sync(of("old", 9, vec![ended(ONE)])).await.unwrap();
    world.settle().await;
    assert!(!world.nc().observe(None, 0).await.unwrap().held);

    world.nc().sync(of("new", 1, vec![instance(TWO)])).await.unwrap();
    world.settle().await;
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Running));
    world.nc().sync(of("new", 2, vec![ended(TWO)])).await.unwrap();
    world.settle().await;
    world.restart();
    let late = world.nc().sync(of("old", 8, vec![instance(ONE)])).await;
    assert_eq!(late, Err(CallError::Stale { given: 8, seen: 9 }), "from before it left");
    let late = world.nc().sync(of("new", 1, vec![instance(TWO)])).await;
    assert_eq!(late, Err(CallError::Stale { given: 1, seen: 2 }));
    world.nc().sync(of("old", 10, vec![])).await.unwrap();
    let now = world.nc().observe(None, 0).await.unwrap();
    assert_eq!((now.cluster, now.generation), (Some("old".parse().unwrap()), 10));
}

#[tokio::test]
async fn an_instance_withdrawn_before_it_started_is_not_started() {
    let mut world = World::new();
    world.settle().await;
    world.tell(vec![instance(ONE)]).await;
    world.bring_about(vec![]).await;
    assert_eq!(world.starts(ONE), 0);
    assert_eq!(world.phase(ONE).await, None);
    world.assert_all_given_back("after the withdrawal");
}

#[tokio::test]
async fn a_changed_description_reaches_the_journal() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    let mut moved = instance(ONE);
    moved.nic.attachment = in_group("10.1.2.3");
    world.bring_about(vec![moved]).await;
    let journal = fs::read_to_string(world.directory(ONE).join("instance.json")).unwrap();
    assert!(journal.contains("10.1.2.3"));
    assert_eq!(world.starts(ONE), 1);
}

#[tokio::test]
async fn on_a_full_disk_new_states_are_refused_but_instances_can_be_removed() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    // A file where the journal wants a directory: every write fails as on a full disk.
    let home = world.home.path().join("eucalyptus");
    fs::rename(&home, world.home.path().join("aside")).unwrap();
    fs::write(&home, "").unwrap();
    let desired = world.desired(vec![ended(ONE), instance(TWO)]);
    let refused = world.nc().sync(desired.clone()).await;
    assert!(matches!(refused, Err(CallError::Failed(text)) if text.contains("journal")));
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.phase(TWO).await, None);
    world.assert_all_given_back("on the full disk");

    fs::remove_file(&home).unwrap();
    world.nc().sync(desired).await.unwrap();
    world.settle().await;
    assert_eq!(world.phase(TWO).await, Some(InstancePhase::Running));
}

#[tokio::test]
async fn a_long_poll_answers_when_something_changes_and_at_once_when_it_has() {
    let mut world = World::new();
    world.settle().await;
    let before = world.nc().observe(None, 60_000).await.unwrap();
    let desired = world.desired(vec![instance(ONE)]);
    let nc = world.nc();
    let (after, told) = tokio::join!(nc.observe(Some(before.revision), 60_000), nc.sync(desired));
    told.unwrap();
    let after = after.unwrap();
    assert_eq!((after.generation, after.instances.len()), (1, 1));
    let again = nc.observe(Some(before.revision), 60_000).await.unwrap();
    assert_ne!(again.revision, before.revision);
    assert_eq!(nc.observe(Some(again.revision), 1).await.unwrap(), again, "nothing has changed");
}
