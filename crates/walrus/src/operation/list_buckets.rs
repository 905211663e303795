//! `ListBuckets`: GET of the service.

use super::{Answer, xml};
use crate::fault::{Fault, INVALID_ARGUMENT};
use crate::request::Request;
use crate::walrus::Walrus;
use crate::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The most buckets that a page can be asked to have. Without being asked all are listed.
const MOST_BUCKETS: usize = 10_000;

pub(super) async fn run(walrus: &Walrus, request: &Request) -> Answer {
    let caller = request.account()?;
    let (after, limit) = (after(request)?, limit(request)?);
    let owner = caller.id;
    let mut buckets = walrus.store.read(move |store| store.buckets_of(owner)).await?;
    let prefix = request.word("prefix").unwrap_or("");
    // all buckets are in the one region that there is
    let region = walrus.settings.region.as_str();
    let is_here = request.word("bucket-region").is_none_or(|wanted| wanted == region);
    buckets.retain(|(name, _)| is_here && name.starts_with(prefix) && *name > after);
    let truncated = limit.is_some_and(|limit| buckets.len() > limit);
    buckets.truncate(limit.unwrap_or(usize::MAX));
    let pages = ["max-buckets", "continuation-token", "bucket-region", "prefix"];
    let is_new = pages.iter().any(|word| request.word(word).is_some());
    let mut answer = Xml::root("ListAllMyBucketsResult");
    answer.open("Owner").value("ID", owner);
    answer.text("DisplayName", caller.name.as_str()).close("Owner");
    answer.open("Buckets");
    for (name, bucket) in &buckets {
        answer.open("Bucket").text("Name", name);
        answer.value("CreationDate", bucket.created);
        // old clients know nothing of it, and do not ask for pages either
        if is_new {
            answer.text("BucketRegion", region);
        }
        answer.close("Bucket");
    }
    answer.close("Buckets");
    if let (true, Some((last, _))) = (truncated, buckets.last()) {
        answer.value("ContinuationToken", URL_SAFE_NO_PAD.encode(last));
    }
    if request.word("prefix").is_some() {
        answer.text("Prefix", prefix);
    }
    answer.close("ListAllMyBucketsResult");
    Ok(xml(answer))
}

fn limit(request: &Request) -> Result<Option<usize>, Fault> {
    let Some(text) = request.word("max-buckets") else { return Ok(None) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST_BUCKETS).contains(limit));
    limit.map(Some).ok_or_else(|| {
        INVALID_ARGUMENT.because(format!("max-buckets must be a number from 1 to {MOST_BUCKETS}"))
    })
}

/// The bucket with which the page before ended.
fn after(request: &Request) -> Result<String, Fault> {
    let Some(token) = request.word("continuation-token") else { return Ok(String::new()) };
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        INVALID_ARGUMENT.because("the continuation token is not one that was given out")
    })
}
