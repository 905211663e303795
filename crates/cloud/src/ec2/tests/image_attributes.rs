use super::world::World;
use types::ImageKind;

const ATTRIBUTES: [&str; 6] =
    ["description", "kernel", "ramdisk", "launchPermission", "productCodes", "blockDeviceMapping"];

#[tokio::test]
async fn launch_permissions_are_given_and_taken_in_both_forms() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let image = world.register(&alice, ImageKind::Machine, None, false).await.to_string();
    let modify = async |parameters: &[(&str, &str)]| {
        let all = [&[("ImageId", image.as_str())], parameters].concat();
        world.call(&alice, "ModifyImageAttribute", &all).await
    };
    let shown = async || {
        let asked = [("ImageId", image.as_str()), ("Attribute", "launchPermission")];
        let answer = world.call(&alice, "DescribeImageAttribute", &asked).await.good();
        assert_eq!(answer.text("imageId"), image);
        let of = |name| answer.all(name).into_iter().map(str::to_owned);
        of("group").chain(of("userId")).collect::<Vec<_>>()
    };
    let number = bob.account.to_string();
    let named = [("ImageId.1", image.as_str())];
    let hidden = world.call(&bob, "DescribeImages", &named).await;
    assert_eq!(hidden.refusal(), (400, "InvalidAMIID.NotFound"));

    let old = |operation| {
        [("Attribute", "launchPermission"), ("OperationType", operation), ("UserId.1", "bob")]
    };
    assert_eq!(modify(&old("add")).await.good().text("return"), "true");
    assert_eq!(shown().await, [number.as_str()]);
    world.call(&bob, "DescribeImages", &named).await.good();
    modify(&[
        ("LaunchPermission.Add.1.Group", "all"),
        ("LaunchPermission.Remove.1.UserId", &number),
    ])
    .await
    .good();
    assert_eq!(shown().await, ["all"]);
    let absent = modify(&old("remove")).await;
    assert_eq!(absent.refusal(), (400, "InvalidAMIAttributeItemValue"));
    assert!(absent.text("Message").contains("nonexistent permission"));
    let unknown = modify(&[("LaunchPermission.Add.1.UserId", "999999999999")]).await;
    assert_eq!(unknown.refusal(), (400, "InvalidAMIAttributeItemValue"));
    modify(&[("OperationType", "remove"), ("UserGroup.1", "all")]).await.good();
    assert!(shown().await.is_empty());
    modify(&old("add")).await.good();
    let reset = [("ImageId", image.as_str()), ("Attribute", "launchPermission")];
    world.call(&alice, "ResetImageAttribute", &reset).await.good();
    assert_eq!(shown().await, ["all"]);
}

#[tokio::test]
async fn only_the_owner_and_administrators_see_and_change_attributes() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let public = world.register(&alice, ImageKind::Machine, None, true).await.to_string();
    let private = world.register(&alice, ImageKind::Machine, None, false).await.to_string();
    for (image, refusal) in
        [(&public, (403, "UnauthorizedOperation")), (&private, (400, "InvalidAMIID.NotFound"))]
    {
        let id = ("ImageId", image.as_str());
        for attribute in ATTRIBUTES {
            let asked = [id, ("Attribute", attribute)];
            let answer = world.call(&bob, "DescribeImageAttribute", &asked).await;
            assert_eq!(answer.refusal(), refusal, "{attribute}");
            world.call(&world.admin, "DescribeImageAttribute", &asked).await.good();
        }
        let give = [id, ("LaunchPermission.Add.1.UserId", "bob")];
        assert_eq!(world.call(&bob, "ModifyImageAttribute", &give).await.refusal(), refusal);
        let reset = [id, ("Attribute", "launchPermission")];
        assert_eq!(world.call(&bob, "ResetImageAttribute", &reset).await.refusal(), refusal);
        world.call(&world.admin, "ModifyImageAttribute", &give).await.good();
    }
}

#[tokio::test]
async fn one_attribute_is_changed_at_a_time_and_boot_images_are_not() {
    let world = World::new().await;
    let image = world.image().await.to_string();
    let describe = async |attribute| {
        let asked = [("ImageId", image.as_str()), ("Attribute", attribute)];
        world.call(&world.admin, "DescribeImageAttribute", &asked).await.good()
    };
    let modify = async |parameters: &[(&str, &str)]| {
        let all = [&[("ImageId", image.as_str())], parameters].concat();
        world.call(&world.admin, "ModifyImageAttribute", &all).await
    };
    assert!(describe("kernel").await.body.contains("<kernel><value>eki-"));
    assert!(describe("ramdisk").await.body.contains("<ramdisk/>"));
    modify(&[("Description.Value", "tiny")]).await.good();
    assert!(describe("description").await.body.contains("<description><value>tiny</value>"));
    modify(&[("Attribute", "description"), ("Value", "small")]).await.good();
    assert!(describe("description").await.body.contains("<value>small</value>"));
    modify(&[("Attribute", "description")]).await.good();
    assert!(describe("description").await.body.contains("<description/>"));
    modify(&[("ProductCode.1", "774F4FF8")]).await.good();
    assert_eq!(describe("productCodes").await.text("productCode"), "774F4FF8");
    for (parameters, code) in [
        (&[("Attribute", "kernel"), ("Value", "eki-00000001")][..], "UnsupportedOperation"),
        (&[("ProductCode.1", "x"), ("OperationType", "remove")], "InvalidParameterCombination"),
        (&[("ProductCode.1", "x"), ("Description.Value", "y")], "InvalidParameterCombination"),
        (&[("Attribute", "description"), ("UserId.1", "admin")], "InvalidParameterCombination"),
        (&[("Attribute", "launchPermission")], "InvalidParameterCombination"),
        (&[("Attribute", "productCodes")], "MissingParameter"),
        (&[("UserId.1", "admin")], "MissingParameter"),
        (&[("UserGroup.1", "some"), ("OperationType", "add")], "InvalidParameterValue"),
        (&[("LaunchPermission.Add.1.Other", "x")], "InvalidParameterCombination"),
        (&[], "InvalidParameterCombination"),
    ] {
        assert_eq!(modify(parameters).await.refusal(), (400, code), "{parameters:?}");
    }
}

#[tokio::test]
async fn product_codes_are_shown_with_images_and_instances_and_confirmed_to_their_owner() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let kernel = world.register(&world.admin, ImageKind::Kernel, None, true).await;
    let image = world.register(&alice, ImageKind::Machine, Some(kernel), true).await.to_string();
    let add = [("ImageId", image.as_str()), ("ProductCode.1", "774F4FF8")];
    world.call(&alice, "ModifyImageAttribute", &add).await.good();
    let run = [("ImageId", image.as_str()), ("MinCount", "1"), ("MaxCount", "1")];
    let run = world.call(&bob, "RunInstances", &run).await.good();
    let instance = run.text("instanceId").to_owned();
    let codes = "<productCodes><item><productCode>774F4FF8</productCode><type>devpay</type></item>";
    assert!(run.body.contains(codes), "{}", run.body);
    let filter = [("Filter.1.Name", "product-code"), ("Filter.1.Value.1", "774F*")];
    for action in ["DescribeInstances", "DescribeImages"] {
        let found = world.call(&bob, action, &filter).await.good();
        assert_eq!(found.all("productCode"), ["774F4FF8"], "{action}");
        let old = world.call_in("2008-12-01", &bob, action, &[]).await.good();
        assert!(old.body.contains("<item><productCode>774F4FF8</productCode></item>"), "{action}");
    }
    let confirm = async |user, code, instance| {
        let asked = [("ProductCode", code), ("InstanceId", instance)];
        let answer = world.call(user, "ConfirmProductInstance", &asked).await.good();
        (answer.text("return") == "true", answer.all("ownerId").first().map(|id| (*id).to_owned()))
    };
    let bobs = (true, Some(bob.account.to_string()));
    assert_eq!(confirm(&alice, "774F4FF8", instance.as_str()).await, bobs);
    assert_eq!(confirm(&world.admin, "774F4FF8", instance.as_str()).await, bobs);
    assert_eq!(confirm(&bob, "774F4FF8", instance.as_str()).await, (false, None));
    assert_eq!(confirm(&alice, "other", instance.as_str()).await, (false, None));
    assert_eq!(confirm(&alice, "774F4FF8", "i-00000000").await, (false, None));
}
