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
