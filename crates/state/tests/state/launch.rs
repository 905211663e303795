use crate::world::{NOW, World, cluster, new_image, node, report};
use futures_util::future::join_all;
use protocol::{Goal, InstancePhase, NodeStatus, Standing};
use state::{Error, GroupRef, ImageChange, Launcher, NewImage, RunRequest};
use std::collections::BTreeSet;
use types::{ImageId, ImageKind, InstanceState};

#[tokio::test]
async fn a_launch_gives_network_addresses_and_ids_and_a_new_generation() {
    let world = World::with_cores(8).await;
    let before = world.generation().await;
    let request = RunRequest {
        min_count: 2,
        max_count: 3,
        user_data: b"#!/bin/sh\n\0\xff".to_vec(),
        ..world.request(&world.admin)
    };
    let outcome = world.state.run_instances(request, NOW).await.unwrap();
    assert!(outcome.launched);
    let reservation = outcome.reservation;
    assert_eq!(reservation.groups[0].1.as_str(), "default");
    let shown: Vec<_> = reservation
        .instances
        .iter()
        .map(|i| (i.launch_index, i.ip.to_string(), i.tag.unwrap().get(), i.state))
        .collect();
    let pending = InstanceState::Pending;
    assert_eq!(
        shown,
        [
            (0, "172.19.2.2".to_owned(), 10, pending),
            (1, "172.19.2.3".to_owned(), 10, pending),
            (2, "172.19.2.4".to_owned(), 10, pending),
        ]
    );
    let desired = world.desired().await;
    assert!(desired.generation > before);
    assert_eq!(desired.instances.len(), 3);
    let first = &desired.instances[0];
    assert_eq!((first.goal, first.user.as_str()), (Goal::Run, "admin"));
    assert_eq!(first.user_data, b"#!/bin/sh\n\0\xff");
    assert_eq!(first.kernel.as_ref().unwrap().id, world.kernel.id);
    assert_eq!(first.groups[0].as_str(), "default");
    let network = &desired.networks[0];
    assert_eq!(network.subnet.to_string(), "172.19.2.0/26");
    assert_eq!(network.router.to_string(), "172.19.2.1");
    assert_eq!(network.user.as_str(), "admin");
}

#[tokio::test]
async fn what_a_launch_names_must_exist_and_be_permitted() {
    let world = World::with_cores(8).await;
    let alice = world.user("alice").await;
    let mut private = new_image(ImageKind::Machine, &world.admin);
    private.public = false;
    let private = world.state.register_image(private, NOW).await.unwrap();
    let ask = world.request(&alice);
    let group = |name: &str| GroupRef::Name(name.parse().unwrap());
    let cases: [(&str, RunRequest); 9] = [
        (
            "the image \"emi-00000001\" does not exist",
            RunRequest { image: ImageId::from_bits(ImageKind::Machine, 1), ..ask.clone() },
        ),
        ("does not exist", RunRequest { image: private.id, ..ask.clone() }),
        ("is not the id of a machine image", RunRequest { image: world.kernel.id, ..ask.clone() }),
        (
            "is not the id of a ramdisk",
            RunRequest { ramdisk: Some(world.kernel.id), ..ask.clone() },
        ),
        (
            "instance type does not exist: m9.huge",
            RunRequest { vm_type: "m9.huge".into(), ..ask.clone() },
        ),
        (
            "the availability zone \"mars\" does not exist",
            RunRequest { cluster: Some("mars".parse().unwrap()), ..ask.clone() },
        ),
        (
            "the key pair \"mine\" does not exist",
            RunRequest { key: Some("mine".parse().unwrap()), ..ask.clone() },
        ),
        (
            "the security group \"web\" does not exist",
            RunRequest { groups: vec![group("default"), group("web")], ..ask.clone() },
        ),
        (
            "9 of m1.small wanted, 8 available in any availability zone",
            RunRequest { min_count: 9, max_count: 9, ..ask },
        ),
    ];
    for (expect, request) in cases {
        let error = world.state.run_instances(request, NOW).await.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    assert!(world.desired().await.instances.is_empty());
    assert!(world.desired().await.networks.is_empty());
}

#[tokio::test]
async fn permission_is_needed_on_image_kernel_and_ramdisk_wherever_they_are_named() {
    let world = World::with_cores(8).await;
    let alice = world.user("alice").await;
    let register = async |kind, public| {
        let image = NewImage { public, ..new_image(kind, &world.admin) };
        world.state.register_image(image, NOW).await.unwrap().id
    };
    let open = register(ImageKind::Ramdisk, true).await;
    let (kernel, ramdisk) =
        (register(ImageKind::Kernel, false).await, register(ImageKind::Ramdisk, false).await);
    let ask = world.request(&alice);
    let run = async |request| {
        let outcome = world.state.run_instances(request, NOW).await;
        outcome.map(|outcome| outcome.reservation.instances[0].ramdisk)
    };
    for (kernel, ramdisk) in [(Some(kernel), None), (None, Some(ramdisk))] {
        let refused = run(RunRequest { kernel, ramdisk, ..ask.clone() }).await;
        assert!(matches!(refused, Err(Error::ImageNotFound(_))), "{kernel:?} {ramdisk:?}");
    }
    world.state.set_default_image(ImageKind::Ramdisk, Some(ramdisk)).await.unwrap();
    assert!(matches!(run(ask.clone()).await, Err(Error::ImageNotFound(id)) if id == ramdisk));
    let named = RunRequest { ramdisk: Some(open), ..ask.clone() };
    assert_eq!(run(named).await.unwrap(), Some(open));
    let add = vec![Launcher::User("alice".to_owned())];
    let change = ImageChange::LaunchPermission { add, remove: vec![] };
    world.state.change_image(ramdisk, world.admin.clone(), change).await.unwrap();
    assert_eq!(run(ask).await.unwrap(), Some(ramdisk));
}

#[tokio::test]
async fn the_kernel_is_the_requests_else_the_images_else_the_default() {
    let world = World::with_cores(8).await;
    let bare = new_image(ImageKind::Machine, &world.admin);
    let bare = world.state.register_image(bare, NOW).await.unwrap();
    let other = new_image(ImageKind::Kernel, &world.admin);
    let other = world.state.register_image(other, NOW).await.unwrap();
    let ask = RunRequest { image: bare.id, ..world.request(&world.admin) };
    let run = async |request| world.state.run_instances(request, NOW).await;
    assert!(matches!(run(ask.clone()).await, Err(Error::KernelMissing)));
    world.state.set_default_image(ImageKind::Kernel, Some(other.id)).await.unwrap();
    let kernel = |outcome: state::RunOutcome| outcome.reservation.instances[0].kernel;
    assert_eq!(kernel(run(ask.clone()).await.unwrap()), Some(other.id));
    assert_eq!(kernel(run(world.request(&world.admin)).await.unwrap()), Some(world.kernel.id));
    let named = RunRequest { kernel: Some(other.id), ..world.request(&world.admin) };
    assert_eq!(kernel(run(named).await.unwrap()), Some(other.id));
}

#[tokio::test]
async fn two_launches_for_the_last_slot_get_one() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    let (one, two) = tokio::join!(
        world.state.run_instances(world.request(&world.admin), NOW),
        world.state.run_instances(world.request(&alice), NOW),
    );
    assert_eq!(u32::from(one.is_ok()) + u32::from(two.is_ok()), 1);
    let refused = one.err().or(two.err()).unwrap();
    assert!(matches!(refused, Error::NoCapacity { wanted: 1, available: 0, .. }), "{refused}");
    assert_eq!(world.desired().await.instances.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_launches_at_once_share_nothing() {
    let world = World::with_cores(100).await;
    let mut users = vec![];
    for n in 0..5 {
        users.push(world.user(&format!("user{n}")).await);
    }
    let launches = (0..50).map(|n| {
        let request = RunRequest { max_count: 2, ..world.request(&users[n % 5]) };
        let state = world.state.clone();
        tokio::spawn(async move { state.run_instances(request, NOW).await.unwrap() })
    });
    let outcomes = join_all(launches).await;
    let instances: Vec<_> =
        outcomes.into_iter().flat_map(|done| done.unwrap().reservation.instances).collect();
    assert_eq!(instances.len(), 100);
    assert_eq!(instances.iter().map(|i| i.id).collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(instances.iter().map(|i| i.ip).collect::<BTreeSet<_>>().len(), 100);
    let mut owner_of_tag: Vec<_> = instances.iter().map(|i| (i.tag, i.account)).collect();
    owner_of_tag.sort();
    owner_of_tag.dedup();
    assert_eq!(owner_of_tag.len(), 5, "one network per user: {owner_of_tag:?}");
}

#[tokio::test]
async fn capacity_counts_what_waits_what_runs_and_only_usable_nodes() {
    let world = World::with_cores(2).await;
    let room = async || {
        let zone = "zone1".parse().unwrap();
        world.state.type_capacities(&zone).await.unwrap()[0].room
    };
    assert_eq!((room().await.free, room().await.max), (2, 2));
    let instance = world.launch(1).await.remove(0);
    assert_eq!((room().await.free, room().await.max), (1, 2), "it waits for a node");
    world.observe(vec![report(instance.id, InstancePhase::Running)]).await;
    assert_eq!((room().await.free, room().await.max), (1, 2), "it runs");
    let mut silent = node("node1", 2);
    silent.reachable = false;
    world.observe_nodes(vec![silent, node("node2", 1)], vec![]).await;
    assert_eq!((room().await.free, room().await.max), (1, 1), "node1 cannot take more");
}

#[tokio::test]
async fn a_node_that_gets_nothing_new_counts_for_what_there_is_and_not_for_what_is_free() {
    let world = World::with_cores(2).await;
    let zone = "zone1".parse().unwrap();
    for closed in [Standing::Draining, Standing::Leaving] {
        let nodes = vec![NodeStatus { standing: closed, ..node("node1", 2) }, node("node2", 1)];
        world.observe_nodes(nodes.clone(), vec![]).await;
        assert_eq!(world.state.clusters().await.unwrap()[0].nodes, nodes, "kept as reported");
        let room = world.state.type_capacities(&zone).await.unwrap()[0].room;
        assert_eq!((room.free, room.max), (1, 3), "{closed:?}");
        let two = RunRequest { min_count: 2, max_count: 2, ..world.request(&world.admin) };
        let refused = world.state.run_instances(two, NOW).await.unwrap_err();
        assert!(matches!(refused, Error::NoCapacity { .. }), "{refused}");
    }
    world.launch(1).await;
}

#[tokio::test]
async fn the_cluster_with_most_room_takes_the_whole_launch() {
    let world = World::with_cores(1).await;
    world.state.configure_cluster(cluster("zone2", "172.20.0.0/16", 64)).await.unwrap();
    let zone2 = "zone2".parse().unwrap();
    let big = crate::world::observed(vec![node("node9", 4)], vec![]);
    world.state.record_observed(zone2, big, NOW).await.unwrap();
    let request = RunRequest { max_count: 3, ..world.request(&world.admin) };
    let reservation = world.state.run_instances(request, NOW).await.unwrap().reservation;
    assert_eq!((reservation.cluster.as_str(), reservation.instances.len()), ("zone2", 3));
    let here = RunRequest {
        cluster: Some("zone1".parse().unwrap()),
        max_count: 3,
        ..world.request(&world.admin)
    };
    let reservation = world.state.run_instances(here, NOW).await.unwrap().reservation;
    assert_eq!((reservation.cluster.as_str(), reservation.instances.len()), ("zone1", 1));
}

#[tokio::test]
async fn addresses_and_networks_run_out_with_words() {
    // Ten networks of four addresses fit below 10.0.0.40, and the first eight are not used.
    let world = World::with(100, cluster("zone1", "10.0.0.0/26", 4)).await;
    let ask = RunRequest { min_count: 2, max_count: 2, ..world.request(&world.admin) };
    let error = world.state.run_instances(ask, NOW).await.unwrap_err();
    assert!(matches!(error, Error::AddressesExhausted { wanted: 2, available: 1, .. }));
    for n in 0..8 {
        let user = world.user(&format!("user{n}")).await;
        let outcome = world.state.run_instances(world.request(&user), NOW).await.unwrap();
        assert_eq!(outcome.reservation.instances[0].tag.unwrap().get(), 10 + n);
    }
    let error = world.state.run_instances(world.request(&world.admin), NOW).await.unwrap_err();
    assert!(matches!(error, Error::NetworksExhausted { in_use: 8, .. }), "{error}");
}

#[tokio::test]
async fn a_new_vnet_subnet_leaves_active_networks_alone() {
    let world = World::with_cores(10).await;
    world.launch(1).await;
    world.state.configure_cluster(cluster("zone1", "172.19.2.0/24", 8)).await.unwrap();
    assert_eq!(world.launch(1).await[0].ip.to_string(), "172.19.2.3", "the network that it had");
    let alice = world.user("alice").await;
    let instance = world.launch_as(&alice, 1).await.remove(0);
    assert_eq!(instance.ip.to_string(), "172.19.2.66", "not in the subnet that is in use");
}

#[tokio::test]
async fn a_cluster_that_left_the_configuration_takes_no_launches() {
    let world = World::with_cores(4).await;
    world.state.configure_cluster(cluster("zone2", "172.20.0.0/16", 64)).await.unwrap();
    world.state.configure_cluster(cluster("zone3", "172.21.0.0/16", 64)).await.unwrap();
    let instance = world.launch(1).await.remove(0);
    world.state.retire_other_clusters(vec!["zone2".parse().unwrap()]).await.unwrap();
    let clusters = world.state.clusters().await.unwrap();
    let names: Vec<_> = clusters.iter().map(|cluster| cluster.config.name.as_str()).collect();
    assert_eq!(names, ["zone1", "zone2"], "zone1 has an instance, zone3 never had one");
    assert!(!clusters[0].reachable);
    let refused = world.state.run_instances(world.request(&world.admin), NOW).await;
    assert!(matches!(refused, Err(Error::NoCapacity { available: 0, .. })));
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!((seen.state, seen.impaired), (InstanceState::Pending, true));
}

#[tokio::test]
async fn five_hundred_instances_are_launched_by_one_call_and_described_with_their_groups() {
    let world = World::with(1000, cluster("zone1", "10.0.0.0/8", 1024)).await;
    assert_eq!(world.launch(500).await.len(), 500);
    for _ in 0..500 {
        world.launch(1).await;
    }
    let all = world.state.describe_instances(&Default::default(), NOW).await.unwrap();
    assert_eq!(all.iter().map(|reservation| reservation.instances.len()).sum::<usize>(), 1000);
    assert_eq!(all.len(), 501);
    assert!(all.iter().all(|reservation| reservation.groups[0].1.as_str() == "default"));
}
