use crate::world::{HOUR_MS, World};
use http::StatusCode;

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

#[tokio::test]
async fn a_user_fetches_credentials_and_makes_new_keys() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    bob.get("/credentials").await;
    bob.fill_at("/credentials/certificate", &[]).await;
    assert!(is_zip(&bob.bytes));
    assert_eq!(bob.headers["content-type"], "application/zip");
    let name = "attachment; filename=\"euca2-bob-x509.zip\"";
    assert_eq!(bob.headers["content-disposition"], name);
    bob.get("/credentials").await;
    assert!(bob.page.contains("Certificates made for you"));

    let before = world.cloud.state().user_by_name("bob").await.unwrap().unwrap();
    bob.get("/credentials/keys").await;
    bob.fill_at("/credentials/keys", &[]).await;
    assert!(bob.page.contains("You have new keys."));
    let after = world.cloud.state().user_by_name("bob").await.unwrap().unwrap();
    assert_ne!(before.access_key, after.access_key);
    assert!(bob.page.contains(&after.access_key) && !bob.page.contains(&before.access_key));
}

#[tokio::test]
async fn an_address_gives_the_credentials_once_within_an_hour() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    let mut program = world.browser();
    for (passed, works) in [(HOUR_MS - 1, true), (HOUR_MS, false)] {
        bob.get("/credentials").await;
        bob.fill_at("/credentials/link", &[]).await;
        let (_, rest) = bob.page.split_once("https://192.0.2.1:8443").unwrap();
        let path = rest.split('\'').next().unwrap().replace("&amp;", "&").replace("&#39;", "");
        let path = path.trim_end_matches("&#x27;").to_owned();
        assert!(path.starts_with("/getX509?user=bob&keyValue=bob&code="), "{path}");
        world.pass(passed);
        let other = path.replace("user=bob", "user=admin");
        assert_eq!(program.get(&other).await, StatusCode::FORBIDDEN, "of another user");
        let status = program.get(&path).await;
        assert_eq!(status == StatusCode::OK, works, "after {passed} ms");
        assert_eq!(is_zip(&program.bytes), works);
        assert_eq!(program.get(&path).await, StatusCode::FORBIDDEN, "twice");
    }
}

#[tokio::test]
async fn account_information_and_password_are_changed() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    let mut elsewhere = world.browser();
    elsewhere.log_in("bob", "builder").await;
    bob.get("/credentials/account").await;
    bob.fill_at("/credentials/account", &[("full-name", "Robert"), ("email", "x")]).await;
    assert!(bob.page.contains("Invalid address!") && bob.page.contains("Robert"));
    let fields = [("full-name", "Robert"), ("email", "robert@example.org")];
    bob.fill_at("/credentials/account", &fields).await;
    assert!(bob.page.contains("Your account information is saved.") && bob.page.contains("Robert"));
    bob.get("/credentials/password").await;
    let fields = [("old", "builder"), ("password", "repairer"), ("again", "repairer")];
    bob.fill_at("/credentials/password", &fields).await;
    assert!(bob.page.contains("Your password is changed."));
    elsewhere.get("/credentials").await;
    assert!(elsewhere.path.starts_with("/login"), "other sessions end");
}
