use super::world::{Answer, World};

/// A tag set as `key=value` in order.
fn tags(answer: &Answer) -> Vec<String> {
    let values = answer.all("value");
    answer.all("key").iter().zip(values).map(|(key, value)| format!("{key}={value}")).collect()
}

#[tokio::test]
async fn tags_are_noted_shown_filtered_and_removed() {
    let world = World::new().await;
    let (alice, bob, image) =
        (world.user("alice").await, world.user("bob").await, world.image().await.to_string());
    let launch = [
        ("ImageId", image.as_str()),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "web <1>"),
        ("TagSpecification.2.ResourceType", "volume"),
        ("TagSpecification.2.Tag.1.Key", "Name"),
    ];
    let run = world.call(&alice, "RunInstances", &launch).await.good();
    let id = run.text("instanceId").to_owned();
    let more = [
        ("ResourceId.1", id.as_str()),
        ("ResourceId.2", &image),
        ("Tag.1.Key", "tier"),
        ("Tag.1.Value", "front"),
        ("Tag.2.Key", "empty"),
        ("Tag.2.Value", ""),
    ];
    world.call(&alice, "CreateTags", &more).await.good();
    let all = world.call(&alice, "DescribeTags", &[]).await.good();
    assert_eq!(
        tags(&all),
        ["empty=", "tier=front", "Name=web &lt;1&gt;", "empty=", "tier=front"],
        "by id and key: emi- before i-"
    );
    assert_eq!(all.all("resourceType"), ["image", "image", "instance", "instance", "instance"]);
    let own = [("Filter.1.Name", "resource-id"), ("Filter.1.Value.1", &id)];
    let page = [&own[..], &[("MaxResults", "2")]].concat();
    let first = world.call(&alice, "DescribeTags", &page).await.good();
    assert_eq!(tags(&first), ["Name=web &lt;1&gt;", "empty="]);
    let token = first.text("nextToken").to_owned();
    let page = [&own[..], &[("MaxResults", "2"), ("NextToken", &token)]].concat();
    let second = world.call(&alice, "DescribeTags", &page).await.good();
    assert_eq!((tags(&second), second.all("nextToken").len()), (vec!["tier=front".to_owned()], 0));

    let empty = [("Filter.1.Name", "value"), ("Filter.1.Value.1", "")];
    let found = world.call(&alice, "DescribeTags", &empty).await.good();
    assert_eq!(tags(&found), ["empty=", "empty="], "a filter's value may be empty");
    let stays = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "tier"), ("Tag.1.Value", "")];
    world.call(&alice, "DeleteTags", &stays).await.good();
    let all = world.call(&alice, "DescribeTags", &own).await.good();
    assert_eq!(all.all("key").len(), 3, "only a tag without a value would have been removed");
    let gone = [("ResourceId.1", id.as_str()), ("Tag.1.Key", "tier"), ("Tag.2.Key", "none")];
    world.call(&alice, "DeleteTags", &gone).await.good();
    let left = world.call(&alice, "DescribeTags", &own).await.good();
    assert_eq!(tags(&left), ["Name=web &lt;1&gt;", "empty="]);
    assert_eq!(world.call(&bob, "DescribeTags", &[]).await.good().all("key").len(), 0);
}

#[tokio::test]
async fn only_what_the_caller_may_see_is_tagged() {
    let world = World::new().await;
    let (alice, bob, image) =
        (world.user("alice").await, world.user("bob").await, world.image().await.to_string());
    let launch = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let run = world.call(&alice, "RunInstances", &launch).await.good();
    let id = run.text("instanceId");
    let vpcs = world.call(&alice, "DescribeVpcs", &[]).await.good();
    let (vpc, eni) = (vpcs.text("vpcId"), id.replace("i-", "eni-"));
    let subnets = world.call(&alice, "DescribeSubnets", &[]).await.good();
    let subnet = subnets.text("subnetId");
    for (name, code) in [
        (id, "InvalidInstanceID.NotFound"),
        (&eni, "InvalidNetworkInterfaceID.NotFound"),
        (vpc, "InvalidVpcID.NotFound"),
        (subnet, "InvalidSubnetID.NotFound"),
    ] {
        let tag = [("ResourceId.1", name), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")];
        world.call(&alice, "CreateTags", &tag).await.good();
        let refused = world.call(&bob, "CreateTags", &tag).await;
        assert_eq!(refused.refusal(), (400, code), "{name}");
        let refused = world.call(&bob, "DeleteTags", &tag[..2]).await;
        assert_eq!(refused.refusal(), (400, code), "{name}");
    }
    let filters = [("Filter.1.Name", "tag:k"), ("Filter.1.Value.1", "v")];
    for action in ["DescribeVpcs", "DescribeSubnets", "DescribeNetworkInterfaces"] {
        let found = world.call(&alice, action, &filters).await.good();
        assert_eq!(found.all("key"), ["k"], "{action}");
        assert_eq!(world.call(&bob, action, &filters).await.good().all("key").len(), 0);
    }
    for (name, code) in [
        ("i-00000000", "InvalidInstanceID.NotFound"),
        ("emi-00000000", "InvalidAMIID.NotFound"),
        ("sg-00000000", "InvalidGroup.NotFound"),
        ("sgr-00000000", "InvalidSecurityGroupRuleId.NotFound"),
        ("key-00000000", "InvalidKeyPair.NotFound"),
        ("eipalloc-00000000", "InvalidAllocationID.NotFound"),
        ("vol-00000000", "InvalidID"),
        ("i-0", "InvalidID"),
        ("<", "InvalidID"),
    ] {
        let tag = [("ResourceId.1", name), ("Tag.1.Key", "k")];
        assert_eq!(world.call(&alice, "CreateTags", &tag).await.refusal(), (400, code), "{name}");
    }
    for key in ["aws:x", &"k".repeat(129)] {
        let tag = [("ResourceId.1", id), ("Tag.1.Key", key)];
        let refused = world.call(&alice, "CreateTags", &tag).await;
        assert_eq!(refused.refusal(), (400, "InvalidParameterValue"), "{key}");
    }
}
