//! The operations of S3 that Walrus offers, and the names of those that it does not.

mod acl;
mod bucket_cors;
mod bucket_lifecycle;
mod bucket_location;
mod bucket_policy;
mod bucket_tagging;
mod bucket_versioning;
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
mod list_versions;
mod object_attributes;
mod object_tagging;
mod ownership_controls;
mod post_object;
mod public_access_block;
mod put_object;
mod routing;
mod tags;
mod unset;
mod upload;

use crate::access::{self, Level, Place};
use crate::accounts::Accounts;
use crate::body::Body;
use crate::fault::{Fault, METHOD_NOT_ALLOWED};
use crate::request::{Incoming, Request, Target, not_offered};
use crate::store::VersionId;
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
    "analytics",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "renameObject",
    "restore",
    "retention",
    "select",
    "session",
    "torrent",
];

/// Headers that ask for what Walrus does not have, by how they start.
const UNOFFERED_HEADERS: &[&str] = &[
    "x-amz-bucket-object-lock",
    "x-amz-bypass-governance",
    "x-amz-copy-source-server-side",
    "x-amz-mfa",
    "x-amz-object-lock",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect",
    "x-amz-write-offset",
];

/// Query words that only some operations have.
const PARTICULAR_WORDS: &[&str] = &[
    "accelerate",
    "acl",
    "attributes",
    "cors",
    "delete",
    "lifecycle",
    "encryption",
    "logging",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

pub(crate) use acl::rewritten_acl;
pub(crate) use bucket_lifecycle::read_lifecycle;
pub(crate) use delete_objects::keys_to_delete;
pub use routing::Operation;
pub(crate) use upload::parts_to_complete;

/// Runs the operation that a request asks for, once its caller is known to be allowed to. The
/// answer has the operation among its extensions.
pub(crate) async fn run(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    target: Target,
    request: Request,
    body: &mut Incoming,
) -> Answer {
    refuse_unoffered(&request, &target)?;
    let operation = Operation::asked(&request, &target)?;
    let mut response = perform(walrus, accounts, operation, target, request, body).await?;
    response.extensions_mut().insert(operation);
    Ok(response)
}

async fn perform(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    operation: Operation,
    target: Target,
    request: Request,
    body: &mut Incoming,
) -> Answer {
    let action = operation.action();
    let action = if request.word("versionId").is_some() { action.of_version() } else { action };
    let (name, key) = match target {
        Target::Service => return list_buckets::run(walrus, &request).await,
        Target::Bucket { bucket } if operation == Operation::CreateBucket => {
            return create_bucket::run(walrus, accounts, request, body, bucket).await;
        }
        Target::Bucket { bucket } if operation == Operation::DeleteObjects => {
            return delete_objects::run(walrus, request, body, bucket).await;
        }
        Target::Bucket { bucket } if operation == Operation::PostObject => {
            return post_object::run(walrus, accounts, request, body, bucket).await;
        }
        Target::Bucket { bucket } => (bucket, String::new()),
        Target::Object { bucket, key } => (bucket, key),
    };
    let mut request = request;
    if let Some(header) = request.header("x-amz-tagging") {
        request.tags = Some(tags::of_header(header)?);
    }
    if operation == Operation::PutObjectTagging {
        // what may be given depends on what it is
        request.tags = Some(object_tagging::read(&mut request, body).await?);
    }
    let place = access::admit(walrus, &request, action, name, key).await?;
    match action.level() {
        Level::Bucket => on_bucket(walrus, accounts, operation, request, body, place).await,
        Level::Key | Level::Object => {
            on_object(walrus, accounts, operation, request, body, place).await
        }
    }
}

async fn on_bucket(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    operation: Operation,
    request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    match operation {
        Operation::DeleteBucket => delete_bucket::run(walrus, place).await,
        Operation::HeadBucket => head_bucket::run(walrus),
        Operation::ListObjects => list_objects::run(walrus, &request, place, false).await,
        Operation::ListObjectsV2 => list_objects::run(walrus, &request, place, true).await,
        Operation::ListMultipartUploads => upload::list(walrus, &request, place).await,
        Operation::ListObjectVersions => list_versions::run(walrus, &request, place).await,
        Operation::GetBucketLifecycleConfiguration => bucket_lifecycle::get(walrus, place).await,
        Operation::PutBucketLifecycleConfiguration => {
            bucket_lifecycle::put(walrus, request, body, place).await
        }
        Operation::DeleteBucketLifecycle => bucket_lifecycle::delete(walrus, place).await,
        Operation::GetBucketVersioning => bucket_versioning::get(&place),
        Operation::PutBucketVersioning => {
            bucket_versioning::put(walrus, request, body, place).await
        }
        Operation::GetBucketLocation => bucket_location::run(&place),
        Operation::GetBucketAcl => acl::get_bucket(accounts, &place).await,
        Operation::PutBucketAcl => acl::put_bucket(walrus, accounts, request, body, place).await,
        Operation::GetBucketTagging => bucket_tagging::get(walrus, place).await,
        Operation::PutBucketTagging => bucket_tagging::put(walrus, request, body, place).await,
        Operation::DeleteBucketTagging => bucket_tagging::delete(walrus, place).await,
        Operation::GetBucketPolicy => bucket_policy::get(walrus, place).await,
        Operation::PutBucketPolicy => {
            bucket_policy::put(walrus, accounts, request, body, place).await
        }
        Operation::DeleteBucketPolicy => bucket_policy::delete(walrus, place).await,
        Operation::GetBucketPolicyStatus => bucket_policy::status(&place),
        Operation::GetPublicAccessBlock => public_access_block::get(walrus, place).await,
        Operation::PutPublicAccessBlock => {
            public_access_block::put(walrus, request, body, place).await
        }
        Operation::DeletePublicAccessBlock => public_access_block::delete(walrus, place).await,
        Operation::GetBucketOwnershipControls => ownership_controls::get(walrus, place).await,
        Operation::PutBucketOwnershipControls => {
            ownership_controls::put(walrus, request, body, place).await
        }
        Operation::DeleteBucketOwnershipControls => ownership_controls::delete(walrus, place).await,
        Operation::GetBucketCors => bucket_cors::get(walrus, place).await,
        Operation::PutBucketCors => bucket_cors::put(walrus, request, body, place).await,
        Operation::DeleteBucketCors => bucket_cors::delete(walrus, place).await,
        operation if unset::WORDS.iter().any(|(_, unset)| *unset == operation) => {
            unset::get(operation)
        }
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}

async fn on_object(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    operation: Operation,
    request: Request,
    body: &mut Incoming,
    place: Place,
) -> Answer {
    match operation {
        Operation::GetObject | Operation::HeadObject => {
            get_object::run(walrus, &request, place).await
        }
        Operation::GetObjectAttributes => object_attributes::run(walrus, &request, place).await,
        Operation::GetObjectTagging => object_tagging::get(&place),
        Operation::PutObjectTagging => object_tagging::put(walrus, request, place).await,
        Operation::DeleteObjectTagging => object_tagging::delete(walrus, place).await,
        Operation::GetObjectAcl => acl::get_object(accounts, &place).await,
        Operation::PutObjectAcl => acl::put_object(walrus, accounts, request, body, place).await,
        Operation::PutObject => {
            let given = access::given(accounts, &request, &place).await?;
            put_object::run(walrus, request, body, place, given).await
        }
        Operation::CopyObject => {
            let given = access::given(accounts, &request, &place).await?;
            copy_object::run(walrus, &request, place, given).await
        }
        Operation::CreateMultipartUpload => {
            let given = access::given(accounts, &request, &place).await?;
            upload::start(walrus, &request, place, given).await
        }
        Operation::UploadPart | Operation::UploadPartCopy => {
            upload::put_part(walrus, request, body, place).await
        }
        Operation::CompleteMultipartUpload => upload::complete(walrus, request, body, place).await,
        Operation::AbortMultipartUpload => upload::abort(walrus, &request, place).await,
        Operation::ListParts => upload::list_parts(walrus, &request, place).await,
        Operation::DeleteObject => delete_object::run(walrus, &request, place).await,
        _ => Err(METHOD_NOT_ALLOWED.into()),
    }
}

/// Whether an operation has this word.
fn belongs(word: &str, request: &Request, target: &Target) -> bool {
    let method = &request.method;
    match (target, word) {
        (Target::Bucket { .. }, "delete") => method == Method::POST,
        (
            Target::Bucket { .. },
            "cors" | "lifecycle" | "ownershipControls" | "policy" | "publicAccessBlock" | "tagging",
        ) => {
            matches!(*method, Method::GET | Method::PUT | Method::DELETE)
        }
        (Target::Object { .. }, "tagging") => {
            matches!(*method, Method::GET | Method::PUT | Method::DELETE)
        }
        (Target::Bucket { .. }, "versioning") => matches!(*method, Method::GET | Method::PUT),
        (
            Target::Bucket { .. },
            "accelerate" | "encryption" | "logging" | "notification" | "object-lock"
            | "policyStatus" | "replication" | "requestPayment" | "uploads" | "versions"
            | "website",
        ) => method == Method::GET,
        (Target::Bucket { .. } | Target::Object { .. }, "acl") => {
            matches!(*method, Method::GET | Method::PUT)
        }
        (Target::Object { .. }, "attributes") => method == Method::GET,
        (Target::Object { .. }, "uploads") => method == Method::POST,
        (Target::Object { .. }, "versionId") => {
            let reads = matches!(*method, Method::GET | Method::HEAD | Method::DELETE);
            let of_upload = request.word("uploadId").is_some();
            let has = |word| request.word(word).is_some();
            reads && !of_upload || method == Method::PUT && (has("acl") || has("tagging"))
        }
        (Target::Object { .. }, "uploadId") => method != Method::HEAD,
        (Target::Object { .. }, "partNumber") => {
            let has = |word: &&str| request.word(word).is_some();
            let others = ["acl", "attributes", "tagging", "uploadId"];
            let reads = matches!(*method, Method::GET | Method::HEAD);
            method == Method::PUT && has(&"uploadId") || reads && !others.iter().any(has)
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
    let has = |word: &&str| request.word(word).is_some();
    let copies_object = matches!(target, Target::Object { .. }) && request.method == Method::PUT;
    let begins = request.method == Method::POST && request.word("uploads").is_some();
    let puts = copies_object && !["acl", "tagging", "uploadId"].iter().any(has);
    let makes_object = puts || matches!(target, Target::Object { .. }) && begins;
    let unoffered = |name: &&str| {
        UNOFFERED_HEADERS.iter().any(|start| name.starts_with(start))
            || *name == "x-amz-tagging" && !makes_object
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

fn xml(xml: Xml) -> Response<Body> {
    let mut response = Response::new(xml.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// Tells the client of a version.
fn with_version(mut response: Response<Body>, version: Option<VersionId>) -> Response<Body> {
    if let Some(Ok(id)) = version.map(|version| HeaderValue::try_from(version.to_string())) {
        response.headers_mut().insert("x-amz-version-id", id);
    }
    response
}

/// Tells the client when an object expires.
fn with_expiration(
    mut response: Response<Body>,
    expiration: Option<HeaderValue>,
) -> Response<Body> {
    if let Some(expiration) = expiration {
        response.headers_mut().insert("x-amz-expiration", expiration);
    }
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
