//! Looking up what a request is about, and letting nobody have it who may not.

use super::{Acl, Action, Context, Decision, Level, Owned, Rules, Wish, decide};
use crate::fault::{
    ACCESS_DENIED, Fault, METHOD_NOT_ALLOWED, NO_SUCH_BUCKET, NO_SUCH_KEY, NO_SUCH_VERSION,
};
use crate::lifecycle::{self, Lifecycle};
use crate::request::Request;
use crate::store::{Bucket, Found, Marker, Object, Source, Upload, VersionId};
use crate::walrus::Walrus;
use http::header::{ALLOW, LAST_MODIFIED};
use http::{HeaderName, HeaderValue, Method};
use std::time::{Duration, UNIX_EPOCH};
use types::AccountId;

/// What a request may work on.
#[derive(Debug)]
pub(crate) struct Place {
    /// The bucket's name.
    pub(crate) name: String,
    /// Empty when the request is about the bucket.
    pub(crate) key: String,
    pub(crate) bucket: Bucket,
    pub(crate) rules: Rules,
    /// The version that is asked for.
    pub(crate) version: Option<VersionId>,
    /// What has the key, or is that version of it.
    pub(crate) object: Option<Object>,
    /// The delete marker that is there instead.
    pub(crate) marker: Option<Marker>,
    /// Its bytes, where the request is for them.
    pub(crate) source: Option<Source>,
    pub(crate) lifecycle: Option<Lifecycle>,
    context: Context,
}

impl Place {
    /// The object that has the key.
    pub(crate) fn object(&self) -> Result<&Object, Fault> {
        self.object.as_ref().ok_or_else(|| no_object(self))
    }

    /// What clients are told of the object's version.
    pub(crate) fn shown_version(&self) -> Option<VersionId> {
        self.object.as_ref().and_then(|object| self.bucket.versioning.shown(object.version.id()))
    }

    /// The header that tells when an object of the key expires.
    pub(crate) fn expiration(&self, object: &Object) -> Option<HeaderValue> {
        lifecycle::header(self.lifecycle.as_ref(), &self.key, object)
    }

    /// Whether the caller may do this with the object too.
    pub(crate) fn may(&self, caller: Option<AccountId>, action: Action) -> bool {
        let Some(object) = &self.object else { return false };
        let action = if self.version.is_some() { action.of_version() } else { action };
        let owned = owned(&self.bucket, object.owner, &object.acl);
        self.decision(caller, action, Some(&self.key), Some(owned)) == Decision::Allowed
    }

    /// The decision for a version of another key than the request names.
    pub(crate) fn decision_on(
        &self,
        caller: Option<AccountId>,
        action: Action,
        key: &str,
        version: Option<VersionId>,
    ) -> Decision {
        let (bucket, key) = (self.name.as_str(), Some(key));
        let context = &self.context.clone().with_version(version);
        let wish = Wish { caller, action, bucket, key, context };
        decide(&wish, owned_bucket(&self.bucket), &self.rules, None)
    }

    /// What the caller may do here beside what he was admitted for.
    pub(crate) fn decision(
        &self,
        caller: Option<AccountId>,
        action: Action,
        key: Option<&str>,
        object: Option<Owned<'_>>,
    ) -> Decision {
        let (bucket, context) = (self.name.as_str(), &self.context);
        let wish = Wish { caller, action, bucket, key, context };
        decide(&wish, owned_bucket(&self.bucket), &self.rules, object)
    }
}

impl Bucket {
    /// Who owns an object of the bucket that says this of its owner.
    pub(crate) fn owner_of(&self, owner: Option<AccountId>) -> AccountId {
        owner.unwrap_or(self.owner)
    }
}

fn owned_bucket(bucket: &Bucket) -> Owned<'_> {
    Owned { owner: bucket.owner, acl: &bucket.acl }
}

fn owned<'a>(bucket: &Bucket, owner: Option<AccountId>, acl: &'a Acl) -> Owned<'a> {
    Owned { owner: bucket.owner_of(owner), acl }
}

/// The place that a request is about, if its caller may do this there.
///
/// # Errors
/// `AccessDenied`; `NoSuchBucket`, which anybody is told; `NoSuchKey` for those only who may list
/// the bucket.
pub(crate) async fn admit(
    walrus: &Walrus,
    request: &Request,
    action: Action,
    name: String,
    key: String,
) -> Result<Place, Fault> {
    let opens = action.reads() && request.method != Method::HEAD;
    let version = request.version()?;
    let upload = request.word("uploadId").filter(|_| action.is_of_initiator());
    let upload = upload.map(str::to_owned);
    let at = At { name, key, version };
    let found = look(walrus, &at, opens, upload).await?;
    check_expected_owner(request, "x-amz-expected-bucket-owner", &found.0.bucket)?;
    judge(walrus, request, action, at, found)
}

/// The place of a request that names its keys in its body. It may do nothing there yet: each key
/// is asked for by [`Place::decision`].
pub(crate) async fn admit_keys(
    walrus: &Walrus,
    request: &Request,
    name: String,
) -> Result<Place, Fault> {
    let at = At { name, key: String::new(), version: None };
    let (found, _) = look(walrus, &at, false, None).await?;
    check_expected_owner(request, "x-amz-expected-bucket-owner", &found.bucket)?;
    place(walrus, request, at, found)
}

/// The object that a request copies from, if its caller may read it.
pub(crate) async fn admit_source(
    walrus: &Walrus,
    request: &Request,
    at: At,
    opens: bool,
) -> Result<Place, Fault> {
    let found = look(walrus, &at, opens, None).await?;
    check_expected_owner(request, "x-amz-source-expected-bucket-owner", &found.0.bucket)?;
    let action = Action::GetObject;
    let action = if at.version.is_some() { action.of_version() } else { action };
    judge(walrus, request, action, at, found)
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    /// The bucket's name.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) version: Option<VersionId>,
}

/// A bucket, what has the key with its bytes, and an upload.
type Looked = (Found<(Object, Option<Source>)>, Option<Upload>);

async fn look(
    walrus: &Walrus,
    at: &At,
    opens: bool,
    upload: Option<String>,
) -> Result<Looked, Fault> {
    let At { name: bucket, key: wanted, version } = at.clone();
    let read = walrus.store.read(move |store| {
        let found = if opens {
            let found = store.open(&bucket, &wanted, version)?;
            found.map(|found| found.map(|(object, source)| (object, Some(source))))
        } else {
            let found = store.find(&bucket, &wanted, version)?;
            found.map(|found| found.map(|object| (object, None)))
        };
        let Some(found) = found else { return Ok(None) };
        let id = upload.and_then(|id| id.parse().ok());
        let upload = id.map(|id| store.upload(found.bucket.id, &wanted, id)).transpose()?;
        Ok(Some((found, upload.flatten())))
    });
    read.await?.ok_or_else(|| Fault::from(NO_SUCH_BUCKET).with("BucketName", &at.name))
}

fn check_expected_owner(request: &Request, header: &str, bucket: &Bucket) -> Result<(), Fault> {
    match request.header(header) {
        Some(expected) if expected != bucket.owner.to_string() => {
            Err(ACCESS_DENIED.because(format!("the bucket has another owner than {header} says")))
        }
        _ => Ok(()),
    }
}

fn judge(
    walrus: &Walrus,
    request: &Request,
    action: Action,
    at: At,
    (found, upload): Looked,
) -> Result<Place, Fault> {
    let place = place(walrus, request, at, found)?;
    let caller = request.caller.as_ref().map(|caller| caller.id);
    let bucket = &place.bucket;
    let has_owner = if action.is_of_initiator() {
        upload.as_ref().map(|upload| owned(bucket, upload.owner, &bucket.acl))
    } else {
        place.object.as_ref().map(|object| owned(bucket, object.owner, &object.acl))
    };
    let key = Some(place.key.as_str()).filter(|_| action.level() != Level::Bucket);
    let decision = place.decision(caller, action, key, has_owner);
    if action.level() == Level::Object && place.object.is_none() && decision != Decision::Denied {
        let sees = decision == Decision::Allowed && place.version.is_some();
        return Err(match place.marker.as_ref().filter(|_| sees) {
            Some(marker) => is_marker(marker),
            None => missing(&place, caller),
        });
    }
    match decision {
        // whatever the policy allows, S3 lets no other account handle it
        Decision::Allowed if action.is_of_policy() && caller != Some(place.bucket.owner) => {
            Err(METHOD_NOT_ALLOWED.because("only the bucket's owner has to do with its policy"))
        }
        Decision::Allowed if compares(request, action) => {
            // whether the ETag fits would tell what is in the object
            let read = Action::GetObject;
            let read = if place.version.is_some() { read.of_version() } else { read };
            match (place.decision(caller, read, key, has_owner), &place.object) {
                (Decision::Allowed, Some(_)) => Ok(place),
                (Decision::Denied, _) | (_, Some(_)) => Err(ACCESS_DENIED.into()),
                (_, None) => Err(missing(&place, caller)),
            }
        }
        Decision::Allowed => Ok(place),
        Decision::NotAllowed | Decision::Denied => Err(ACCESS_DENIED.into()),
    }
}

fn place(
    walrus: &Walrus,
    request: &Request,
    At { name, key, version }: At,
    Found { bucket, documents, object, marker }: Found<(Object, Option<Source>)>,
) -> Result<Place, Fault> {
    let rules = Rules::read(&documents, &name)?;
    let lifecycle = documents.lifecycle.filter(|_| !key.is_empty());
    let lifecycle = lifecycle.map(|document| Lifecycle::decode(&document, &name)).transpose()?;
    let context = match rules.policy {
        Some(_) => Context::of(request, walrus.clock.now(), version)?,
        None => Context::default(),
    };
    let (object, source) = object.unzip();
    let (context, source) = match &object {
        Some(object) => (context.with_tags(&object.tags), source.flatten()),
        None => (context, None),
    };
    Ok(Place { name, key, bucket, rules, version, object, marker, source, lifecycle, context })
}

/// Whether it writes or deletes only where the object has a certain ETag. S3 wants that its caller
/// may read the object too.
fn compares(request: &Request, action: Action) -> bool {
    let certain = request.header("if-match").is_some_and(|etag| etag.trim() != "*");
    let writes = [Action::PutObject, Action::DeleteObject, Action::DeleteObjectVersion];
    certain && writes.contains(&action)
}

/// Whether a key is there is known to those only who may list.
fn missing(place: &Place, caller: Option<AccountId>) -> Fault {
    match place.decision(caller, Action::ListBucket, None, None) {
        Decision::Allowed => no_object(place),
        Decision::NotAllowed | Decision::Denied => ACCESS_DENIED.into(),
    }
}

fn no_object(place: &Place) -> Fault {
    let Place { key, version, marker, .. } = place;
    match (version, marker) {
        (Some(version), None) => {
            Fault::from(NO_SUCH_VERSION).with("Key", key).with("VersionId", version.to_string())
        }
        (_, Some(marker)) => of_marker(Fault::from(NO_SUCH_KEY).with("Key", key), marker),
        (None, None) => Fault::from(NO_SUCH_KEY).with("Key", key),
    }
}

/// A marker has nothing of an object, and it can only be deleted.
fn is_marker(marker: &Marker) -> Fault {
    let fault = METHOD_NOT_ALLOWED.because("The version is a delete marker");
    let seconds = marker.modified.millis().max(0) as u64 / 1000;
    let modified = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    let fault = of_marker(fault, marker).with_header(ALLOW, HeaderValue::from_static("DELETE"));
    match HeaderValue::try_from(modified) {
        Ok(modified) => fault.with_header(LAST_MODIFIED, modified),
        Err(_) => fault,
    }
}

fn of_marker(fault: Fault, marker: &Marker) -> Fault {
    let name = HeaderName::from_static;
    let fault = fault.with_header(name("x-amz-delete-marker"), HeaderValue::from_static("true"));
    match HeaderValue::try_from(marker.version.id().to_string()) {
        Ok(id) => fault.with_header(name("x-amz-version-id"), id),
        Err(_) => fault,
    }
}
