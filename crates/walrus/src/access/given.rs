//! What a new object is given: its owner and its ACL.

use super::{Acl, Action, Canned, Decision, Owned, Ownership, Place, Rules};
use super::{check_accounts, from_headers};
use crate::accounts::Accounts;
use crate::fault::{ACCESS_CONTROL_LIST_NOT_SUPPORTED, ACCESS_DENIED, Fault};
use crate::request::Request;
use types::AccountId;

/// The owner and the ACL of a new object.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// None for the owner of the bucket.
    pub(crate) owner: Option<AccountId>,
    pub(crate) acl: Acl,
}

const GIVES_ALL: &str = "bucket-owner-full-control";

/// What an object is given that the request writes.
///
/// # Errors
/// When the ACL that it asks for is none, or one that it may not give.
pub(crate) async fn given(
    accounts: &dyn Accounts,
    request: &Request,
    place: &Place,
) -> Result<Given, Fault> {
    let bucket_owner = place.bucket.owner;
    check_tags(request, place)?;
    let gives_all = request.header("x-amz-acl") == Some(GIVES_ALL);
    let caller = request.caller.as_ref().map(|caller| caller.id);
    // what the anonymous write is the bucket owner's: S3's anonymous user could do nothing with it
    let owner = caller.filter(|caller| *caller != bucket_owner);
    let owner = owner.filter(|_| match place.rules.ownership {
        Ownership::ObjectWriter => true,
        Ownership::BucketOwnerPreferred => !gives_all,
        Ownership::BucketOwnerEnforced => false,
    });
    let acl = from_headers(request, place.bucket.owner_of(owner), owner.map(|_| bucket_owner))?;
    let Some(acl) = acl else { return Ok(Given { owner, acl: Canned::Private.acl(None) }) };
    if gives_all && !place.rules.has_acls() {
        return Ok(Given { owner, acl });
    }
    check_acl(accounts, &place.rules, &acl).await?;
    // the writer may set the ACL of what he writes, unless the policy denies it
    let private = Canned::Private.acl(None);
    let new = Owned { owner: caller.unwrap_or(bucket_owner), acl: &private };
    match place.decision(caller, Action::PutObjectAcl, Some(&place.key), Some(new)) {
        Decision::Allowed => Ok(Given { owner, acl }),
        _ => Err(ACCESS_DENIED.because("the request may not set the ACL of what it writes")),
    }
}

/// Refuses tags from whom nobody allows to give any: the bucket's owner may, and who may by policy.
fn check_tags(request: &Request, place: &Place) -> Result<(), Fault> {
    let caller = request.caller.as_ref().map(|caller| caller.id);
    let gives = request.tags.as_ref().is_some_and(|tags| !tags.is_empty());
    if !gives || may_tag(place, caller) {
        return Ok(());
    }
    Err(ACCESS_DENIED.because("the request may not set the tags of what it writes"))
}

/// Whether the caller may set the tags of a new object.
pub(crate) fn may_tag(place: &Place, caller: Option<AccountId>) -> bool {
    let action = Action::PutObjectTagging;
    place.decision(caller, action, Some(&place.key), None) == Decision::Allowed
}

/// Refuses an ACL that the bucket's rules forbid, or that names nobody.
pub(crate) async fn check_acl(
    accounts: &dyn Accounts,
    rules: &Rules,
    acl: &Acl,
) -> Result<(), Fault> {
    if !rules.has_acls() {
        return Err(ACCESS_CONTROL_LIST_NOT_SUPPORTED.into());
    }
    if rules.block.block_public_acls && acl.is_public() {
        let why = "the bucket's public access block refuses ACLs that are public";
        return Err(ACCESS_DENIED.because(why));
    }
    check_accounts(accounts, acl).await
}
