//! `CopyObject`: PUT of a key with `x-amz-copy-source`. The copy refers to the bytes of its
//! source, whatever their number.

use super::conditions;
use super::description::Description;
use super::put_object::precondition;
use super::{Answer, xml};
use crate::access::{Given, Place, admit_source};
use crate::fault::{Fault, INVALID_ARGUMENT, INVALID_REQUEST, PRECONDITION_FAILED};
use crate::request::{Request, Target, not_offered};
use crate::store::{Change, Object, Refusal};
use crate::walrus::Walrus;
use crate::xml::Xml;

/// The source may be written over between the look at it and the copy.
const TRIES: usize = 4;

pub(super) async fn run(walrus: &Walrus, request: &Request, place: Place, given: Given) -> Answer {
    let replaces = match request.header("x-amz-metadata-directive") {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(_) => {
            return Err(INVALID_ARGUMENT.because("x-amz-metadata-directive is COPY or REPLACE"));
        }
    };
    if !matches!(request.header("x-amz-tagging-directive"), None | Some("COPY")) {
        return Err(not_offered("x-amz-tagging-directive other than COPY"));
    }
    if request.header("x-amz-copy-source-range").is_some() {
        let why = "x-amz-copy-source-range is for parts of an upload; a copy is whole";
        return Err(INVALID_ARGUMENT.because(why));
    }
    let from = source(request)?;
    if !replaces && (&from.0, &from.1) == (&place.name, &place.key) {
        let why = "a copy onto itself must replace the metadata (x-amz-metadata-directive)";
        return Err(INVALID_REQUEST.because(why));
    }
    let condition = precondition(request)?;
    for _ in 0..TRIES {
        let from = admit_source(walrus, request, from.clone(), false).await?;
        let found = from.object()?;
        check_conditions(request, found)?;
        let object = described(request, replaces, found.clone(), given.clone(), walrus)?;
        let change = Change::CopyObject {
            bucket: place.name.clone(),
            id: place.bucket.id,
            key: place.key.clone(),
            object: Box::new(object.clone()),
            condition: condition.clone(),
            source: (from.bucket.id, from.key),
        };
        match walrus.store.change(change).await? {
            Err(Refusal::SourceChanged) => {}
            done => {
                done?;
                return Ok(xml(result("CopyObjectResult", &object)));
            }
        }
    }
    Err(Refusal::SourceChanged.into())
}

/// The object as its copy will be.
fn described(
    request: &Request,
    replaces: bool,
    source: Object,
    // neither is ever copied
    Given { owner, acl }: Given,
    walrus: &Walrus,
) -> Result<Object, Fault> {
    let modified = walrus.clock.now();
    if !replaces {
        return Ok(Object { owner, acl, modified, ..source });
    }
    let Description { headers, metadata } = Description::read(request)?;
    Ok(Object { owner, acl, modified, headers, metadata, ..source })
}

/// The bucket and the key that are to be copied.
pub(super) fn source(request: &Request) -> Result<(String, String), Fault> {
    let bad = || INVALID_ARGUMENT.because("x-amz-copy-source must be bucket/key, percent-encoded");
    let source = request.header("x-amz-copy-source").ok_or_else(bad)?;
    let (path, version) = source.split_once("?versionId=").unwrap_or((source, "null"));
    if version != "null" {
        return Err(not_offered("x-amz-copy-source with a version"));
    }
    match Target::parse(path)? {
        Target::Object { bucket, key } => Ok((bucket, key)),
        _ => Err(bad()),
    }
}

/// Refuses a source for which a condition of the request does not hold.
pub(super) fn check_conditions(request: &Request, object: &Object) -> Result<(), Fault> {
    let of_source = |name| {
        request.header(match name {
            "if-match" => "x-amz-copy-source-if-match",
            "if-none-match" => "x-amz-copy-source-if-none-match",
            "if-modified-since" => "x-amz-copy-source-if-modified-since",
            _ => "x-amz-copy-source-if-unmodified-since",
        })
    };
    conditions::hold(of_source, object)
        .map_err(|_| PRECONDITION_FAILED.because("a condition on the source does not hold"))
}

/// What S3 answers to a copy.
fn result(root: &str, object: &Object) -> Xml {
    let mut answer = Xml::root(root);
    answer.value("LastModified", object.modified);
    answer.text("ETag", &format!("\"{}\"", object.etag));
    answer.close(root);
    answer
}
