//! Bucket policies: what they say of a request. How they are read is in `policy/parse.rs`.

mod condition;
mod parse;
mod pattern;
#[cfg(test)]
mod properties;

use super::Action;
use super::context::Context;
use condition::Condition;
use pattern::fits;
use types::AccountId;

pub(crate) use condition::KEYS;
pub(crate) use parse::MOST_BYTES;

/// What a policy says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A bucket's policy.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq)]
struct Statement {
    effect: Effect,
    principals: Listed<Principal>,
    /// Without `s3:`, in lower case.
    actions: Listed<String>,
    resources: Listed<String>,
    conditions: Vec<Condition>,
}

/// A list as `Action` has it, or as `NotAction`.
#[derive(Debug, Clone, PartialEq)]
enum Listed<T> {
    These(Vec<T>),
    AllBut(Vec<T>),
}

impl<T> Listed<T> {
    fn new(all_but: bool, list: Vec<T>) -> Self {
        if all_but { Self::AllBut(list) } else { Self::These(list) }
    }

    fn has(&self, is: impl FnMut(&T) -> bool) -> bool {
        match self {
            Self::These(list) => list.iter().any(is),
            Self::AllBut(list) => !list.iter().any(is),
        }
    }
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Principal {
    Everybody,
    Account(AccountId),
    /// The user of this account, who must have this name when the policy is put. An account has
    /// one user here.
    User(AccountId, String),
}

impl Principal {
    fn is(&self, caller: Option<AccountId>) -> bool {
        match self {
            Self::Everybody => true,
            Self::Account(account) | Self::User(account, _) => caller == Some(*account),
        }
    }
}

/// What a request wants, as a policy sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// None for the anonymous.
    pub(crate) caller: Option<AccountId>,
    pub(crate) action: Action,
    pub(crate) bucket: &'a str,
    /// None when it is about the bucket.
    pub(crate) key: Option<&'a str>,
    pub(crate) context: &'a Context,
}

impl Policy {
    /// What the policy says; none when it says nothing. A Deny wins.
    pub(crate) fn effect(&self, wish: &Wish<'_>) -> Option<Effect> {
        let resource = match wish.key {
            Some(key) => format!("{ARN}{}/{key}", wish.bucket),
            None => format!("{ARN}{}", wish.bucket),
        };
        let level = wish.action.level();
        let action = wish.action.name().trim_start_matches("s3:").to_ascii_lowercase();
        let speaks = |statement: &&Statement| {
            statement.actions.has(|pattern| fits(pattern, &action))
                && statement.principals.has(|principal| principal.is(wish.caller))
                && statement.resources.has(|pattern| fits(pattern, &resource))
                && statement.conditions.iter().all(|condition| condition.holds(wish.context, level))
        };
        let mut found = None;
        for statement in self.statements.iter().filter(speaks) {
            if statement.effect == Effect::Deny {
                return Some(Effect::Deny);
            }
            found = Some(Effect::Allow);
        }
        found
    }

    /// Whether it gives something to people whom nobody chose: an Allow for everybody that no
    /// condition narrows to certain accounts or networks (S3 user guide, the meaning of public).
    pub(crate) fn is_public(&self) -> bool {
        self.statements.iter().any(|statement| {
            let open = match &statement.principals {
                Listed::These(list) => list.contains(&Principal::Everybody),
                Listed::AllBut(_) => true,
            };
            let narrowed = statement.conditions.iter().any(Condition::narrows);
            open && statement.effect == Effect::Allow && !narrowed
        })
    }

    /// The accounts that it names, each with the name that its user must have.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = (AccountId, Option<&str>)> {
        let listed = self.statements.iter().flat_map(|statement| match &statement.principals {
            Listed::These(list) | Listed::AllBut(list) => list,
        });
        listed.filter_map(|principal| match principal {
            Principal::Everybody => None,
            Principal::Account(account) => Some((*account, None)),
            Principal::User(account, name) => Some((*account, Some(name.as_str()))),
        })
    }
}

/// What the names of resources of S3 begin with.
const ARN: &str = "arn:aws:s3:::";
