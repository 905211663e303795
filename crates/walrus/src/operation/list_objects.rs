//! `ListObjects` and `ListObjectsV2`: GET of a bucket.

use super::{Answer, xml};
use crate::access::Place;
use crate::fault::{Fault, INVALID_ARGUMENT};
use crate::request::Request;
use crate::store::{Bucket, Entry, ListQuery, Listing};
use crate::walrus::Walrus;
use crate::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use types::AccountId;

/// The most entries of a page, and how many there are when none is asked for.
const MOST_KEYS: usize = 1000;

/// How keys are written.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    pub(super) url: bool,
}

impl Encoding {
    pub(super) fn asked(request: &Request) -> Result<Self, Fault> {
        Ok(Self { url: request.url_encoding()? })
    }

    pub(super) fn apply(self, text: &str) -> String {
        if self.url { signature::uri_encode(text).replace("%2F", "/") } else { text.to_owned() }
    }
}

/// Lists in the form of the first version, or of the second.
pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place, second: bool) -> Answer {
    if second && request.word("list-type") != Some("2") {
        return Err(INVALID_ARGUMENT.because("list-type must be 2"));
    }
    let encoding = Encoding::asked(request)?;
    let query = query(request, second)?;
    let bucket = place.bucket;
    let (id, asked) = (bucket.id, query.clone());
    let listing = walrus.store.read(move |store| store.list(id, &asked)).await?;
    let mut answer = Xml::root("ListBucketResult");
    answer.text("Name", &place.name).text("Prefix", &encoding.apply(&query.prefix));
    if second {
        second_head(&mut answer, request, &listing, encoding);
    } else {
        first_head(&mut answer, &query, &listing, encoding);
    }
    answer.value("MaxKeys", query.limit);
    if !query.delimiter.is_empty() {
        answer.text("Delimiter", &encoding.apply(&query.delimiter));
    }
    if encoding.url {
        answer.value("EncodingType", "url");
    }
    answer.value("IsTruncated", listing.truncated);
    let owner = !second || request.word("fetch-owner") == Some("true");
    entries(&mut answer, &listing, encoding, owner.then_some(&bucket));
    answer.close("ListBucketResult");
    Ok(xml(answer))
}

/// The most entries that are asked for.
pub(super) fn max_keys(request: &Request) -> Result<usize, Fault> {
    match request.word("max-keys") {
        None | Some("") => Ok(MOST_KEYS),
        Some(text) => {
            let number: i32 = text.parse().map_err(|_| {
                INVALID_ARGUMENT.because("max-keys must be a number from 0 to 2147483647")
            })?;
            let number = usize::try_from(number)
                .map_err(|_| INVALID_ARGUMENT.because("max-keys must not be negative"))?;
            Ok(number.min(MOST_KEYS))
        }
    }
}

fn query(request: &Request, second: bool) -> Result<ListQuery, Fault> {
    let word = |name| request.word(name).unwrap_or("").to_owned();
    let limit = max_keys(request)?;
    let after = match (second, request.word("continuation-token")) {
        (false, _) => word("marker"),
        (true, None) => word("start-after"),
        (true, Some(token)) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|after| !after.is_empty())
            .ok_or_else(|| {
                INVALID_ARGUMENT.because("the continuation token is not one that was given out")
            })?,
    };
    Ok(ListQuery { prefix: word("prefix"), delimiter: word("delimiter"), after, limit })
}

fn first_head(answer: &mut Xml, query: &ListQuery, listing: &Listing, encoding: Encoding) {
    answer.text("Marker", &encoding.apply(&query.after));
    if let (true, false, Some(last)) =
        (listing.truncated, query.delimiter.is_empty(), listing.entries.last())
    {
        answer.text("NextMarker", &encoding.apply(last.name()));
    }
}

fn second_head(answer: &mut Xml, request: &Request, listing: &Listing, encoding: Encoding) {
    answer.value("KeyCount", listing.entries.len());
    if let Some(token) = request.word("continuation-token") {
        answer.text("ContinuationToken", token);
    }
    if let Some(after) = request.word("start-after") {
        answer.text("StartAfter", &encoding.apply(after));
    }
    if let (true, Some(last)) = (listing.truncated, listing.entries.last()) {
        answer.text("NextContinuationToken", &URL_SAFE_NO_PAD.encode(last.name()));
    }
}

/// Objects first, groups after them, as S3 writes them.
fn entries(answer: &mut Xml, listing: &Listing, encoding: Encoding, owner: Option<&Bucket>) {
    for entry in &listing.entries {
        let Entry::Object(key, object) = entry else { continue };
        answer.open("Contents").text("Key", &encoding.apply(key));
        answer.value("LastModified", object.modified);
        answer.text("ETag", &format!("\"{}\"", object.etag)).value("Size", object.size);
        if let Some(bucket) = owner {
            owner_element(answer, bucket, bucket.owner_of(object.owner));
        }
        answer.value("StorageClass", "STANDARD").close("Contents");
    }
    for entry in &listing.entries {
        if let Entry::Group(prefix) = entry {
            answer.open("CommonPrefixes").text("Prefix", &encoding.apply(prefix));
            answer.close("CommonPrefixes");
        }
    }
}

pub(super) fn owner_element(answer: &mut Xml, bucket: &Bucket, owner: AccountId) {
    answer.open("Owner").value("ID", owner);
    // S3 shows names no more; old clients look for the bucket owner's
    if owner == bucket.owner {
        answer.text("DisplayName", bucket.owner_name.as_str());
    }
    answer.close("Owner");
}
