use super::faults::At;
use super::*;
use disks::DiskError;
use hostnet::HostNetError;
use hypervisor::{Hypervisor, HypervisorError};
use netplan::{NodeNic, tap_name};
use std::fs;

/// What a node that has, or is about to start, these instances applies.
pub(super) fn plan_of(ids: &[&str]) -> NodePlan {
    let nic = |id: &&str| {
        let InstanceDesired { id, nic, .. } = instance(id);
        let (ip, tag) = (nic.ip().unwrap(), nic.tag().unwrap());
        NodeNic { tap: tap_name(id), mac: nic.mac, ip, tag }
    };
    let nics: Vec<_> = ids.iter().map(nic).collect();
    netplan::node_plan(&netplan::NodeInput {
        nics: &nics,
        metadata_port: 8776,
        interface: "eth0",
        ..netplan::NodeInput::default()
    })
}

#[tokio::test]
async fn an_accepted_instance_gets_disks_network_and_a_domain() {
    let mut world = World::new();
    world.tell(vec![instance(ONE)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending), "known before any pass");
    world.settle().await;

    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.reason(ONE).await, "");
    assert_eq!(world.net.node(), plan_of(&[ONE]));
    let spec = world.hypervisor.spec(ONE.parse().unwrap()).unwrap();
    let wanted = instance(ONE);
    assert_eq!((spec.figures, spec.mac), (wanted.figures, wanted.nic.mac));
    assert_eq!((spec.bridge.as_str(), spec.tap.as_str()), ("eucabr10", "tap00000001"));
    assert_eq!(spec.console, world.directory(ONE).join("console.log"));
    let request = world.disks.request(ONE.parse().unwrap()).unwrap();
    assert_eq!((request.root, request.disk_gb), (wanted.root, 10));
    assert_eq!(request.public_key.as_deref(), Some("ssh-ed25519 AAAA alice"));
    assert_eq!(request.image_source, "head:8773");
}

#[tokio::test]
async fn a_launch_that_fails_is_terminated_with_a_reason_and_leaves_nothing() {
    type Break = fn(&World);
    let table: [(Break, &str); 4] = [
        (
            |world| {
                world.disks.fail_next_prepare(DiskError::NoSpace {
                    path: "/instances".to_owned(),
                    detail: "the root disk".to_owned(),
                })
            },
            "no space left under /instances (INSTANCE_PATH): the root disk",
        ),
        (
            |world| {
                world.disks.fail_next_prepare(DiskError::Image {
                    image: "emi-00000001".to_owned(),
                    detail: "its digest is wrong".to_owned(),
                })
            },
            "image emi-00000001: its digest is wrong",
        ),
        (
            |world| world.hypervisor.fail_next_start("no emulator"),
            "its domain could not be started: no emulator",
        ),
        (
            |world| world.net.fail_with(Some(HostNetError::NoNft("not found".to_owned()))),
            "its network could not be set up: nft could not be run: not found",
        ),
    ];
    for (break_it, reason) in table {
        let mut world = World::new();
        world.settle().await;
        break_it(&world);
        world.tell(vec![instance(ONE)]).await;
        for _ in 0..3 {
            world.nc().pass().await;
            world.nc().settle().await;
            world.net.fail_with(None);
        }
        assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated), "{reason}");
        assert!(world.reason(ONE).await.contains(reason), "{}", world.reason(ONE).await);
        world.assert_all_given_back(reason);
        world.settle().await;
        assert_eq!(world.starts(ONE), 0, "it is not tried again: {reason}");
    }
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_found_and_not_repeated() {
    let mut world = World::new();
    world.hypervisor.lose_next_start_answer();
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.starts(ONE), 1);
}

/// The domain ran, the journal did not know of its disks, and after a crash and a reboot of the
/// host new ones took their place.
#[tokio::test]
async fn no_domain_is_started_before_its_disks_are_noted() {
    let mut world = World::new();
    world.settle().await;
    // A file where the journal wants a directory: every write fails as on a full disk.
    let user = world.home.path().join("alice");
    fs::write(&user, "").unwrap();
    world.bring_about(vec![instance(ONE)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
    assert!(world.reason(ONE).await.contains("journal cannot be written"));
    assert_eq!(world.starts(ONE), 0);

    fs::remove_file(&user).unwrap();
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    let made = world.disks.preparations(ONE.parse().unwrap());
    world.reboot_host();
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), made, "its disks hold its data");
}

#[tokio::test]
async fn used_disks_of_which_there_is_no_note_are_not_replaced() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.nc = None;
    let journal = crate::journal::Journal::new(world.home.path().to_owned());
    let mut entry = journal.recall().unwrap().entries.remove(0);
    entry.disks = None;
    journal.store(&entry).unwrap();
    world.reboot_host();
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));
    assert!(world.reason(ONE).await.contains("has no note of its disks"));
    assert_eq!(world.disks.preparations(ONE.parse().unwrap()), 1);
    world.bring_about(vec![ended(ONE)]).await;
    world.assert_all_given_back("once its owner ends it");
}

#[tokio::test]
async fn one_hanging_launch_does_not_hold_up_others_and_can_be_called_off() {
    let mut world = World::new();
    world.settle().await;
    world.fuse.set(1, At::Begin);
    world.tell(vec![instance(ONE)]).await;
    world.nc().pass().await;
    world.fuse.blows().await;
    world.fuse.set(u32::MAX, At::Begin);

    world.tell(vec![instance(ONE), instance(TWO)]).await;
    world.nc().pass().await;
    reach(world.nc(), TWO, InstancePhase::Running).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Pending));

    world.bring_about(vec![ended(ONE), instance(TWO)]).await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Terminated));
    assert_eq!(world.domains(), [TWO]);
    assert_eq!(world.net.node(), plan_of(&[TWO]));
}

#[tokio::test]
async fn an_answer_older_than_a_launch_does_not_end_what_was_launched() {
    let mut world = World::new();
    world.settle().await;
    world.fuse.preparing.close();
    world.tell(vec![instance(ONE)]).await;
    world.nc().pass().await;
    world.fuse.preparing.holds_a_call().await;

    world.fuse.surveying.close();
    let meanwhile = async {
        world.fuse.surveying.holds_a_call().await;
        world.fuse.preparing.open();
        reach(world.nc(), ONE, InstancePhase::Running).await;
        world.fuse.surveying.open();
    };
    tokio::join!(world.nc().pass(), meanwhile);
    world.settle().await;
    assert_eq!(world.phase(ONE).await, Some(InstancePhase::Running));
    assert_eq!(world.starts(ONE), 1);
}

#[tokio::test]
async fn the_network_is_repaired_by_the_next_pass() {
    let mut world = World::new();
    world.bring_about(vec![instance(ONE)]).await;
    world.net.reboot();
    world.nc().pass().await;
    assert_eq!(world.net.node(), plan_of(&[ONE]));
}

/// Waits, by long polls, until an instance is in this phase.
pub(super) async fn reach(nc: &Nc, id: &str, phase: InstancePhase) {
    let id: InstanceId = id.parse().unwrap();
    let mut since = None;
    for _ in 0..100 {
        let now = nc.observe(since, 10_000).await.unwrap();
        if now.instances.iter().any(|it| it.id == id && it.phase == phase) {
            return;
        }
        since = Some(now.revision);
    }
    panic!("{id} does not become {phase:?}");
}

#[tokio::test]
async fn the_loop_launches_when_told_and_ends_when_asked() {
    let mut world = World::new();
    let desired = world.desired(vec![instance(ONE)]);
    let nc = Arc::new(world.nc.take().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let nc = Arc::clone(&nc);
        async move { nc.run(async { drop(stopped.await) }).await }
    });
    nc.sync(desired).await.unwrap();
    reach(&nc, ONE, InstancePhase::Running).await;
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(world.domains(), [ONE], "instances run on");
}

#[tokio::test]
async fn capacity_is_what_was_found_within_what_the_administrator_allows() {
    let mut world = World::new();
    world.limits = Limits { max_cores: Some(16), max_memory_mb: Some(1024), ..Limits::default() };
    world.overhead = Figures { disk_gb: 1, ..Figures::default() };
    world.restart();
    world.settle().await;
    let observed = world.nc().observe(None, 0).await.unwrap();
    assert_eq!(observed.capacity, Figures { cores: 16, memory_mb: 1024, disk_gb: 100 });
    assert_eq!(observed.overhead, world.overhead);
}

#[tokio::test]
async fn what_an_instance_costs_is_counted_as_it_was_placed() {
    let disk = |disk_gb| Figures { disk_gb, ..Figures::default() };
    let mut world = World::new();
    world.overhead = disk(1);
    world.restart();
    world.bring_about(vec![instance(ONE)]).await;
    for (overhead, offered) in [(1, 100), (5, 104), (0, 99)] {
        world.overhead = disk(overhead);
        world.restart();
        world.settle().await;
        let observed = world.nc().observe(None, 0).await.unwrap();
        assert_eq!(observed.capacity.disk_gb, offered, "{overhead}");
        assert_eq!(observed.capacity.cores, CAPACITY.cores);
    }
    world.bring_about(vec![ended(ONE)]).await;
    assert_eq!(world.nc().observe(None, 0).await.unwrap().capacity, CAPACITY);
}

#[test]
fn the_simulated_hypervisor_tells_unreachable_from_failed() {
    let hypervisor = SimHypervisor::new(CAPACITY);
    hypervisor.set_reachable(false);
    assert!(matches!(hypervisor.domains(), Err(HypervisorError::Unreachable(_))));
}
