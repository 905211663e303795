use crate::world::{NOW, World, new_user};
use futures_util::future::join_all;
use sqlx::Connection;
use state::{Error, State};

#[tokio::test]
async fn everything_answered_is_there_after_reopening() {
    let world = World::with_cores(8).await;
    let launched = world.launch(2).await;
    let desired = world.desired().await;
    let world = world.reopened().await;
    assert_eq!(world.desired().await, desired);
    assert_eq!(world.see(launched[1].id, NOW).await.as_ref(), Some(&launched[1]));
}

#[tokio::test]
async fn everything_answered_is_there_after_a_crash() {
    let world = World::with_cores(8).await;
    let launched = world.launch(3).await;
    // What the disk holds at this instant is what a killed process leaves behind.
    let crashed = tempfile::tempdir().unwrap();
    for file in ["state.db", "state.db-wal"] {
        let from = world.url().replace("sqlite:", "").replace("state.db", file);
        std::fs::copy(from, crashed.path().join(file)).unwrap();
    }
    let url = format!("sqlite:{}", crashed.path().join("state.db").display());
    let state = State::open(&url).await.unwrap();
    let desired = state.cluster_desired(&"zone1".parse().unwrap(), "head:8773").await.unwrap();
    assert_eq!(desired, world.desired().await);
    assert_eq!(desired.instances.len(), launched.len());
}

#[tokio::test]
async fn a_refused_change_leaves_nothing_of_itself_among_those_that_share_its_commit() {
    let world = World::with_cores(1).await;
    let create = |n: u32| {
        let name = format!("user{}", n % 20);
        world.state.create_user(new_user(&name, false), NOW)
    };
    let results = join_all((0..40).map(create)).await;
    assert_eq!(results.iter().filter(|made| made.is_ok()).count(), 20);
    assert!(results[20..].iter().all(|twice| matches!(twice, Err(Error::UserExists(_)))));
    assert_eq!(world.state.users().await.unwrap().len(), 21);
}

#[tokio::test]
async fn changes_that_wait_together_share_a_commit() {
    let world = World::with_cores(1).await;
    let made = join_all((0..1000).map(|n| {
        let user = new_user(&format!("user{n}"), false);
        world.state.create_user(user, NOW)
    }));
    assert!(made.await.iter().all(Result::is_ok));
    let mut db = sqlx::SqliteConnection::connect(&world.url()).await.unwrap();
    let users: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(&mut db).await.unwrap();
    assert_eq!(users, 1001);
}

#[tokio::test]
async fn more_changes_than_the_queue_holds_are_refused_not_stalled() {
    let world = World::with_cores(1).await;
    let asked = 10_000;
    let seeds = join_all((0..asked).map(|_| world.state.seed_vm_types())).await;
    let refused = seeds.iter().filter(|r| matches!(r, Err(Error::Overloaded))).count();
    let done = seeds.iter().filter(|r| r.is_ok()).count();
    assert!(refused > 0 && done > 0, "{refused} refused, {done} done");
    assert_eq!(refused + done, asked);
}

#[tokio::test]
async fn a_later_schema_is_refused_plainly() {
    let world = World::with_cores(1).await;
    let mut db = sqlx::SqliteConnection::connect(&world.url()).await.unwrap();
    sqlx::query("INSERT INTO schema_version (version) VALUES (99)").execute(&mut db).await.unwrap();
    let error = State::open(&world.url()).await.err().unwrap();
    assert!(matches!(error, Error::NewerSchema { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("run the newer version"));
}

#[tokio::test]
async fn other_databases_are_refused_without_showing_their_password() {
    for url in ["postgres://root:hunter2@db/cloud", "mysql://x", "/var/db", "sqlite:", ""] {
        let error = State::open(url).await.err().unwrap().to_string();
        assert!(error.contains("use sqlite:PATH"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_database_in_a_missing_directory_says_what_to_check() {
    let error = State::open("sqlite:/nonexistent/dir/state.db").await.err().unwrap().to_string();
    assert!(error.contains("check free space and permissions"), "{error}");
}
