use super::world::World;

#[tokio::test]
async fn addresses_in_the_way_of_old_tools() {
    let world = World::new().await;
    let (alice, old) = (world.user("alice").await, "2008-12-01");
    let given = world.call_in(old, &alice, "AllocateAddress", &[]).await.good();
    assert_eq!((given.text("publicIp"), given.all("allocationId").len()), ("192.0.2.10", 0));
    let image = world.image().await.to_string();
    let launch = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let run = world.call_in(old, &alice, "RunInstances", &launch).await.good();
    let id = run.text("instanceId");
    let ip = [("PublicIp", "192.0.2.10")];
    let list = |answer: super::world::Answer| {
        let ids = answer.all("instanceId").into_iter().map(str::to_owned);
        answer.all("publicIp").into_iter().map(str::to_owned).zip(ids).collect::<Vec<_>>()
    };
    let shown = |ip: &str, id: &str| (ip.to_owned(), id.to_owned());
    let free = world.call_in(old, &alice, "DescribeAddresses", &[]).await.good();
    assert_eq!(list(free), [shown("192.0.2.10", "available")]);
    let pair = [ip[0], ("InstanceId", id)];
    let done = world.call_in(old, &alice, "AssociateAddress", &pair).await.good();
    assert_eq!((done.text("return"), done.all("associationId").len()), ("true", 0));
    let lead = world.call_in(old, &alice, "DescribeAddresses", &ip).await.good();
    assert_eq!(list(lead), [shown("192.0.2.10", id)]);
    let all = world.call_in(old, &world.admin, "DescribeAddresses", &[]).await.good();
    let all = list(all);
    assert_eq!(all[0], shown("192.0.2.10", &format!("{id} (alice)")));
    assert_eq!((&all[1], all.len()), (&shown("192.0.2.11", "nobody"), 6), "the pool");
    world.call_in(old, &alice, "DisassociateAddress", &ip).await.good();
    world.call_in(old, &alice, "AssociateAddress", &pair).await.good();
    world.call_in(old, &alice, "ReleaseAddress", &ip).await.good();
    let gone = world.call_in(old, &alice, "DescribeAddresses", &ip).await;
    assert_eq!(gone.refusal(), (400, "InvalidAddress.NotFound"));
}

#[tokio::test]
async fn addresses_in_the_way_of_today() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let tagged = [
        ("Domain", "vpc"),
        ("TagSpecification.1.ResourceType", "elastic-ip"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", "front"),
    ];
    let given = world.call(&alice, "AllocateAddress", &tagged).await.good();
    let allocation = given.text("allocationId");
    assert_eq!(given.text("domain"), "vpc");
    let image = world.image().await.to_string();
    let launch = [("ImageId", image.as_str()), ("MinCount", "2"), ("MaxCount", "2")];
    let run = world.call(&alice, "RunInstances", &launch).await.good();
    let (one, two) = (run.all("instanceId")[0], run.all("instanceId")[1]);
    let eni = one.replace("i-", "eni-");
    let pair = [("AllocationId", allocation), ("NetworkInterfaceId", &eni)];
    let pair = world.call(&alice, "AssociateAddress", &pair).await.good();
    let association = pair.text("associationId");
    let stay = [("AllocationId", allocation), ("InstanceId", two), ("AllowReassociation", "false")];
    let refused = world.call(&alice, "AssociateAddress", &stay).await;
    assert_eq!(refused.refusal(), (400, "Resource.AlreadyAssociated"));

    let filters = [("Filter.1.Name", "tag:Name"), ("Filter.1.Value.1", "fr*")];
    let shown = world.call(&alice, "DescribeAddresses", &filters).await.good();
    for (element, value) in [
        ("publicIp", "192.0.2.10"),
        ("allocationId", allocation),
        ("associationId", association),
        ("instanceId", one),
        ("networkInterfaceId", &eni),
        ("networkInterfaceOwnerId", &alice.account.to_string()),
        ("key", "Name"),
    ] {
        assert_eq!(shown.text(element), value, "{element}");
    }
    let interfaces = world.call(&alice, "DescribeNetworkInterfaces", &[]).await.good();
    assert_eq!(interfaces.all("networkInterfaceId").len(), 2);
    let mut public = interfaces.all("publicIp");
    public.sort_unstable();
    let both = ["192.0.2.10", "192.0.2.10", "192.0.2.12", "192.0.2.12"];
    assert_eq!(public, both, "twice of each interface");
    let used = world.call(&alice, "ReleaseAddress", &[("AllocationId", allocation)]).await;
    assert_eq!(used.refusal(), (400, "InvalidIPAddress.InUse"));
    let apart = [("AssociationId", association)];
    world.call(&alice, "DisassociateAddress", &apart).await.good();
    let gone = world.call(&alice, "DisassociateAddress", &apart).await;
    assert_eq!(gone.refusal(), (400, "InvalidAssociationID.NotFound"));
    world.call(&alice, "ReleaseAddress", &[("AllocationId", allocation)]).await.good();
    assert_eq!(world.call(&alice, "DescribeTags", &[]).await.good().all("key").len(), 0);
    let both = [("AllocationId", allocation), ("PublicIp", "192.0.2.10")];
    let refused = world.call(&alice, "ReleaseAddress", &both).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterCombination"));
}

#[tokio::test]
async fn the_limit_and_the_end_of_the_pool_are_told() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    for _ in 0..5 {
        world.call(&alice, "AllocateAddress", &[]).await.good();
    }
    let refused = world.call(&alice, "AllocateAddress", &[]).await;
    assert_eq!(refused.refusal(), (400, "AddressLimitExceeded"));
    world.call(&bob, "AllocateAddress", &[]).await.good();
    let refused = world.call(&bob, "AllocateAddress", &[]).await;
    assert_eq!(refused.refusal(), (400, "InsufficientAddressCapacity"));
}

#[tokio::test]
async fn each_launch_has_an_address_that_is_not_the_users() {
    let world = World::new().await;
    let (alice, old) = (world.user("alice").await, "2008-12-01");
    let image = world.image().await.to_string();
    let launch = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let run = world.call(&alice, "RunInstances", &launch).await.good();
    let id = run.text("instanceId");
    for (element, value) in [
        ("dnsName", "192.0.2.10"),
        ("ipAddress", "192.0.2.10"),
        ("publicIp", "192.0.2.10"),
        ("ipOwnerId", "amazon"),
    ] {
        assert_eq!(run.text(element), value, "{element}");
    }
    assert_eq!(run.all("associationId").len() + run.all("allocationId").len(), 0);
    let address = [("Filter.1.Name", "ip-address"), ("Filter.1.Value.1", "192.0.2.10")];
    let found = world.call(&alice, "DescribeInstances", &address).await.good();
    assert_eq!(found.text("instanceId"), id);
    for version in [old, "2016-11-15"] {
        let hers = world.call_in(version, &alice, "DescribeAddresses", &[]).await.good();
        assert_eq!(hers.all("publicIp").len(), 0);
    }
    let all = world.call_in(old, &world.admin, "DescribeAddresses", &[]).await.good();
    assert_eq!(all.all("instanceId")[..2], [format!("{id} (eucalyptus)"), "nobody".to_owned()]);
    let subnets = world.call(&alice, "DescribeSubnets", &[]).await.good();
    assert_eq!(subnets.text("mapPublicIpOnLaunch"), "true");

    let own = world.call(&alice, "AllocateAddress", &[]).await.good();
    let elastic = own.text("publicIp");
    let pair = [("PublicIp", elastic), ("InstanceId", id)];
    world.call(&alice, "AssociateAddress", &pair).await.good();
    let shown = world.call(&alice, "DescribeInstances", &[]).await.good();
    assert_eq!(
        (shown.text("dnsName"), shown.text("ipOwnerId")),
        (elastic, &*alice.account.to_string())
    );
    world.call(&alice, "DisassociateAddress", &pair[..1]).await.good();
    let shown = world.call(&alice, "DescribeInstances", &[]).await.good();
    assert_eq!((shown.text("dnsName"), shown.text("ipOwnerId")), ("192.0.2.10", "amazon"));
}

#[tokio::test]
async fn a_launch_without_a_public_address_says_why() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let image = world.image().await.to_string();
    let launch = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let private = |more: (&'static str, &'static str)| [&launch[..], &[more]].concat();
    for more in
        [("AddressingType", "private"), ("NetworkInterface.1.AssociatePublicIpAddress", "false")]
    {
        let run = world.call(&alice, "RunInstances", &private(more)).await.good();
        assert_eq!(run.text("dnsName"), run.text("privateDnsName"), "{more:?}");
        assert_eq!(
            (run.all("publicIp").len(), run.all("reason").len()),
            (0, 0),
            "it was asked for"
        );
    }
    for _ in 0..5 {
        world.call(&alice, "AllocateAddress", &[]).await.good();
    }
    world.call(&bob, "AllocateAddress", &[]).await.good();
    let run = world.call(&alice, "RunInstances", &launch).await.good();
    assert_eq!(run.text("dnsName"), run.text("privateDnsName"));
    world.settle().await;
    let code = [
        ("Filter.1.Name", "state-reason-code"),
        ("Filter.1.Value.1", "Server.InsufficientAddressCapacity"),
    ];
    let shown = world.call(&alice, "DescribeInstances", &code).await.good();
    assert_eq!(shown.all("instanceId"), [run.text("instanceId")]);
    let said = "Server.InsufficientAddressCapacity: no public address was free";
    assert!(shown.text("message").starts_with(said), "{}", shown.text("message"));
    assert_eq!(shown.text("message"), shown.text("reason"));
    assert_eq!((shown.text("name"), shown.text("code")), ("running", "16"));
}
