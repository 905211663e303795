//! Who may do what: S3's rules for owners, ACLs, bucket policies, the public access block and the
//! ownership of objects, in one place. [`decide`] is pure; [`admit`] asks it for every request that
//! is about a bucket, before the operation sees anything of it.

mod acl;
mod action;
mod admit;
mod context;
mod decide;
mod given;
mod grants;
mod policy;
mod rules;

pub(crate) use acl::{Acl, Canned, Grant, Grantee, Permission};
pub(crate) use action::{Action, Level};
pub(crate) use admit::{At, Place, admit, admit_keys, admit_source};
pub(crate) use context::Context;
pub(crate) use decide::{Decision, Owned, decide};
pub(crate) use given::{Given, check_acl, given, may_tag};
pub(crate) use grants::{EC2_READER, GROUPS, by_id, by_uri, check_accounts, from_headers};
pub(crate) use policy::{Effect, MOST_BYTES as MOST_POLICY_BYTES, Policy, Wish};
pub(crate) use rules::{Documents, Ownership, PublicAccessBlock, Rules};
