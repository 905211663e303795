//! Stopping and starting; metadata options.

use super::world::{Answer, World};
use protocol::{ClusterObserved, InstanceObserved, InstancePhase, reason};
use state::User;
use types::Clock;

async fn launch(world: &World, user: &User, more: &[(&str, &str)]) -> Answer {
    let image = world.image().await.to_string();
    let base = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    world.call(user, "RunInstances", &[&base[..], more].concat()).await
}

async fn running(world: &World, user: &User) -> String {
    let id = launch(world, user, &[]).await.good().text("instanceId").to_owned();
    world.settle().await;
    id
}

#[tokio::test]
async fn an_instance_is_stopped_and_started() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let id = running(&world, &user).await;
    let named = [("InstanceId.1", id.as_str()), ("InstanceId.2", &id)];
    let before = world.call(&user, "DescribeInstances", &[]).await.good();

    let stopping = world.call(&user, "StopInstances", &named).await.good();
    assert_eq!(stopping.all("instanceId"), [id.as_str()]);
    assert_eq!(stopping.all("name"), ["stopping", "running"]);
    assert_eq!(stopping.all("code"), ["64", "16"]);
    assert!(stopping.body.contains("<currentState><code>64</code>"), "{}", stopping.body);
    let early = world.call(&user, "StartInstances", &named).await;
    assert_eq!(early.refusal(), (400, "IncorrectInstanceState"));
    world.settle().await;
    let stopped = world.call(&user, "DescribeInstances", &[]).await.good();
    assert_eq!(stopped.text("name"), "stopped");
    assert_eq!(stopped.all("code"), ["80", "Client.UserInitiatedShutdown"]);
    assert!(stopped.text("reason").starts_with("User initiated ("));
    assert_eq!(stopped.text("privateIpAddress"), before.text("privateIpAddress"));
    let again = world.call(&user, "StopInstances", &named).await.good();
    assert_eq!(again.all("name"), ["stopped", "stopped"]);
    let reboot = world.call(&user, "RebootInstances", &named).await;
    assert_eq!(reboot.refusal(), (400, "IncorrectInstanceState"));

    let starting = world.call(&user, "StartInstances", &named).await.good();
    assert_eq!(starting.all("name"), ["pending", "stopped"]);
    world.settle().await;
    let after = world.call(&user, "DescribeInstances", &[]).await.good();
    assert_eq!(
        after.body.split("<reservationSet>").nth(1),
        before.body.split("<reservationSet>").nth(1)
    );
    let again = world.call(&user, "StartInstances", &named).await.good();
    assert_eq!(again.all("name"), ["running", "running"]);

    world.call(&user, "TerminateInstances", &named).await.good();
    world.settle().await;
    for action in ["StopInstances", "StartInstances"] {
        let gone = world.call(&user, action, &named).await;
        assert_eq!(gone.refusal(), (400, "IncorrectInstanceState"), "{action}");
    }
}

#[tokio::test]
async fn a_stop_may_be_forced_and_is_no_hibernation() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let id = running(&world, &user).await;
    let named = ("InstanceId.1", id.as_str());
    let hibernate = world.call(&user, "StopInstances", &[named, ("Hibernate", "true")]).await;
    assert_eq!(hibernate.refusal(), (400, "UnsupportedOperation"));
    let options = [named, ("Force", "true"), ("Hibernate", "false")];
    let forced = world.call(&user, "StopInstances", &options).await.good();
    assert_eq!(forced.all("name"), ["stopping", "running"]);
}

#[tokio::test]
async fn nobody_stops_or_changes_what_is_anothers() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let id = running(&world, &alice).await;
    for (action, name) in [
        ("StopInstances", "InstanceId.1"),
        ("StartInstances", "InstanceId.1"),
        ("ModifyInstanceMetadataOptions", "InstanceId"),
    ] {
        let other = world.call(&bob, action, &[(name, &id)]).await;
        let none = world.call(&bob, action, &[(name, "i-00000000")]).await;
        assert_eq!(other.refusal(), (400, "InvalidInstanceID.NotFound"), "{action}");
        let hint = other.text("Message").replace(&id, "i-00000000");
        assert_eq!(hint, none.text("Message"), "{action}");
    }
    world.call(&world.admin, "StopInstances", &[("InstanceId.1", &id)]).await.good();
}

#[tokio::test]
async fn metadata_options_are_shown_changed_and_put_in_force() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let at_launch = [
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpPutResponseHopLimit", "2"),
        ("MetadataOptions.InstanceMetadataTags", "disabled"),
    ];
    let launched = launch(&world, &user, &at_launch).await.good();
    let id = launched.text("instanceId").to_owned();
    let shown = |answer: &Answer| {
        let names =
            ["state", "httpTokens", "httpPutResponseHopLimit", "httpEndpoint", "httpProtocolIpv6"];
        let options = answer.body.split("etadataOptions>").nth(1).unwrap().to_owned();
        let answer = Answer { body: options, status: answer.status };
        names.map(|name| answer.text(name).to_owned())
    };
    assert_eq!(shown(&launched), ["pending", "required", "2", "enabled", "disabled"]);
    world.settle().await;
    let described = world.call(&user, "DescribeInstances", &[]).await.good();
    assert_eq!(shown(&described), ["applied", "required", "2", "enabled", "disabled"]);
    let old = world.call_in("2014-10-01", &user, "DescribeInstances", &[]).await.good();
    assert!(!old.body.contains("metadataOptions"));

    for (name, value, found) in [
        ("metadata-options.http-tokens", "required", 1),
        ("metadata-options.http-tokens", "optional", 0),
        ("metadata-options.http-endpoint", "enabled", 1),
        ("metadata-options.http-put-response-hop-limit", "2", 1),
    ] {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let answer = world.call(&user, "DescribeInstances", &filter).await.good();
        assert_eq!(answer.all("instanceId").len(), found, "{name}={value}");
    }

    let named = ("InstanceId", id.as_str());
    let change = [named, ("HttpEndpoint", "disabled"), ("HttpPutResponseHopLimit", "64")];
    let changed = world.call(&user, "ModifyInstanceMetadataOptions", &change).await.good();
    assert_eq!(changed.text("instanceId"), id);
    assert!(changed.body.contains("<instanceMetadataOptions>"));
    assert_eq!(shown(&changed), ["pending", "required", "64", "disabled", "disabled"]);
    world.settle().await;
    let nothing = world.call(&user, "ModifyInstanceMetadataOptions", &[named]).await.good();
    assert_eq!(shown(&nothing), ["applied", "required", "64", "disabled", "disabled"]);

    for (name, value, code) in [
        ("HttpPutResponseHopLimit", "0", "InvalidParameterValue"),
        ("HttpPutResponseHopLimit", "65", "InvalidParameterValue"),
        ("HttpTokens", "perhaps", "InvalidParameterValue"),
        ("HttpProtocolIpv6", "enabled", "UnsupportedOperation"),
        ("InstanceMetadataTags", "enabled", "UnsupportedOperation"),
    ] {
        let change = [named, (name, value)];
        let refused = world.call(&user, "ModifyInstanceMetadataOptions", &change).await;
        assert_eq!(refused.refusal(), (400, code), "{name}={value}");
        let name = format!("MetadataOptions.{name}");
        let refused = launch(&world, &user, &[(&name, value)]).await;
        assert_eq!(refused.refusal(), (400, code), "{name}={value}");
    }
}

/// What a node says of an instance that ends or crashes reaches its owner with EC2's code.
#[tokio::test]
async fn the_reason_of_a_node_is_shown_with_its_code() {
    use InstancePhase::{Running, Terminated};
    let internal = "Server.InternalError";
    for (phase, said, code, status) in [
        (Running, "it was started again", internal, "ok"),
        (Running, reason::GUEST_CRASHED, internal, "impaired"),
        (Running, reason::NO_SPACE, internal, "impaired"),
        (Terminated, reason::GUEST_POWERED_OFF, "Client.InstanceInitiatedShutdown", ""),
        (Terminated, "its domain could not be started", internal, ""),
    ] {
        let world = World::new().await;
        let user = world.user("alice").await;
        let id = running(&world, &user).await;
        let instance = InstanceObserved {
            id: id.parse().unwrap(),
            node: "node1".parse().ok(),
            phase,
            reason: Some(said.to_owned()),
            reboots: 0,
            turn: 0,
            metadata: None,
            address: None,
        };
        let observed = ClusterObserved {
            cluster: None,
            revision: 2,
            generation: 1,
            nodes: Vec::new(),
            instances: vec![instance],
            settings: None,
            problems: Vec::new(),
        };
        let zone = "one".parse().unwrap();
        world.cloud.state().record_observed(zone, observed, world.clock.now()).await.unwrap();
        let shown = world.call(&user, "DescribeInstances", &[]).await.good();
        let expect = format!("<code>{code}</code><message>{said}</message>");
        assert!(shown.body.contains(&expect), "{expect} in {}", shown.body);
        let shown = world.call(&user, "DescribeInstanceStatus", &[]).await.good();
        let expect = match status {
            "" => "<instanceStatusSet/>".to_owned(),
            status => format!("<instanceStatus><status>{status}</status>"),
        };
        assert!(shown.body.contains(&expect), "{expect} in {}", shown.body);
    }
}
