//! Looking up what a request is about, and letting nobody have it who may not.

use super::{Acl, Action, Context, Decision, Level, Owned, Rules, Wish, decide};
use crate::fault::{ACCESS_DENIED, Fault, METHOD_NOT_ALLOWED, NO_SUCH_BUCKET, NO_SUCH_KEY};
use crate::request::Request;
use crate::store::{Bucket, Found, Object, Source, Upload};
use crate::walrus::Walrus;
use http::Method;
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
    /// What has the key.
    pub(crate) object: Option<Object>,
    /// Its bytes, where the request is for them.
    pub(crate) source: Option<Source>,
    context: Context,
}

impl Place {
    /// The object that has the key.
    pub(crate) fn object(&self) -> Result<&Object, Fault> {
        self.object.as_ref().ok_or_else(|| no_such_key(&self.key))
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
    let opens = action == Action::GetObject && request.method != Method::HEAD;
    let upload = request.word("uploadId").filter(|_| action.is_of_initiator());
    let upload = upload.map(str::to_owned);
    let found = look(walrus, &name, &key, opens, upload).await?;
    check_expected_owner(request, "x-amz-expected-bucket-owner", &found.0.bucket)?;
    judge(walrus, request, action, (name, key), found)
}

/// The place of a request that names its keys in its body. It may do nothing there yet: each key
/// is asked for by [`Place::decision`].
pub(crate) async fn admit_keys(
    walrus: &Walrus,
    request: &Request,
    name: String,
) -> Result<Place, Fault> {
    let (found, _) = look(walrus, &name, "", false, None).await?;
    check_expected_owner(request, "x-amz-expected-bucket-owner", &found.bucket)?;
    place(walrus, request, (name, String::new()), found)
}

/// The object that a request copies from, if its caller may read it.
pub(crate) async fn admit_source(
    walrus: &Walrus,
    request: &Request,
    (name, key): (String, String),
    opens: bool,
) -> Result<Place, Fault> {
    let found = look(walrus, &name, &key, opens, None).await?;
    check_expected_owner(request, "x-amz-source-expected-bucket-owner", &found.0.bucket)?;
    judge(walrus, request, Action::GetObject, (name, key), found)
}

/// A bucket, what has the key with its bytes, and an upload.
type Looked = (Found<(Object, Option<Source>)>, Option<Upload>);

async fn look(
    walrus: &Walrus,
    name: &str,
    key: &str,
    opens: bool,
    upload: Option<String>,
) -> Result<Looked, Fault> {
    let (bucket, wanted) = (name.to_owned(), key.to_owned());
    let read = walrus.store.read(move |store| {
        let found = if opens {
            let found = store.open(&bucket, &wanted)?;
            found.map(|found| found.map(|(object, source)| (object, Some(source))))
        } else {
            store.find(&bucket, &wanted)?.map(|found| found.map(|object| (object, None)))
        };
        let Some(found) = found else { return Ok(None) };
        let id = upload.and_then(|id| id.parse().ok());
        let upload = id.map(|id| store.upload(found.bucket.id, &wanted, id)).transpose()?;
        Ok(Some((found, upload.flatten())))
    });
    read.await?.ok_or_else(|| Fault::from(NO_SUCH_BUCKET).with("BucketName", name))
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
    at: (String, String),
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
        return Err(missing(&place, caller));
    }
    match decision {
        // whatever the policy allows, S3 lets no other account handle it
        Decision::Allowed if action.is_of_policy() && caller != Some(place.bucket.owner) => {
            Err(METHOD_NOT_ALLOWED.because("only the bucket's owner has to do with its policy"))
        }
        Decision::Allowed if compares(request, action) => {
            // whether the ETag fits would tell what is in the object
            match (place.decision(caller, Action::GetObject, key, has_owner), &place.object) {
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
    (name, key): (String, String),
    Found { bucket, documents, object }: Found<(Object, Option<Source>)>,
) -> Result<Place, Fault> {
    let rules = Rules::read(&documents, &name)?;
    let context = match rules.policy {
        Some(_) => Context::of(request, walrus.clock.now())?,
        None => Context::default(),
    };
    let (object, source) = object.unzip();
    Ok(Place { name, key, bucket, rules, object, source: source.flatten(), context })
}

/// Whether it writes or deletes only where the object has a certain ETag. S3 wants that its caller
/// may read the object too.
fn compares(request: &Request, action: Action) -> bool {
    let certain = request.header("if-match").is_some_and(|etag| etag.trim() != "*");
    certain && matches!(action, Action::PutObject | Action::DeleteObject)
}

/// Whether a key is there is known to those only who may list.
fn missing(place: &Place, caller: Option<AccountId>) -> Fault {
    match place.decision(caller, Action::ListBucket, None, None) {
        Decision::Allowed => no_such_key(&place.key),
        Decision::NotAllowed | Decision::Denied => ACCESS_DENIED.into(),
    }
}

fn no_such_key(key: &str) -> Fault {
    Fault::from(NO_SUCH_KEY).with("Key", key)
}
