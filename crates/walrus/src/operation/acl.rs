//! `GetBucketAcl`, `PutBucketAcl`, `GetObjectAcl`, `PutObjectAcl`.

mod document;

pub(crate) use document::rewritten_acl;

use super::{Answer, empty, with_version, xml};
use crate::access::{self, Acl, Canned, Grantee, Place};
use crate::accounts::Accounts;
use crate::fault::{Fault, INTERNAL_ERROR, MISSING_SECURITY_HEADER, UNEXPECTED_CONTENT};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Amendment, Change};
use crate::walrus::Walrus;
use std::collections::BTreeMap;
use types::{AccountId, UserName};

/// More than any ACL of 100 grants has.
const MOST_BYTES: usize = 128 * 1024;

pub(super) async fn get_bucket(accounts: &dyn Accounts, place: &Place) -> Answer {
    show(accounts, place, place.bucket.owner, &place.bucket.acl).await
}

pub(super) async fn get_object(accounts: &dyn Accounts, place: &Place) -> Answer {
    let object = place.object()?;
    let owner = object.owner.filter(|_| place.rules.has_acls());
    let answer = show(accounts, place, place.bucket.owner_of(owner), &object.acl).await?;
    Ok(with_version(answer, place.shown_version()))
}

pub(super) async fn put_bucket(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let acl = asked(accounts, request, body, &place, place.bucket.owner, None).await?;
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::SetBucketAcl { name, id, acl }).await??;
    Ok(empty())
}

pub(super) async fn put_object(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let object = place.object()?;
    let (owner, content) = (place.bucket.owner_of(object.owner), object.content);
    let version = object.version.id();
    let bucket_owner = Some(place.bucket.owner).filter(|bucket_owner| *bucket_owner != owner);
    let acl = asked(accounts, request, body, &place, owner, bucket_owner).await?;
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let amendment = Amendment::Acl(acl);
    let change = Change::Amend { bucket, id, key, version, content, amendment };
    let done = walrus.store.change(change).await??;
    Ok(with_version(empty(), done.version))
}

/// The ACL that is asked for, by headers or by a document in the body.
async fn asked(
    accounts: &dyn Accounts,
    mut request: Request,
    body: &mut Incoming,
    place: &Place,
    owner: AccountId,
    bucket_owner: Option<AccountId>,
) -> Result<Acl, Fault> {
    let body = ingest::small(&mut request, body, MOST_BYTES).await?;
    let acl = match access::from_headers(&request, owner, bucket_owner)? {
        Some(_) if !body.is_empty() => return Err(UNEXPECTED_CONTENT.into()),
        Some(acl) => acl,
        None if body.is_empty() => return Err(MISSING_SECURITY_HEADER.into()),
        None => document::read(&body, owner)?,
    };
    access::check_acl(accounts, &place.rules, &acl).await?;
    Ok(acl)
}

async fn show(accounts: &dyn Accounts, place: &Place, owner: AccountId, acl: &Acl) -> Answer {
    let private = Canned::Private.acl(None);
    let acl = if place.rules.has_acls() { acl } else { &private };
    let mut names = BTreeMap::from([(place.bucket.owner, place.bucket.owner_name.clone())]);
    let granted = acl.0.iter().filter_map(|grant| match grant.grantee {
        Grantee::Account(account) => Some(account),
        _ => None,
    });
    for account in granted.chain([owner]) {
        if !names.contains_key(&account) {
            names.extend(name_of(accounts, account).await?.map(|name| (account, name)));
        }
    }
    Ok(xml(document::write(acl, owner, &names)))
}

async fn name_of(accounts: &dyn Accounts, account: AccountId) -> Result<Option<UserName>, Fault> {
    accounts.name_of(account).await.map_err(|error| {
        tracing::error!(%error, "walrus cannot look up an account");
        INTERNAL_ERROR.into()
    })
}
