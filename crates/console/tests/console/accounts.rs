use crate::browser::Browser;
use crate::world::{ADMIN_PASSWORD, DAY_MS, HOUR_MS, World, code_in};
use http::{Method, StatusCode};

const APPLICATION: [(&str, &str); 6] = [
    ("user", "alice"),
    ("password", "white rabbit"),
    ("again", "white rabbit"),
    ("full-name", "Alice Liddell"),
    ("email", "alice@example.org"),
    ("affiliation", "<b>Wonderland</b>"),
];

async fn apply(world: &World) -> Browser {
    let mut browser = world.browser();
    browser.get("/apply").await;
    browser.fill(&APPLICATION).await;
    assert!(browser.page.contains("Thank you for signing up!"), "{}", browser.page);
    browser
}

/// Opens the address in a mail that has this action.
async fn open_link(browser: &mut Browser, body: &str, action: &str) {
    let wanted = format!("https://192.0.2.1:8443/?action={action}");
    let link = body.split_whitespace().find(|word| word.starts_with(&wanted)).unwrap();
    browser.get(link.strip_prefix("https://192.0.2.1:8443").unwrap()).await;
}

#[tokio::test]
async fn from_the_application_to_the_credentials() {
    let world = World::set_up().await;
    apply(&world).await;
    let mails = world.new_mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].recipient, "admin@example.org");
    assert_eq!(mails[0].subject, "[Eucalyptus] new user has signed up");
    let mut alice = world.browser();
    alice.log_in("alice", "white rabbit").await;
    assert!(alice.page.contains("has not approved"));

    // the link asks for a login, leads back, and changes nothing when it is only opened
    let mut admin = world.browser();
    open_link(&mut admin, &mails[0].body, "approve").await;
    assert!(admin.path.starts_with("/login?then="));
    admin.fill(&[("user", "admin"), ("password", ADMIN_PASSWORD)]).await;
    assert_eq!(admin.path, "/users/alice/approve");
    assert!(world.new_mails().await.is_empty());
    admin.fill_at("/users/alice/approve", &[]).await;
    assert!(admin.page.contains("The account is approved"));
    assert!(admin.page.contains("unconfirmed"));

    let mails = world.new_mails().await;
    assert_eq!(mails[0].subject, "your Eucalyptus account was approved");
    alice.log_in("alice", "white rabbit").await;
    assert!(alice.page.contains("not active yet"));
    open_link(&mut alice, &mails[0].body, "confirm").await;
    alice.fill(&[("user", "alice"), ("password", "wrong")]).await;
    assert_eq!(alice.status, StatusCode::UNPROCESSABLE_ENTITY);
    // the form keeps the code
    alice.fill(&[("user", "alice"), ("password", "white rabbit")]).await;
    assert_eq!(alice.path, "/credentials");
    assert!(alice.page.contains("Alice Liddell"));
    let user = world.cloud.state().user_by_name("alice").await.unwrap().unwrap();
    assert!(user.enabled && alice.page.contains(&user.access_key));
}

#[tokio::test]
async fn a_code_is_good_for_its_own_account_once_and_for_a_while() {
    let world = World::set_up().await;
    apply(&world).await;
    world.new_mails().await;
    let mut admin = world.admin().await;
    admin.get("/users/alice/approve").await;
    admin.fill_at("/users/alice/approve", &[]).await;
    let code = world.code_in_new_mail().await;
    // one who knows the password, with another code
    let mut alice = world.browser();
    alice.get(&format!("/?action=confirm&code={}", "x".repeat(86))).await;
    alice.fill(&[("user", "alice"), ("password", "white rabbit")]).await;
    assert!(alice.page.contains("not active yet"));
    world.pass(14 * DAY_MS);
    alice.get(&format!("/?action=confirm&code={code}")).await;
    alice.fill(&[("user", "alice"), ("password", "white rabbit")]).await;
    assert!(alice.page.contains("not active yet"), "too late");
    let mut admin = world.admin().await;
    admin.get("/users/alice/remind").await;
    admin.fill_at("/users/alice/remind", &[]).await;
    let code = world.code_in_new_mail().await;
    alice.get(&format!("/?action=confirm&code={code}")).await;
    alice.fill(&[("user", "alice"), ("password", "white rabbit")]).await;
    assert_eq!(alice.path, "/credentials");
}

#[tokio::test]
async fn an_application_that_is_wrong_comes_back_with_what_is_wrong_beside_the_field() {
    let world = World::set_up().await;
    let mut browser = world.browser();
    browser.get("/apply").await;
    for (field, value, says) in [
        ("user", "a b", "This must be 1 to 64 letters"),
        ("user", "eucalyptus", "not &quot;eucalyptus&quot;"),
        ("user", "admin", "Username is taken!"),
        ("again", "white rabbits", "Passwords do not match!"),
        ("full-name", "", "Write the name."),
        ("email", "alice", "Invalid address!"),
        ("email", "a@b.c\r\nBcc: d@e.f", "one line"),
        ("affiliation", &"x".repeat(201), "at most 200 characters"),
        ("affiliation", "two\nlines", "one line"),
    ] {
        let fields =
            APPLICATION.map(|(name, usual)| (name, if name == field { value } else { usual }));
        browser.fill(&fields).await;
        assert_eq!(browser.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {value}");
        assert!(browser.page.contains(says), "{says} in {}", browser.page);
        assert!(browser.page.contains("Please, fix the error(s) and resubmit:"));
        assert!(!browser.page.contains("white rabbit"), "a password is not sent back");
    }
    assert!(world.new_mails().await.is_empty());
    assert_eq!(world.cloud.state().user_by_name("alice").await.unwrap(), None);
}

#[tokio::test]
async fn nobody_floods_the_administrator_with_applications() {
    let world = World::set_up().await;
    let mut browser = world.browser();
    let mut taken = 0;
    for number in 0..10 {
        browser.get("/apply").await;
        let name = format!("user{number}");
        let fields =
            APPLICATION.map(|(key, usual)| (key, if key == "user" { &name } else { usual }));
        taken += u32::from(browser.fill(&fields).await == StatusCode::OK);
    }
    assert_eq!(taken, 6, "then one waits");
    assert!(browser.page.contains("Too many applications"));
}

#[tokio::test]
async fn a_rejected_application_is_gone_and_told() {
    let world = World::set_up().await;
    apply(&world).await;
    world.new_mails().await;
    let mut admin = world.admin().await;
    admin.get("/?action=reject&user=alice").await;
    assert_eq!(admin.path, "/users/alice/reject");
    admin.fill_at("/users/alice/reject", &[]).await;
    let mails = world.new_mails().await;
    assert_eq!(mails[0].subject, "your Eucalyptus account was rejected");
    assert_eq!(mails[0].recipient, "alice@example.org");
    assert_eq!(admin.get("/users/alice").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_comes_back() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    let mut admin = world.admin().await;
    admin.get("/users/bob/disable").await;
    admin.fill_at("/users/bob/disable", &[]).await;
    assert!(admin.page.contains("disabled"));
    bob.get("/credentials").await;
    assert!(bob.path.starts_with("/login"));
    bob.log_in("bob", "builder").await;
    assert!(bob.page.contains("Your account is disabled"));
    assert!(!world.cloud.state().user_by_name("bob").await.unwrap().unwrap().enabled);
    admin.get("/users/bob/enable").await;
    admin.fill_at("/users/bob/enable", &[]).await;
    bob.log_in("bob", "builder").await;
    assert_eq!(bob.path, "/credentials");
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let world = World::set_up().await;
    world.user("bob", "builder").await;
    let mut admin = world.admin().await;
    for step in ["disable", "dismiss", "delete"] {
        let path = format!("/users/admin/{step}");
        admin.get(&path).await;
        let status = admin.fill_at(&path, &[]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{step}");
        assert!(admin.page.contains("administrator"), "{}", admin.page);
    }
    admin.get("/users/bob/appoint").await;
    admin.fill_at("/users/bob/appoint", &[]).await;
    admin.get("/users/admin/dismiss").await;
    admin.fill_at("/users/admin/dismiss", &[]).await;
    assert_eq!(admin.get("/users").await, StatusCode::FORBIDDEN);
    let mut bob = world.browser();
    bob.log_in("bob", "builder").await;
    bob.get("/users/admin/delete").await;
    bob.fill_at("/users/admin/delete", &[]).await;
    assert!(bob.page.contains("The user is deleted."));
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_who_reads_the_mail() {
    let world = World::set_up().await;
    let mut bob = world.user("bob", "builder").await;
    let mut browser = world.browser();
    for who in ["nobody", "bob@example.org"] {
        browser.get("/recover").await;
        browser.fill(&[("who", who), ("password", "repairer"), ("again", "repairer")]).await;
        assert!(browser.page.contains("If there is such an account"), "the same for all");
    }
    let mails = world.new_mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "request to reset your Eucalyptus password");
    let code = code_in(&mails[0]);
    let path = format!("/?action=recover&code={code}");
    browser.get(&path).await;
    assert_eq!(browser.log_in("bob", "builder").await, StatusCode::OK, "looking changes nothing");
    world.pass(23 * HOUR_MS);
    browser.get(&path).await;
    browser.fill_at("/recovered", &[]).await;
    assert!(browser.page.contains("Your new password is in place."));
    bob.get("/credentials").await;
    assert!(bob.path.starts_with("/login"), "sessions of the old password have ended");
    assert_ne!(bob.log_in("bob", "builder").await, StatusCode::OK);
    assert_eq!(bob.log_in("bob", "repairer").await, StatusCode::OK);
    browser.get(&path).await;
    assert_eq!(browser.fill_at("/recovered", &[]).await, StatusCode::GONE, "once");
}

#[tokio::test]
async fn guesses_are_slowed_down_and_nobody_is_locked_out() {
    let world = World::set_up().await;
    let mut thief = world.browser();
    for _ in 0..6 {
        thief.log_in("admin", "a guess").await;
    }
    thief.log_in("admin", ADMIN_PASSWORD).await;
    assert!(thief.page.contains("Too many attempts. Try again in 2 seconds."), "{}", thief.page);
    world.pass(2000);
    assert_eq!(thief.log_in("admin", ADMIN_PASSWORD).await, StatusCode::OK);
}

#[tokio::test]
async fn a_session_has_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let world = World::set_up().await;
    let mut admin = world.browser();
    admin.get("/login").await;
    let body = format!("user=admin&password={}&remember=yes", ADMIN_PASSWORD.replace(' ', "+"));
    admin.send(Method::POST, "/login", &[], body).await;
    let cookie = admin.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("eucalyptus-session-id="));
    for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    let first = admin.cookie.clone();
    admin.get("/credentials").await;
    admin.fill_at("/logout", &[]).await;
    assert_eq!(admin.cookie, None);
    admin.cookie = first;
    admin.get("/credentials").await;
    assert!(admin.path.starts_with("/login"), "the session has ended, not only its cookie");
}

#[tokio::test]
async fn what_people_write_is_shown_as_text() {
    let world = World::set_up().await;
    apply(&world).await;
    let mut admin = world.admin().await;
    for path in ["/users", "/users/alice", "/users/alice/approve", "/log"] {
        admin.get(path).await;
        assert!(admin.page.contains("alice"), "{path}");
        assert!(!admin.page.contains("<b>Wonderland"), "{path}");
    }
    admin.get("/users/alice").await;
    assert!(admin.page.contains("&lt;b&gt;Wonderland&lt;/b&gt;"));
}
