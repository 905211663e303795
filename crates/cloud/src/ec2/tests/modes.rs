//! Clusters whose instances are on the site's own network, as their users see them.

use super::world::{LENT, World};
use protocol::Networks;
use types::{AddressPair, MacAddr};

const ONE: [(&str, &str); 2] = [("MinCount", "1"), ("MaxCount", "1")];
/// Every element that shows an address of an instance.
const SHOWN: [&str; 4] = ["privateDnsName", "dnsName", "privateIpAddress", "ipAddress"];

fn pairs() -> Networks {
    let mac = MacAddr([0xaa, 0xdd, 0x11, 0xce, 0xff, 0xed]);
    let pairs = vec![AddressPair { mac, ip: [192, 168, 1, 3].into() }];
    Networks::Static { subnet: "192.168.1.0/24".parse().unwrap(), pairs }
}

#[tokio::test]
async fn in_system_mode_the_address_is_zero_until_it_is_known_and_then_shown_as_both() {
    let world = World::with_networks(Networks::System).await;
    let image = world.image().await.to_string();
    let launch = [ONE[0], ONE[1], ("ImageId", &image)];
    let launched = world.call(&world.admin, "RunInstances", &launch).await.good();
    for name in SHOWN {
        assert_eq!(launched.text(name), "0.0.0.0", "{name}");
    }
    world.settle().await;
    for version in ["2008-12-01", "2009-11-30", super::world::NEW] {
        let running = world.call_in(version, &world.admin, "DescribeInstances", &[]).await.good();
        assert_eq!(running.text("name"), "running");
        for name in SHOWN {
            let known = running.all(name);
            assert!(known.iter().all(|ip| *ip == LENT), "{version} {name}: {known:?}");
        }
    }
    let found = [("Filter.1.Name", "private-ip-address"), ("Filter.1.Value.1", LENT)];
    let found = world.call(&world.admin, "DescribeInstances", &found).await.good();
    assert_eq!(found.all("instanceId"), [launched.text("instanceId")]);
    let subnets = world.call(&world.admin, "DescribeSubnets", &[]).await.good();
    assert_eq!(subnets.text("cidrBlock"), "0.0.0.0/0", "only the site knows");
    assert!(world.call(&world.admin, "DescribeVpcs", &[]).await.good().all("cidrBlock").is_empty());
}

#[tokio::test]
async fn in_static_mode_an_instance_has_a_pair_and_without_one_there_is_no_capacity() {
    let world = World::with_networks(pairs()).await;
    let image = world.image().await.to_string();
    let launch = [ONE[0], ONE[1], ("ImageId", &image)];
    let launched = world.call(&world.admin, "RunInstances", &launch).await.good();
    for name in SHOWN {
        assert_eq!(launched.text(name), "192.168.1.3", "{name}");
    }
    assert_eq!(launched.text("macAddress"), "aa:dd:11:ce:ff:ed");
    let subnets = world.call(&world.admin, "DescribeSubnets", &[]).await.good();
    assert_eq!(subnets.text("cidrBlock"), "192.168.1.0/24");
    assert_eq!(subnets.text("availableIpAddressCount"), "0");
    let full = world.call(&world.admin, "RunInstances", &launch).await;
    assert_eq!(full.refusal(), (400, "InsufficientInstanceCapacity"));
    assert!(full.text("Message").contains("VNET_MACMAP"), "{}", full.body);

    let id = [("InstanceId.1", launched.text("instanceId"))];
    world.call(&world.admin, "TerminateInstances", &id).await.good();
    let full = world.call(&world.admin, "RunInstances", &launch).await;
    assert_eq!(full.refusal().1, "InsufficientInstanceCapacity", "it is not gone yet");
    world.settle().await;
    world.call(&world.admin, "RunInstances", &launch).await.good();
}

#[tokio::test]
async fn groups_are_records_and_elastic_addresses_are_refused_with_the_name_of_the_mode() {
    for (networks, mode) in [(Networks::System, "SYSTEM"), (pairs(), "STATIC")] {
        let world = World::with_networks(networks).await;
        let (alice, image) = (world.user("alice").await, world.image().await.to_string());
        let group = [("GroupName", "web"), ("GroupDescription", "web servers")];
        world.call(&alice, "CreateSecurityGroup", &group).await.good();
        let rule = [
            ("GroupName", "web"),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ];
        world.call(&alice, "AuthorizeSecurityGroupIngress", &rule).await.good();
        let launch = [ONE[0], ONE[1], ("ImageId", &image), ("SecurityGroup.1", "web")];
        let launched = world.call(&alice, "RunInstances", &launch).await.good();
        assert_eq!(launched.text("groupName"), "web");
        let id = launched.text("instanceId");

        let ip = ("PublicIp", "192.0.2.10");
        for (action, parameters) in [
            ("AllocateAddress", vec![]),
            ("AssociateAddress", vec![ip, ("InstanceId", id)]),
            ("DisassociateAddress", vec![ip]),
            ("ReleaseAddress", vec![ip]),
        ] {
            for user in [&alice, &world.admin] {
                let refused = world.call(user, action, &parameters).await;
                assert_eq!(refused.refusal(), (400, "UnsupportedOperation"), "{action}");
                let message = refused.text("Message");
                assert!(message.contains(&format!("is {mode}, which has no")), "{message}");
            }
        }
        let none = world.call(&alice, "DescribeAddresses", &[]).await.good();
        assert!(none.all("publicIp").is_empty());
    }
}
