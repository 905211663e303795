//! What must hold of every policy and every request.

use super::super::{Acl, Canned, Context, Decision, Owned, Rules, decide};
use super::{Effect, Listed, Policy, Principal, Statement, Wish};
use crate::access::Action;
use proptest::prelude::*;
use proptest::sample::select;
use types::AccountId;

const BUCKET: &str = "bucket";

fn account(number: usize) -> AccountId {
    format!("{number:012}").parse().unwrap()
}

fn statement() -> impl Strategy<Value = Statement> {
    let effect = prop_oneof![Just(Effect::Allow), Just(Effect::Deny)];
    let principal = prop_oneof![
        Just(Principal::Everybody),
        (0..3usize).prop_map(|number| Principal::Account(account(number))),
    ];
    let action = select(&["*", "get*", "getobject", "putobject", "*policy*", "listbucket"][..]);
    let resource = select(&["arn:aws:s3:::*", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/a*"][..]);
    let principals = proptest::collection::vec(principal, 1..3);
    let actions = proptest::collection::vec(action.prop_map(str::to_owned), 1..3);
    let resources = proptest::collection::vec(resource.prop_map(str::to_owned), 1..3);
    (effect, principals, actions, resources, any::<[bool; 3]>()).prop_map(
        |(effect, principals, actions, resources, all_but)| Statement {
            effect,
            principals: Listed::new(all_but[0], principals),
            actions: Listed::new(all_but[1], actions),
            resources: Listed::new(all_but[2], resources),
            conditions: Vec::new(),
        },
    )
}

/// Somebody's wish, and how things are.
#[derive(Debug, Clone)]
struct World {
    caller: Option<AccountId>,
    action: Action,
    key: Option<&'static str>,
    object_owner: Option<AccountId>,
    acls: [Acl; 2],
    rules: Rules,
}

fn world() -> impl Strategy<Value = World> {
    let acl = || select(&["private", "public-read", "public-read-write", "authenticated-read"][..]);
    let someone = || proptest::option::of((0..3usize).prop_map(account));
    let statements = proptest::collection::vec(statement(), 0..4);
    let policy = proptest::option::of(statements.prop_map(|statements| Policy { statements }));
    (
        someone(),
        select(Action::ALL),
        select(&["a", "ab", "c"][..]),
        someone(),
        (acl(), acl()),
        policy,
    )
        .prop_map(|(caller, action, key, object_owner, (first, second), policy)| {
            let acls = [first, second].map(|name| Canned::named(name).unwrap().acl(None));
            let key = (action.level() != crate::access::Level::Bucket).then_some(key);
            let rules = Rules { policy, ..Rules::default() };
            World { caller, action, key, object_owner, acls, rules }
        })
}

impl World {
    fn decision(&self) -> Decision {
        let context = Context::default();
        let &Self { caller, action, key, .. } = self;
        let wish = Wish { caller, action, bucket: BUCKET, key, context: &context };
        let bucket = Owned { owner: account(0), acl: &self.acls[0] };
        let object = self.object_owner.map(|owner| Owned { owner, acl: &self.acls[1] });
        decide(&wish, bucket, &self.rules, object)
    }

    /// The policy with one more statement at some place.
    fn with(&self, statement: Statement, at: usize) -> Self {
        let mut world = self.clone();
        let policy = world.rules.policy.get_or_insert(Policy { statements: Vec::new() });
        policy.statements.insert(at.min(policy.statements.len()), statement);
        world
    }
}

fn keeps_always(world: &World) -> bool {
    let kept = [Action::GetBucketPolicy, Action::PutBucketPolicy, Action::DeleteBucketPolicy];
    world.caller == Some(account(0)) && kept.contains(&world.action)
}

proptest! {
    #[test]
    fn one_more_deny_never_allows_more(world in world(), more in statement(), at in 0..4usize) {
        let more = Statement { effect: Effect::Deny, ..more };
        let after = world.with(more, at).decision();
        prop_assert!(after != Decision::Allowed || world.decision() == Decision::Allowed);
    }

    #[test]
    fn one_more_allow_never_allows_less(world in world(), more in statement(), at in 0..4usize) {
        let more = Statement { effect: Effect::Allow, ..more };
        let after = world.with(more, at).decision();
        prop_assert!(after == Decision::Allowed || world.decision() != Decision::Allowed);
    }

    #[test]
    fn a_deny_of_all_wins_but_over_what_the_owner_never_loses(world in world(), at in 0..4usize) {
        let everything = Statement {
            effect: Effect::Deny,
            principals: Listed::These(vec![Principal::Everybody]),
            actions: Listed::These(vec!["*".to_owned()]),
            resources: Listed::These(vec!["arn:aws:s3:::*".to_owned()]),
            conditions: Vec::new(),
        };
        let decision = world.with(everything, at).decision();
        let expected = if keeps_always(&world) { Decision::Allowed } else { Decision::Denied };
        prop_assert_eq!(decision, expected);
    }

    #[test]
    fn the_public_access_block_never_allows_more(world in world(), ignore: bool, restrict: bool) {
        let mut blocked = world.clone();
        blocked.rules.block.ignore_public_acls = ignore;
        blocked.rules.block.restrict_public_buckets = restrict;
        let before = world.decision();
        prop_assert!(blocked.decision() != Decision::Allowed || before == Decision::Allowed);
        let restricts = ignore && restrict && world.caller.is_none();
        let is_public = blocked.rules.policy.as_ref().is_none_or(Policy::is_public);
        prop_assert!(!(restricts && is_public) || blocked.decision() != Decision::Allowed);
    }

    #[test]
    fn the_anonymous_may_do_no_more_than_anybody_who_signs(world in world()) {
        let names_somebody = world.rules.policy.as_ref().is_some_and(|policy| {
            policy.accounts().next().is_some()
        });
        let signed = World { caller: Some(account(9)), ..world.clone() };
        let anonymous = World { caller: None, ..world };
        prop_assert!(
            names_somebody
                || anonymous.decision() != Decision::Allowed
                || signed.decision() == Decision::Allowed
        );
    }
}
