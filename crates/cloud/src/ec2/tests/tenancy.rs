//! Every action called by one user with the things of another.

use super::world::{Answer, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use state::User;
use types::ImageKind;

/// What the other user may get to see.
enum Expect {
    /// This code, and no hint that the thing exists.
    Refused(&'static str),
    /// An answer in which none of the owner's ids is.
    Unseen,
    /// A thing of the caller's own, whatever the owner has.
    Own,
}

use Expect::{Own, Refused, Unseen};

type Row = (&'static str, Vec<(&'static str, String)>, Expect);

/// What a user owns.
pub(super) struct Owned {
    instance: String,
    image: String,
    group: String,
    rule: String,
    key_pair: String,
    address: String,
    allocation: String,
    association: String,
    interface: String,
    vpc: String,
    subnet: String,
    route_table: String,
    gateway: String,
}

pub(super) async fn owned(world: &World, user: &User) -> Owned {
    let kernel = world.register(&world.admin, ImageKind::Kernel, None, true).await;
    let image = world.register(user, ImageKind::Machine, Some(kernel), false).await.to_string();
    let ask = |action: &'static str, pairs: Vec<(&'static str, String)>| async move {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        world.call(user, action, &pairs).await.good()
    };
    let one = |name, value: &str| (name, value.to_owned());
    ask("CreateKeyPair", vec![one("KeyName", "hers")]).await;
    let named = vec![one("GroupName", "hers"), one("GroupDescription", "d")];
    let group = ask("CreateSecurityGroup", named).await.text("groupId").to_owned();
    let rule = vec![
        one("GroupId", &group),
        one("IpProtocol", "tcp"),
        one("FromPort", "22"),
        one("ToPort", "22"),
        one("CidrIp", "10.0.0.0/8"),
    ];
    ask("AuthorizeSecurityGroupIngress", rule).await;
    let launch = vec![
        one("ImageId", &image),
        one("MinCount", "1"),
        one("MaxCount", "1"),
        one("KeyName", "hers"),
        one("SecurityGroup.1", "hers"),
        one("TagSpecification.1.ResourceType", "instance"),
        one("TagSpecification.1.Tag.1.Key", "Name"),
        one("TagSpecification.1.Tag.1.Value", "hers"),
    ];
    let instance = ask("RunInstances", launch).await.text("instanceId").to_owned();
    world.settle().await;
    let given = ask("AllocateAddress", Vec::new()).await;
    let (address, allocation) =
        (given.text("publicIp").to_owned(), given.text("allocationId").to_owned());
    let pair = vec![one("AllocationId", &allocation), one("InstanceId", &instance)];
    let association = ask("AssociateAddress", pair).await.text("associationId").to_owned();
    let text = |answer: Answer, element: &str| answer.text(element).to_owned();
    Owned {
        interface: instance.replace("i-", "eni-"),
        vpc: text(ask("DescribeVpcs", Vec::new()).await, "vpcId"),
        subnet: text(ask("DescribeSubnets", Vec::new()).await, "subnetId"),
        route_table: text(ask("DescribeRouteTables", Vec::new()).await, "routeTableId"),
        gateway: text(ask("DescribeInternetGateways", Vec::new()).await, "internetGatewayId"),
        rule: text(ask("DescribeSecurityGroupRules", Vec::new()).await, "securityGroupRuleId"),
        key_pair: text(ask("DescribeKeyPairs", Vec::new()).await, "keyPairId"),
        instance,
        image,
        group,
        address,
        allocation,
        association,
    }
}

/// Calls that name the owner's things, one or more for every action.
fn rows(hers: &Owned) -> Vec<Row> {
    let instance = || ("InstanceId", hers.instance.clone());
    let instances = || ("InstanceId.1", hers.instance.clone());
    let image = || ("ImageId", hers.image.clone());
    let group = || ("GroupId", hers.group.clone());
    let is = |name, value: &str| (name, value.to_owned());
    let rule = || {
        vec![
            group(),
            is("IpProtocol", "tcp"),
            is("FromPort", "1"),
            is("ToPort", "2"),
            is("CidrIp", "0.0.0.0/0"),
        ]
    };
    let by_rule = || is("SecurityGroupRuleId.1", &hers.rule);
    const NO_INSTANCE: Expect = Refused("InvalidInstanceID.NotFound");
    const NO_IMAGE: Expect = Refused("InvalidAMIID.NotFound");
    const NO_GROUP: Expect = Refused("InvalidGroup.NotFound");
    const NO_RULE: Expect = Refused("InvalidSecurityGroupRuleId.NotFound");
    const NO_KEY: Expect = Refused("InvalidKeyPair.NotFound");
    const NO_ALLOCATION: Expect = Refused("InvalidAllocationID.NotFound");
    vec![
        ("AllocateAddress", vec![is("Address", &hers.address)], Refused("InvalidAddress.NotFound")),
        ("AssociateAddress", vec![instance(), is("AllocationId", &hers.allocation)], NO_ALLOCATION),
        ("AuthorizeSecurityGroupEgress", rule(), NO_GROUP),
        ("AuthorizeSecurityGroupIngress", rule(), NO_GROUP),
        ("ConfirmProductInstance", vec![instance(), is("ProductCode", "code")], Unseen),
        ("CreateKeyPair", vec![is("KeyName", "hers")], Own),
        ("CreateSecurityGroup", vec![is("GroupName", "hers"), is("GroupDescription", "d")], Own),
        ("CreateTags", vec![is("ResourceId.1", &hers.instance), is("Tag.1.Key", "k")], NO_INSTANCE),
        ("DeleteKeyPair", vec![is("KeyPairId", &hers.key_pair)], Own),
        ("DeleteSecurityGroup", vec![group()], NO_GROUP),
        ("DeleteTags", vec![is("ResourceId.1", &hers.group)], NO_GROUP),
        ("DeregisterImage", vec![image()], NO_IMAGE),
        ("DescribeAccountAttributes", vec![], Unseen),
        (
            "DescribeAddresses",
            vec![is("PublicIp.1", &hers.address)],
            Refused("InvalidAddress.NotFound"),
        ),
        ("DescribeAddresses", vec![], Unseen),
        ("DescribeAvailabilityZones", vec![is("ZoneName.1", "verbose")], Unseen),
        ("DescribeImageAttribute", vec![image(), is("Attribute", "launchPermission")], NO_IMAGE),
        ("DescribeImages", vec![is("ImageId.1", &hers.image)], NO_IMAGE),
        ("DescribeImages", vec![], Unseen),
        ("DescribeInstanceAttribute", vec![instance(), is("Attribute", "userData")], NO_INSTANCE),
        ("DescribeInstanceStatus", vec![instances()], NO_INSTANCE),
        ("DescribeInstanceStatus", vec![is("IncludeAllInstances", "true")], Unseen),
        ("DescribeInstanceTypeOfferings", vec![], Unseen),
        ("DescribeInstanceTypes", vec![], Unseen),
        ("DescribeInstances", vec![instances()], NO_INSTANCE),
        ("DescribeInstances", vec![], Unseen),
        (
            "DescribeInternetGateways",
            vec![is("InternetGatewayId.1", &hers.gateway)],
            Refused("InvalidInternetGatewayID.NotFound"),
        ),
        ("DescribeInternetGateways", vec![], Unseen),
        ("DescribeKeyPairs", vec![is("KeyPairId.1", &hers.key_pair)], NO_KEY),
        ("DescribeKeyPairs", vec![is("KeyName.1", "hers")], NO_KEY),
        ("DescribeKeyPairs", vec![], Unseen),
        (
            "DescribeNetworkInterfaces",
            vec![is("NetworkInterfaceId.1", &hers.interface)],
            Refused("InvalidNetworkInterfaceID.NotFound"),
        ),
        ("DescribeNetworkInterfaces", vec![], Unseen),
        ("DescribeRegions", vec![], Unseen),
        (
            "DescribeRouteTables",
            vec![is("RouteTableId.1", &hers.route_table)],
            Refused("InvalidRouteTableID.NotFound"),
        ),
        ("DescribeRouteTables", vec![], Unseen),
        ("DescribeSecurityGroupRules", vec![by_rule()], NO_RULE),
        ("DescribeSecurityGroupRules", vec![], Unseen),
        ("DescribeSecurityGroups", vec![is("GroupId.1", &hers.group)], NO_GROUP),
        ("DescribeSecurityGroups", vec![is("GroupName.1", "hers")], NO_GROUP),
        ("DescribeSecurityGroups", vec![], Unseen),
        (
            "DescribeSubnets",
            vec![is("SubnetId.1", &hers.subnet)],
            Refused("InvalidSubnetID.NotFound"),
        ),
        ("DescribeSubnets", vec![], Unseen),
        ("DescribeTags", vec![], Unseen),
        (
            "DescribeVpcAttribute",
            vec![is("VpcId", &hers.vpc), is("Attribute", "enableDnsSupport")],
            Refused("InvalidVpcID.NotFound"),
        ),
        ("DescribeVpcs", vec![is("VpcId.1", &hers.vpc)], Refused("InvalidVpcID.NotFound")),
        ("DescribeVpcs", vec![], Unseen),
        (
            "DisassociateAddress",
            vec![is("AssociationId", &hers.association)],
            Refused("InvalidAssociationID.NotFound"),
        ),
        ("GetCallerIdentity", vec![], Unseen),
        ("GetConsoleOutput", vec![instance()], NO_INSTANCE),
        ("GetPasswordData", vec![instance()], NO_INSTANCE),
        ("GetUser", vec![is("UserName", "alice")], Refused("NoSuchEntity")),
        (
            "ImportKeyPair",
            vec![
                is("KeyName", "his"),
                is("PublicKeyMaterial", &BASE64.encode(super::key_pairs::ED25519)),
            ],
            Own,
        ),
        (
            "ModifyImageAttribute",
            vec![image(), is("LaunchPermission.Add.1.Group", "all")],
            NO_IMAGE,
        ),
        (
            "ModifyInstanceAttribute",
            vec![instance(), is("DisableApiTermination.Value", "true")],
            NO_INSTANCE,
        ),
        (
            "ModifyInstanceMetadataOptions",
            vec![instance(), is("HttpEndpoint", "disabled")],
            NO_INSTANCE,
        ),
        (
            "ModifySecurityGroupRules",
            vec![
                group(),
                is("SecurityGroupRule.1.SecurityGroupRuleId", &hers.rule),
                is("SecurityGroupRule.1.SecurityGroupRule.IpProtocol", "tcp"),
                is("SecurityGroupRule.1.SecurityGroupRule.FromPort", "1"),
                is("SecurityGroupRule.1.SecurityGroupRule.ToPort", "1"),
                is("SecurityGroupRule.1.SecurityGroupRule.CidrIpv4", "0.0.0.0/0"),
            ],
            NO_GROUP,
        ),
        ("MonitorInstances", vec![instances()], NO_INSTANCE),
        ("RebootInstances", vec![instances()], NO_INSTANCE),
        (
            "RegisterImage",
            vec![is("ImageLocation", "hers/image.manifest.xml")],
            Refused("UnauthorizedOperation"),
        ),
        ("ReleaseAddress", vec![is("AllocationId", &hers.allocation)], NO_ALLOCATION),
        ("ResetImageAttribute", vec![image(), is("Attribute", "launchPermission")], NO_IMAGE),
        (
            "ResetInstanceAttribute",
            vec![instance(), is("Attribute", "sourceDestCheck")],
            NO_INSTANCE,
        ),
        ("RevokeSecurityGroupEgress", rule(), NO_GROUP),
        ("RevokeSecurityGroupIngress", rule(), NO_GROUP),
        ("RunInstances", vec![image(), is("MinCount", "1"), is("MaxCount", "1")], NO_IMAGE),
        ("StartInstances", vec![instances()], NO_INSTANCE),
        ("StopInstances", vec![instances()], NO_INSTANCE),
        ("TerminateInstances", vec![instances()], NO_INSTANCE),
        ("UnmonitorInstances", vec![instances()], NO_INSTANCE),
        (
            "UpdateSecurityGroupRuleDescriptionsEgress",
            vec![group(), is("SecurityGroupRuleDescription.1.SecurityGroupRuleId", &hers.rule)],
            NO_GROUP,
        ),
        (
            "UpdateSecurityGroupRuleDescriptionsIngress",
            vec![group(), is("SecurityGroupRuleDescription.1.SecurityGroupRuleId", &hers.rule)],
            NO_GROUP,
        ),
    ]
}

/// Everything that the owner sees, without the ids of the requests.
async fn sights(world: &World, user: &User) -> Vec<String> {
    let mut sights = Vec::new();
    for definition in crate::ec2::definitions() {
        if definition.name.starts_with("Describe") {
            let answer = world.call(user, definition.name, &[]).await;
            // Some show nothing until a thing is named.
            if !answer.status.is_success() {
                continue;
            }
            let id = answer.all("requestId").first().map_or("", |id| id).to_owned();
            sights.push(answer.body.replace(&id, ""));
        }
    }
    sights
}

#[tokio::test]
async fn nobody_sees_or_touches_what_is_another_users() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let hers = owned(&world, &alice).await;
    let secrets = [
        &hers.instance,
        &hers.image,
        &hers.group,
        &hers.rule,
        &hers.key_pair,
        &hers.address,
        &hers.allocation,
        &hers.association,
        &hers.interface,
        &hers.vpc,
        &hers.subnet,
        &hers.route_table,
        &hers.gateway,
        &alice.account.to_string(),
    ];
    let before = sights(&world, &alice).await;
    let mut rows = rows(&hers);
    // What the caller makes for himself has the names of hers.
    rows.sort_by_key(|(.., expect)| matches!(expect, Own));
    for (action, pairs, expect) in &rows {
        let given: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.call(&bob, action, &given).await;
        let what = format!("{action} {pairs:?}: {}", answer.body);
        match expect {
            Refused(code) => assert_eq!(answer.code(), *code, "{what}"),
            Unseen | Own => assert!(answer.status.is_success(), "{what}"),
        }
        if matches!(expect, Unseen) {
            let seen = secrets.iter().find(|secret| answer.body.contains(**secret));
            assert_eq!(seen, None, "{what}");
        }
    }
    for (now, before) in sights(&world, &alice).await.iter().zip(&before) {
        assert_eq!(now, before, "nothing of hers has changed");
    }

    let without = crate::ec2::definitions()
        .map(|definition| definition.name)
        .find(|name| !rows.iter().any(|(action, ..)| action == name));
    assert_eq!(without, None, "an action without a row here");
}
