//! Uploads in parts: begun, listed, aborted. Their parts are in `part.rs`, their end in
//! `complete.rs`.

mod complete;
mod list;
mod part;

pub(super) use complete::complete;
pub(crate) use complete::parts_to_complete;
pub(super) use list::{list, list_parts};
pub(super) use part::{MOST_PARTS, put_part};

use super::description::Description;
use super::{Answer, no_content, xml};
use crate::access::{Given, Place};
use crate::checksum::Algorithm;
use crate::fault::{Fault, INVALID_ARGUMENT, INVALID_REQUEST, NO_SUCH_UPLOAD};
use crate::lifecycle::http_date;
use crate::request::Request;
use crate::store::{Change, Id, PartsChecksum, Upload};
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::HeaderValue;

/// `CreateMultipartUpload`: POST of a key with `?uploads`.
pub(super) async fn start(
    walrus: &Walrus,
    request: &Request,
    place: Place,
    Given { owner, acl }: Given,
) -> Answer {
    let checksum = checksum(request)?;
    let Description { headers, metadata, tags } = Description::read(request)?;
    let initiated = walrus.clock.now();
    let aborts = place.lifecycle.as_ref().and_then(|it| it.aborts(&place.key, initiated));
    let aborts = aborts.map(|(due, rule)| (http_date(due), signature::uri_encode(rule)));
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    let upload = walrus.store.new_id(initiated)?;
    let record = Box::new(Upload { initiated, owner, acl, headers, metadata, tags, checksum });
    let mut answer = Xml::root("InitiateMultipartUploadResult");
    answer.text("Bucket", &bucket).text("Key", &key).value("UploadId", upload);
    answer.close("InitiateMultipartUploadResult");
    let change = Change::StartUpload { bucket, id, key, upload, record };
    walrus.store.change(change).await??;
    let mut response = xml(answer);
    if let Some((date, rule)) = aborts {
        let value = |text| HeaderValue::try_from(text).map_err(|_| INVALID_ARGUMENT);
        response.headers_mut().insert("x-amz-abort-date", value(date)?);
        response.headers_mut().insert("x-amz-abort-rule-id", value(rule)?);
    }
    if let Some(checksum) = checksum {
        let name = checksum.algorithm.name().to_ascii_uppercase();
        let name = HeaderValue::try_from(name).map_err(|_| INVALID_ARGUMENT)?;
        response.headers_mut().insert("x-amz-checksum-algorithm", name);
        let kind = HeaderValue::from_static(kind(checksum));
        response.headers_mut().insert("x-amz-checksum-type", kind);
    }
    Ok(response)
}

/// `AbortMultipartUpload`: DELETE of a key with `?uploadId`.
pub(super) async fn abort(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let upload = upload_id(request)?;
    let (bucket, id, key) = (place.name, place.bucket.id, place.key);
    walrus.store.change(Change::AbortUpload { bucket, id, key, upload }).await??;
    Ok(no_content())
}

/// The checksum that the parts will have. Of a CRC S3 makes that of all bytes, if it is asked for
/// or is the CRC64NVME.
fn checksum(request: &Request) -> Result<Option<PartsChecksum>, Fault> {
    let kind = request.header("x-amz-checksum-type");
    let Some(name) = request.header("x-amz-checksum-algorithm") else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(INVALID_REQUEST
                .because("x-amz-checksum-type needs x-amz-checksum-algorithm beside it")),
        };
    };
    let algorithm = Algorithm::named(name).ok_or_else(|| {
        INVALID_REQUEST.because("x-amz-checksum-algorithm names no checksum that is offered")
    })?;
    let full_object = match kind {
        None => algorithm == Algorithm::Crc64Nvme,
        Some("FULL_OBJECT") if algorithm.is_crc() => true,
        Some("COMPOSITE") if algorithm != Algorithm::Crc64Nvme => false,
        Some(_) => {
            let why = format!("x-amz-checksum-type is not one that {name} can have");
            return Err(INVALID_REQUEST.because(why));
        }
    };
    Ok(Some(PartsChecksum { algorithm, full_object }))
}

fn kind(checksum: PartsChecksum) -> &'static str {
    if checksum.full_object { "FULL_OBJECT" } else { "COMPOSITE" }
}

/// The upload that a request names.
fn upload_id(request: &Request) -> Result<Id, Fault> {
    let id = request.word("uploadId").and_then(|id| id.parse().ok());
    id.ok_or_else(|| NO_SUCH_UPLOAD.into())
}

/// The upload, if it is there.
async fn find(walrus: &Walrus, place: &Place, upload: Id) -> Result<Option<Upload>, Fault> {
    let (id, key) = (place.bucket.id, place.key.clone());
    Ok(walrus.store.read(move |store| store.upload(id, &key, upload)).await?)
}
