//! The rules of security groups and what clusters are told of them.

use crate::world::{NOW, World, report};
use protocol::{GroupRule, InstancePhase, Peer};
use state::{Direction, Error, GroupRef, NewRule, RuleRef, User};
use types::{AccountId, PortRange, Protocol, Tags};

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

fn tcp(port: i32) -> GroupRule {
    let ports = PortRange { from: port, to: port };
    GroupRule { protocol: Protocol::Tcp, ports, peer: Peer::Cidr("10.0.0.0/8".parse().unwrap()) }
}

fn from_group(account: AccountId, group: &str) -> GroupRule {
    GroupRule { peer: Peer::Group { account, group: group.parse().unwrap() }, ..tcp(80) }
}

fn new(rule: GroupRule) -> NewRule {
    NewRule { rule, description: String::new() }
}

fn default() -> GroupRef {
    GroupRef::Name("default".parse().unwrap())
}

/// What the user's default group says, in this direction.
async fn said(world: &World, user: &User, direction: Direction) -> Vec<GroupRule> {
    let groups = world.state.security_groups(user.account, NOW).await.unwrap();
    let group = groups.into_iter().find(|group| group.name.as_str() == "default").unwrap();
    let rules = group.rules.into_iter().filter(|rule| rule.direction == direction);
    rules.map(|rule| rule.rule).collect()
}

#[tokio::test]
async fn both_directions_are_told_to_the_cluster_and_each_change_is_a_generation() {
    let world = World::with_cores(4).await;
    let account = world.admin.account;
    world.launch(1).await;
    let network = world.desired().await.networks.remove(0);
    assert_eq!((network.ingress, network.egress), (vec![], vec![GroupRule::UNLIMITED]));
    for direction in DIRECTIONS {
        let before = world.generation().await;
        let made = world.state.authorize(
            account,
            default(),
            direction,
            (vec![new(tcp(22))], Tags::new()),
            NOW,
        );
        let made = made.await.unwrap();
        assert_eq!(world.generation().await, before + 1);
        let other = vec![(made[0].id, new(tcp(23)))];
        world.state.modify_rules(account, default(), other, NOW).await.unwrap();
        assert_eq!(world.generation().await, before + 2);
    }
    let network = world.desired().await.networks.remove(0);
    assert_eq!(network.ingress, [tcp(23)]);
    assert_eq!(network.egress, [GroupRule::UNLIMITED, tcp(23)]);
    let before = world.generation().await;
    let all = vec![RuleRef::Exact(GroupRule::UNLIMITED), RuleRef::Exact(tcp(23))];
    world.state.revoke(account, default(), Direction::Egress, all, NOW).await.unwrap();
    assert_eq!(world.desired().await.networks.remove(0).egress, []);
    assert_eq!(world.generation().await, before + 1);
}

#[tokio::test]
async fn all_of_a_change_is_made_or_nothing() {
    let world = World::with_cores(1).await;
    let account = world.admin.account;
    let state = &world.state;
    for direction in DIRECTIONS {
        let before = said(&world, &world.admin, direction).await;
        for (rules, exists) in [
            (vec![tcp(1), tcp(2), tcp(1)], true),
            (vec![tcp(1), from_group(account, "nogroup")], false),
        ] {
            let rules = rules.into_iter().map(new).collect();
            let refused =
                state.authorize(account, default(), direction, (rules, Tags::new()), NOW).await;
            assert_eq!(matches!(refused, Err(Error::RuleExists)), exists);
            assert_eq!(matches!(refused, Err(Error::GroupNotFound(_))), !exists);
            assert_eq!(said(&world, &world.admin, direction).await, before);
        }
        let rules = vec![new(tcp(1)), new(tcp(2))];
        let made = state
            .authorize(account, default(), direction, (rules, Tags::new()), NOW)
            .await
            .unwrap();
        let refs = vec![RuleRef::Id(made[0].id), RuleRef::Exact(tcp(3))];
        let refused = state.revoke(account, default(), direction, refs, NOW).await;
        assert!(matches!(refused, Err(Error::RuleNotFound)));
        let same = vec![(made[0].id, new(tcp(3))), (made[1].id, new(tcp(3)))];
        let refused = state.modify_rules(account, default(), same, NOW).await;
        assert!(matches!(refused, Err(Error::RuleExists)));
        assert_eq!(said(&world, &world.admin, direction).await.len(), before.len() + 2);
    }
}

#[tokio::test]
async fn a_group_has_a_thousand_rules_in_each_direction_at_most() {
    let world = World::with_cores(1).await;
    let account = world.admin.account;
    for (direction, room) in [(Direction::Ingress, 1000), (Direction::Egress, 999)] {
        let rules = |count: i32| (0..count).map(|port| new(tcp(port))).collect::<Vec<_>>();
        let state = &world.state;
        let refused = state
            .authorize(account, default(), direction, (rules(room + 1), Tags::new()), NOW)
            .await;
        assert!(matches!(refused, Err(Error::LimitReached { most: 1000, .. })));
        state
            .authorize(account, default(), direction, (rules(room), Tags::new()), NOW)
            .await
            .unwrap();
        let one = vec![new(tcp(2000))];
        let refused = state.authorize(account, default(), direction, (one, Tags::new()), NOW).await;
        assert!(matches!(refused, Err(Error::LimitReached { most: 1000, .. })));
    }
}

#[tokio::test]
async fn what_names_a_deleted_group_goes_with_it_and_clusters_are_told() {
    let world = World::with_cores(4).await;
    let alice = world.user("alice").await;
    let state = &world.state;
    let web = || {
        state.create_security_group(
            alice.account,
            "web".parse().unwrap(),
            "w".into(),
            Tags::new(),
            NOW,
        )
    };
    let id = web().await.unwrap();
    let instance = world.launch(1).await.remove(0).id;
    for direction in DIRECTIONS {
        let rules = vec![new(from_group(alice.account, "web")), new(tcp(1))];
        state
            .authorize(world.admin.account, default(), direction, (rules, Tags::new()), NOW)
            .await
            .unwrap();
    }
    let before = world.generation().await;
    state.delete_security_group(alice.account, GroupRef::Id(id), NOW).await.unwrap();
    assert!(world.generation().await > before);
    web().await.unwrap();
    let network = world.desired().await.networks.remove(0);
    assert_eq!(network.ingress, [tcp(1)]);
    assert_eq!(network.egress, [GroupRule::UNLIMITED, tcp(1)]);
    // and a user's groups with all their rules, when the user goes
    state.terminate_instances(None, vec![instance], NOW).await.unwrap();
    world.observe(vec![report(instance, InstancePhase::Terminated)]).await;
    let own = GroupRef::Name("web".parse().unwrap());
    state.delete_security_group(alice.account, own, NOW).await.unwrap();
    let rules = vec![new(from_group(alice.account, "default"))];
    for direction in DIRECTIONS {
        let here =
            state.authorize(alice.account, default(), direction, (rules.clone(), Tags::new()), NOW);
        here.await.unwrap();
        let there = state.authorize(
            world.admin.account,
            default(),
            direction,
            (rules.clone(), Tags::new()),
            NOW,
        );
        there.await.unwrap();
    }
    state.delete_user("alice".parse().unwrap()).await.unwrap();
    assert_eq!(said(&world, &world.admin, Direction::Ingress).await, [tcp(1)]);
}
