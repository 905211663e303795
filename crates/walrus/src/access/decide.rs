//! The decision, from all that it depends on and nothing else.

use super::policy::{Effect, Wish};
use super::{Acl, Level, Rules};
use types::AccountId;

/// What has an owner and an ACL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owned<'a> {
    pub(crate) owner: AccountId,
    pub(crate) acl: &'a Acl,
}

/// Whether a wish is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// Nothing allows it.
    NotAllowed,
    /// The policy denies it.
    Denied,
}

/// What S3 decides: a Deny of the policy wins; else ownership, an Allow of the policy or a grant
/// of an ACL are needed. `object` is the one that has the key, or the upload; none where there is
/// none.
pub(crate) fn decide(
    wish: &Wish<'_>,
    bucket: Owned<'_>,
    rules: &Rules,
    object: Option<Owned<'_>>,
) -> Decision {
    let Wish { caller, action, .. } = *wish;
    let is_bucket_owner = caller == Some(bucket.owner);
    // so that nobody is locked out for ever
    if is_bucket_owner && action.is_of_policy() {
        return Decision::Allowed;
    }
    let effect = rules.policy.as_ref().and_then(|policy| policy.effect(wish));
    if effect == Some(Effect::Deny) {
        return Decision::Denied;
    }
    let object = object.filter(|_| rules.has_acls());
    let object_owner = object.map_or(bucket.owner, |object| object.owner);
    // the bucket's owner gives away what is his; an object of somebody else's is not
    let is_owner = match action.level() {
        Level::Bucket => is_bucket_owner,
        Level::Key => is_bucket_owner || action.is_of_initiator() && caller == Some(object_owner),
        Level::Object => caller == Some(object_owner),
    };
    let by_policy = effect == Some(Effect::Allow)
        && (action.level() != Level::Object || object_owner == bucket.owner)
        && (is_bucket_owner || !restricted(rules));
    if is_owner || by_policy || by_acl(wish, bucket, rules, object) {
        Decision::Allowed
    } else {
        Decision::NotAllowed
    }
}

fn restricted(rules: &Rules) -> bool {
    let is_public = || rules.policy.as_ref().is_some_and(super::Policy::is_public);
    rules.block.restrict_public_buckets && is_public()
}

fn by_acl(wish: &Wish<'_>, bucket: Owned<'_>, rules: &Rules, object: Option<Owned<'_>>) -> bool {
    let owned = match wish.action.level() {
        Level::Object => object,
        Level::Bucket | Level::Key => Some(bucket),
    };
    let grants = |owned: Owned<'_>, wanted| {
        owned.acl.grants(wish.caller, owned.owner, wanted, rules.block.ignore_public_acls)
    };
    let granted = owned.zip(wish.action.permission());
    rules.has_acls() && granted.is_some_and(|(owned, wanted)| grants(owned, wanted))
}
