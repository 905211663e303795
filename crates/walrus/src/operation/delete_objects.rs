//! `DeleteObjects`: POST of a list of keys to a bucket.

use super::Answer;
use crate::access::{self, Action, Decision, Place};
use crate::fault::{ACCESS_DENIED, Fault, MALFORMED_XML};
use crate::ingest;
use crate::request::{Incoming, Request, check_key, not_offered};
use crate::store::{Change, Precondition};
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
    let deletes =
        wanted.iter().map(|(key, condition)| delete(walrus, &request, &place, key, condition));
    let results = join_all(deletes).await;
    let mut answer = Xml::root("DeleteResult");
    for ((key, _), result) in wanted.iter().zip(results) {
        match result {
            Ok(()) if quiet => {}
            Ok(()) => drop(answer.open("Deleted").text("Key", key).close("Deleted")),
            Err(fault) => {
                answer.open("Error").text("Key", key).text("Code", fault.code());
                answer.text("Message", fault.message()).close("Error");
            }
        }
    }
    answer.close("DeleteResult");
    Ok(super::xml(answer))
}

/// The keys that a body lists.
pub(crate) fn keys_to_delete(body: &[u8]) -> Result<Vec<String>, Fault> {
    let (_, wanted) = read(body)?;
    Ok(wanted.into_iter().map(|(key, _)| key).collect())
}

fn read(body: &[u8]) -> Result<(bool, Vec<(String, Precondition)>), Fault> {
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

fn wanted(object: &Element) -> Result<(String, Precondition), Fault> {
    object.only(&["Key", "ETag", "VersionId", "LastModifiedTime", "Size"])?;
    for unoffered in ["LastModifiedTime", "Size"] {
        if object.text_of(unoffered)?.is_some() {
            return Err(not_offered(&format!("DeleteObjects with {unoffered}")));
        }
    }
    if object.text_of("VersionId")?.is_some_and(|version| version != "null") {
        return Err(not_offered("DeleteObjects with VersionId"));
    }
    let key = object.required("Key")?.to_owned();
    check_key(&key)?;
    let condition = match object.text_of("ETag")? {
        Some(etag) => Precondition::Matches(etag.trim().trim_matches('"').to_owned()),
        None => Precondition::None,
    };
    Ok((key, condition))
}

async fn delete(
    walrus: &Walrus,
    request: &Request,
    place: &Place,
    key: &str,
    condition: &Precondition,
) -> Result<(), Fault> {
    let caller = request.caller.as_ref().map(|caller| caller.id);
    // to compare the ETag is to read the object
    let compares = matches!(condition, Precondition::Matches(etag) if etag != "*");
    let actions = [Action::DeleteObject, Action::GetObject];
    let needed = &actions[..if compares { 2 } else { 1 }];
    let is_allowed = |action| place.decision(caller, action, Some(key), None) == Decision::Allowed;
    if !needed.iter().copied().all(is_allowed) {
        return Err(ACCESS_DENIED.into());
    }
    let (bucket, id) = (place.name.clone(), place.bucket.id);
    let (key, condition) = (key.to_owned(), condition.clone());
    let change = Change::DeleteObject { bucket, id, key, condition };
    walrus.store.change(change).await??;
    Ok(())
}
