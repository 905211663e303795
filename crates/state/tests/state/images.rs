use crate::world::{NOW, World, new_image, report};
use protocol::InstancePhase;
use state::{Error, ImageChange, Launcher, NewImage, RunRequest, Settings};
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
    let bobs = vec![Launcher::User("bob".to_owned())];
    let change = |add, remove| {
        let change = ImageChange::LaunchPermission { add, remove };
        world.state.change_image(image.id, alice.clone(), change)
    };
    change(bobs.clone(), vec![]).await.unwrap();
    change(bobs.clone(), vec![]).await.unwrap();
    assert!(sees(&bob).await);
    let (_, launchers) = world.state.image_attributes(image.id, &alice).await.unwrap();
    assert_eq!(launchers, [bob.account]);
    assert_eq!(world.state.launch_permissions(&alice).await.unwrap()[&image.id], [bob.account]);
    assert!(world.state.launch_permissions(&bob).await.unwrap().is_empty(), "they are the owner's");
    change(vec![], vec![Launcher::User(bob.account.to_string())]).await.unwrap();
    assert!(!sees(&bob).await);
    let absent = change(vec![Launcher::All], bobs).await;
    assert!(matches!(absent, Err(Error::LauncherAbsent(_))));
    assert!(!sees(&bob).await, "a change is whole or not at all");
    let unknown = change(vec![Launcher::User("nobody".to_owned())], vec![]).await;
    assert!(matches!(unknown, Err(Error::LauncherUnknown(_))));
}

#[tokio::test]
async fn permissions_that_are_given_at_the_same_time_are_all_there() {
    let world = World::with_cores(1).await;
    let image = world.image.id;
    let mut accounts = Vec::new();
    for at in 0..8 {
        accounts.push(world.user(&format!("user{at}")).await.account);
    }
    let give = accounts.iter().map(|account| {
        let add = vec![Launcher::User(account.to_string())];
        let change = ImageChange::LaunchPermission { add, remove: vec![] };
        world.state.change_image(image, world.admin.clone(), change)
    });
    let given: Result<Vec<()>, _> =
        futures_util::future::join_all(give).await.into_iter().collect();
    given.unwrap();
    accounts.sort();
    let (_, launchers) = world.state.image_attributes(image, &world.admin).await.unwrap();
    assert_eq!(launchers, accounts);
}

#[tokio::test]
async fn product_codes_are_limited_and_go_with_the_image() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    let mut image = new_image(ImageKind::Machine, &alice);
    image.kernel = Some(world.kernel.id);
    image.products = vec!["B".into(), "A".into()];
    let image = world.state.register_image(image, NOW).await.unwrap();
    assert_eq!(image.products, ["A", "B"]);
    let add = |codes: Vec<String>| {
        world.state.change_image(image.id, alice.clone(), ImageChange::ProductCodes(codes))
    };
    add(vec!["A".into(), "C".into()]).await.unwrap();
    let many = add((0..17).map(|at| format!("code{at}")).collect()).await;
    assert!(matches!(many, Err(Error::LimitReached { .. })));
    let request = RunRequest { image: image.id, ..world.request(&alice) };
    let run = world.state.run_instances(request, NOW).await.unwrap();
    let instance = &run.reservation.instances[0];
    assert_eq!(instance.products, ["A", "B", "C"]);
    assert_eq!(world.see(instance.id, NOW).await.unwrap().products, ["A", "B", "C"]);
    world.state.deregister_image(image.id, alice.clone()).await.unwrap();
    world.observe(vec![report(instance.id, InstancePhase::Terminated)]).await;
    world.state.delete_user("alice".parse().unwrap()).await.unwrap();
    assert!(world.see(instance.id, NOW).await.is_none());
    let other = world.state.register_image(new_image(ImageKind::Machine, &world.admin), NOW).await;
    world.state.deregister_image(other.unwrap().id, world.admin.clone()).await.unwrap();
}

#[tokio::test]
async fn a_name_is_taken_while_its_image_is_registered() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    let register = async |owner| {
        let name = Some("web".to_owned());
        world
            .state
            .register_image(NewImage { name, ..new_image(ImageKind::Machine, owner) }, NOW)
            .await
    };
    let first = register(&alice).await.unwrap();
    let second = register(&alice).await;
    assert!(matches!(second, Err(Error::ImageNameTaken { id, .. }) if id == first.id));
    register(&world.admin).await.unwrap();
    world.state.deregister_image(first.id, alice.clone()).await.unwrap();
    register(&alice).await.unwrap();
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
    let set = |id| world.state.set_default_image(ImageKind::Kernel, Some(id));
    set(world.kernel.id).await.unwrap();
    let settings = Settings { default_kernel: Some(world.kernel.id), ..Settings::default() };
    assert_eq!(world.state.settings().await.unwrap(), settings);
    world.state.deregister_image(world.kernel.id, world.admin.clone()).await.unwrap();
    assert_eq!(world.state.settings().await.unwrap(), Settings::default());
    assert!(matches!(set(world.kernel.id).await, Err(Error::ImageNotFound(_))));
    assert!(matches!(set(world.image.id).await, Err(Error::ImageKindWrong { .. })));
}
