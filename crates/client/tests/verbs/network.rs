//! The tools for addresses, tags and what there is of a VPC.

use crate::ec2::{check, check_in};
use crate::tool;

#[test]
fn addresses() {
    let ip = ("PublicIp", "192.0.2.9");
    check(
        "euca-allocate-address",
        &[("Action", "AllocateAddress")],
        "<R><publicIp>192.0.2.9</publicIp></R>",
        "ADDRESS|192.0.2.9\n",
    );
    let pair = "ec2-associate-address 192.0.2.9 -i i-4EA305C1";
    let asked = [("Action", "AssociateAddress"), ip, ("InstanceId", "i-4EA305C1")];
    check(pair, &asked, "<R><return>true</return></R>", "ADDRESS|192.0.2.9|i-4EA305C1\n");
    check(pair, &asked, "<R><return>false</return></R>", "");
    for (tool, action) in [
        ("euca-disassociate-address", "DisassociateAddress"),
        ("euca-release-address", "ReleaseAddress"),
    ] {
        let line = format!("{tool} 192.0.2.9");
        check(
            &line,
            &[("Action", action), ip],
            "<R><return>true</return></R>",
            "ADDRESS|192.0.2.9\n",
        );
    }
    check(
        "euca-describe-addresses 192.0.2.9 192.0.2.10",
        &[
            ("Action", "DescribeAddresses"),
            ("PublicIp.1", "192.0.2.9"),
            ("PublicIp.2", "192.0.2.10"),
        ],
        "<R><addressesSet><item><publicIp>192.0.2.9</publicIp><instanceId>i-4EA305C1</instanceId>\
         </item><item><publicIp>192.0.2.10</publicIp><instanceId>available</instanceId></item>\
         </addressesSet></R>",
        "ADDRESS|192.0.2.9|i-4EA305C1\nADDRESS|192.0.2.10|available\n",
    );
}

#[test]
fn tags() {
    check(
        "euca-create-tags i-4EA305C1 emi-0123ABCD --tag Name=web=1 -t plain",
        &[
            ("Action", "CreateTags"),
            ("ResourceId.1", "i-4EA305C1"),
            ("ResourceId.2", "emi-0123ABCD"),
            ("Tag.1.Key", "Name"),
            ("Tag.1.Value", "web=1"),
            ("Tag.2.Key", "plain"),
            ("Tag.2.Value", ""),
        ],
        "<R><return>true</return></R>",
        "TAG|i-4EA305C1|Name|web=1\nTAG|i-4EA305C1|plain|\nTAG|emi-0123ABCD|Name|web=1\n\
         TAG|emi-0123ABCD|plain|\n",
    );
    check(
        "euca-delete-tags i-4EA305C1 --tag Name -t tier=front",
        &[
            ("Action", "DeleteTags"),
            ("ResourceId.1", "i-4EA305C1"),
            ("Tag.1.Key", "Name"),
            ("Tag.2.Key", "tier"),
            ("Tag.2.Value", "front"),
        ],
        "<R><return>true</return></R>",
        "TAG|i-4EA305C1|Name|\nTAG|i-4EA305C1|tier|front\n",
    );
    check(
        "euca-describe-tags -F resource-type=instance",
        &[
            ("Action", "DescribeTags"),
            ("Filter.1.Name", "resource-type"),
            ("Filter.1.Value.1", "instance"),
        ],
        "<R><tagSet><item><resourceId>i-4EA305C1</resourceId><resourceType>instance</resourceType>\
         <key>Name</key><value>web</value></item></tagSet></R>",
        "TAG|i-4EA305C1|instance|Name|web\n",
    );
    let outcome = tool("euca-describe-tags -F instance", &[]);
    assert_eq!(outcome.code, 2, "{}", outcome.err);
    assert!(outcome.err.contains("NAME=VALUE"), "{}", outcome.err);
}

#[test]
fn the_default_vpc() {
    check(
        "euca-describe-vpcs",
        &[("Action", "DescribeVpcs")],
        "<R><vpcSet><item><vpcId>vpc-00000001</vpcId><state>available</state>\
         <cidrBlock>10.5.0.0/16</cidrBlock><dhcpOptionsId>default</dhcpOptionsId>\
         <instanceTenancy>default</instanceTenancy></item></vpcSet></R>",
        "VPC|vpc-00000001|available|10.5.0.0/16|default|default\n",
    );
    check(
        "euca-describe-subnets subnet-00000001 -F state=available",
        &[
            ("Action", "DescribeSubnets"),
            ("SubnetId.1", "subnet-00000001"),
            ("Filter.1.Name", "state"),
            ("Filter.1.Value.1", "available"),
        ],
        "<R><subnetSet><item><subnetId>subnet-00000001</subnetId><state>available</state>\
         <vpcId>vpc-00000001</vpcId><cidrBlock>10.5.0.0/16</cidrBlock>\
         <availableIpAddressCount>65536</availableIpAddressCount>\
         <availabilityZone>one</availabilityZone></item></subnetSet></R>",
        "SUBNET|subnet-00000001|available|vpc-00000001|10.5.0.0/16|65536|one\n",
    );
    check(
        "euca-describe-network-interfaces",
        &[("Action", "DescribeNetworkInterfaces")],
        "<R><networkInterfaceSet><item><networkInterfaceId>eni-4EA305C1</networkInterfaceId>\
         <subnetId>subnet-00000001</subnetId><vpcId>vpc-00000001</vpcId>\
         <availabilityZone>one</availabilityZone><description/><ownerId>000100729354</ownerId>\
         <status>in-use</status><macAddress>d0:0d:4e:a3:05:c1</macAddress>\
         <privateIpAddress>10.5.0.2</privateIpAddress><attachment>\
         <attachmentId>eni-attach-4EA305C1</attachmentId><instanceId>i-4EA305C1</instanceId>\
         </attachment></item></networkInterfaceSet></R>",
        "NETWORKINTERFACE|eni-4EA305C1||subnet-00000001|vpc-00000001|one|000100729354|in-use|\
         d0:0d:4e:a3:05:c1|10.5.0.2\nATTACHMENT|i-4EA305C1|eni-attach-4EA305C1\n",
    );
    check(
        "euca-describe-route-tables",
        &[("Action", "DescribeRouteTables")],
        "<R><routeTableSet><item><routeTableId>rtb-00000001</routeTableId>\
         <vpcId>vpc-00000001</vpcId><routeSet><item>\
         <destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-00000001</gatewayId>\
         <state>active</state></item></routeSet></item></routeTableSet></R>",
        "ROUTETABLE|rtb-00000001|vpc-00000001\nROUTE|igw-00000001|active|0.0.0.0/0\n",
    );
    check(
        "euca-describe-internet-gateways",
        &[("Action", "DescribeInternetGateways")],
        "<R><internetGatewaySet><item><internetGatewayId>igw-00000001</internetGatewayId>\
         <attachmentSet><item><vpcId>vpc-00000001</vpcId><state>available</state></item>\
         </attachmentSet></item></internetGatewaySet></R>",
        "INTERNETGATEWAY|igw-00000001\nATTACHMENT|vpc-00000001|available\n",
    );
}

#[test]
fn what_is_asked_about_the_account_and_the_cloud() {
    check(
        "euca-describe-vpc-attribute vpc-00000001 -a enableDnsSupport",
        &[
            ("Action", "DescribeVpcAttribute"),
            ("VpcId", "vpc-00000001"),
            ("Attribute", "enableDnsSupport"),
        ],
        "<R><vpcId>vpc-00000001</vpcId><enableDnsSupport><value>true</value></enableDnsSupport></R>",
        "VPCATTRIBUTE|vpc-00000001|enableDnsSupport|true\n",
    );
    check_in(
        "2016-11-15",
        "euca-describe-instance-type-offerings --location-type availability-zone",
        &[("Action", "DescribeInstanceTypeOfferings"), ("LocationType", "availability-zone")],
        "<R><instanceTypeOfferingSet><item><instanceType>m1.small</instanceType>\
         <locationType>availability-zone</locationType><location>one</location></item>\
         </instanceTypeOfferingSet></R>",
        "OFFERING|m1.small|availability-zone|one\n",
    );
    let arn = "arn:aws:iam::000100729354:user/alice";
    check(
        "euca-get-caller-identity",
        &[("Action", "GetCallerIdentity")],
        &format!(
            "<R><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>A1</UserId>\
             <Account>000100729354</Account></GetCallerIdentityResult></R>"
        ),
        &format!("CALLER|000100729354|A1|{arn}\n"),
    );
    check(
        "euca-get-user alice",
        &[("Action", "GetUser"), ("UserName", "alice")],
        &format!(
            "<R><GetUserResult><User><UserName>alice</UserName><UserId>A1</UserId>\
             <Arn>{arn}</Arn></User></GetUserResult></R>"
        ),
        &format!("USER|alice|A1|{arn}\n"),
    );
}
