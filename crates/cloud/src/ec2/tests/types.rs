//! Instance types and the account.

use super::world::World;

#[tokio::test]
async fn types_are_shown_as_sdks_parse_them() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let all = world.call(&user, "DescribeInstanceTypes", &[]).await.good();
    assert_eq!(all.all("instanceType").len(), 5);
    let one =
        world.call(&user, "DescribeInstanceTypes", &[("InstanceType.1", "m1.xlarge")]).await.good();
    for part in [
        "<item><instanceType>m1.xlarge</instanceType><currentGeneration>true</currentGeneration>",
        "<processorInfo><supportedArchitectures><item>i386</item><item>x86_64</item>\
         </supportedArchitectures></processorInfo>",
        "<vCpuInfo><defaultVCpus>2</defaultVCpus>",
        "<memoryInfo><sizeInMiB>1024</sizeInMiB></memoryInfo>",
        "<instanceStorageInfo><totalSizeInGB>20</totalSizeInGB>",
    ] {
        assert!(one.body.contains(part), "{part} in {}", one.body);
    }
    let unknown =
        world.call(&user, "DescribeInstanceTypes", &[("InstanceType.1", "t3.nano")]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidInstanceType"));
}

#[tokio::test]
async fn types_are_found_by_what_they_have() {
    let world = World::new().await;
    let names = async |name: &str, value: &str| {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = world.call(&world.admin, "DescribeInstanceTypes", &filter).await.good();
        answer.all("instanceType").join(" ")
    };
    assert_eq!(names("memory-info.size-in-mib", "1024").await, "m1.xlarge");
    assert_eq!(names("vcpu-info.default-vcpus", "2").await, "m1.large m1.xlarge");
    let large = names("instance-storage-info.total-size-in-gb", "20").await;
    assert_eq!(large, "m1.xlarge c1.xlarge");
    assert_eq!(names("instance-type", "c1.*").await, "c1.medium c1.xlarge");
    assert_eq!(names("bare-metal", "true").await, "");
    assert_eq!(names("processor-info.supported-architecture", "arm64").await, "");
}

#[tokio::test]
async fn euca2ools_gets_the_shape_that_eucalyptus_had_first() {
    let world = World::new().await;
    let small = [("InstanceType.1", "m1.small")];
    let old =
        world.call_in("2014-06-15", &world.admin, "DescribeInstanceTypes", &small).await.good();
    let item = "<instanceTypeDetails><item><name>m1.small</name><cpu>1</cpu><disk>10</disk>\
                <memory>128</memory></item></instanceTypeDetails>";
    assert!(old.body.contains(item), "{}", old.body);
}

#[tokio::test]
async fn every_type_is_to_be_had_everywhere() {
    let world = World::new().await;
    let offered = async |pairs: &[(&str, &str)]| {
        let answer = world.call(&world.admin, "DescribeInstanceTypeOfferings", pairs).await.good();
        let locations: Vec<_> = answer.all("location").iter().map(|it| (*it).to_owned()).collect();
        (answer.all("instanceType").len(), locations.first().cloned().unwrap_or_default())
    };
    assert_eq!(offered(&[]).await, (5, "eucalyptus".to_owned()));
    let by_zone = ("LocationType", "availability-zone");
    assert_eq!(offered(&[by_zone]).await, (5, "one".to_owned()));
    let by_id = ("LocationType", "availability-zone-id");
    assert_eq!(offered(&[by_id]).await, (5, "eucalyptus-one".to_owned()));
    let there = [by_zone, ("Filter.1.Name", "location"), ("Filter.1.Value.1", "two")];
    assert_eq!(offered(&there).await.0, 0);
    let small = [("Filter.1.Name", "instance-type"), ("Filter.1.Value.1", "m1.small")];
    assert_eq!(offered(&small).await, (1, "eucalyptus".to_owned()));
}

#[tokio::test]
async fn the_account_has_attributes() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let shown = async |pairs: &[(&str, &str)]| {
        let answer = world.call(&user, "DescribeAccountAttributes", pairs).await.good();
        let pairs = answer.all("attributeName").into_iter().zip(answer.all("attributeValue"));
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    let platforms = [("AttributeName.1", "supported-platforms")];
    assert_eq!(shown(&platforms).await, ["supported-platforms=VPC"]);
    let all = shown(&[]).await;
    for expected in ["max-instances=8", "max-elastic-ips=5", "vpc-max-elastic-ips=5"] {
        assert!(all.contains(&expected.to_owned()), "{all:?}");
    }
    let unknown =
        world.call(&user, "DescribeAccountAttributes", &[("AttributeName.1", "colour")]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidParameterValue"));
}

#[tokio::test]
async fn what_the_administrator_sets_is_seen_and_launched_at_once() {
    let world = World::new().await;
    let (state, image) = (world.cloud.state(), world.image().await.to_string());
    let set = ["tiny.2=1,64,2", "m1.small=2,256,20"].map(|text| text.parse().unwrap());
    state.set_vm_types(set.to_vec()).await.unwrap();
    for (action, element) in [
        ("DescribeInstanceTypes", "instanceType"),
        ("DescribeInstanceTypeOfferings", "instanceType"),
    ] {
        let shown = world.call(&world.admin, action, &[]).await.good();
        let mut names = shown.all(element);
        names.sort_unstable();
        assert_eq!(names, ["m1.small", "tiny.2"], "{action}");
    }
    let verbose = [("ZoneName.1", "verbose")];
    let lines = world.call(&world.admin, "DescribeAvailabilityZones", &verbose).await.good();
    assert_eq!(lines.all("zoneState")[2], "0008 / 0008   1     64     2");
    assert_eq!(lines.all("zoneState")[3], "0004 / 0004   2    256    20");
    let launch = async |vm_type: &str| {
        let pairs = [
            ("ImageId", image.as_str()),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceType", vm_type),
        ];
        world.call(&world.admin, "RunInstances", &pairs).await
    };
    assert_eq!(launch("tiny.2").await.good().text("instanceType"), "tiny.2");
    assert_eq!(launch("m1.large").await.refusal(), (400, "InvalidParameterValue"));
    state.delete_vm_type("tiny.2".to_owned()).await.unwrap();
    let running = world.call(&world.admin, "DescribeInstances", &[]).await.good();
    assert_eq!(running.text("instanceType"), "tiny.2", "it is what it was launched as");
}
