use super::world::World;

#[tokio::test]
async fn every_account_has_one_vpc_that_stays_the_same() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let shown = world.call(&alice, "DescribeVpcs", &[]).await.good();
    let vpc = shown.text("vpcId");
    assert_eq!((shown.text("cidrBlock"), shown.text("isDefault")), ("10.5.0.0/16", "true"));
    let again = world.call(&alice, "DescribeVpcs", &[("VpcId.1", vpc)]).await.good();
    assert_eq!(again.all("vpcId"), [vpc]);
    let other = world.call(&bob, "DescribeVpcs", &[("VpcId.1", vpc)]).await;
    assert_eq!(other.refusal(), (400, "InvalidVpcID.NotFound"));
    let default = [("Filter.1.Name", "isDefault"), ("Filter.1.Value.1", "true")];
    assert_eq!(world.call(&bob, "DescribeVpcs", &default).await.good().all("vpcId").len(), 1);
    let attribute = [("VpcId", vpc), ("Attribute", "enableDnsSupport")];
    let support = world.call(&alice, "DescribeVpcAttribute", &attribute).await.good();
    assert_eq!(support.text("value"), "true");

    let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc)];
    let subnets = world.call(&alice, "DescribeSubnets", &of_vpc).await.good();
    assert_eq!(subnets.all("availabilityZone"), ["one"]);
    assert_eq!(subnets.text("availableIpAddressCount"), "65536");
    assert_eq!(world.call(&bob, "DescribeSubnets", &of_vpc).await.good().all("vpcId").len(), 0);
    let tables = world.call(&alice, "DescribeRouteTables", &of_vpc).await.good();
    assert_eq!(tables.all("destinationCidrBlock"), ["10.5.0.0/16", "0.0.0.0/0"]);
    let attached = [("Filter.1.Name", "attachment.vpc-id"), ("Filter.1.Value.1", vpc)];
    let gateways = world.call(&alice, "DescribeInternetGateways", &attached).await.good();
    assert_eq!(gateways.text("internetGatewayId"), tables.all("gatewayId")[1]);
}

#[tokio::test]
async fn a_launch_names_its_zone_and_groups_by_subnet_and_interface() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let image = world.image().await.to_string();
    let subnets = world.call(&alice, "DescribeSubnets", &[]).await.good();
    let subnet = subnets.text("subnetId");
    let group = [("GroupName", "web"), ("GroupDescription", "w")];
    let group = world.call(&alice, "CreateSecurityGroup", &group).await.good();
    let group = group.text("groupId");
    let launch = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let with = |more: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        let all = launch.iter().chain(more.iter());
        all.map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let interface = [
        ("NetworkInterface.1.DeviceIndex", "0"),
        ("NetworkInterface.1.SubnetId", subnet),
        ("NetworkInterface.1.SecurityGroupId.1", group),
        ("NetworkInterface.1.AssociatePublicIpAddress", "true"),
        ("NetworkInterface.1.DeleteOnTermination", "true"),
    ];
    for (user, more, expected) in [
        (&alice, vec![("SubnetId", subnet)], None),
        (&alice, interface.to_vec(), None),
        (&alice, vec![("Placement.AvailabilityZoneId", "eucalyptus-one")], None),
        (
            &alice,
            vec![("Placement.AvailabilityZoneId", "eucalyptus-two")],
            Some("InvalidZone.NotFound"),
        ),
        (&alice, vec![("Placement.GroupId", "pg-1")], Some("UnsupportedOperation")),
        (
            &alice,
            vec![
                interface[0],
                ("NetworkInterface.1.PrivateIpAddresses.1.PrivateIpAddress", "10.5.0.9"),
            ],
            Some("UnsupportedOperation"),
        ),
        (&bob, vec![("SubnetId", subnet)], Some("InvalidSubnetID.NotFound")),
        (
            &alice,
            vec![interface[0], ("NetworkInterface.2.DeviceIndex", "1")],
            Some("UnsupportedOperation"),
        ),
        (&alice, vec![interface[1], ("SubnetId", subnet)], Some("InvalidParameterCombination")),
        (
            &alice,
            vec![interface[2], ("SecurityGroupId.1", group)],
            Some("InvalidParameterCombination"),
        ),
        (
            &alice,
            vec![("SubnetId", subnet), ("Placement.AvailabilityZone", "two")],
            Some("InvalidParameterCombination"),
        ),
        (
            &alice,
            vec![("NetworkInterface.1.NetworkInterfaceId", "eni-00000000")],
            Some("UnsupportedOperation"),
        ),
    ] {
        let all = with(&more);
        let all: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.call(user, "RunInstances", &all).await;
        match expected {
            None => assert_eq!(answer.good().text("availabilityZone"), "one", "{more:?}"),
            Some(code) => assert_eq!(answer.refusal(), (400, code), "{more:?}"),
        }
    }
    let of_group = [("Filter.1.Name", "group-id"), ("Filter.1.Value.1", group)];
    let shown = world.call(&alice, "DescribeNetworkInterfaces", &of_group).await.good();
    assert_eq!((shown.all("subnetId"), shown.text("status")), (vec![subnet], "in-use"));
    let eni = [("NetworkInterfaceId.1", shown.text("networkInterfaceId"))];
    let other = world.call(&bob, "DescribeNetworkInterfaces", &eni).await;
    assert_eq!(other.refusal(), (400, "InvalidNetworkInterfaceID.NotFound"));
}
