use crate::world::{NOW, World, new_user};
use state::{
    Code, Deed, Error, NewMail, NewPerson, NewSession, Password, Person, Profile, Purpose, Stage,
};
use types::{Secret, Timestamp, UserName};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn deed(action: &'static str) -> Deed {
    Deed { actor: "admin".into(), action, object: "alice".into(), mails: vec![], at: NOW }
}

fn telling(action: &'static str, recipient: &str) -> Deed {
    let mail = NewMail { recipient: recipient.into(), subject: action.into(), body: "…".into() };
    Deed { mails: vec![mail], ..deed(action) }
}

fn code(digest: &str) -> Code {
    Code { digest: digest.into(), ends: NOW.plus_millis(DAY_MS) }
}

fn password(hash: &str) -> Password {
    Password { hash: Secret::new(hash.into()), ends: NOW.plus_millis(365 * DAY_MS) }
}

fn applicant(name: &str) -> NewPerson {
    let email = format!("{name}@example.org");
    let profile = Profile { full_name: "A. Person".into(), email, ..Profile::default() };
    NewPerson {
        user: new_user(name, false),
        profile,
        password: password("first"),
        confirmation: None,
    }
}

fn named(name: &str) -> UserName {
    name.parse().unwrap()
}

async fn person(world: &World, name: &str) -> Person {
    world.state.person(&named(name)).await.unwrap().unwrap()
}

async fn subjects(world: &World) -> Vec<String> {
    let mails = world.state.mails(100).await.unwrap();
    mails.into_iter().map(|mail| mail.mail.subject).collect()
}

#[tokio::test]
async fn an_application_becomes_an_account_by_approval_and_confirmation() {
    let world = World::with_cores(1).await;
    let apply = telling("apply", "admin@example.org");
    let user = world.state.add_person(applicant("alice"), false, apply).await.unwrap();
    assert!(!user.enabled, "the keys of an application are refused");
    assert_eq!(person(&world, "alice").await.stage, Stage::Unapproved);
    let early = world.state.confirm(user.account, "c1".into(), deed("confirm")).await.unwrap();
    assert!(!early);

    world.state.approve(named("alice"), code("c1"), telling("approve", "a@b")).await.unwrap();
    assert_eq!(person(&world, "alice").await.stage, Stage::Unconfirmed);
    assert_eq!(subjects(&world).await.len(), 2);
    let again = world.state.approve(named("alice"), code("c2"), telling("again", "a@b")).await;
    assert!(matches!(again, Err(Error::NotUnapproved(_))));
    assert_eq!(subjects(&world).await.len(), 2, "what is refused sends no mail");

    // another user's session cannot confirm it
    let thief = world.state.confirm(world.admin.account, "c1".into(), deed("confirm")).await;
    assert!(!thief.unwrap());
    assert!(world.state.confirm(user.account, "c1".into(), deed("confirm")).await.unwrap());
    let alice = person(&world, "alice").await;
    assert_eq!((alice.stage, alice.user.enabled), (Stage::Active, true));
    let twice = world.state.confirm(user.account, "c1".into(), deed("confirm")).await.unwrap();
    assert!(!twice, "a code is good once");
    let log = world.state.deeds(None, NOW.plus_millis(1), 10).await.unwrap();
    let mut actions: Vec<_> = log.into_iter().map(|entry| entry.action).collect();
    actions.sort();
    assert_eq!(actions, ["apply", "approve", "confirm"]);
}

#[tokio::test]
async fn a_rejected_application_is_gone_and_accounts_cannot_be_rejected() {
    let world = World::with_cores(1).await;
    world.state.add_person(applicant("bob"), false, deed("apply")).await.unwrap();
    world.state.reject(named("bob"), telling("reject", "bob@example.org")).await.unwrap();
    assert_eq!(world.state.person(&named("bob")).await.unwrap(), None);
    assert_eq!(subjects(&world).await, ["reject"]);
    let admin = world.state.reject(named("admin"), deed("reject")).await;
    assert!(matches!(admin, Err(Error::NotUnapproved(_))));
    let nobody = world.state.reject(named("bob"), deed("reject")).await;
    assert!(matches!(nobody, Err(Error::UserNotFound(_))));
}

#[tokio::test]
async fn codes_end_and_are_replaced_by_newer_ones() {
    let world = World::with_cores(1).await;
    let account = world.admin.account;
    for (digest, hash) in [("r1", "second"), ("r2", "third")] {
        let hash = Some(Secret::new(hash.to_owned()));
        let asked = deed("ask for recovery");
        world.state.add_code(account, Purpose::Recover, code(digest), hash, asked).await.unwrap();
    }
    let ends = NOW.plus_millis(DAY_MS);
    let late = Deed { at: ends, ..deed("recover") };
    assert!(!world.state.recover("r2".into(), ends, late).await.unwrap(), "too late");
    assert!(!world.state.recover("r1".into(), ends, deed("recover")).await.unwrap(), "replaced");
    let other = world.state.use_code(account, Purpose::Confirm, "r2".into(), NOW).await.unwrap();
    assert!(!other, "a code is good for one thing");
    assert!(world.state.recover("r2".into(), ends, deed("recover")).await.unwrap());
    let stored = person(&world, "admin").await.password.unwrap();
    assert_eq!((stored.hash.expose().as_str(), stored.ends), ("third", ends));
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_codes_that_would_replace_it() {
    let world = World::with_cores(1).await;
    let account = world.admin.account;
    for digest in ["here", "elsewhere"] {
        let new = NewSession { digest: digest.into(), account, remembered: false };
        world.state.begin_session(new, NOW).await.unwrap();
    }
    let hash = Some(Secret::new("thief's".to_owned()));
    world.state.add_code(account, Purpose::Recover, code("r"), hash, deed("ask")).await.unwrap();
    let here = Some("here".to_owned());
    world.state.set_password(account, password("new"), here, deed("set")).await.unwrap();
    assert_eq!(world.state.session("here", NOW).await.unwrap(), Some(named("admin")));
    assert_eq!(world.state.session("elsewhere", NOW).await.unwrap(), None);
    assert!(!world.state.recover("r".into(), NOW, deed("recover")).await.unwrap());
}

#[tokio::test]
async fn sessions_end_when_idle_when_old_and_with_their_user() {
    let world = World::with_cores(1).await;
    let alice = world.user("alice").await;
    for (digest, remembered) in [("short", false), ("long", true)] {
        let new = NewSession { digest: digest.into(), account: alice.account, remembered };
        world.state.begin_session(new, NOW).await.unwrap();
    }
    let at = |hours: i64| NOW.plus_millis(hours * HOUR_MS);
    let goes_on = async |digest: &str, at: Timestamp| {
        world.state.session(digest, at).await.unwrap().is_some()
    };
    // each use prolongs the one, none the other
    for hours in [11, 22, 33] {
        assert!(goes_on("short", at(hours)).await && goes_on("long", at(hours)).await, "{hours}");
    }
    assert!(!goes_on("short", at(45)).await && goes_on("long", at(45)).await);
    assert!(goes_on("long", at(7 * 24 - 1)).await && !goes_on("long", at(7 * 24)).await);
    let user = world.state.set_user_enabled(alice.name.clone(), false).await.unwrap();
    assert!(!user.enabled);
    assert!(!goes_on("long", at(46)).await, "of a disabled user");
}

#[tokio::test]
async fn people_are_found_by_name_and_by_an_address_that_only_they_have() {
    let world = World::with_cores(1).await;
    for name in ["alice", "bob", "carol"] {
        world.state.add_person(applicant(name), true, deed("add")).await.unwrap();
    }
    let found = async |text: &str| {
        let person = world.state.person_by_name_or_email(text).await.unwrap();
        person.map(|person| person.user.name.to_string())
    };
    assert_eq!(found("bob").await.as_deref(), Some("bob"));
    assert_eq!(found("Carol@Example.org").await.as_deref(), Some("carol"));
    let carol = person(&world, "carol").await;
    let same = Profile { email: "alice@example.org".into(), ..carol.profile.clone() };
    world.state.set_profile(carol.user.account, same, deed("edit")).await.unwrap();
    assert_eq!(found("alice@example.org").await, None, "two have it");
    // who takes an address for a name is found by the name alone
    world.state.add_person(applicant("bob@example.org"), true, deed("add")).await.unwrap();
    assert_eq!(found("bob@example.org").await.as_deref(), Some("bob@example.org"));
    let names = async |after: &str, most| {
        let people = world.state.people(after, most).await.unwrap();
        people.into_iter().map(|it| it.user.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("", 2).await, ["admin", "alice"]);
    assert_eq!(names("alice", 9).await, ["bob", "bob@example.org", "carol"]);
}

#[tokio::test]
async fn mail_is_kept_until_it_is_taken_and_given_up_after_days() {
    let world = World::with_cores(1).await;
    world.state.note(telling("tell", "a@example.org")).await.unwrap();
    let mail = world.state.mails(9).await.unwrap().remove(0);
    assert_eq!((mail.next, mail.attempts, mail.problem), (NOW, 0, None));
    let refused = "connection refused".to_owned();
    assert!(world.state.mail_failed(mail.id.clone(), refused.clone(), NOW).await.unwrap());
    let tried = world.state.mails(9).await.unwrap().remove(0);
    assert_eq!((tried.attempts, tried.problem), (1, Some(refused.clone())));
    assert_eq!(tried.next, NOW.plus_millis(30_000));
    world.state.hurry_mails(NOW).await.unwrap();
    assert_eq!(world.state.mails(9).await.unwrap()[0].next, NOW);
    let late = NOW.plus_millis(5 * DAY_MS);
    assert!(!world.state.mail_failed(mail.id, refused, late).await.unwrap(), "given up");
    assert_eq!(world.state.mails(9).await.unwrap(), []);
}

#[tokio::test]
async fn a_person_goes_with_the_user() {
    let world = World::with_cores(1).await;
    let user = world.state.add_person(applicant("alice"), true, deed("add")).await.unwrap();
    let new = NewSession { digest: "s".into(), account: user.account, remembered: true };
    world.state.begin_session(new, NOW).await.unwrap();
    world
        .state
        .add_code(user.account, Purpose::Credentials, code("c"), None, deed("code"))
        .await
        .unwrap();
    world.state.delete_user(user.name).await.unwrap();
    assert_eq!(world.state.session("s", NOW).await.unwrap(), None);
    let used = world.state.use_code(user.account, Purpose::Credentials, "c".into(), NOW).await;
    assert!(!used.unwrap());
}
