//! Security groups that come and go.

use crate::world::{NOW, World, report};
use protocol::InstancePhase;
use state::{Error, GroupRef, RunRequest};
use types::Tags;

#[tokio::test]
async fn a_group_is_deleted_once_its_instances_are_gone() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let (account, state) = (alice.account, &world.state);
    let made =
        state.create_security_group(account, "web".parse().unwrap(), "w".into(), Tags::new(), NOW);
    let web = GroupRef::Id(made.await.unwrap());
    // the second group of a launch has no network, and is in use nevertheless
    for groups in [vec![web.clone()], vec![GroupRef::Name("default".parse().unwrap()), web.clone()]]
    {
        let request = RunRequest { groups, ..world.request(&alice) };
        let id = state.run_instances(request, NOW).await.unwrap().reservation.instances[0].id;
        let used = state.delete_security_group(account, web.clone(), NOW).await.unwrap_err();
        assert!(matches!(&used, Error::GroupInUse { user, .. } if user.contains(&id.to_string())));
        state.terminate_instances(Some(account), vec![id], NOW).await.unwrap();
        let used = state.delete_security_group(account, web.clone(), NOW).await;
        assert!(matches!(used, Err(Error::GroupInUse { .. })), "it still shuts down");
        world.observe(vec![report(id, InstancePhase::Terminated)]).await;
    }
    state.delete_security_group(account, web.clone(), NOW).await.unwrap();
    let gone = state.delete_security_group(account, web, NOW).await;
    assert!(matches!(gone, Err(Error::GroupNotFound(_))));
    let again =
        state.create_security_group(account, "web".parse().unwrap(), "w".into(), Tags::new(), NOW);
    again.await.unwrap();
}
