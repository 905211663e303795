use super::world::World;
use types::ImageKind;

#[tokio::test]
async fn images_are_seen_by_those_who_may_launch_them() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let public = world.image().await.to_string();
    let private = world.register(&alice, ImageKind::Machine, None, false).await.to_string();
    let ids = async |user, parameters: &[(&str, &str)]| {
        let answer = world.call(user, "DescribeImages", parameters).await.good();
        let ids = answer.all("imageId").into_iter().filter(|id| id.starts_with("emi"));
        let mut ids: Vec<_> = ids.map(str::to_owned).collect();
        ids.sort();
        ids
    };
    let mut both = vec![public.clone(), private.clone()];
    both.sort();
    assert_eq!(ids(&alice, &[]).await, both);
    assert_eq!(ids(&bob, &[]).await, [public.as_str()]);
    assert_eq!(ids(&alice, &[("Owner.1", "self")]).await, [private.as_str()]);
    assert_eq!(ids(&alice, &[("Owner.1", "admin")]).await, [public.as_str()]);
    let number = alice.account.to_string();
    assert_eq!(ids(&alice, &[("Owner.1", &number)]).await, [private.as_str()]);
    assert!(ids(&alice, &[("Owner.1", "nobody")]).await.is_empty());
    assert_eq!(ids(&alice, &[("ExecutableBy.1", "all")]).await, [public.as_str()]);
    assert_eq!(ids(&alice, &[("ExecutableBy.1", "self")]).await, both);
    let kernels = [("Filter.1.Name", "image-type"), ("Filter.1.Value.1", "kernel")];
    assert!(ids(&alice, &kernels).await.is_empty());
    let named = world.call(&bob, "DescribeImages", &[("ImageId.1", &private)]).await;
    assert_eq!(named.refusal(), (400, "InvalidAMIID.NotFound"));
    let one = world.call(&alice, "DescribeImages", &[("ImageId.1", &private)]).await.good();
    assert_eq!(one.text("imageOwnerId"), number);
    assert_eq!((one.text("isPublic"), one.text("imageState")), ("false", "available"));
}

#[tokio::test]
async fn an_image_is_deregistered_by_its_owner_or_an_administrator() {
    let world = World::new().await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let public = world.image().await.to_string();
    let private = world.register(&alice, ImageKind::Machine, None, false).await.to_string();
    let deregister =
        async |user, id: &str| world.call(user, "DeregisterImage", &[("ImageId", id)]).await;
    let hidden = deregister(&bob, &private).await;
    assert_eq!(hidden.refusal(), (400, "InvalidAMIID.NotFound"));
    assert_eq!(deregister(&bob, &public).await.refusal(), (403, "UnauthorizedOperation"));
    assert_eq!(deregister(&alice, &private).await.good().text("return"), "true");
    assert_eq!(deregister(&alice, &private).await.refusal(), (400, "InvalidAMIID.NotFound"));
    deregister(&world.admin, &public).await.good();
}

#[tokio::test]
async fn what_is_not_in_walrus_cannot_be_registered() {
    let world = World::new().await;
    let user = world.user("alice").await;
    let register = async |user, location: &str| {
        world.call(user, "RegisterImage", &[("ImageLocation", location)]).await
    };
    let no_manifest = register(&world.admin, "bucket/image.manifest.xml").await;
    assert_eq!(no_manifest.refusal(), (400, "InvalidManifest"));
    let not_mine = register(&user, "bucket/image.manifest.xml").await;
    assert_eq!(not_mine.refusal(), (403, "UnauthorizedOperation"));
    let nonsense = register(&user, "image").await;
    assert_eq!(nonsense.refusal(), (400, "InvalidParameterValue"));
    assert!(nonsense.text("Message").contains("Image registration failed"));
}

#[tokio::test]
async fn registrations_that_cannot_be_are_refused_before_anything_is_read() {
    let world = World::new().await;
    for (parameters, code) in [
        (&[][..], "MissingParameter"),
        (&[("Name", "x")], "InvalidAMIName.Malformed"),
        (&[("Name", "naïve")], "InvalidAMIName.Malformed"),
        (&[("BlockDeviceMapping.1.Ebs.SnapshotId", "snap-1")], "UnsupportedOperation"),
        (
            &[
                ("BlockDeviceMapping.1.VirtualName", "ephemeral0"),
                ("BlockDeviceMapping.1.DeviceName", "sdb"),
            ],
            "InvalidParameterValue",
        ),
        (&[("RootDeviceName", "/dev/vda")], "InvalidParameterValue"),
        (&[("VirtualizationType", "paravirtual")], "InvalidParameterValue"),
        (
            &[
                ("ImageLocation", "bucket/image.manifest.xml"),
                ("Name", "web (1.0)/[x]-'a'@b_c"),
                ("RootDeviceName", "/dev/sda1"),
                ("VirtualizationType", "hvm"),
                ("BlockDeviceMapping.1.VirtualName", "ephemeral0"),
                ("BlockDeviceMapping.1.DeviceName", "sda2"),
            ],
            "InvalidManifest",
        ),
    ] {
        let answer = world.call(&world.admin, "RegisterImage", parameters).await;
        assert_eq!(answer.refusal(), (400, code), "{parameters:?}");
    }
}

#[tokio::test]
async fn todays_shape_has_what_old_ones_lack_and_every_part_filters() {
    let world = World::new().await;
    let image = world.image().await.to_string();
    let describe = [("ImageId", image.as_str()), ("Description.Value", "tiny")];
    world.call(&world.admin, "ModifyImageAttribute", &describe).await.good();
    let named =
        [("ImageId.1", image.as_str()), ("IncludeDeprecated", "true"), ("IncludeDisabled", "true")];
    let new = world.call(&world.admin, "DescribeImages", &named).await.good();
    for (element, text) in [
        ("description", "tiny"),
        ("hypervisor", "kvm"),
        ("platformDetails", "Linux/UNIX"),
        ("usageOperation", "RunInstances"),
        ("rootDeviceName", "/dev/sda1"),
        ("enaSupport", "false"),
    ] {
        assert_eq!(new.text(element), text);
    }
    let old = world.call_in("2008-12-01", &world.admin, "DescribeImages", &named).await.good();
    for absent in ["description", "hypervisor", "platformDetails", "creationDate", "rootDevice"] {
        assert!(!old.body.contains(absent), "{absent}");
    }
    for (filter, value) in [("description", "t?ny"), ("root-device-name", "/dev/sda1")] {
        let machine = [("Filter.2.Name", "image-type"), ("Filter.2.Value.1", "machine")];
        let filters = [("Filter.1.Name", filter), ("Filter.1.Value.1", value)];
        let found = [&filters[..], &machine[..]].concat();
        let found = world.call(&world.admin, "DescribeImages", &found).await.good();
        assert_eq!(found.all("imageId"), [image.as_str()], "{filter}");
    }
}
