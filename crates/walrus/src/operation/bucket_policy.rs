//! `GetBucketPolicy`, `PutBucketPolicy`, `DeleteBucketPolicy`, `GetBucketPolicyStatus`.

use super::{Answer, no_content, xml};
use crate::access::{MOST_POLICY_BYTES, Place, Policy};
use crate::accounts::Accounts;
use crate::body::Body;
use crate::fault::{ACCESS_DENIED, Fault, INTERNAL_ERROR, MALFORMED_POLICY, NO_SUCH_BUCKET_POLICY};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, Configuration};
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use types::UserName;

const KIND: Configuration = Configuration::Policy;

/// Answers the policy as it was put.
pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let id = place.bucket.id;
    let read = walrus.store.read(move |store| store.configuration(id, KIND));
    let document = read.await?.ok_or(NO_SUCH_BUCKET_POLICY)?;
    let mut response = Response::new(Body::bytes(document.into()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

pub(super) async fn put(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    // one byte more, so that too long a policy is named as such
    let body = ingest::small(&mut request, body, MOST_POLICY_BYTES + 1).await?;
    let policy = Policy::read(&body, &place.name).map_err(|why| MALFORMED_POLICY.because(why))?;
    check_accounts(accounts, &policy).await?;
    if place.rules.block.block_public_policy && policy.is_public() {
        let why = "the bucket's public access block refuses policies that are public";
        return Err(ACCESS_DENIED.because(why));
    }
    let (name, id, document) = (place.name, place.bucket.id, Some(body.to_vec()));
    walrus.store.change(Change::Configure { name, id, kind: KIND, document }).await??;
    Ok(no_content())
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::Configure { name, id, kind: KIND, document: None }).await??;
    Ok(no_content())
}

/// Whether the policy is public.
pub(super) fn status(place: &Place) -> Answer {
    let policy = place.rules.policy.as_ref().ok_or(NO_SUCH_BUCKET_POLICY)?;
    let mut answer = Xml::root("PolicyStatus");
    answer.value("IsPublic", policy.is_public()).close("PolicyStatus");
    Ok(xml(answer))
}

/// Refuses a policy that names an account which is not there, or a user whom it does not have.
async fn check_accounts(accounts: &dyn Accounts, policy: &Policy) -> Result<(), Fault> {
    for (account, wanted) in policy.accounts() {
        let name = accounts.name_of(account).await.map_err(|error| {
            tracing::error!(%error, "walrus cannot look up an account");
            INTERNAL_ERROR
        })?;
        let is_named = |name: &UserName| wanted.is_none_or(|wanted| wanted == name.as_str());
        if name.filter(is_named).is_none() {
            let why = format!("Invalid principal in policy: there is no such user as {account}");
            return Err(MALFORMED_POLICY.because(why));
        }
    }
    Ok(())
}
