//! `DeleteObjects`: POST of a list of keys and versions to a bucket.

use super::{Answer, delete_object};
use crate::access::{self, Action, Decision, Place};
use crate::fault::{ACCESS_DENIED, Fault, MALFORMED_XML};
use crate::ingest;
use crate::request::{Incoming, Request, check_key, not_offered, version_id};
use crate::store::{Done, Precondition, VersionId};
use crate::walrus::Walrus;
use crate::xml::{self, Element, Xml};
use futures_util::future::join_all;

/// The most keys of one request (S3 API reference).
const MOST_KEYS: usize = 1000;
const MOST_BYTES: usize = 2 << 20;

pub(super) async fn run(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    bucket: String,
) -> Answer {
    let place = access::admit_keys(walrus, &request, bucket).await?;
    let (quiet, wanted) = read(&ingest::small(&mut request, body, MOST_BYTES).await?)?;
    let deletes = wanted.iter().map(|wanted| delete(walrus, &request, &place, wanted));
    let results = join_all(deletes).await;
    let mut answer = Xml::root("DeleteResult");
    for (Wanted { key, version, .. }, result) in wanted.iter().zip(results) {
        match result {
            Ok(_) if quiet => {}
            Ok(done) => deleted(&mut answer, key, *version, done),
            Err(fault) => {
                answer.open("Error").text("Key", key);
                if let Some(version) = version {
                    answer.value("VersionId", version);
                }
                answer.text("Code", fault.code()).text("Message", fault.message()).close("Error");
            }
        }
    }
    answer.close("DeleteResult");
    Ok(super::xml(answer))
}

/// A marker that was made has another version than was asked for, one that was deleted the same.
fn deleted(answer: &mut Xml, key: &str, version: Option<VersionId>, done: Done) {
    answer.open("Deleted").text("Key", key);
    if let Some(version) = version {
        answer.value("VersionId", version);
    }
    if done.is_marker {
        answer.value("DeleteMarker", true);
        if let Some(version) = done.version {
            answer.value("DeleteMarkerVersionId", version);
        }
    }
    answer.close("Deleted");
}

/// One line of the list.
struct Wanted {
    key: String,
    version: Option<VersionId>,
    condition: Precondition,
}

/// The keys that a body lists.
pub(crate) fn keys_to_delete(body: &[u8]) -> Result<Vec<String>, Fault> {
    let (_, wanted) = read(body)?;
    Ok(wanted.into_iter().map(|wanted| wanted.key).collect())
}

fn read(body: &[u8]) -> Result<(bool, Vec<Wanted>), Fault> {
    let list = xml::parse(body, "Delete")?;
    list.only(&["Object", "Quiet"])?;
    let quiet = match list.text_of("Quiet")?.map(str::trim) {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(MALFORMED_XML.because("Quiet is true or false")),
    };
    let wanted: Vec<_> = list.all("Object").map(wanted).collect::<Result<_, _>>()?;
    if wanted.is_empty() || wanted.len() > MOST_KEYS {
        return Err(MALFORMED_XML.because("1 to 1000 keys can be deleted at once"));
    }
    Ok((quiet, wanted))
}

fn wanted(object: &Element) -> Result<Wanted, Fault> {
    object.only(&["Key", "ETag", "VersionId", "LastModifiedTime", "Size"])?;
    for unoffered in ["LastModifiedTime", "Size"] {
        if object.text_of(unoffered)?.is_some() {
            return Err(not_offered(&format!("DeleteObjects with {unoffered}")));
        }
    }
    // clients without a version may send an empty one
    let version = object.text_of("VersionId")?.map(str::trim).filter(|version| !version.is_empty());
    let version = version.map(version_id).transpose()?;
    let key = object.required("Key")?.to_owned();
    check_key(&key)?;
    let condition = match object.text_of("ETag")? {
        Some(etag) => Precondition::Matches(etag.trim().trim_matches('"').to_owned()),
        None => Precondition::None,
    };
    Ok(Wanted { key, version, condition })
}

async fn delete(
    walrus: &Walrus,
    request: &Request,
    place: &Place,
    Wanted { key, version, condition }: &Wanted,
) -> Result<Done, Fault> {
    let caller = request.caller.as_ref().map(|caller| caller.id);
    // to compare the ETag is to read the object
    let compares = matches!(condition, Precondition::Matches(etag) if etag != "*");
    let actions = [Action::DeleteObject, Action::GetObject];
    let actions = if version.is_some() { actions.map(Action::of_version) } else { actions };
    let needed = &actions[..if compares { 2 } else { 1 }];
    let is_allowed = |action| place.decision_on(caller, action, key, *version) == Decision::Allowed;
    if !needed.iter().copied().all(is_allowed) {
        return Err(ACCESS_DENIED.into());
    }
    let at = (place.name.as_str(), key.as_str(), *version);
    delete_object::delete(walrus, request, &place.bucket, at, condition.clone()).await
}
