//! `ListBuckets`: GET of the service.

use super::{Answer, xml};
use crate::request::{Request, not_offered};
use crate::walrus::Walrus;
use crate::xml::Xml;

pub(super) async fn run(walrus: &Walrus, request: &Request) -> Answer {
    let caller = request.account()?;
    for word in ["max-buckets", "continuation-token", "bucket-region"] {
        if request.word(word).is_some() {
            return Err(not_offered(&format!("ListBuckets with {word}")));
        }
    }
    let owner = caller.id;
    let buckets = walrus.store.read(move |store| store.buckets_of(owner)).await?;
    let prefix = request.word("prefix").unwrap_or("");
    let mut answer = Xml::root("ListAllMyBucketsResult");
    answer.open("Owner").value("ID", owner);
    answer.text("DisplayName", caller.name.as_str()).close("Owner");
    answer.open("Buckets");
    for (name, bucket) in buckets.iter().filter(|(name, _)| name.starts_with(prefix)) {
        answer.open("Bucket").text("Name", name);
        answer.value("CreationDate", bucket.created).close("Bucket");
    }
    answer.close("Buckets").close("ListAllMyBucketsResult");
    Ok(xml(answer))
}
