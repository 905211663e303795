use super::world::{HOST, PATH, World};
use protocol::CallError;

const ZONES: &str = "DescribeAvailabilityZones";

#[tokio::test]
async fn zones_are_shown_as_each_generation_of_tools_expects() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let new = world.call(&user, ZONES, &[("ZoneName.1", "one")]).await.good();
    assert_eq!((new.text("zoneName"), new.text("zoneState")), ("one", "available"));
    assert_eq!(new.text("regionName"), "eucalyptus");
    let old = world.call_in("2008-12-01", &user, ZONES, &[]).await.good();
    assert_eq!((old.text("zoneName"), old.text("zoneState")), ("one", "front-end"));
    let none = world.call(&user, ZONES, &[("ZoneName.1", "two")]).await;
    assert_eq!(none.refusal(), (400, "InvalidZone.NotFound"));
    let down = [("Filter.1.Name", "state"), ("Filter.1.Value.1", "unavailable")];
    assert!(world.call(&user, ZONES, &down).await.good().all("zoneName").is_empty());
}

#[tokio::test]
async fn verbose_shows_capacity_to_all_and_nodes_to_administrators() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let lines = async |user, names: &[(&str, &str)]| {
        let answer = world.call(user, ZONES, names).await.good();
        let states = answer.all("zoneState");
        let lines = answer.all("zoneName").into_iter().zip(states);
        lines.map(|(name, state)| format!("{name}\t{state}")).collect::<Vec<_>>()
    };
    let capacity = [
        "one\tfront-end",
        "|- vm types\tfree / max   cpu   ram  disk",
        "|- m1.small\t0008 / 0008   1    128    10",
        "|- c1.medium\t0008 / 0008   1    256    10",
        "|- m1.large\t0004 / 0004   2    512    10",
        "|- m1.xlarge\t0004 / 0004   2   1024    20",
        "|- c1.xlarge\t0002 / 0002   4   2048    20",
    ];
    let node = "|- node1\tcerts[cc=true,nc=true] @ Sun Jan 04 15:13:30 UTC 2009";
    assert_eq!(lines(&user, &[("ZoneName.1", "verbose")]).await, capacity);
    let all = [&capacity[..], &[node]].concat();
    assert_eq!(lines(&world.admin, &[("ZoneName.1", "verbose")]).await, all);
    let other = [("ZoneName.1", "verbose"), ("ZoneName.2", "node2")];
    assert_eq!(lines(&world.admin, &other).await, capacity);

    let image = world.image().await.to_string();
    let three = [("ImageId", image.as_str()), ("MinCount", "3"), ("MaxCount", "3")];
    world.call(&user, "RunInstances", &three).await.good();
    let after = lines(&user, &[("ZoneName.1", "verbose")]).await;
    assert_eq!(after[2], "|- m1.small\t0005 / 0008   1    128    10");
}

#[tokio::test]
async fn verbose_tells_whose_certificate_was_accepted_when_it_was_reached_last() {
    let world = World::new().await;
    let zone: types::ClusterName = "one".parse().unwrap();
    let silence = CallError::Unreachable("connection refused".into());
    let distrust = CallError::NotTrusted("UnknownIssuer".into());
    for (error, shown) in [
        (&silence, "certs[cc=true,nc=true]"),
        (&distrust, "certs[cc=false,nc=true]"),
        (&silence, "certs[cc=false,nc=true]"),
    ] {
        let now = world.cloud.now();
        world.cloud.state().record_silent(zone.clone(), error, now).await.unwrap();
        let verbose = [("ZoneName.1", "verbose")];
        let answer = world.call(&world.admin, ZONES, &verbose).await.good();
        let node = answer.all("zoneState").pop().unwrap();
        assert!(node.starts_with(shown), "{error}: {node}");
    }
}

#[tokio::test]
async fn the_region_names_where_its_api_is() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let shown = world.call(&user, "DescribeRegions", &[]).await.good();
    assert_eq!(shown.text("regionName"), "eucalyptus");
    assert_eq!(shown.text("regionEndpoint"), format!("http://{HOST}{PATH}"));
    let other = world.call(&user, "DescribeRegions", &[("RegionName.1", "us-east-1")]).await;
    assert_eq!(other.refusal(), (400, "InvalidParameterValue"));
}

#[tokio::test]
async fn sdks_see_the_region_and_its_zones_as_those_of_amazon() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let zones = async |pairs: &[(&str, &str)]| world.call(&user, ZONES, pairs).await.good();
    let all = zones(&[("AllAvailabilityZones", "true")]).await;
    for (element, text) in [
        ("optInStatus", "opt-in-not-required"),
        ("zoneId", "eucalyptus-one"),
        ("groupName", "eucalyptus"),
        ("networkBorderGroup", "eucalyptus"),
        ("zoneType", "availability-zone"),
    ] {
        assert_eq!(all.text(element), text);
    }
    let by_id = zones(&[("ZoneId.1", "eucalyptus-one")]).await;
    assert_eq!(by_id.all("zoneName"), ["one"]);
    let none = world.call(&user, ZONES, &[("ZoneId.1", "use1-az1")]).await;
    assert_eq!(none.refusal(), (400, "InvalidParameterValue"));
    for (name, value, found) in [
        ("zone-id", "eucalyptus-*", 1),
        ("zone-type", "local-zone", 0),
        ("group-name", "eucalyptus", 1),
        ("opt-in-status", "opt-in-not-required", 1),
    ] {
        let answer = zones(&[("Filter.1.Name", name), ("Filter.1.Value.1", value)]).await;
        assert_eq!(answer.all("zoneName").len(), found, "{name}");
    }
    let old = world.call_in("2013-02-01", &user, ZONES, &[]).await.good();
    assert!(old.all("zoneId").is_empty() && old.all("optInStatus").is_empty());
    let verbose = zones(&[("ZoneName.1", "verbose")]).await;
    assert!(verbose.all("zoneId").is_empty(), "its lines are those of 1.4");

    let regions = [("AllRegions", "true"), ("Filter.1.Name", "opt-in-status")];
    let regions = [&regions[..], &[("Filter.1.Value.1", "opt-in-not-required")]].concat();
    let shown = world.call(&user, "DescribeRegions", &regions).await.good();
    assert_eq!(shown.text("optInStatus"), "opt-in-not-required");
}
