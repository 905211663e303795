//! The operations of S3 that Walrus offers, and the names of those that it does not.

mod acl;
mod bucket_location;
mod bucket_tagging;
mod conditions;
mod copy_object;
mod create_bucket;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod description;
mod get_object;
mod head_bucket;
mod list_buckets;
mod list_objects;
mod put_object;
mod tags;
mod upload;

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
    "torrent",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Headers that ask for what Walrus does not have, by how they start.
const UNOFFERED_HEADERS: &[&str] = &[
    "x-amz-bucket-object-lock",
    "x-amz-bypass-governance",
    "x-amz-copy-source-server-side",
    "x-amz-grant-",
    "x-amz-mfa",
    "x-amz-object-lock",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect",
    "x-amz-write-offset",
];

/// Query words that only some operations have.
const PARTICULAR_WORDS: [&str; 5] = ["delete", "partNumber", "tagging", "uploadId", "uploads"];

pub(crate) use delete_objects::keys_to_delete;
pub(crate) use upload::parts_to_complete;

/// Runs the operation that a request asks for.
pub(crate) async fn run(
    walrus: &Walrus,
    target: Target,
    request: Request,
    body: &mut Incoming,
) -> Answer {
    refuse_unoffered(&request, &target)?;
    let has = |word| request.word(word).is_some();
    let (acl, upload, copies) = (has("acl"), has("uploadId"), request.copies());
    match (request.method.clone(), target) {
        (Method::GET, Target::Service) => list_buckets::run(walrus, &request).await,
        (method, Target::Bucket { bucket }) => {
            on_bucket(walrus, method, request, body, bucket).await
        }
        (Method::GET, Target::Object { bucket, key }) if acl => {
            acl::get_object(walrus, &request, bucket, key).await
        }
        (Method::GET, Target::Object { bucket, key }) if upload => {
            upload::list_parts(walrus, &request, bucket, key).await
        }
        (Method::GET | Method::HEAD, Target::Object { bucket, key }) => {
            get_object::run(walrus, &request, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) if acl => {
            acl::put_object(walrus, request, body, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) if upload => {
            upload::put_part(walrus, request, body, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) if copies => {
            copy_object::run(walrus, &request, bucket, key).await
        }
        (Method::PUT, Target::Object { bucket, key }) => {
            put_object::run(walrus, request, body, bucket, key).await
        }
        (Method::POST, Target::Object { bucket, key }) if upload => {
            upload::complete(walrus, request, body, bucket, key).await
        }
        (Method::POST, Target::Object { bucket, key }) if has("uploads") => {
            upload::start(walrus, &request, bucket, key).await
        }
        (Method::DELETE, Target::Object { bucket, key }) if upload => {
            upload::abort(walrus, &request, bucket, key).await
        }
        (Method::DELETE, Target::Object { bucket, key }) => {
            delete_object::run(walrus, &request, bucket, key).await
        }
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}

async fn on_bucket(
    walrus: &Walrus,
    method: Method,
    request: Request,
    body: &mut Incoming,
    bucket: String,
) -> Answer {
    let has = |word| request.word(word).is_some();
    match method {
        Method::GET if has("acl") => acl::get_bucket(walrus, &request, bucket).await,
        Method::GET if has("location") => bucket_location::run(walrus, &request, bucket).await,
        Method::GET if has("tagging") => bucket_tagging::get(walrus, &request, bucket).await,
        Method::GET if has("uploads") => upload::list(walrus, &request, bucket).await,
        Method::GET => list_objects::run(walrus, &request, bucket).await,
        Method::HEAD => head_bucket::run(walrus, &request, bucket).await,
        Method::PUT if has("acl") => acl::put_bucket(walrus, request, body, bucket).await,
        Method::PUT if has("tagging") => bucket_tagging::put(walrus, request, body, bucket).await,
        Method::PUT => create_bucket::run(walrus, request, body, bucket).await,
        Method::DELETE if has("tagging") => bucket_tagging::delete(walrus, &request, bucket).await,
        Method::DELETE => delete_bucket::run(walrus, &request, bucket).await,
        Method::POST if has("delete") => delete_objects::run(walrus, request, body, bucket).await,
        Method::POST => Err(not_offered("POST of an object by a form")),
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}

/// Whether an operation has this word.
fn belongs(word: &str, request: &Request, target: &Target) -> bool {
    let method = &request.method;
    match (target, word) {
        (Target::Bucket { .. }, "delete") => method == Method::POST,
        (Target::Bucket { .. }, "tagging") => {
            matches!(*method, Method::GET | Method::PUT | Method::DELETE)
        }
        (Target::Bucket { .. }, "uploads") => method == Method::GET,
        (Target::Object { .. }, "uploads") => method == Method::POST,
        (Target::Object { .. }, "uploadId") => method != Method::HEAD,
        (Target::Object { .. }, "partNumber") => {
            method == Method::PUT && request.word("uploadId").is_some()
        }
        _ => false,
    }
}

fn refuse_unoffered(request: &Request, target: &Target) -> Result<(), Fault> {
    let unoffered = |word: &str| {
        UNOFFERED_WORDS.contains(&word)
            || PARTICULAR_WORDS.contains(&word) && !belongs(word, request, target)
    };
    if let Some((word, _)) = request.query.iter().find(|(word, _)| unoffered(word)) {
        return Err(not_offered(&format!("{} with ?{word}", request.method)));
    }
    let copies_object = matches!(target, Target::Object { .. }) && request.method == Method::PUT;
    let unoffered = |name: &&str| {
        UNOFFERED_HEADERS.iter().any(|start| name.starts_with(start))
            || *name == "x-amz-tagging"
            || !copies_object && name.starts_with("x-amz-copy-source")
    };
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
