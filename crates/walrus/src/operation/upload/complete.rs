//! `CompleteMultipartUpload`: POST of a list of parts to a key with `?uploadId`. No byte is
//! copied: the object is its parts.

use super::super::put_object::precondition;
use super::super::{Answer, with_expiration, with_version, xml};
use super::part::MOST_PARTS;
use super::{find, kind, upload_id};
use crate::access::Place;
use crate::checksum::{self, Algorithm};
use crate::fault::{
    ENTITY_TOO_LARGE, ENTITY_TOO_SMALL, Fault, INVALID_PART, INVALID_PART_ORDER, MALFORMED_XML,
    NO_SUCH_UPLOAD,
};
use crate::ingest;
use crate::request::{Incoming, Request};
use crate::store::{Change, Content, Id, Object, Part, Upload, Version};
use crate::walrus::Walrus;
use crate::xml::{self, Element, Xml};
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// Of every part but the last one, and of all together (S3 user guide).
const LEAST_PART_BYTES: u64 = 5 << 20;
const MOST_BYTES: u64 = 5 << 40;
const MOST_LIST_BYTES: usize = 4 << 20;

/// A part as the client lists it.
struct Wanted {
    number: u16,
    etag: String,
    checksums: Vec<(Algorithm, String)>,
}

pub(in crate::operation) async fn complete(
    walrus: &Walrus,
    mut request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    let upload = upload_id(&request)?;
    let condition = precondition(&request)?;
    let found = find(walrus, &place, upload).await?;
    let list = ingest::small(&mut request, body, MOST_LIST_BYTES).await?;
    let wanted = read(&list)?;
    let Some(found) = found else {
        // whoever did not hear that the upload is complete asks again
        return again(&place, upload);
    };
    let parts = walrus.store.read(move |store| store.parts(upload)).await?;
    let parts = chosen(&wanted, parts.into_iter().collect())?;
    let object = object(walrus, upload, found, &parts)?;
    let expiration = place.expiration(&object);
    let (name, key) = (place.name, place.key);
    let change = Change::CompleteUpload {
        bucket: name.clone(),
        id: place.bucket.id,
        key: key.clone(),
        upload,
        parts: parts.iter().map(|(number, part)| (*number, part.content)).collect(),
        object: Box::new(object.clone()),
        condition,
    };
    let done = walrus.store.change(change).await??;
    let answer = with_version(xml(result(&name, &key, &object)), done.version);
    Ok(with_expiration(answer, expiration))
}

fn again(place: &Place, upload: Id) -> Answer {
    let object = place.object.as_ref();
    let object = object.filter(|object| object.content == Content::Parts(upload));
    let answer = xml(result(&place.name, &place.key, object.ok_or(NO_SUCH_UPLOAD)?));
    Ok(with_version(answer, place.shown_version()))
}

/// The numbers of the parts that a body lists.
pub(crate) fn parts_to_complete(body: &[u8]) -> Result<Vec<u16>, Fault> {
    Ok(read(body)?.iter().map(|wanted| wanted.number).collect())
}

fn read(body: &[u8]) -> Result<Vec<Wanted>, Fault> {
    let list = xml::parse(body, "CompleteMultipartUpload")?;
    list.only(&["Part"])?;
    let wanted: Vec<_> = list.all("Part").map(part).collect::<Result<_, _>>()?;
    if wanted.is_empty() || wanted.len() > usize::from(MOST_PARTS) {
        let why = format!("an upload is completed with 1 to {MOST_PARTS} parts");
        return Err(MALFORMED_XML.because(why));
    }
    let in_order = |pair: &[Wanted]| pair[0].number < pair[1].number;
    if !wanted.windows(2).all(in_order) {
        return Err(INVALID_PART_ORDER.into());
    }
    Ok(wanted)
}

fn part(part: &Element) -> Result<Wanted, Fault> {
    let number = part.required("PartNumber")?.trim().parse();
    let number = number.map_err(|_| MALFORMED_XML.because("a PartNumber is no number"))?;
    let etag = part.required("ETag")?.trim().trim_matches('"').to_owned();
    let mut checksums = Vec::new();
    for algorithm in Algorithm::ALL {
        let sum = part.text_of(&algorithm.element())?;
        checksums.extend(sum.map(|sum| (algorithm, sum.trim().to_owned())));
    }
    Ok(Wanted { number, etag, checksums })
}

/// The parts that the client lists, each as it says that it is.
fn chosen(wanted: &[Wanted], mut there: BTreeMap<u16, Part>) -> Result<Vec<(u16, Part)>, Fault> {
    let mut parts = Vec::new();
    for Wanted { number, etag, checksums } in wanted {
        let fault = || Fault::from(INVALID_PART).with("PartNumber", number.to_string());
        let part = there.remove(number).filter(|part| part.etag == *etag).ok_or_else(fault)?;
        let differs = |(algorithm, sum): &(Algorithm, String)| {
            part.checksums.get(algorithm.name()).is_some_and(|known| known != sum)
        };
        if checksums.iter().any(differs) {
            return Err(fault());
        }
        parts.push((*number, part));
    }
    let small = parts.iter().rev().skip(1).find(|(_, part)| part.size < LEAST_PART_BYTES);
    if let Some((number, part)) = small {
        return Err(Fault::from(ENTITY_TOO_SMALL)
            .with("PartNumber", number.to_string())
            .with("ProposedSize", part.size.to_string())
            .with("MinSizeAllowed", LEAST_PART_BYTES.to_string()));
    }
    Ok(parts)
}

/// The object that the parts make.
fn object(
    walrus: &Walrus,
    upload: Id,
    Upload { owner, acl, headers, metadata, tags, checksum, .. }: Upload,
    parts: &[(u16, Part)],
) -> Result<Object, Fault> {
    let size = parts.iter().map(|(_, part)| part.size).sum();
    if size > MOST_BYTES {
        return Err(ENTITY_TOO_LARGE.because("an object has at most 5 TiB"));
    }
    let mut md5 = Md5::new();
    for (_, part) in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    let etag = format!("{}-{}", hex::encode(md5.finalize()), parts.len());
    let mut checksums = BTreeMap::new();
    if let Some(checksum) = checksum {
        let name = checksum.algorithm.name();
        let sum = |(number, part): &(u16, Part)| {
            let sum = part
                .checksums
                .get(name)
                .map(|sum| checksum::decode(sum, checksum.algorithm.length()));
            let missing = || {
                let why = format!(
                    "part {number} was uploaded without the {kind} checksum {name} that the upload was begun with",
                    kind = kind(checksum)
                );
                INVALID_PART.because(why)
            };
            Ok::<_, Fault>((sum.ok_or_else(missing)??, part.size))
        };
        let sums: Vec<_> = parts.iter().map(sum).collect::<Result<_, _>>()?;
        checksums.insert(name.to_owned(), checksum.of(&sums));
    }
    let (content, modified) = (Content::Parts(upload), walrus.clock.now());
    let version = Version::new(walrus.store.new_id(modified)?);
    Ok(Object {
        version,
        content,
        size,
        etag,
        modified,
        owner,
        acl,
        headers,
        metadata,
        tags,
        checksums,
    })
}

fn result(name: &str, key: &str, object: &Object) -> Xml {
    let mut answer = Xml::root("CompleteMultipartUploadResult");
    answer.text("Location", &format!("/{name}/{}", signature::uri_encode(key)));
    answer.text("Bucket", name).text("Key", key);
    answer.text("ETag", &format!("\"{}\"", object.etag));
    for (algorithm, sum) in &object.checksums {
        if let Some(algorithm) = Algorithm::named(algorithm) {
            answer.text(&algorithm.element(), sum);
            let kind = if sum.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" };
            answer.value("ChecksumType", kind);
        }
    }
    answer.close("CompleteMultipartUploadResult");
    answer
}
