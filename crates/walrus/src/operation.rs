//! The operations of S3 that Walrus offers, and the names of those that it does not.

mod acl;
mod bucket_location;
mod create_bucket;
mod delete_bucket;
mod delete_object;
mod get_object;
mod head_bucket;
mod list_buckets;
mod list_objects;
mod put_object;

use crate::body::Body;
use crate::fault::{Fault, METHOD_NOT_ALLOWED, NO_SUCH_BUCKET};
use crate::request::{Incoming, Request, Target, not_offered};
use crate::store::Bucket;
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response};

/// An operation's answer.
pub(crate) type Answer = Result<Response<Body>, Fault>;

/// Query words that name a sub-resource or an operation that Walrus does not have. Ignoring one
/// would answer another question than was asked.
const UNOFFERED_WORDS: &[&str] = &[
    "abac",
    "accelerate",
    "analytics",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Headers that ask for what Walrus does not have, by how they start.
const UNOFFERED_HEADERS: &[&str] = &[
    "x-amz-bucket-object-lock",
    "x-amz-bypass-governance",
    "x-amz-copy-source",
    "x-amz-grant-",
    "x-amz-mfa",
    "x-amz-object-lock",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-tagging",
    "x-amz-website-redirect",
    "x-amz-write-offset",
];

/// Runs the operation that a request asks for.
pub(crate) async fn run(
    walrus: &Walrus,
    target: Target,
    request: Request,
    body: &mut Incoming,
) -> Answer {
    refuse_unoffered(&request)?;
    let acl = request.word("acl").is_some();
    let location = request.word("location").is_some();
    match (request.method.clone(), target) {
        (Method::GET, Target::Service) => list_buckets::run(walrus, &request).await,
        (Method::GET, Target::Bucket { bucket }) if acl => {
            acl::get_bucket(walrus, &request, bucket).await
        }
        (Method::GET, Target::Bucket { bucket }) if location => {
            bucket_location::run(walrus, &request, bucket).await
        }
        (Method::GET, Target::Bucket { bucket }) => {
            list_objects::run(walrus, &request, bucket).await
        }
        (Method::HEAD, Target::Bucket { bucket }) => {
            head_bucket::run(walrus, &request, bucket).await
        }
        (Method::PUT, Target::Bucket { bucket }) if acl => {
            acl::put_bucket(walrus, request, body, bucket).await
        }
        (Method::PUT, Target::Bucket { bucket }) => {
            create_bucket::run(walrus, request, body, bucket).await
        }
        (Method::DELETE, Target::Bucket { bucket }) => {
            delete_bucket::run(walrus, &request, bucket).await
        }
        (Method::POST, Target::Bucket { .. }) => Err(not_offered("POST of an object by a form")),
        (Method::GET, Target::Object { bucket, key }) if acl => {
            acl::get_object(walrus, &request, bucket, key).await
        }
        (Method::GET | Method::HEAD, Target::Object { bucket, key }) => {
            get_object::run(walrus, &request, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) if acl => {
            acl::put_object(walrus, request, body, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) => {
            put_object::run(walrus, request, body, bucket, key).await
        }
        (Method::DELETE, Target::Object { bucket, key }) => {
            delete_object::run(walrus, &request, bucket, key).await
        }
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}

fn refuse_unoffered(request: &Request) -> Result<(), Fault> {
    let word = request.query.iter().find(|(word, _)| UNOFFERED_WORDS.contains(&word.as_str()));
    if let Some((word, _)) = word {
        return Err(not_offered(&format!("{} with ?{word}", request.method)));
    }
    let unoffered = |name: &&str| UNOFFERED_HEADERS.iter().any(|start| name.starts_with(start));
    if let Some(name) = request.headers.keys().map(http::HeaderName::as_str).find(unoffered) {
        return Err(not_offered(&format!("the header {name}")));
    }
    match request.header("x-amz-storage-class") {
        None | Some("STANDARD") => Ok(()),
        Some(_) => Err(not_offered("a storage class other than STANDARD")),
    }
}

/// The bucket, if it is the caller's.
async fn own_bucket(walrus: &Walrus, request: &Request, name: &str) -> Result<Bucket, Fault> {
    let wanted = name.to_owned();
    let bucket = walrus.store.read(move |store| store.bucket(&wanted)).await?;
    let bucket = bucket.ok_or_else(|| no_such_bucket(name))?;
    request.must_own(&bucket)?;
    Ok(bucket)
}

fn no_such_bucket(name: &str) -> Fault {
    Fault::from(NO_SUCH_BUCKET).with("BucketName", name)
}

fn xml(xml: Xml) -> Response<Body> {
    let mut response = Response::new(xml.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

fn empty() -> Response<Body> {
    Response::new(Body::empty())
}

fn no_content() -> Response<Body> {
    let mut response = empty();
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    response
}
