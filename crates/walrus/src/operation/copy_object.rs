//! `CopyObject`: PUT of a key with `x-amz-copy-source`. The copy refers to the bytes of its
//! source, whatever their number.

use super::conditions;
use super::description::Description;
use super::put_object::precondition;
use super::{Answer, with_expiration, with_version, xml};
use crate::access::{Action, At, Given, Place, admit_source, may_tag};
use crate::body::Body;
use crate::fault::{
    ACCESS_DENIED, Fault, INVALID_ARGUMENT, INVALID_REQUEST, METHOD_NOT_ALLOWED,
    PRECONDITION_FAILED,
};
use crate::request::{Request, Target, version_id};
use crate::store::{Change, Object, Refusal, Version, VersionId};
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::{HeaderValue, Response};

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
    let retags = match (request.header("x-amz-tagging-directive"), &request.tags) {
        (None | Some("COPY"), None) => false,
        (Some("REPLACE"), _) => true,
        (None | Some("COPY"), Some(_)) => {
            let why = "x-amz-tagging needs x-amz-tagging-directive: REPLACE in a copy";
            return Err(INVALID_ARGUMENT.because(why));
        }
        (Some(_), _) => {
            return Err(INVALID_ARGUMENT.because("x-amz-tagging-directive is COPY or REPLACE"));
        }
    };
    if request.header("x-amz-copy-source-range").is_some() {
        let why = "x-amz-copy-source-range is for parts of an upload; a copy is whole";
        return Err(INVALID_ARGUMENT.because(why));
    }
    let from = source(request)?;
    let is_itself = (&from.name, &from.key) == (&place.name, &place.key);
    // an earlier version may be made the newest one
    if !replaces && is_itself && from.version.is_none() {
        let why = "a copy onto itself must replace the metadata (x-amz-metadata-directive)";
        return Err(INVALID_REQUEST.because(why));
    }
    let condition = precondition(request)?;
    for _ in 0..TRIES {
        let from = look_at(walrus, request, from.clone(), false).await?;
        let found = from.object()?;
        check_conditions(request, found)?;
        let mut object = described(request, replaces, found.clone(), given.clone(), walrus)?;
        if retags {
            object.tags = request.tags.clone().unwrap_or_default();
        } else {
            check_tags(request, &from, &place)?;
        }
        let change = Change::CopyObject {
            bucket: place.name.clone(),
            id: place.bucket.id,
            key: place.key.clone(),
            object: Box::new(object.clone()),
            condition: condition.clone(),
            quotas: walrus.quotas_of(request),
            source: (from.bucket.id, from.key.clone(), found.version.id()),
        };
        match walrus.store.change(change).await? {
            Err(Refusal::SourceChanged) => {}
            done => {
                let answer =
                    with_source(xml(result("CopyObjectResult", &object)), from.shown_version());
                let answer = with_expiration(answer, place.expiration(&object));
                return Ok(with_version(answer, done?.version));
            }
        }
    }
    Err(Refusal::SourceChanged.into())
}

/// Refuses to copy tags for whom may not read or not set them.
fn check_tags(request: &Request, from: &Place, to: &Place) -> Result<(), Fault> {
    let caller = request.caller.as_ref().map(|caller| caller.id);
    if from.object()?.tags.is_empty()
        || from.may(caller, Action::GetObjectTagging) && may_tag(to, caller)
    {
        return Ok(());
    }
    Err(ACCESS_DENIED.because("the request may not copy the tags of the source"))
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
    let version = Version::new(walrus.store.new_id(modified)?);
    if !replaces {
        return Ok(Object { version, owner, acl, modified, ..source });
    }
    let Description { headers, metadata, .. } = Description::read(request)?;
    Ok(Object { version, owner, acl, modified, headers, metadata, ..source })
}

/// Looks at the source, which must not be a delete marker.
pub(super) async fn look_at(
    walrus: &Walrus,
    request: &Request,
    from: At,
    opens: bool,
) -> Result<Place, Fault> {
    admit_source(walrus, request, from, opens).await.map_err(|fault| {
        if fault.code() == Fault::from(METHOD_NOT_ALLOWED).code() {
            return INVALID_REQUEST.because("the source of a copy may not be a delete marker");
        }
        fault
    })
}

/// Tells the client which version was copied.
pub(super) fn with_source(
    mut response: Response<Body>,
    version: Option<VersionId>,
) -> Response<Body> {
    if let Some(Ok(id)) = version.map(|version| HeaderValue::try_from(version.to_string())) {
        response.headers_mut().insert("x-amz-copy-source-version-id", id);
    }
    response
}

/// The bucket and the key that are to be copied, and the version if one is named.
pub(super) fn source(request: &Request) -> Result<At, Fault> {
    let bad = || INVALID_ARGUMENT.because("x-amz-copy-source must be bucket/key, percent-encoded");
    let source = request.header("x-amz-copy-source").ok_or_else(bad)?;
    let (path, version) = match source.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version_id(version)?)),
        None => (source, None),
    };
    match Target::parse(path)? {
        Target::Object { bucket: name, key } => Ok(At { name, key, version }),
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
