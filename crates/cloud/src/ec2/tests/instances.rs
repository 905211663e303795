use super::world::{Answer, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use state::User;

const ONE: [(&str, &str); 2] = [("MinCount", "1"), ("MaxCount", "1")];

async fn run(world: &World, user: &User, more: &[(&str, &str)]) -> Answer {
    let image = world.image().await.to_string();
    let mut parameters = vec![("ImageId", image.as_str())];
    parameters.extend_from_slice(more);
    world.call(user, "RunInstances", &parameters).await
}

#[tokio::test]
async fn an_instance_runs_from_launch_to_an_hour_after_its_end() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let launched = run(&world, &user, &ONE).await.good();
    assert_eq!(launched.text("name"), "pending");
    assert_eq!(launched.text("ownerId"), user.account.to_string());
    let id = launched.text("instanceId").to_owned();
    world.settle().await;

    let twice = [("InstanceId.1", id.as_str()), ("InstanceId.2", &id)];
    let running = world.call(&user, "DescribeInstances", &twice).await.good();
    assert_eq!(running.all("instanceId"), [id.as_str()]);
    assert_eq!((running.text("code"), running.text("name")), ("16", "running"));
    assert_eq!(running.text("instanceType"), "m1.small");
    assert_eq!(running.text("availabilityZone"), "one");
    let address = running.text("privateIpAddress");
    assert!(address.starts_with("10.5."), "{address}");
    assert_eq!(running.text("privateDnsName"), address);
    for name in ["ipAddress", "dnsName"] {
        assert_eq!(running.text(name), "192.0.2.10");
    }
    assert_eq!(running.text("groupName"), "default");
    assert_eq!(running.text("rootDeviceType"), "instance-store");
    assert_eq!(running.text("launchTime"), "2027-01-15T08:00:00.000Z");

    let console = world.call(&user, "GetConsoleOutput", &[("InstanceId", &id)]).await.good();
    assert_eq!((console.text("instanceId"), console.text("output")), (id.as_str(), "aGVsbG8K"));
    let rebooted = world.call(&user, "RebootInstances", &[("InstanceId.1", &id)]).await.good();
    assert_eq!(rebooted.text("return"), "true");

    let ended = world.call(&user, "TerminateInstances", &[("InstanceId.1", &id)]).await.good();
    assert_eq!(ended.all("name"), ["shutting-down", "running"]);
    world.settle().await;
    let reboot = world.call(&user, "RebootInstances", &[("InstanceId.1", &id)]).await;
    assert_eq!(reboot.refusal(), (400, "IncorrectInstanceState"));
    let gone = world.call(&user, "DescribeInstances", &[]).await.good();
    assert_eq!(gone.text("name"), "terminated");
    assert_eq!(gone.all("code"), ["48", "Client.UserInitiatedShutdown"]);
    assert!(gone.all("privateIpAddress").is_empty() && gone.text("dnsName").is_empty());
    let again = world.call(&user, "TerminateInstances", &[("InstanceId.1", &id)]).await.good();
    assert_eq!(again.all("name"), ["terminated", "terminated"]);

    world.pass_time(3_600_001);
    let later = world.call(&user, "DescribeInstances", &[]).await.good();
    assert!(later.body.contains("<reservationSet/>"));
}

#[tokio::test]
async fn what_others_own_is_not_there() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let id = run(&world, &alice, &ONE).await.good().text("instanceId").to_owned();
    for action in ["DescribeInstances", "TerminateInstances", "RebootInstances"] {
        let other = world.call(&bob, action, &[("InstanceId.1", &id)]).await;
        let none = world.call(&bob, action, &[("InstanceId.1", "i-00000000")]).await;
        assert_eq!(other.refusal(), (400, "InvalidInstanceID.NotFound"), "{action}");
        let hint = other.text("Message").replace(&id, "i-00000000");
        assert_eq!(hint, none.text("Message"), "{action}");
    }
    let console = world.call(&bob, "GetConsoleOutput", &[("InstanceId", &id)]).await;
    assert_eq!(console.refusal(), (400, "InvalidInstanceID.NotFound"));
    let all = world.call(&bob, "DescribeInstances", &[]).await.good();
    assert!(all.all("instanceId").is_empty());
    let admin = world.call(&world.admin, "DescribeInstances", &[]).await.good();
    assert_eq!(admin.all("instanceId"), [id]);
}

#[tokio::test]
async fn shortage_starts_nothing_and_says_how_many_fit() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let none = run(&world, &user, &[("MinCount", "9"), ("MaxCount", "9")]).await;
    assert_eq!(none.refusal(), (400, "InsufficientInstanceCapacity"));
    let message = none.text("Message");
    assert!(message.contains("Not enough resources available"), "{message}");
    assert!(message.contains("8 available"), "{message}");
    let all = world.call(&user, "DescribeInstances", &[]).await.good();
    assert!(all.all("instanceId").is_empty());
    let most = run(&world, &user, &[("MinCount", "2"), ("MaxCount", "20")]).await.good();
    assert_eq!(most.all("instanceId").len(), 8);
    assert_eq!(most.all("amiLaunchIndex"), ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn a_client_token_starts_instances_once() {
    let world = World::new().await;
    let (user, bob) = (world.user("alice").await, world.user("bob").await);
    let image = world.image().await.to_string();
    let base = [("ImageId", image.as_str()), ("MinCount", "1"), ("ClientToken", "t")];
    let call = async |user, max| {
        let parameters = [&base[..], &[("MaxCount", max)]].concat();
        world.call(user, "RunInstances", &parameters).await
    };
    let first = call(&user, "1").await.good();
    let second = call(&user, "1").await.good();
    assert_eq!(first.text("instanceId"), second.text("instanceId"));
    assert_eq!(call(&user, "2").await.refusal(), (400, "IdempotentParameterMismatch"));
    assert_ne!(call(&bob, "1").await.good().text("instanceId"), first.text("instanceId"));
    world.settle().await;
    let named = [("InstanceId.1", first.text("instanceId"))];
    world.call(&user, "TerminateInstances", &named).await.good();
    world.settle().await;
    assert_eq!(call(&user, "1").await.refusal(), (400, "IdempotentInstanceTerminated"));
}

#[tokio::test]
async fn an_unknown_group_is_refused_in_the_words_of_the_guides() {
    let world = World::new().await;
    let refused = run(&world, &world.admin, &[ONE[0], ONE[1], ("SecurityGroup.1", "web")]).await;
    let message = refused.text("Message");
    let words = "Failed to find any specified networks? You sent: web";
    assert!(message.starts_with(words), "{message}");
}

#[tokio::test]
async fn the_id_of_a_call_goes_with_what_it_changes() {
    let world = World::new().await;
    let zone = "one".parse().unwrap();
    let by = async || {
        let desired = world.cloud.state().cluster_desired(&zone, "").await.unwrap();
        desired.instances[0].request.map(|id| id.to_string())
    };
    let launch = run(&world, &world.admin, &ONE).await.good();
    assert_eq!(by().await.as_deref(), Some(launch.text("requestId")));
    let one = [("InstanceId.1", launch.text("instanceId"))];
    let end = world.call(&world.admin, "TerminateInstances", &one).await.good();
    assert_eq!(by().await.as_deref(), Some(end.text("requestId")));
}

#[tokio::test]
async fn administrators_act_on_every_instance_that_they_name() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let mut ids = Vec::new();
    for user in [&alice, &bob, &world.admin] {
        ids.push(run(&world, user, &ONE).await.good().text("instanceId").to_owned());
    }
    let two = [("InstanceId.1", ids[0].as_str()), ("InstanceId.2", ids[1].as_str())];
    let shown = world.call(&world.admin, "DescribeInstances", &two).await.good();
    assert_eq!(shown.all("instanceId").len(), 2, "those that are named, and no other");
    world.call(&world.admin, "RebootInstances", &two).await.good();
    let zone = "one".parse().unwrap();
    let desired = world.cloud.state().cluster_desired(&zone, "").await.unwrap();
    let rebooted = desired.instances.iter().filter(|instance| instance.reboots == 1);
    assert_eq!(rebooted.count(), 2);
    for user in [&world.admin, &alice] {
        let unknown = [two[0], ("InstanceId.2", "i-00000000")];
        let refused = world.call(user, "TerminateInstances", &unknown).await;
        assert_eq!(refused.refusal(), (400, "InvalidInstanceID.NotFound"));
    }
    let ended = world.call(&world.admin, "TerminateInstances", &two).await.good();
    assert_eq!(ended.all("instanceId").len(), 2);
}

#[tokio::test]
async fn bad_launches_are_refused_each_with_its_code() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let big = BASE64.encode(vec![0; (16 << 10) + 1]);
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("MinCount", "2"), ("MaxCount", "1")], "InvalidParameterValue"),
        (&[("MinCount", "0"), ("MaxCount", "1")], "InvalidParameterValue"),
        (&[("MinCount", "1"), ("MaxCount", "1001")], "InstanceLimitExceeded"),
        (&[("MinCount", "1")], "MissingParameter"),
        (&[ONE[0], ONE[1], ("InstanceType", "z9.huge")], "InvalidParameterValue"),
        (&[ONE[0], ONE[1], ("KeyName", "nokey")], "InvalidKeyPair.NotFound"),
        (&[ONE[0], ONE[1], ("SecurityGroup.1", "nogroup")], "InvalidGroup.NotFound"),
        (&[ONE[0], ONE[1], ("SecurityGroupId.1", "sg-00000000")], "InvalidGroup.NotFound"),
        (&[ONE[0], ONE[1], ("Placement.AvailabilityZone", "two")], "InvalidZone.NotFound"),
        (&[ONE[0], ONE[1], ("Placement.AvailabilityZone", "/")], "InvalidZone.NotFound"),
        (&[ONE[0], ONE[1], ("KernelId", "eki-00000000")], "InvalidAMIID.NotFound"),
        (&[ONE[0], ONE[1], ("UserData", &big)], "InvalidParameterValue"),
        (&[ONE[0], ONE[1], ("AddressingType", "some")], "InvalidParameterValue"),
    ];
    for (parameters, code) in cases {
        let refused = run(&world, &user, parameters).await;
        assert_eq!(refused.refusal(), (400, *code), "{parameters:.60?}");
    }
    let unknown = [("ImageId", "emi-00000000"), ONE[0], ONE[1]];
    let refused = world.call(&user, "RunInstances", &unknown).await;
    assert_eq!(refused.refusal(), (400, "InvalidAMIID.NotFound"));
}

#[tokio::test]
async fn user_data_of_16_kb_is_taken() {
    let world = World::new().await;
    let data = BASE64.encode(vec![b'x'; 16 << 10]);
    run(&world, &world.admin, &[ONE[0], ONE[1], ("UserData", &data)]).await.good();
}

#[tokio::test]
async fn filters_show_what_has_the_attributes() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let small = run(&world, &user, &ONE).await.good().text("instanceId").to_owned();
    let large = run(&world, &user, &[ONE[0], ONE[1], ("InstanceType", "m1.large")]).await.good();
    let large = large.text("instanceId").to_owned();
    let shown = async |name: &str, value: &str| {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = world.call(&user, "DescribeInstances", &filter).await.good();
        let mut ids: Vec<_> = answer.all("instanceId").into_iter().map(str::to_owned).collect();
        ids.sort();
        ids
    };
    assert_eq!(shown("instance-type", "m1.large").await, [large.as_str()]);
    assert_eq!(shown("instance-type", "m1.s*").await, [small.as_str()]);
    assert_eq!(shown("instance-state-name", "pending").await.len(), 2);
    assert_eq!(shown("instance-state-name", "running").await.len(), 0);
    assert_eq!(shown("instance.group-name", "default").await.len(), 2);
    let unknown = [("Filter.1.Name", "colour"), ("Filter.1.Value.1", "red")];
    let refused = world.call(&user, "DescribeInstances", &unknown).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
}

#[tokio::test]
async fn old_versions_get_the_shape_of_their_time() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let id = run(&world, &user, &ONE).await.good().text("instanceId").to_owned();
    let old = world.call_in("2008-12-01", &user, "DescribeInstances", &[]).await.good();
    let (_, shape) = old.body.split_once("<reservationSet>").unwrap();
    let names: Vec<_> = shape
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'))
        .map(|tag| tag.split(['>', '/']).next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "item",
            "reservationId",
            "ownerId",
            "groupSet",
            "item",
            "groupId",
            "instancesSet",
            "item",
            "instanceId",
            "imageId",
            "instanceState",
            "code",
            "name",
            "privateDnsName",
            "dnsName",
            "amiLaunchIndex",
            "productCodes",
            "instanceType",
            "launchTime",
            "placement",
            "availabilityZone",
            "kernelId",
        ]
    );
    assert_eq!(old.text("groupId"), "default", "groups had names only");
    let named = [("InstanceId", id.as_str())];
    let ended = world.call_in("2008-12-01", &user, "TerminateInstances", &named).await;
    assert!(ended.good().body.contains("<shutdownState>"));
}

#[tokio::test]
async fn the_latest_console_output_is_that_of_ones_own_instance() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let image = world.image().await.to_string();
    let one = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let id = world.call(&alice, "RunInstances", &one).await.good().text("instanceId").to_owned();
    world.settle().await;
    let latest = [("InstanceId", id.as_str()), ("Latest", "true")];
    let shown = world.call(&alice, "GetConsoleOutput", &latest).await.good();
    assert_eq!(shown.text("output"), "aGVsbG8K");
    assert!(world.cloud.ignored.shown().parameters.is_empty());
    let other = world.call(&bob, "GetConsoleOutput", &latest).await;
    assert_eq!(other.refusal(), (400, "InvalidInstanceID.NotFound"));
}
