use crate::world::{ADMIN_PASSWORD, DAY_MS, World};
use http::StatusCode;

#[tokio::test]
async fn an_administrator_does_three_tasks_before_anything_else_is_reached() {
    let world = World::new().await;
    let mut admin = world.browser();
    admin.log_in("admin", "admin").await;
    assert!(admin.page.contains("You are required to change your password"));
    for path in ["/", "/credentials", "/users", "/log", "/first/email", "/first/walrus"] {
        admin.get(path).await;
        assert_eq!(admin.path, "/first/password", "from {path}");
    }
    let change = async |admin: &mut crate::browser::Browser, old, new, again| {
        admin.fill(&[("old", old), ("password", new), ("again", again)]).await
    };
    let refused = StatusCode::UNPROCESSABLE_ENTITY;
    assert_eq!(change(&mut admin, "wrong", ADMIN_PASSWORD, ADMIN_PASSWORD).await, refused);
    assert!(admin.page.contains("This is not your password."));
    assert_eq!(change(&mut admin, "admin", ADMIN_PASSWORD, "another").await, refused);
    assert!(admin.page.contains("Passwords do not match!"));
    assert_eq!(change(&mut admin, "admin", "an Admin's", "an Admin's").await, refused);
    assert!(admin.page.contains("must not contain the user name"));
    assert_eq!(change(&mut admin, "admin", ADMIN_PASSWORD, ADMIN_PASSWORD).await, StatusCode::OK);

    assert!(admin.page.contains("One more thing!"), "{}", admin.page);
    let mut stranger = world.browser();
    assert_eq!(stranger.get("/apply").await, StatusCode::FORBIDDEN, "nobody would hear of it");
    stranger.get("/login").await;
    assert!(!stranger.page.contains("Apply for account"));
    assert_eq!(admin.fill(&[("email", "nobody"), ("again", "nobody")]).await, refused);
    assert!(admin.page.contains("Invalid address!"));
    assert_eq!(
        admin.fill(&[("email", "a@example.org"), ("again", "b@example.org")]).await,
        refused
    );
    assert!(admin.page.contains("Addresses do not match!") && admin.page.contains("a@example.org"));
    admin.fill(&[("email", "a@example.org"), ("again", "a@example.org")]).await;

    assert!(admin.page.contains("One last thing! Really!!!"));
    assert!(admin.page.contains("value=\"http://192.0.2.1:8773/services/Walrus\""), "a guess");
    assert_eq!(admin.fill(&[("url", "http://192.0.2.7/")]).await, refused);
    assert!(admin.page.contains("it must end with /services/Walrus"));
    admin.fill(&[("url", "http://192.0.2.7:8773/services/Walrus")]).await;
    assert_eq!(admin.path, "/credentials");
    stranger.get("/login").await;
    assert!(stranger.page.contains("Apply for account"));
    let urls = (world.cloud.walrus_url().await.unwrap(), world.cloud.ec2_url().await.unwrap());
    assert_eq!(urls.0, "http://192.0.2.7:8773/services/Walrus");
    assert_eq!(urls.1, "http://192.0.2.7:8773/services/Eucalyptus");
}

#[tokio::test]
async fn the_first_password_is_of_no_use_afterwards_and_is_not_given_again() {
    let world = World::set_up().await;
    let settings = console::Settings {
        url: "https://192.0.2.1:8443".into(),
        configuration: "/nowhere".into(),
        smtp_server: "localhost:25".into(),
    };
    console::Console::open(world.cloud.clone(), settings).await.unwrap();
    let mut browser = world.browser();
    assert_eq!(browser.log_in("admin", "admin").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.log_in("admin", ADMIN_PASSWORD).await, StatusCode::OK);
}

#[tokio::test]
async fn a_password_must_be_changed_after_a_year() {
    let world = World::set_up().await;
    world.user("bob", "builder").await;
    world.pass(365 * DAY_MS);
    let mut bob = world.browser();
    bob.log_in("bob", "builder").await;
    assert_eq!(bob.path, "/first/password");
    let same = [("old", "builder"), ("password", "builder"), ("again", "builder")];
    bob.fill(&same).await;
    assert!(bob.page.contains("Choose another one than before."));
    bob.fill(&[("old", "builder"), ("password", "repairer"), ("again", "repairer")]).await;
    assert_eq!(bob.path, "/credentials", "a user has no further tasks");
}
