//! `CreateBucket`: PUT of a bucket. As S3 does in its first region, and as ec2-upload-bundle
//! relies on, making one's own bucket again answers 200 and sets its ACL anew.

use super::{Answer, empty};
use crate::access::{self, Action, Canned, Rules};
use crate::accounts::Accounts;
use crate::fault::{Fault, INVALID_REQUEST};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Bucket, Change, Versioning};
use crate::walrus::Walrus;
use crate::xml;
use http::HeaderValue;
use http::header::LOCATION;

/// More than any configuration of a bucket has.
const MAX_XML_BYTES: usize = 64 * 1024;

pub(super) async fn run(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    mut request: Request,
    body: &mut Incoming,
    name: String,
) -> Answer {
    let caller = request.account()?.clone();
    let rules = rules(walrus, &request, &name).await?;
    let acl = match access::from_headers(&request, caller.id, None)? {
        Some(acl) => {
            access::check_acl(accounts, &rules, &acl).await?;
            acl
        }
        None => Canned::Private.acl(None),
    };
    let body = ingest::small(&mut request, body, MAX_XML_BYTES).await?;
    let location = if body.is_empty() { String::new() } else { xml::location_constraint(&body)? };
    let now = walrus.clock.now();
    let bucket = Bucket {
        id: walrus.store.new_id(now)?,
        owner: caller.id,
        owner_name: caller.name,
        acl,
        created: now,
        location,
        versioning: Versioning::Never,
    };
    let quotas = walrus.quotas_of(&request);
    let path = HeaderValue::from_str(&format!("/{name}"));
    let change = Change::CreateBucket { name, bucket, quotas };
    walrus.store.change(change).await??;
    let mut response = empty();
    let path = path.map_err(|_| INVALID_REQUEST)?;
    response.headers_mut().insert(LOCATION, path);
    Ok(response)
}

/// The rules for the new ACL: those of the bucket, if the caller has it already.
async fn rules(walrus: &Walrus, request: &Request, name: &str) -> Result<Rules, Fault> {
    let (caller, wanted) = (request.account()?.id, name.to_owned());
    let there = walrus.store.read(move |store| store.bucket(&wanted)).await?;
    if there.is_none_or(|bucket| bucket.owner != caller) {
        return Ok(Rules::default());
    }
    let (name, key) = (name.to_owned(), String::new());
    Ok(access::admit(walrus, request, Action::PutBucketAcl, name, key).await?.rules)
}
