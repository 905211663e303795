//! `DeleteObject`: DELETE of a key, or of a version of it; deleting what is not there succeeds.

use super::{Answer, no_content, with_version};
use crate::access::Place;
use crate::fault::Fault;
use crate::request::Request;
use crate::store::{Bucket, Change, Done, Marker, Precondition, Version, VersionId};
use crate::walrus::Walrus;
use http::HeaderValue;

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place) -> Answer {
    let condition = match request.header("if-match") {
        Some(etag) => Precondition::Matches(etag.trim().trim_matches('"').to_owned()),
        None => Precondition::None,
    };
    let at = (place.name.as_str(), place.key.as_str(), place.version);
    let done = delete(walrus, request, &place.bucket, at, condition).await?;
    let mut response = with_version(no_content(), done.version);
    if done.is_marker {
        let marker = HeaderValue::from_static("true");
        response.headers_mut().insert("x-amz-delete-marker", marker);
    }
    Ok(response)
}

/// Deletes a key, or one version of it for good.
pub(super) async fn delete(
    walrus: &Walrus,
    request: &Request,
    bucket: &Bucket,
    (name, key, version): (&str, &str, Option<VersionId>),
    condition: Precondition,
) -> Result<Done, Fault> {
    let (id, owner) = (bucket.id, bucket.owner);
    let (bucket, key) = (name.to_owned(), key.to_owned());
    let change = match version {
        Some(version) => Change::DeleteVersion { bucket, id, key, version, condition },
        None => {
            let modified = walrus.clock.now();
            let version = Version::new(walrus.store.new_id(modified)?);
            let caller = request.caller.as_ref().map(|caller| caller.id);
            let owner = caller.filter(|caller| *caller != owner);
            let marker = Marker { version, modified, owner };
            Change::DeleteObject { bucket, id, key, condition, marker }
        }
    };
    Ok(walrus.store.change(change).await??)
}
