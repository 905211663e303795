//! `GetPublicAccessBlock`, `PutPublicAccessBlock`, `DeletePublicAccessBlock` of a bucket.

use super::{Answer, empty, no_content, xml};
use crate::access::{Place, PublicAccessBlock};
use crate::fault::{Fault, MALFORMED_XML, NO_SUCH_PUBLIC_ACCESS_BLOCK};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, Configuration, Error};
use crate::walrus::Walrus;
use crate::xml::{self, Element, Xml};

const KIND: Configuration = Configuration::PublicAccessBlock;
const ROOT: &str = "PublicAccessBlockConfiguration";
const SETTINGS: [&str; 4] =
    ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
const MOST_BYTES: usize = 16 * 1024;

pub(super) async fn get(walrus: &Walrus, place: Place) -> Answer {
    let id = place.bucket.id;
    let read = walrus.store.read(move |store| store.configuration(id, KIND));
    read.await?.ok_or(NO_SUCH_PUBLIC_ACCESS_BLOCK)?;
    let block = place.rules.block;
    let values = [
        block.block_public_acls,
        block.ignore_public_acls,
        block.block_public_policy,
        block.restrict_public_buckets,
    ];
    let mut answer = Xml::root(ROOT);
    for (setting, value) in SETTINGS.iter().zip(values) {
        answer.value(setting, value);
    }
    answer.close(ROOT);
    Ok(xml(answer))
}

pub(super) async fn put(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let body = ingest::small(&mut request, body, MOST_BYTES).await?;
    let block = read(&body)?;
    let document = serde_json::to_vec(&block).map_err(|error| Error::Corrupt(error.to_string()))?;
    let (name, id, document) = (place.name, place.bucket.id, Some(document));
    walrus.store.change(Change::Configure { name, id, kind: KIND, document }).await??;
    Ok(empty())
}

pub(super) async fn delete(walrus: &Walrus, place: Place) -> Answer {
    let (name, id) = (place.name, place.bucket.id);
    walrus.store.change(Change::Configure { name, id, kind: KIND, document: None }).await??;
    Ok(no_content())
}

/// Reads the four settings; one that is not there is off.
fn read(body: &[u8]) -> Result<PublicAccessBlock, Fault> {
    let document = xml::parse(body, ROOT)?;
    document.only(&SETTINGS)?;
    let [block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets] =
        SETTINGS.map(|setting| is_on(&document, setting));
    Ok(PublicAccessBlock {
        block_public_acls: block_public_acls?,
        ignore_public_acls: ignore_public_acls?,
        block_public_policy: block_public_policy?,
        restrict_public_buckets: restrict_public_buckets?,
    })
}

fn is_on(document: &Element, setting: &str) -> Result<bool, Fault> {
    match document.text_of(setting)?.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(MALFORMED_XML.because(format!("{setting} is true or false"))),
    }
}
