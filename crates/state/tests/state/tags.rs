//! Tags.

use crate::world::{NOW, World, report};
use protocol::InstancePhase;
use state::{Error, GroupRef, Taggable};
use types::Tags;

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| (key.parse().unwrap(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn each_user_has_tags_of_their_own_on_what_they_may_see() {
    let world = World::with_cores(4).await;
    let state = &world.state;
    let (alice, bob) = (world.user("alice").await, world.user("bob").await);
    let hers = Taggable::Instance(world.launch_as(&alice, 1).await[0].id);
    let image = Taggable::Image(world.image.id);
    let create = |user: &state::User, things, pairs| {
        state.create_tags(user.account, things, Vec::new(), tags(pairs))
    };
    create(&alice, vec![hers, image], &[("Name", "web"), ("tier", "front")]).await.unwrap();
    let refused = create(&bob, vec![image, hers], &[("Name", "mine")]).await;
    assert!(matches!(refused, Err(Error::NotTaggable(thing)) if thing == hers));
    assert_eq!(state.tags(bob.account, &["emi-"]).await.unwrap().of(image), Tags::new(), "or none");
    create(&bob, vec![image], &[("Name", "his")]).await.unwrap();

    create(&alice, vec![hers], &[("Name", "db")]).await.unwrap();
    let seen = state.tags(alice.account, &["i-", "emi-"]).await.unwrap();
    assert_eq!(seen.of(hers), tags(&[("Name", "db"), ("tier", "front")]));
    assert_eq!(seen.of(image), tags(&[("Name", "web"), ("tier", "front")]));
    let only = state.tags(alice.account, &["i-"]).await.unwrap();
    assert_eq!(only.of(image), Tags::new());

    let key = |name: &str| name.parse().unwrap();
    let stay = vec![(key("Name"), Some("other".to_owned())), (key("none"), None)];
    state.delete_tags(alice.account, vec![hers], Vec::new(), stay).await.unwrap();
    let gone = vec![(key("Name"), Some("db".to_owned()))];
    state.delete_tags(alice.account, vec![hers], Vec::new(), gone).await.unwrap();
    let seen = state.tags(alice.account, &["i-"]).await.unwrap();
    assert_eq!(seen.of(hers), tags(&[("tier", "front")]));
    state.delete_tags(alice.account, vec![hers], Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(state.tags(alice.account, &["i-"]).await.unwrap().of(hers), Tags::new());
    assert_eq!(
        state.tags(bob.account, &["emi-"]).await.unwrap().of(image),
        tags(&[("Name", "his")])
    );
}

#[tokio::test]
async fn a_thing_has_at_most_fifty_tags() {
    let world = World::with_cores(1).await;
    let thing = vec![Taggable::Image(world.image.id)];
    let many = |count: usize| -> Tags {
        (0..count).map(|at| (format!("k{at}").parse().unwrap(), String::new())).collect()
    };
    let create =
        |tags| world.state.create_tags(world.admin.account, thing.clone(), Vec::new(), tags);
    create(many(50)).await.unwrap();
    create(many(50)).await.unwrap();
    assert!(matches!(create(many(51)).await, Err(Error::TooManyTags { most: 50, .. })));
}

#[tokio::test]
async fn tags_go_with_their_things() {
    let world = World::with_cores(4).await;
    let (state, account) = (&world.state, world.admin.account);
    let id = world.launch(1).await[0].id;
    let web =
        state.create_security_group(account, "web".parse().unwrap(), "w".into(), Tags::new(), NOW);
    let web = web.await.unwrap();
    let things = vec![Taggable::Instance(id), Taggable::Group(web)];
    let derived = vec![format!("eni-{:08X}", id.bits())];
    state.create_tags(account, things, derived.clone(), tags(&[("a", "b")])).await.unwrap();
    state.delete_security_group(account, GroupRef::Id(web), NOW).await.unwrap();
    state.terminate_instances(None, vec![id], NOW).await.unwrap();
    world.observe(vec![report(id, InstancePhase::Terminated)]).await;
    let seen = state.tags(account, &["i-", "sg-", "eni-"]).await.unwrap();
    assert_eq!((seen.of(id), seen.of(web)), (tags(&[("a", "b")]), Tags::new()));
    state.purge_terminated(NOW.plus_millis(26 * 3_600_000)).await.unwrap();
    let seen = state.tags(account, &["i-", "eni-"]).await.unwrap();
    assert_eq!((seen.of(id), seen.of(&derived[0])), (Tags::new(), Tags::new()));
}
