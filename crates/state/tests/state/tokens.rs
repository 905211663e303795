use crate::world::{NOW, World, report};
use protocol::InstancePhase;
use state::{Error, RunRequest};
use types::Timestamp;

const HOUR_MS: i64 = 3_600_000;

fn with_token(world: &World) -> RunRequest {
    RunRequest {
        client_token: Some("token".into()),
        request_digest: "a".into(),
        ..world.request(&world.admin)
    }
}

fn hours(hours: i64) -> Timestamp {
    NOW.plus_millis(hours * HOUR_MS)
}

#[tokio::test]
async fn a_token_answers_again_what_it_did_before() {
    let world = World::with_cores(8).await;
    let request = with_token(&world);
    let first = world.state.run_instances(request.clone(), NOW).await.unwrap();
    assert_eq!(first.reservation.instances[0].client_token.as_deref(), Some("token"));
    let generation = world.generation().await;
    let again = world.state.run_instances(request.clone(), hours(23)).await.unwrap();
    assert!(!again.launched);
    assert_eq!(again.reservation, first.reservation);
    assert_eq!(world.generation().await, generation);
    let other = RunRequest { request_digest: "b".into(), ..request.clone() };
    let refused = world.state.run_instances(other, NOW).await;
    assert!(matches!(refused, Err(Error::TokenMismatch)));
    let alice = world.user("alice").await;
    let hers = RunRequest { account: alice.account, ..request };
    assert!(world.state.run_instances(hers, NOW).await.unwrap().launched, "tokens are per account");
}

#[tokio::test]
async fn a_token_of_instances_that_ended_starts_nothing_for_a_day() {
    let world = World::with_cores(8).await;
    let request = RunRequest { max_count: 2, ..with_token(&world) };
    let first = world.state.run_instances(request.clone(), NOW).await.unwrap().reservation;
    let run = async |at| world.state.run_instances(request.clone(), at).await;
    world.observe(vec![report(first.instances[0].id, InstancePhase::Terminated)]).await;
    assert_eq!(run(NOW).await.unwrap().reservation.id, first.id, "one is still there");
    world.observe(vec![report(first.instances[1].id, InstancePhase::Terminated)]).await;
    assert!(matches!(run(NOW).await, Err(Error::TokenTerminated)));
    world.state.purge_terminated(hours(23)).await.unwrap();
    assert!(world.see(first.instances[0].id, NOW).await.is_none(), "its record is gone");
    assert!(matches!(run(hours(23)).await, Err(Error::TokenTerminated)));
    let other = RunRequest { request_digest: "b".into(), ..request.clone() };
    let refused = world.state.run_instances(other, hours(23)).await;
    assert!(matches!(refused, Err(Error::TokenMismatch)));
    world.state.purge_terminated(hours(24)).await.unwrap();
    assert!(run(hours(23)).await.unwrap().launched, "the purge removed what it knew");
}

#[tokio::test]
async fn a_token_can_be_used_anew_after_a_day() {
    let world = World::with_cores(8).await;
    let request = with_token(&world);
    let first = world.state.run_instances(request.clone(), NOW).await.unwrap().reservation;
    let next = world.state.run_instances(request.clone(), hours(24)).await.unwrap();
    assert!(next.launched);
    assert_ne!(next.reservation.id, first.id);
    let seen = world.see(first.instances[0].id, hours(24)).await.unwrap();
    assert_eq!(seen.client_token, None, "the token names the newer launch only");
    let again = world.state.run_instances(request, hours(25)).await.unwrap();
    assert_eq!((again.launched, again.reservation.id), (false, next.reservation.id));
}
