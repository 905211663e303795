//! Clusters whose instances are on the site's own network.

use crate::world::{NOW, World, cluster, node, observed, report};
use protocol::{Attachment, ClusterSettings, InstanceObserved, InstancePhase, Networks};
use state::{AddressRef, ClusterConfig, Error, RunRequest};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{AddressPair, MacAddr, Tags, VnetMode};

fn pair(last: u8) -> AddressPair {
    let ip = Ipv4Addr::new(192, 168, 1, last);
    AddressPair { mac: MacAddr([0xaa, 0, 0, 0, 0, last]), ip }
}

fn pairs(lasts: &[u8]) -> Networks {
    let pairs = lasts.iter().copied().map(pair).collect();
    Networks::Static { subnet: "192.168.1.0/24".parse().unwrap(), pairs }
}

async fn world(networks: Networks) -> World {
    let config = ClusterConfig { networks, ..cluster("zone1", "10.0.0.0/8", 64) };
    World::with(64, config).await
}

/// The address of each instance that should be, with its Ethernet address.
async fn given(world: &World) -> Vec<(MacAddr, Option<Ipv4Addr>)> {
    let desired = world.desired().await;
    assert!(desired.networks.is_empty(), "no group has a network");
    desired.instances.iter().map(|it| (it.nic.mac, it.nic.ip())).collect()
}

/// What a controller in such a mode tells.
fn told_of(networks: Networks) -> ClusterSettings {
    ClusterSettings { networks, policy: "GREEDY".into(), public_addresses: None }
}

#[tokio::test]
async fn pairs_are_given_in_order_and_come_back_when_an_instance_is_known_to_be_gone() {
    let world = world(pairs(&[7, 3, 5])).await;
    let first = world.launch(2).await;
    let shown: Vec<_> = first.iter().map(|it| (it.mac, it.ip, it.tag)).collect();
    assert_eq!(shown, [(pair(7).mac, pair(7).ip, None), (pair(3).mac, pair(3).ip, None)]);
    world.launch(1).await;
    let expect = [7, 3, 5].map(|last| (pair(last).mac, Some(pair(last).ip)));
    assert_eq!(given(&world).await, expect);

    world.state.terminate_instances(None, vec![first[1].id], NOW).await.unwrap();
    let refused = world.state.run_instances(world.request(&world.admin), NOW).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, Error::PairsExhausted { available: 0, pairs: 3, .. }), "{text}");
    assert!(text.contains("VNET_MACMAP"), "{text}");

    world.observe(vec![report(first[1].id, InstancePhase::Terminated)]).await;
    assert_eq!(world.launch(1).await[0].ip, pair(3).ip);
}

#[tokio::test]
async fn a_launch_that_wants_less_takes_what_is_left() {
    let world = world(pairs(&[1, 2, 3])).await;
    let request = RunRequest { min_count: 1, max_count: 9, ..world.request(&world.admin) };
    let outcome = world.state.run_instances(request.clone(), NOW).await.unwrap();
    assert_eq!(outcome.reservation.instances.len(), 3);
    assert!(world.state.run_instances(request, NOW).await.is_err());
}

#[tokio::test]
async fn requests_at_once_never_get_the_same_pair() {
    let lasts: Vec<u8> = (10..30).collect();
    let world = world(pairs(&lasts)).await;
    let launch = || async {
        let launched = world.state.run_instances(world.request(&world.admin), NOW).await;
        launched.map(|outcome| outcome.reservation.instances[0].ip)
    };
    let outcomes = futures_util::future::join_all((0..32).map(|_| launch())).await;
    let won: Vec<_> = outcomes.iter().flatten().copied().collect();
    assert_eq!(won.iter().collect::<BTreeSet<_>>().len(), lasts.len());
    assert_eq!(won.len(), lasts.len());
    let lost = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    assert!(lost.clone().all(|error| matches!(error, Error::PairsExhausted { .. })));
    assert_eq!(lost.count(), 32 - lasts.len());
}

#[tokio::test]
async fn the_list_may_be_edited_and_instances_keep_what_they_have() {
    let world = world(pairs(&[1, 2])).await;
    world.launch(2).await;
    let before = given(&world).await;
    // the first is no longer listed, the second one's address has another card now
    let mut edited = vec![AddressPair { mac: pair(9).mac, ..pair(2) }, pair(3)];
    edited.push(AddressPair { ip: Ipv4Addr::new(192, 168, 1, 4), ..pair(1) });
    let networks = Networks::Static { subnet: "192.168.1.0/24".parse().unwrap(), pairs: edited };
    let mut told = observed(vec![node("node1", 64)], vec![]);
    told.settings = Some(told_of(networks.clone()));
    world.state.record_observed("zone1".parse().unwrap(), told, NOW).await.unwrap();
    let known = world.state.clusters().await.unwrap().remove(0);
    assert_eq!(known.settings.unwrap().networks, networks);
    assert_eq!(given(&world).await, before);
    assert_eq!(world.launch(1).await[0].ip, pair(3).ip, "the only one that nobody has a part of");
    assert!(world.state.run_instances(world.request(&world.admin), NOW).await.is_err());
}

#[tokio::test]
async fn an_address_of_the_site_is_shown_when_it_is_found_and_not_before() {
    let world = world(Networks::System).await;
    let launched = world.launch(3).await;
    let id = launched[0].id;
    assert_eq!((launched[0].ip, launched[0].tag), (Ipv4Addr::UNSPECIFIED, None));
    assert_eq!(launched[0].mac, MacAddr::of_instance(id));
    let desired = world.desired().await;
    assert!(desired.instances.iter().all(|it| it.nic.attachment == Attachment::Site { ip: None }));

    let found = Some(Ipv4Addr::new(10, 9, 0, 7));
    let running = InstanceObserved { address: found, ..report(id, InstancePhase::Running) };
    world.observe(vec![running.clone()]).await;
    assert_eq!(Some(world.see(id, NOW).await.unwrap().ip), found);
    let other = InstanceObserved { address: Some([10, 9, 0, 8].into()), ..running };
    world.observe(vec![other]).await;
    assert_eq!(world.see(id, NOW).await.unwrap().ip, Ipv4Addr::new(10, 9, 0, 8));
    let world = world.reopened().await;
    assert_eq!(world.see(id, NOW).await.unwrap().ip, Ipv4Addr::new(10, 9, 0, 8));
}

#[tokio::test]
async fn where_no_cluster_has_elastic_addresses_every_call_about_them_says_so() {
    let world = world(Networks::System).await;
    let id = world.launch(1).await[0].id;
    let (state, admin) = (&world.state, world.admin.account);
    let named = AddressRef::Ip([192, 0, 2, 10].into());
    let answers = [
        state.allocate_address(admin, None, Tags::new()).await.err(),
        state.associate_address(admin, named, id, true, NOW).await.err(),
        state.disassociate_address(Some(admin), named).await.err(),
        state.release_address(Some(admin), named).await.err(),
    ];
    for answer in answers {
        let answer = answer.expect("no success");
        let is_clear = matches!(answer, Error::NoElasticAddresses { mode: VnetMode::System, .. });
        assert!(is_clear && answer.to_string().contains("is SYSTEM"), "{answer}");
    }
}

#[tokio::test]
async fn an_elastic_address_of_one_cluster_does_not_lead_to_another_ones_site() {
    let world = World::with_cores(8).await;
    let public_addresses = "192.0.2.10".parse().unwrap();
    let near = ClusterConfig { public_addresses, ..cluster("zone1", "172.19.0.0/16", 64) };
    world.state.configure_cluster(near).await.unwrap();
    let far = ClusterConfig { networks: pairs(&[1]), ..cluster("far", "10.0.0.0/8", 64) };
    world.state.configure_cluster(far).await.unwrap();
    let told = observed(vec![node("node9", 8)], vec![]);
    world.state.record_observed("far".parse().unwrap(), told, NOW).await.unwrap();
    let request =
        RunRequest { cluster: Some("far".parse().unwrap()), ..world.request(&world.admin) };
    let there = world.state.run_instances(request, NOW).await.unwrap();
    let id = there.reservation.instances[0].id;
    let admin = world.admin.account;
    let address = world.state.allocate_address(admin, None, Tags::new()).await.unwrap();
    let named = AddressRef::Ip(address.ip);
    let refused = world.state.associate_address(admin, named, id, true, NOW).await.unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("the availability zone \"far\" is STATIC"), "{text}");
}

#[tokio::test]
async fn a_mode_is_not_taken_over_under_instances() {
    let world = World::with_cores(8).await;
    let id = world.launch(1).await[0].id;
    let system = ClusterConfig { networks: Networks::System, ..cluster("zone1", "10.0.0.0/8", 64) };
    let mode = async || {
        let known = world.state.clusters().await.unwrap().remove(0);
        (known.settings.unwrap().networks.mode(), known.problems)
    };
    world.state.configure_cluster(system.clone()).await.unwrap();
    assert_eq!(mode().await.0, VnetMode::Managed, "the cloud was started with another mode");

    let settings = Some(told_of(Networks::System));
    let told = |instances| protocol::ClusterObserved {
        settings: settings.clone(),
        ..observed(vec![node("node1", 8)], instances)
    };
    let zone = || "zone1".parse().unwrap();
    world.state.record_observed(zone(), told(vec![]), NOW).await.unwrap();
    let (kept, problems) = mode().await;
    assert_eq!(kept, VnetMode::Managed);
    assert!(problems[0].contains("its VNET_MODE is SYSTEM now"), "{problems:?}");

    let gone = report(id, InstancePhase::Terminated);
    world.state.record_observed(zone(), told(vec![gone]), NOW).await.unwrap();
    assert_eq!(mode().await, (VnetMode::System, vec![]));
}
