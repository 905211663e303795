//! `ListMultipartUploads` and `ListParts`.

use super::super::list_objects::Encoding;
use super::super::{Answer, xml};
use super::{find, kind, upload_id};
use crate::access::Place;
use crate::checksum::Algorithm;
use crate::fault::{Fault, INVALID_ARGUMENT, NO_SUCH_UPLOAD};
use crate::request::Request;
use crate::store::{Bucket, ListQuery, Upload, UploadLine, UploadsQuery};
use crate::walrus::Walrus;
use crate::xml::Xml;

/// The most entries of a page, and how many there are when none is asked for.
const MOST: usize = 1000;

/// `ListMultipartUploads`: GET of a bucket with `?uploads`.
pub(in crate::operation) async fn list(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let encoding = Encoding::asked(request)?;
    let written = |text: &str| encoding.apply(text);
    let word = |name| request.word(name).unwrap_or("").to_owned();
    let upload_marker = request.word("upload-id-marker").filter(|marker| !marker.is_empty());
    let upload_marker = upload_marker
        .map(str::parse)
        .transpose()
        .map_err(|_| INVALID_ARGUMENT.because("upload-id-marker must be the id of an upload"))?;
    let (prefix, delimiter, after) = (word("prefix"), word("delimiter"), word("key-marker"));
    let keys = ListQuery { prefix, delimiter, after, limit: limit(request, "max-uploads")? };
    let query = UploadsQuery { keys, after: upload_marker };
    let bucket = place.bucket;
    let (id, asked) = (bucket.id, query.clone());
    let page = walrus.store.read(move |store| store.uploads(id, &asked)).await?;
    let mut answer = Xml::root("ListMultipartUploadsResult");
    let keys = &query.keys;
    answer.text("Bucket", &place.name).text("KeyMarker", &written(&keys.after));
    answer.text("UploadIdMarker", request.word("upload-id-marker").unwrap_or(""));
    match page.lines.last().filter(|_| page.truncated) {
        Some(UploadLine::Upload(key, id, _)) => {
            answer.text("NextKeyMarker", &written(key)).value("NextUploadIdMarker", id);
        }
        Some(UploadLine::Group(prefix)) => drop(answer.text("NextKeyMarker", &written(prefix))),
        None => {}
    }
    answer.text("Prefix", &written(&keys.prefix)).value("MaxUploads", keys.limit);
    if !keys.delimiter.is_empty() {
        answer.text("Delimiter", &written(&keys.delimiter));
    }
    if encoding.url {
        answer.value("EncodingType", "url");
    }
    answer.value("IsTruncated", page.truncated);
    for line in &page.lines {
        let UploadLine::Upload(key, id, upload) = line else { continue };
        answer.open("Upload").text("Key", &written(key)).value("UploadId", id);
        people(&mut answer, &bucket, upload);
        answer.value("Initiated", upload.initiated).close("Upload");
    }
    for line in &page.lines {
        if let UploadLine::Group(prefix) = line {
            answer.open("CommonPrefixes").text("Prefix", &written(prefix));
            answer.close("CommonPrefixes");
        }
    }
    answer.close("ListMultipartUploadsResult");
    Ok(xml(answer))
}

/// `ListParts`: GET of a key with `?uploadId`.
pub(in crate::operation) async fn list_parts(
    walrus: &Walrus,
    request: &Request,
    place: Place,
) -> Answer {
    let id = upload_id(request)?;
    let after: u16 = match request.word("part-number-marker") {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| {
            INVALID_ARGUMENT.because("part-number-marker must be the number of a part")
        })?,
    };
    let limit = limit(request, "max-parts")?;
    let upload = find(walrus, &place, id).await?.ok_or(NO_SUCH_UPLOAD)?;
    let parts = walrus.store.read(move |store| store.parts(id)).await?;
    let mut left = parts.iter().filter(|(number, _)| *number > after).peekable();
    let page: Vec<_> = left.by_ref().take(limit).collect();
    let truncated = limit > 0 && left.peek().is_some();
    let mut answer = Xml::root("ListPartsResult");
    answer.text("Bucket", &place.name).text("Key", &place.key).value("UploadId", id);
    people(&mut answer, &place.bucket, &upload);
    answer.value("PartNumberMarker", after);
    if let (true, Some((number, _))) = (truncated, page.last()) {
        answer.value("NextPartNumberMarker", number);
    }
    answer.value("MaxParts", limit).value("IsTruncated", truncated);
    if let Some(checksum) = upload.checksum {
        answer.value("ChecksumAlgorithm", checksum.algorithm.name().to_ascii_uppercase());
        answer.value("ChecksumType", kind(checksum));
    }
    for (number, part) in page {
        answer.open("Part").value("PartNumber", number).value("LastModified", part.modified);
        answer.text("ETag", &format!("\"{}\"", part.etag)).value("Size", part.size);
        for (algorithm, sum) in &part.checksums {
            if let Some(algorithm) = Algorithm::named(algorithm) {
                answer.text(&algorithm.element(), sum);
            }
        }
        answer.close("Part");
    }
    answer.close("ListPartsResult");
    Ok(xml(answer))
}

fn limit(request: &Request, word: &str) -> Result<usize, Fault> {
    match request.word(word) {
        None | Some("") => Ok(MOST),
        Some(text) => text.parse::<u32>().map(|limit| MOST.min(limit as usize)).map_err(|_| {
            INVALID_ARGUMENT.because(format!("{word} must be a number that is not negative"))
        }),
    }
}

/// Who began it, who owns it, and what it will be stored as.
fn people(answer: &mut Xml, bucket: &Bucket, upload: &Upload) {
    let owner = bucket.owner_of(upload.owner);
    for element in ["Initiator", "Owner"] {
        answer.open(element).value("ID", owner);
        if owner == bucket.owner {
            answer.text("DisplayName", bucket.owner_name.as_str());
        }
        answer.close(element);
    }
    answer.value("StorageClass", "STANDARD");
}
