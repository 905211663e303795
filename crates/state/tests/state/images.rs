use crate::world::{NOW, World, new_image, report};
use protocol::InstancePhase;
use state::{Error, Settings};
use types::{ImageId, ImageKind};

#[tokio::test]
async fn an_image_is_seen_by_its_owner_administrators_and_those_permitted() {
    let world = World::with_cores(1).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let mut private = new_image(ImageKind::Machine, &alice);
    private.public = false;
    let image = world.state.register_image(private, NOW).await.unwrap();
    let sees = async |user| {
        let images = world.state.images_for(user).await.unwrap();
        images.iter().any(|seen| seen.id == image.id)
    };
    assert!(sees(&alice).await && sees(&world.admin).await);
    assert!(!sees(&bob).await);
    let permit =
        |accounts| world.state.set_launch_permissions(image.id, alice.clone(), false, accounts);
    permit(vec![bob.account]).await.unwrap();
    assert!(sees(&bob).await);
    assert_eq!(world.state.launch_permissions(image.id).await.unwrap(), [bob.account]);
    permit(vec![]).await.unwrap();
    assert!(!sees(&bob).await);
}

#[tokio::test]
async fn only_owner_and_administrator_change_an_image() {
    let world = World::with_cores(1).await;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let public =
        world.state.register_image(new_image(ImageKind::Machine, &alice), NOW).await.unwrap();
    let refused = world.state.deregister_image(public.id, bob.clone()).await;
    assert!(matches!(refused, Err(Error::ImageNotOwned(_))));
    let mut hidden = new_image(ImageKind::Machine, &alice);
    hidden.public = false;
    let hidden = world.state.register_image(hidden, NOW).await.unwrap();
    let unknown = world.state.deregister_image(hidden.id, bob).await;
    assert!(matches!(unknown, Err(Error::ImageNotFound(_))), "no hint that it exists");
    world.state.deregister_image(hidden.id, world.admin.clone()).await.unwrap();
}

#[tokio::test]
async fn an_image_needs_a_real_kernel() {
    let world = World::with_cores(1).await;
    let mut image = new_image(ImageKind::Machine, &world.admin);
    image.kernel = Some(ImageId::from_bits(ImageKind::Kernel, 1));
    let unknown = world.state.register_image(image.clone(), NOW).await;
    assert!(matches!(unknown, Err(Error::ImageNotFound(_))));
    image.kernel = Some(world.image.id);
    let wrong = world.state.register_image(image, NOW).await;
    assert!(matches!(wrong, Err(Error::ImageKindWrong { wanted: "kernel", .. })));
}

#[tokio::test]
async fn bytes_are_needed_while_registered_or_in_use() {
    let world = World::with_cores(1).await;
    let instance = world.launch(1).await.remove(0);
    world.state.deregister_image(world.image.id, world.admin.clone()).await.unwrap();
    let in_use = world.state.digests_in_use().await.unwrap();
    assert!(in_use.contains(&world.image.digest), "a live instance uses it");
    assert_eq!(world.desired().await.instances[0].root.digest, world.image.digest);
    world.observe(vec![report(instance.id, InstancePhase::Terminated)]).await;
    let in_use = world.state.digests_in_use().await.unwrap();
    assert_eq!(in_use, [world.kernel.digest]);
    let seen = world.see(instance.id, NOW).await.unwrap();
    assert_eq!(seen.image, world.image.id, "the record still names it");
}

#[tokio::test]
async fn deregistering_the_default_kernel_unsets_it() {
    let world = World::with_cores(1).await;
    let settings = Settings { default_kernel: Some(world.kernel.id), ..Settings::default() };
    world.state.set_settings(settings.clone()).await.unwrap();
    assert_eq!(world.state.settings().await.unwrap(), settings);
    world.state.deregister_image(world.kernel.id, world.admin.clone()).await.unwrap();
    assert_eq!(world.state.settings().await.unwrap(), Settings::default());
    let gone = Settings { default_kernel: Some(world.kernel.id), ..Settings::default() };
    assert!(matches!(world.state.set_settings(gone).await, Err(Error::ImageNotFound(_))));
    let wrong = Settings { default_kernel: Some(world.image.id), ..Settings::default() };
    assert!(matches!(world.state.set_settings(wrong).await, Err(Error::ImageKindWrong { .. })));
}
