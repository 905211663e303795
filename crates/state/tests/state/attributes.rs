use crate::world::{NOW, World, report};
use protocol::InstancePhase;
use sqlx::Connection;
use state::{Error, RunRequest};
use types::InstanceState;

#[tokio::test]
async fn a_protected_instance_is_terminated_by_nobody_until_that_is_allowed() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let request = RunRequest { protected: true, ..world.request(&alice) };
    let kept = world.state.run_instances(request, NOW).await.unwrap().reservation.instances[0].id;
    let other = world.launch_as(&alice, 1).await[0].id;
    for account in [Some(alice.account), None] {
        let refused = world.state.terminate_instances(account, vec![other, kept], NOW).await;
        assert!(matches!(refused, Err(Error::InstanceProtected(id)) if id == kept));
    }
    let seen = world.see(other, NOW).await.unwrap();
    assert_eq!(seen.state, InstanceState::Pending, "all or none");
    let bob = world.user("bob").await;
    let refused = world.state.protect_instance(Some(bob.account), kept, false, NOW).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(_))));
    let refused = world.state.terminate_instances(Some(bob.account), vec![kept], NOW).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(_))), "no hint of the protection");
    world.state.protect_instance(Some(alice.account), kept, false, NOW).await.unwrap();
    world.state.terminate_instances(None, vec![kept], NOW).await.unwrap();
}

#[tokio::test]
async fn what_ends_by_itself_is_not_held_by_its_protection() {
    let world = World::with_cores(4).await;
    let id = world.launch(1).await[0].id;
    world.state.protect_instance(None, id, true, NOW).await.unwrap();
    world.observe(vec![report(id, InstancePhase::Terminated)]).await;
    let change = world.state.terminate_instances(None, vec![id], NOW).await.unwrap()[0];
    assert_eq!(change.current, InstanceState::Terminated);
}

#[tokio::test]
async fn user_data_is_changed_while_stopped_and_sent_to_the_cluster() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let request = RunRequest {
        min_count: 2,
        max_count: 2,
        user_data: b"old".to_vec(),
        ..world.request(&alice)
    };
    let two = world.state.run_instances(request, NOW).await.unwrap().reservation.instances;
    let (changed, kept) = (two[0].id, two[1].id);
    let set =
        async |account| world.state.set_user_data(account, changed, b"new\0".to_vec(), NOW).await;
    let refused = set(None).await.unwrap_err();
    let words = format!(
        "the instance \"{changed}\" is pending; its user data can be changed while it is stopped"
    );
    assert_eq!(refused.to_string(), words);
    let mut db = sqlx::SqliteConnection::connect(&world.url()).await.unwrap();
    sqlx::query("UPDATE instances SET state = 'stopped' WHERE id = $1")
        .bind(changed.to_string())
        .execute(&mut db)
        .await
        .unwrap();
    let bob = world.user("bob").await;
    assert!(set(Some(bob.account)).await.is_err());
    let generation = world.generation().await;
    set(Some(alice.account)).await.unwrap();
    assert_eq!(world.generation().await, generation + 1);
    let sent: Vec<_> = world.desired().await.instances.into_iter().map(|i| i.user_data).collect();
    assert_eq!(sent, [b"new\0".to_vec(), b"old".to_vec()]);
    let details = world.state.instance_details(None, kept, NOW).await.unwrap();
    assert_eq!(details.user_data, "b2xk");
}

#[tokio::test]
async fn details_hold_what_a_launch_of_the_image_would_get() {
    let world = World::with_cores(4).await;
    let id = world.launch(1).await[0].id;
    let details = world.state.instance_details(None, id, NOW).await.unwrap();
    assert_eq!(details.default_kernel, Some(world.kernel.id), "the image's own");
    assert_eq!((details.default_ramdisk, details.product_codes.len()), (None, 0));
    let other = crate::world::new_image(types::ImageKind::Kernel, &world.admin);
    let other = world.state.register_image(other, NOW).await.unwrap();
    world.state.set_default_image(types::ImageKind::Kernel, Some(other.id)).await.unwrap();
    let again = world.state.instance_details(None, id, NOW).await.unwrap();
    assert_eq!(again, details, "the image's own comes before the cloud's");
    let bob = world.user("bob").await;
    let refused = world.state.instance_details(Some(bob.account), id, NOW).await;
    assert!(matches!(refused, Err(Error::InstanceNotFound(_))));
}

#[tokio::test]
async fn monitoring_is_noted_for_all_or_none() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let request = RunRequest { monitoring: true, ..world.request(&alice) };
    let hers = world.state.run_instances(request, NOW).await.unwrap().reservation;
    let hers = &hers.instances[0];
    assert!(hers.monitoring);
    let his = world.launch(1).await[0].id;
    let both = vec![hers.id, his];
    let refused = world.state.monitor_instances(Some(alice.account), both.clone(), false, NOW);
    assert!(matches!(refused.await, Err(Error::InstanceNotFound(id)) if id == his));
    assert!(world.see(hers.id, NOW).await.unwrap().monitoring);
    world.state.monitor_instances(None, both, false, NOW).await.unwrap();
    assert!(!world.see(hers.id, NOW).await.unwrap().monitoring);
}
