//! Grants as requests name them: by headers, by canonical ids, by the URIs of groups.

use super::{Acl, Canned, Grant, Grantee, Permission};
use crate::accounts::Accounts;
use crate::fault::{Fault, INTERNAL_ERROR, INVALID_ARGUMENT, INVALID_REQUEST};
use crate::request::{Request, not_offered, shown};
use types::AccountId;

/// The canonical user to whom Amazon's `aws-exec-read` grants READ. ec2-upload-bundle takes a
/// bucket for ready when it sees the name.
pub(crate) const EC2_READER: (&str, &str) =
    ("6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c", "za-team");

/// The groups that may be granted something.
pub(crate) const GROUPS: [(&str, Grantee); 2] = [
    ("http://acs.amazonaws.com/groups/global/AllUsers", Grantee::AllUsers),
    ("http://acs.amazonaws.com/groups/global/AuthenticatedUsers", Grantee::AuthenticatedUsers),
];

/// The most grants of an ACL (S3 user guide).
const MOST_GRANTS: usize = 100;

/// The headers that name grantees.
const HEADERS: [(&str, Permission); 5] = [
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-read-acp", Permission::ReadAcp),
    ("x-amz-grant-write-acp", Permission::WriteAcp),
    ("x-amz-grant-full-control", Permission::FullControl),
];

/// Who has a canonical id: the number of an account here.
pub(crate) fn by_id(id: &str, owner: AccountId) -> Result<Grantee, Fault> {
    if id == EC2_READER.0 {
        return Ok(Grantee::Ec2);
    }
    match id.parse() {
        Ok(account) if account == owner => Ok(Grantee::Owner),
        Ok(account) => Ok(Grantee::Account(account)),
        Err(_) => Err(unknown(id)),
    }
}

fn unknown(id: &str) -> Fault {
    let why = format!("Invalid id {}: it is the 12 digits of an account of this cloud", shown(id));
    INVALID_ARGUMENT.because(why)
}

/// The group with this URI.
pub(crate) fn by_uri(uri: &str) -> Result<Grantee, Fault> {
    if uri == "http://acs.amazonaws.com/groups/s3/LogDelivery" {
        return Err(not_offered("the group LogDelivery"));
    }
    let known = GROUPS.iter().find(|(known, _)| *known == uri);
    known.map(|(_, group)| *group).ok_or_else(|| {
        INVALID_ARGUMENT
            .because(format!("Invalid group uri {}: there is no such group", shown(uri)))
    })
}

/// Refuses an ACL that is too long, or that names an account which is not there.
pub(crate) async fn check_accounts(accounts: &dyn Accounts, acl: &Acl) -> Result<(), Fault> {
    if acl.0.len() > MOST_GRANTS {
        let why = format!("an ACL has at most {MOST_GRANTS} grants");
        return Err(INVALID_ARGUMENT.because(why));
    }
    for grant in &acl.0 {
        let Grantee::Account(account) = grant.grantee else { continue };
        let name = accounts.name_of(account).await.map_err(|error| {
            tracing::error!(%error, "walrus cannot look up an account");
            INTERNAL_ERROR
        })?;
        name.ok_or_else(|| unknown(&account.to_string()))?;
    }
    Ok(())
}

/// The ACL that a request asks for in its headers; none when it asks for none. `bucket_owner` is
/// that of the bucket of an object that somebody else owns.
pub(crate) fn from_headers(
    request: &Request,
    owner: AccountId,
    bucket_owner: Option<AccountId>,
) -> Result<Option<Acl>, Fault> {
    let mut grants = Vec::new();
    for (name, permission) in HEADERS {
        for value in request.headers.get_all(name) {
            let value = value.to_str().map_err(|_| bad_header(name))?;
            let grantees = grantees(name, value, owner)?;
            grants.extend(grantees.into_iter().map(|grantee| Grant { grantee, permission }));
        }
    }
    let Some(canned) = request.header("x-amz-acl") else {
        return Ok(Some(Acl(grants)).filter(|acl| !acl.0.is_empty()));
    };
    if !grants.is_empty() {
        let why = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(INVALID_REQUEST.because(why));
    }
    if canned == "log-delivery-write" {
        return Err(not_offered("the ACL log-delivery-write"));
    }
    let canned = Canned::named(canned).ok_or_else(|| {
        INVALID_ARGUMENT.because(format!("x-amz-acl: unknown ACL {}", shown(canned)))
    })?;
    Ok(Some(canned.acl(bucket_owner)))
}

/// Reads `id="…", uri="…"`.
fn grantees(name: &str, value: &str, owner: AccountId) -> Result<Vec<Grantee>, Fault> {
    let one = |text: &str| {
        let (kind, who) = text.trim().split_once('=').ok_or_else(|| bad_header(name))?;
        let who = who.trim();
        let who = who.strip_prefix('"').and_then(|who| who.strip_suffix('"')).unwrap_or(who);
        match kind.trim().to_ascii_lowercase().as_str() {
            "id" => by_id(who, owner),
            "uri" => by_uri(who),
            "emailaddress" => Err(not_offered("a grantee by emailAddress")),
            _ => Err(bad_header(name)),
        }
    };
    value.split(',').map(one).collect()
}

fn bad_header(name: &str) -> Fault {
    INVALID_ARGUMENT.because(format!("{name} must be a list of id=\"ACCOUNT\" and uri=\"GROUP\""))
}
