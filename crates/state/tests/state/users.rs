use crate::world::{NOW, World, new_image, new_user};
use protocol::InstancePhase;
use state::{Certificate, Error, User};
use types::{AccountId, ImageKind, Secret};

fn certificate(user: &User, fingerprint: &str) -> Certificate {
    Certificate {
        fingerprint: fingerprint.into(),
        account: user.account,
        pem: "-----BEGIN CERTIFICATE-----".into(),
        created: NOW,
    }
}

#[tokio::test]
async fn numbers_are_those_of_1_4_and_never_given_twice() {
    let world = World::with_cores(1).await;
    assert_eq!(world.admin.account.to_string(), "000100729354");
    let first = world.user("user020").await;
    let second = world.user("user101").await;
    assert_eq!(first.account, AccountId::preferred(&"user020".parse().unwrap()));
    assert_eq!(second.account, first.account.next(), "the known collision of Adler-32");
    world.state.delete_user(first.name.clone()).await.unwrap();
    let again = world.user("user020").await;
    assert_eq!(again.account, second.account.next(), "a deleted user's number is not reused");
}

#[tokio::test]
async fn names_and_access_keys_are_unique() {
    let world = World::with_cores(1).await;
    let again = world.state.create_user(new_user("admin", false), NOW).await;
    assert!(matches!(again, Err(Error::UserExists(name)) if name.as_str() == "admin"));
    let mut thief = new_user("thief", false);
    thief.access_key = world.admin.access_key.clone();
    let refused = world.state.create_user(thief, NOW).await;
    assert!(matches!(refused, Err(Error::CredentialExists)));
    assert_eq!(world.state.user_by_name("thief").await.unwrap(), None);
}

#[tokio::test]
async fn new_keys_replace_the_old_ones_at_once() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    let key = Secret::new("new secret".to_owned());
    let changed =
        world.state.replace_access_key(alice.name, "NEWKEY".into(), key.clone()).await.unwrap();
    assert_eq!(world.state.user_by_access_key(&alice.access_key).await.unwrap(), None);
    let found = world.state.user_by_access_key("NEWKEY").await.unwrap().unwrap();
    assert_eq!(found, changed);
    assert_eq!(found.secret_key, key);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::with_cores(1).await;
    let name = world.admin.name.clone();
    let disabled = world.state.set_user_enabled(name.clone(), false).await;
    assert!(matches!(disabled, Err(Error::LastAdministrator(_))));
    assert!(matches!(
        world.state.delete_user(name.clone()).await,
        Err(Error::LastAdministrator(_))
    ));
    world.state.create_user(new_user("root2", true), NOW).await.unwrap();
    assert!(!world.state.set_user_enabled(name.clone(), false).await.unwrap().enabled);
    assert!(!world.state.user_by_name(name.as_str()).await.unwrap().unwrap().enabled);
}

#[tokio::test]
async fn a_user_who_owns_something_is_not_deleted_and_is_told_what() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let mut image = new_image(ImageKind::Machine, &alice);
    image.public = false;
    let image = world.state.register_image(image, NOW).await.unwrap();
    let instances = world.launch_as(&alice, 2).await;
    let refused = world.state.delete_user(alice.name.clone()).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "user \"alice\" still owns 2 live instances, 1 image; remove these first"
    );
    for instance in &instances {
        world.observe(vec![crate::world::report(instance.id, InstancePhase::Terminated)]).await;
    }
    world.state.deregister_image(image.id, alice.clone()).await.unwrap();
    world.state.add_certificate(certificate(&alice, "aa")).await.unwrap();
    world.state.delete_user(alice.name.clone()).await.unwrap();
    assert_eq!(world.state.user_by_account(alice.account).await.unwrap(), None);
    assert!(world.state.certificates(None).await.unwrap().is_empty());
    assert!(world.see(instances[0].id, NOW).await.is_none());
    assert!(matches!(
        world.state.delete_user(alice.name).await,
        Err(Error::UserNotFound(name)) if name == "alice"
    ));
}

#[tokio::test]
async fn an_image_that_others_still_run_outlives_its_deleted_owner() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let mut image = new_image(ImageKind::Machine, &alice);
    image.kernel = Some(world.kernel.id);
    let image = world.state.register_image(image, NOW).await.unwrap();
    let request = state::RunRequest { image: image.id, ..world.request(&world.admin) };
    world.state.run_instances(request, NOW).await.unwrap();
    world.state.deregister_image(image.id, alice.clone()).await.unwrap();
    world.state.delete_user(alice.name).await.unwrap();
    assert_eq!(world.desired().await.instances[0].root.id, image.id);
}

#[tokio::test]
async fn every_download_adds_a_certificate_and_older_ones_stay() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    for fingerprint in ["aa", "bb"] {
        world.state.add_certificate(certificate(&alice, fingerprint)).await.unwrap();
    }
    world.state.add_certificate(certificate(&world.admin, "cc")).await.unwrap();
    assert_eq!(world.state.certificates(Some(alice.account)).await.unwrap().len(), 2);
    assert_eq!(world.state.certificates(None).await.unwrap().len(), 3);
    let twice = world.state.add_certificate(certificate(&world.admin, "aa")).await;
    assert!(matches!(twice, Err(Error::CredentialExists)));
}

#[tokio::test]
async fn a_certificate_leads_to_its_owner_until_it_is_removed() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    world.state.add_certificate(certificate(&alice, "aa")).await.unwrap();
    let (owner, pem) = world.state.certificate("aa").await.unwrap().unwrap();
    assert_eq!((owner, pem.as_str()), (alice, "-----BEGIN CERTIFICATE-----"));
    assert!(world.state.certificate("bb").await.unwrap().is_none());
    world.state.remove_certificate("aa".into()).await.unwrap();
    assert!(world.state.certificate("aa").await.unwrap().is_none());
    let twice = world.state.remove_certificate("aa".into()).await;
    assert!(matches!(twice, Err(Error::CertificateNotFound(_))));
}

#[tokio::test]
async fn a_message_is_new_once_until_its_time_is_over() {
    let world = World::with_cores(1).await;
    let remember = async |name: &str, until: i64, now: i64| {
        let at = |millis| NOW.plus_millis(millis);
        world.state.remember_message(name.into(), at(until), at(now)).await.unwrap()
    };
    assert!(remember("a", 300, 0).await);
    assert!(!remember("a", 300, 1).await);
    assert!(remember("b", 300, 1).await);
    assert!(!remember("a", 300, 299).await, "it was forgotten too early");
    assert!(remember("a", 600, 300).await, "it is kept for ever");
}
