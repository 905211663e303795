use super::world::{NEW, World};

/// What a launch of so many instances takes.
fn launch<'a>(image: &'a str, count: &'a str) -> [(&'static str, &'a str); 3] {
    [("ImageId", image), ("MinCount", count), ("MaxCount", count)]
}

#[tokio::test]
async fn instances_come_in_pages_that_hold_each_once() {
    let world = World::new().await;
    let (alice, image) = (world.user("alice").await, world.image().await.to_string());
    for count in ["3", "1", "2"] {
        world.call(&alice, "RunInstances", &launch(&image, count)).await.good();
        world.pass_time(1000);
    }
    let whole = world.call(&alice, "DescribeInstances", &[]).await.good();
    let mut token = String::new();
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let mut pairs = vec![("MaxResults", "2")];
        if !token.is_empty() {
            pairs.push(("NextToken", &token));
        }
        let page = world.call(&alice, "DescribeInstances", &pairs).await.good();
        let ids = page.all("instanceId").into_iter().map(str::to_owned);
        let before = seen.len();
        seen.extend(ids);
        sizes.push(seen.len() - before);
        match page.all("nextToken").first() {
            Some(next) => token = (*next).to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [2, 2, 2]);
    assert_eq!(seen, whole.all("instanceId"), "in the order of launch");
    for (most, token, code) in [
        ("0", None, "InvalidParameterValue"),
        ("1001", None, "InvalidParameterValue"),
        ("5", Some("%%"), "InvalidNextToken"),
    ] {
        let pairs: Vec<_> =
            [("MaxResults", most)].into_iter().chain(token.map(|it| ("NextToken", it))).collect();
        let refused = world.call(&alice, "DescribeInstances", &pairs).await;
        assert_eq!(refused.refusal(), (400, code), "{pairs:?}");
    }
}

#[tokio::test]
async fn older_versions_show_nothing_of_what_came_later() {
    let world = World::new().await;
    let (alice, image) = (world.user("alice").await, world.image().await.to_string());
    let run = world.call(&alice, "RunInstances", &launch(&image, "1")).await.good();
    let tag = [("ResourceId.1", run.text("instanceId")), ("Tag.1.Key", "k")];
    world.call(&alice, "CreateTags", &tag).await.good();
    const LATER: [&str; 12] = [
        "<vpcId>",
        "<subnetId>",
        "<networkInterfaceSet>",
        "<tagSet>",
        "<tagSet/>",
        "<ipPermissionsEgress>",
        "<metadataOptions>",
        "<keyPairId>",
        "<zoneId>",
        "<hypervisor>",
        "<nextToken>",
        "<optInStatus>",
    ];
    for definition in crate::ec2::definitions() {
        let since = definition.since <= ec2_wire::Version::DEFAULT;
        if !definition.name.starts_with("Describe") || !since {
            continue;
        }
        let old = world.call_in("2008-12-01", &alice, definition.name, &[]).await;
        let found = LATER.iter().find(|element| old.body.contains(**element));
        assert_eq!(found, None, "{}: {}", definition.name, old.body);
    }
    let new = world.call_in(NEW, &alice, "DescribeInstances", &[]).await.good();
    for element in ["<vpcId>", "<networkInterfaceSet>", "<tagSet><item>", "<metadataOptions>"] {
        assert!(new.body.contains(element), "{element}");
    }
}
