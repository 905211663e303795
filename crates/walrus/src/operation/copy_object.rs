//! `CopyObject`: PUT of a key with `x-amz-copy-source`. The copy refers to the bytes of its
//! source, whatever their number.

use super::conditions;
use super::description::Description;
use super::put_object::precondition;
use super::{Answer, no_such_bucket, own_bucket, xml};
use crate::fault::{Fault, INVALID_ARGUMENT, INVALID_REQUEST, NO_SUCH_KEY, PRECONDITION_FAILED};
use crate::request::{Request, Target, not_offered};
use crate::store::{Bucket, Change, Object, Refusal};
use crate::walrus::Walrus;
use crate::xml::Xml;

/// The source may be written over between the look at it and the copy.
const TRIES: usize = 4;

pub(super) async fn run(walrus: &Walrus, request: &Request, name: String, key: String) -> Answer {
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
    let (from_bucket, from_key) = source(request)?;
    if !replaces && (&from_bucket, &from_key) == (&name, &key) {
        let why = "a copy onto itself must replace the metadata (x-amz-metadata-directive)";
        return Err(INVALID_REQUEST.because(why));
    }
    let condition = precondition(request)?;
    let id = own_bucket(walrus, request, &name).await?.id;
    for _ in 0..TRIES {
        let (bucket, found) = find(walrus, request, &from_bucket, &from_key).await?;
        let object = described(request, replaces, found, walrus)?;
        let change = Change::CopyObject {
            bucket: name.clone(),
            id,
            key: key.clone(),
            object: Box::new(object.clone()),
            condition: condition.clone(),
            source: (bucket.id, from_key.clone()),
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
    walrus: &Walrus,
) -> Result<Object, Fault> {
    let modified = walrus.clock.now();
    // an ACL is never copied
    let acl = request.acl()?;
    if !replaces {
        return Ok(Object { acl, modified, ..source });
    }
    let Description { headers, metadata, .. } = Description::read(request)?;
    Ok(Object { acl, modified, headers, metadata, ..source })
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

/// The source, if the caller may read it and the request's conditions hold for it.
async fn find(
    walrus: &Walrus,
    request: &Request,
    name: &str,
    key: &str,
) -> Result<(Bucket, Object), Fault> {
    let (bucket, wanted) = (name.to_owned(), key.to_owned());
    let found = walrus.store.read(move |store| store.find(&bucket, &wanted)).await?;
    let found = found.ok_or_else(|| no_such_bucket(name))?;
    request.must_own_source(&found.bucket)?;
    let object = found.object.ok_or_else(|| Fault::from(NO_SUCH_KEY).with("Key", key))?;
    check_conditions(request, &object)?;
    Ok((found.bucket, object))
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
