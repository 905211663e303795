//! Attributes, monitoring, status and the options of a launch.

use super::world::{Answer, World};
use state::User;

/// A world with an instance of alice, which runs.
struct Instance {
    world: World,
    alice: User,
    id: String,
}

async fn launch(world: &World, user: &User, more: &[(&str, &str)]) -> Answer {
    let image = world.image().await.to_string();
    let mut parameters = vec![("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    parameters.extend_from_slice(more);
    world.call(user, "RunInstances", &parameters).await
}

impl Instance {
    async fn running(more: &[(&str, &str)]) -> Self {
        let world = World::new().await;
        let alice = world.user("alice").await;
        let id = launch(&world, &alice, more).await.good().text("instanceId").to_owned();
        world.settle().await;
        Self { world, alice, id }
    }

    async fn call(&self, action: &str, more: &[(&str, &str)]) -> Answer {
        self.call_as(&self.alice, action, more).await
    }

    async fn call_as(&self, user: &User, action: &str, more: &[(&str, &str)]) -> Answer {
        let name = if action.ends_with("Instances") { "InstanceId.1" } else { "InstanceId" };
        let parameters = [&[(name, self.id.as_str())], more].concat();
        self.world.call(user, action, &parameters).await
    }

    /// What DescribeInstanceAttribute shows after the instance's id.
    async fn attribute(&self, name: &str) -> String {
        let answer = self.call("DescribeInstanceAttribute", &[("Attribute", name)]).await.good();
        let (_, shown) = answer.body.split_once("</instanceId>").unwrap();
        shown.replace("</DescribeInstanceAttributeResponse>", "")
    }
}

#[tokio::test]
async fn every_attribute_is_shown_as_it_is() {
    let it = Instance::running(&[("UserData", "aGk=")]).await;
    let described = it.call("DescribeInstances", &[]).await.good();
    let (kernel, group) = (described.text("kernelId"), described.text("groupId"));
    let cases = [
        ("instanceType", "<instanceType><value>m1.small</value></instanceType>".to_owned()),
        ("kernel", format!("<kernel><value>{kernel}</value></kernel>")),
        ("ramdisk", "<ramdisk/>".to_owned()),
        ("userData", "<userData><value>aGk=</value></userData>".to_owned()),
        (
            "disableApiTermination",
            "<disableApiTermination><value>false</value></disableApiTermination>".to_owned(),
        ),
        (
            "instanceInitiatedShutdownBehavior",
            "<instanceInitiatedShutdownBehavior><value>terminate</value>\
             </instanceInitiatedShutdownBehavior>"
                .to_owned(),
        ),
        ("rootDeviceName", "<rootDeviceName><value>/dev/sda1</value></rootDeviceName>".to_owned()),
        ("blockDeviceMapping", "<blockDeviceMapping/>".to_owned()),
        ("productCodes", "<productCodes/>".to_owned()),
        ("sourceDestCheck", "<sourceDestCheck><value>true</value></sourceDestCheck>".to_owned()),
        (
            "groupSet",
            format!(
                "<groupSet><item><groupId>{group}</groupId><groupName>default</groupName></item>\
                 </groupSet>"
            ),
        ),
        ("ebsOptimized", "<ebsOptimized><value>false</value></ebsOptimized>".to_owned()),
        ("sriovNetSupport", "<sriovNetSupport/>".to_owned()),
        ("enaSupport", "<enaSupport><value>false</value></enaSupport>".to_owned()),
        ("disableApiStop", "<disableApiStop><value>false</value></disableApiStop>".to_owned()),
        ("enclaveOptions", "<enclaveOptions><enabled>false</enabled></enclaveOptions>".to_owned()),
    ];
    for (name, shown) in cases {
        assert_eq!(it.attribute(name).await, shown);
    }
}

#[tokio::test]
async fn a_protected_instance_is_not_terminated_until_the_attribute_is_unset() {
    let it = Instance::running(&[("DisableApiTermination", "true")]).await;
    for user in [&it.alice, &it.world.admin] {
        let refused = it.call_as(user, "TerminateInstances", &[]).await;
        assert_eq!(refused.refusal(), (400, "OperationNotPermitted"));
        assert!(refused.text("Message").contains("disableApiTermination"), "{refused:?}");
    }
    let forms: [&[(&str, &str)]; 3] = [
        &[("DisableApiTermination.Value", "false")],
        &[("Attribute", "disableApiTermination"), ("Value", "true")],
        &[("Attribute", "disableApiTermination"), ("DisableApiTermination.Value", "false")],
    ];
    for (form, now) in forms.into_iter().zip(["false", "true", "false"]) {
        it.call("ModifyInstanceAttribute", form).await.good();
        assert!(it.attribute("disableApiTermination").await.contains(now));
    }
    it.call("TerminateInstances", &[]).await.good();
}

#[tokio::test]
async fn what_cannot_change_can_be_set_to_what_it_is_and_to_nothing_else() {
    let it = Instance::running(&[]).await;
    let described = it.call("DescribeInstances", &[]).await.good();
    let (kernel, group) = (described.text("kernelId"), described.text("groupId"));
    let other = [("GroupName", "web"), ("GroupDescription", "web")];
    let other = it.world.call(&it.alice, "CreateSecurityGroup", &other).await.good();
    let cases = [
        ("InstanceInitiatedShutdownBehavior.Value", "terminate", "stop"),
        ("InstanceType.Value", "m1.small", "m1.large"),
        ("Kernel.Value", kernel, "eki-00000000"),
        ("SourceDestCheck.Value", "true", "false"),
        ("GroupId.1", group, other.text("groupId")),
        ("EbsOptimized.Value", "false", "true"),
        ("EnaSupport.Value", "false", "true"),
        ("DisableApiStop.Value", "false", "true"),
    ];
    for (name, same, other) in cases {
        it.call("ModifyInstanceAttribute", &[(name, same)]).await.good();
        let refused = it.call("ModifyInstanceAttribute", &[(name, other)]).await;
        assert_eq!(refused.refusal(), (400, "UnsupportedOperation"), "{name}");
        let attribute = name.trim_end_matches(".Value");
        let attribute = format!("{}{}", attribute[..1].to_lowercase(), &attribute[1..]);
        let attribute = attribute.replace("groupId.1", "groupSet");
        let by_value = |value| [("Attribute", attribute.as_str()), ("Value", value)];
        it.call("ModifyInstanceAttribute", &by_value(same)).await.good();
        let refused = it.call("ModifyInstanceAttribute", &by_value(other)).await;
        assert_eq!(refused.refusal(), (400, "UnsupportedOperation"), "{attribute}");
    }
    for never in [("SriovNetSupport.Value", "simple"), ("Ramdisk.Value", "eri-00000000")] {
        let refused = it.call("ModifyInstanceAttribute", &[never]).await;
        assert_eq!(refused.refusal(), (400, "UnsupportedOperation"), "{never:?}");
    }
    let volume = [("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true")];
    let refused = it.call("ModifyInstanceAttribute", &volume).await;
    assert_eq!(refused.refusal(), (400, "UnsupportedOperation"));
}

#[tokio::test]
async fn one_attribute_is_changed_at_a_time() {
    let it = Instance::running(&[]).await;
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[], "InvalidParameterCombination"),
        (
            &[("DisableApiTermination.Value", "true"), ("EbsOptimized.Value", "false")],
            "InvalidParameterCombination",
        ),
        (
            &[("DisableApiTermination.Value", "true"), ("Attribute", "kernel"), ("Value", "x")],
            "InvalidAMIID.Malformed",
        ),
        (&[("Attribute", "disableApiTermination")], "MissingParameter"),
        (&[("Value", "true")], "MissingParameter"),
        (&[("Attribute", "rootDeviceName"), ("Value", "x")], "InvalidParameterValue"),
        (&[("Attribute", "userData"), ("Value", "#!/bin/sh")], "InvalidParameterValue"),
    ];
    for (parameters, code) in cases {
        let refused = it.call("ModifyInstanceAttribute", parameters).await;
        assert_eq!(refused.refusal(), (400, code), "{parameters:?}");
    }
    let running = it.call("ModifyInstanceAttribute", &[("UserData.Value", "aGk=")]).await;
    assert_eq!(running.refusal(), (400, "IncorrectInstanceState"));
    assert!(running.text("Message").contains("running"), "{running:?}");
    assert_eq!(it.attribute("disableApiTermination").await.matches("false").count(), 1);
}

#[tokio::test]
async fn defaults_are_reset_and_other_kernels_stay() {
    let it = Instance::running(&[]).await;
    for name in ["kernel", "ramdisk", "sourceDestCheck"] {
        let reset = it.call("ResetInstanceAttribute", &[("Attribute", name)]).await.good();
        assert_eq!(reset.text("return"), "true");
    }
    let refused = it.call("ResetInstanceAttribute", &[("Attribute", "userData")]).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
    let kernel = it.world.register(&it.alice, types::ImageKind::Kernel, None, true).await;
    let other = launch(&it.world, &it.alice, &[("KernelId", &kernel.to_string())]).await.good();
    let parameters = [("InstanceId", other.text("instanceId")), ("Attribute", "kernel")];
    let refused = it.world.call(&it.alice, "ResetInstanceAttribute", &parameters).await;
    assert_eq!(refused.refusal(), (400, "UnsupportedOperation"));
}

#[tokio::test]
async fn monitoring_is_kept_and_shown() {
    let it = Instance::running(&[("Monitoring.Enabled", "true")]).await;
    let shown = async || {
        let filter = [("Filter.1.Name", "monitoring-state"), ("Filter.1.Value.1", "enabled")];
        let answer = it.call("DescribeInstances", &filter).await.good();
        answer.body.contains("<monitoring><state>enabled</state></monitoring>")
    };
    assert!(shown().await);
    let off = it.call("UnmonitorInstances", &[]).await.good();
    let expect = format!(
        "<instancesSet><item><instanceId>{}</instanceId><monitoring><state>disabled</state>\
         </monitoring></item></instancesSet>",
        it.id
    );
    assert!(off.body.contains(&expect), "{off:?}");
    assert!(!shown().await);
    assert_eq!(it.call("MonitorInstances", &[]).await.good().text("state"), "enabled");
    assert!(shown().await);
}

#[tokio::test]
async fn status_is_that_of_running_instances_and_their_nodes() {
    let it = Instance::running(&[]).await;
    let pending = launch(&it.world, &it.alice, &[]).await.good().text("instanceId").to_owned();
    let status = async |more: &[(&str, &str)]| {
        it.world.call(&it.alice, "DescribeInstanceStatus", more).await.good()
    };
    let healthy = status(&[]).await;
    let (_, shown) = healthy.body.split_once("<instanceStatusSet>").unwrap();
    let ok = "<status>ok</status><details><item><name>reachability</name><status>passed</status>\
              </item></details>";
    let expect = format!(
        "<item><instanceId>{}</instanceId><availabilityZone>one</availabilityZone><instanceState>\
         <code>16</code><name>running</name></instanceState><systemStatus>{ok}</systemStatus>\
         <instanceStatus>{ok}</instanceStatus></item></instanceStatusSet>\
         </DescribeInstanceStatusResponse>",
        it.id
    );
    assert_eq!(shown, expect);
    let all = status(&[("IncludeAllInstances", "true")]).await;
    assert_eq!(all.all("instanceId").len(), 2);
    let filters = [
        ("availability-zone", "one", 2),
        ("event.code", "*", 0),
        ("instance-state-code", "0", 1),
        ("instance-state-name", "running", 1),
        ("instance-status.reachability", "passed", 1),
        ("instance-status.status", "not-applicable", 1),
        ("system-status.reachability", "failed", 0),
        ("system-status.status", "ok", 1),
    ];
    for (name, value, number) in filters {
        let filter = [("IncludeAllInstances", "true"), ("Filter.1.Name", name)];
        let filter = [&filter[..], &[("Filter.1.Value.1", value)]].concat();
        assert_eq!(status(&filter).await.all("instanceId").len(), number, "{name}");
    }
    assert!(status(&[("InstanceId.1", &pending)]).await.body.contains("<instanceStatusSet/>"));
    let zone = "one".parse().unwrap();
    let silence = protocol::CallError::Unreachable("no route to host".into());
    let now = it.world.cloud.now();
    it.world.cloud.state().record_silent(zone, &silence, now).await.unwrap();
    let silent = status(&[]).await;
    assert_eq!(
        silent.all("status").iter().filter(|text| !text.contains('<')).collect::<Vec<_>>(),
        [&"impaired", &"failed", &"insufficient-data", &"insufficient-data"]
    );
}

#[tokio::test]
async fn there_is_no_windows_password() {
    let it = Instance::running(&[]).await;
    let refused = it.call("GetPasswordData", &[]).await;
    assert_eq!(refused.refusal(), (400, "UnsupportedOperation"));
}

#[tokio::test]
async fn what_is_not_the_callers_is_not_there() {
    let it = Instance::running(&[]).await;
    let bob = it.world.user("bob").await;
    let calls: [(&str, &[(&str, &str)]); 6] = [
        ("DescribeInstanceAttribute", &[("Attribute", "userData")]),
        ("ModifyInstanceAttribute", &[("SourceDestCheck.Value", "false")]),
        ("ResetInstanceAttribute", &[("Attribute", "kernel")]),
        ("MonitorInstances", &[]),
        ("UnmonitorInstances", &[]),
        ("GetPasswordData", &[]),
    ];
    for (action, more) in calls {
        let refused = it.call_as(&bob, action, more).await;
        assert_eq!(refused.refusal(), (400, "InvalidInstanceID.NotFound"), "{action}");
    }
    let named = [("InstanceId.1", it.id.as_str())];
    let refused = it.world.call(&bob, "DescribeInstanceStatus", &named).await;
    assert_eq!(refused.refusal(), (400, "InvalidInstanceID.NotFound"));
    let protect = [("DisableApiTermination.Value", "true")];
    it.call_as(&it.world.admin, "ModifyInstanceAttribute", &protect).await.good();
}

#[tokio::test]
async fn options_of_a_launch_are_taken_or_refused_with_a_reason() {
    let world = World::new().await;
    let taken: [&[(&str, &str)]; 3] = [
        &[("AdditionalInfo", "x"), ("CreditSpecification.CpuCredits", "standard")],
        &[
            ("InstanceInitiatedShutdownBehavior", "terminate"),
            ("EbsOptimized", "false"),
            ("DisableApiStop", "false"),
            ("Placement.Tenancy", "default"),
            ("EnclaveOptions.Enabled", "false"),
            ("HibernationOptions.Configured", "false"),
        ],
        &[
            ("BlockDeviceMapping.1.VirtualName", "ephemeral0"),
            ("BlockDeviceMapping.1.DeviceName", "sda2"),
            ("BlockDeviceMapping.2.VirtualName", "swap"),
            ("BlockDeviceMapping.2.DeviceName", "/dev/sda3"),
            ("BlockDeviceMapping.3.DeviceName", "/dev/sdb"),
            ("BlockDeviceMapping.3.NoDevice", ""),
        ],
    ];
    for parameters in taken {
        launch(&world, &world.admin, parameters).await.good();
    }
    let refused = [
        ("InstanceInitiatedShutdownBehavior", "stop"),
        ("EbsOptimized", "true"),
        ("DisableApiStop", "true"),
        ("EnclaveOptions.Enabled", "true"),
        ("HibernationOptions.Configured", "true"),
        ("IamInstanceProfile.Name", "role"),
        ("IamInstanceProfile.Arn", "arn:aws:iam::000000000000:instance-profile/role"),
        ("PrivateIpAddress", "10.5.1.9"),
        ("Placement.GroupName", "close"),
        ("InstanceMarketOptions.MarketType", "spot"),
        ("LaunchTemplate.LaunchTemplateId", "lt-00000000"),
        ("LaunchTemplate.LaunchTemplateName", "web"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "8"),
    ];
    for option in refused {
        let answer = launch(&world, &world.admin, &[option]).await;
        assert_eq!(answer.refusal(), (400, "UnsupportedOperation"), "{option:?}");
    }
    let malformed = [
        ("BlockDeviceMapping.1.VirtualName", "ephemeral7"),
        ("Placement.Tenancy", "dedicated"),
        ("ClientToken", "tökén"),
    ];
    for option in malformed {
        let answer = launch(&world, &world.admin, &[option]).await;
        assert_eq!(answer.refusal(), (400, "InvalidParameterValue"), "{option:?}");
    }
    let all = world.call(&world.admin, "DescribeInstances", &[]).await.good();
    assert_eq!(all.all("instanceId").len(), taken.len());
}

#[tokio::test]
async fn todays_sdks_are_told_what_an_instance_runs_on() {
    let it = Instance::running(&[("ClientToken", "token")]).await;
    let now = it.call("DescribeInstances", &[]).await.good();
    for (name, value) in [
        ("clientToken", "token"),
        ("hypervisor", "kvm"),
        ("sourceDestCheck", "true"),
        ("ebsOptimized", "false"),
        ("enaSupport", "false"),
        ("coreCount", "1"),
        ("configured", "false"),
        ("enabled", "false"),
    ] {
        assert_eq!(now.text(name), value, "{name}");
    }
    for (name, value) in [("client-token", "token"), ("hypervisor", "kvm"), ("tenancy", "default")]
    {
        let filter = [("Filter.1.Name", name), ("Filter.1.Value.1", value)];
        let found = it.call("DescribeInstances", &filter).await.good();
        assert_eq!(found.all("instanceId").len(), 1, "{name}");
    }
    let then = it.world.call_in("2010-08-31", &it.alice, "DescribeInstances", &[]).await.good();
    assert!(then.body.contains("<clientToken>") && !then.body.contains("<hypervisor>"));
}
