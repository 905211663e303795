use crate::world::World;
use http::{Method, StatusCode};

const REFUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
const PUBLIC_KEY: &str = "ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob";

#[tokio::test]
async fn key_pairs_are_made_imported_and_deleted_by_their_owner_alone() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    bob.get("/key-pairs").await;
    bob.fill_at("/key-pairs", &[("new-name", "mine")]).await;
    assert!(bob.page.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{}", bob.page);
    let disposition = bob.headers["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"key-"), "{disposition}");
    bob.get("/key-pairs").await;
    assert_eq!(bob.fill_at("/key-pairs", &[("new-name", "mine")]).await, REFUSED, "it is there");
    let import = [("name", "other"), ("public-key", PUBLIC_KEY)];
    bob.fill_at("/key-pairs/import", &import).await;
    assert!(bob.page.contains("The key pair is imported.") && bob.page.contains("ed25519"));

    let user = world.cloud.state().user_by_name("bob").await.unwrap().unwrap();
    let pairs = world.cloud.state().key_pairs(user.account).await.unwrap();
    assert_eq!(pairs.len(), 2);
    let path = format!("/key-pairs/{}/delete", pairs[0].id);
    let mut carol = world.user("carol", "christmas").await;
    carol.get(&path).await;
    carol.fill_at(&path, &[]).await;
    assert_eq!(world.cloud.state().key_pairs(user.account).await.unwrap().len(), 2);
    bob.get(&path).await;
    bob.fill_at(&path, &[]).await;
    assert!(bob.page.contains("The key pair is deleted."));
    assert_eq!(world.cloud.state().key_pairs(user.account).await.unwrap().len(), 1);
    bob.get("/log").await;
    for action in ["CreateKeyPair", "ImportKeyPair", "DeleteKeyPair"] {
        assert!(bob.page.contains(action), "{action} is in the log");
    }
}

#[tokio::test]
async fn a_launch_that_is_refused_says_why_and_keeps_what_was_filled_in() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    bob.get("/instances/new?image=emi-12345678").await;
    assert!(bob.page.contains("There is no image that you may launch."));
    let token = bob.token();
    let fields = [
        ("token", token.as_str()),
        ("image", "emi-12345678"),
        ("count", "3"),
        ("type", "m1.large"),
        ("user-data", "#!/bin/sh\r\necho <b>\r\n"),
    ];
    let fields = fields.map(|(name, text)| (name.to_owned(), text.to_owned()));
    bob.post("/instances/new", crate::browser::encoded(&fields)).await;
    assert_eq!(bob.status, REFUSED);
    assert!(bob.page.contains("emi-12345678"), "{}", bob.page);
    assert!(bob.page.contains("#!/bin/sh\necho &lt;b&gt;\n"));
    assert!(bob.page.contains("value=\"m1.large\" selected"));
}

#[tokio::test]
async fn a_part_that_fetches_itself_leads_to_the_login_when_the_session_has_ended() {
    let world = World::set_up().await;
    let mut browser = world.browser();
    let headers = [("hx-request", "true")];
    browser.send(Method::GET, "/instances/rows", &headers, String::new()).await;
    assert_eq!(browser.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.headers["hx-redirect"], "/login");
}
