//! `PostObject`: a browser's form, sent to a bucket. Its fields say what a PUT says in its headers;
//! a policy among them, which is signed, says what the fields may be.

mod fields;
mod multipart;
mod policy;

use self::fields::Fields;
use self::policy::Policy;
use super::put_object::{check_free_space, store, written};
use super::{Answer, refuse_unoffered, tags};
use crate::access::{self, Action};
use crate::accounts::Accounts;
use crate::body::Body;
use crate::fault::{ENTITY_TOO_LARGE, ENTITY_TOO_SMALL, Fault, INVALID_ARGUMENT, INVALID_REQUEST};
use crate::ingest;
use crate::request::{Incoming, Origin, Request, Target, check_key, not_offered};
use crate::store::Precondition;
use crate::walrus::Walrus;
use crate::xml::Xml;
use http::header::{CONTENT_TYPE, HOST, LOCATION, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use signature::s3::Payload;
use std::sync::{Arc, Mutex};

/// What of the request's own headers counts for the object, or for a bucket's policy.
const OWN_HEADERS: [HeaderName; 3] = [HOST, REFERER, USER_AGENT];
/// Fields that mean the header of the same name.
const HEADERS: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

pub(super) async fn run(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    request: Request,
    body: &mut Incoming,
    bucket: String,
) -> Answer {
    if request.caller.is_some() {
        let why = "a form is signed by its fields, not by the request that carries it";
        return Err(INVALID_REQUEST.because(why));
    }
    if request.payload != Payload::Unsigned {
        return Err(INVALID_REQUEST.because("a form has no x-amz-content-sha256"));
    }
    check_free_space(walrus, &request)?;
    let mut form = fields::lend(&request.headers, body)?;
    let read = fields::read(&mut form).await;
    let form = Arc::new(Mutex::new(form));
    let answer = match read {
        Ok(fields) => {
            receive(walrus, accounts, &request, bucket, fields, fields::file(&form)).await
        }
        Err(fault) => Err(fault),
    };
    fields::take_back(form, body);
    if answer.is_ok() {
        // what is behind the file is ignored, but not left to the next request
        crate::walrus::drain(body).await;
    }
    answer
}

/// Decides by the fields and takes the file.
async fn receive(
    walrus: &Walrus,
    accounts: &dyn Accounts,
    request: &Request,
    bucket: String,
    fields: Fields,
    mut file: Incoming,
) -> Answer {
    let mut inner = Request {
        method: Method::POST,
        query: Vec::new(),
        headers: headers(request, &fields)?,
        path: request.path.clone(),
        caller: None,
        origin: Origin { manner: None, ..request.origin },
        payload: Payload::Unsigned,
        signer: None,
        tags: None,
    };
    if let Some(document) = fields.get("tagging") {
        inner.tags = Some(tags::read(document.as_bytes(), tags::MOST_OF_AN_OBJECT)?);
    }
    let mut policy = Policy::default();
    if let Some(claim) = signature::form::claim(|name| fields.get(name))? {
        let (account, now) =
            (walrus.account(accounts, claim.access_key()).await?, walrus.clock.now());
        claim.verify(account.secret.expose(), now)?;
        policy = Policy::read(claim.policy())?;
        policy.check(&bucket, &fields, now)?;
        (inner.caller, inner.origin.manner) = (Some(account), Some(claim.manner()));
    }
    let key = fields.get("key").filter(|key| !key.is_empty()).ok_or_else(|| {
        INVALID_ARGUMENT.because("Bucket POST must contain a field named 'key', before the file")
    })?;
    check_key(key)?;
    let key = key.to_owned();
    let target = Target::Object { bucket: bucket.clone(), key: key.clone() };
    refuse_unoffered(&inner, &target)?;
    let place = access::admit(walrus, &inner, Action::PutObject, bucket, key).await?;
    let given = access::given(accounts, &inner, &place).await?;
    let description = super::description::Description::read(&inner)?;
    let most = walrus.limits.object_bytes.min(policy.most);
    let room = walrus.room(&inner, &place, None).await?;
    let received = ingest::object_up_to(&mut inner, &mut file, walrus, room, most).await;
    let received = received.map_err(|fault| match room.left {
        Some((left, _)) if left < most => fault,
        _ => too_large(fault, &policy),
    })?;
    if received.size < policy.least {
        let why = "Your proposed upload is smaller than the minimum allowed size";
        return Err(ENTITY_TOO_SMALL.because(why).with("MinSizeAllowed", policy.least.to_string()));
    }
    let (named, checksum) = ((place.name.clone(), place.key.clone()), received.totals.checksum());
    let etag = format!("\"{}\"", hex::encode(received.totals.md5));
    let stored = store(walrus, place, received, description, given, Precondition::None).await?;
    let response = stored.tell(written(&etag, checksum)?);
    answer(response, request, &fields, named, &etag)
}

fn too_large(fault: Fault, policy: &Policy) -> Fault {
    if fault.code() != Fault::from(ENTITY_TOO_LARGE).code() || policy.most == u64::MAX {
        return fault;
    }
    let why = "Your proposed upload exceeds the maximum allowed size";
    ENTITY_TOO_LARGE.because(why).with("MaxSizeAllowed", policy.most.to_string())
}

/// The headers of the write that the form asks for.
fn headers(request: &Request, fields: &Fields) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for name in OWN_HEADERS {
        if let Some(value) = request.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    const OF_THE_SIGNATURE: [&str; 5] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-signature",
    ];
    for (name, value) in fields.iter() {
        let name = match name {
            "acl" => "x-amz-acl",
            "x-amz-tagging" => {
                return Err(not_offered("the field x-amz-tagging (in place of tagging)"));
            }
            name if OF_THE_SIGNATURE.contains(&name) => continue,
            name if HEADERS.contains(&name) || name.starts_with("x-amz-") => name,
            _ => continue,
        };
        let header = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()));
        let (Ok(header), Ok(value)) = header else {
            let why = format!("the field {name} has a value that no header can have");
            return Err(INVALID_ARGUMENT.because(why));
        };
        headers.insert(header, value);
    }
    Ok(headers)
}

/// What the form wants to be told: a place to go to, or a status.
fn answer(
    mut response: Response<Body>,
    request: &Request,
    fields: &Fields,
    (bucket, key): (String, String),
    etag: &str,
) -> Answer {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| INVALID_ARGUMENT.because("no header can have it"))
    };
    let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
    if let Some(to) = redirect.and_then(web_address) {
        let separator = if to.contains('?') { '&' } else { '?' };
        let words = [("bucket", bucket.as_str()), ("key", &key), ("etag", etag)];
        let words = words.map(|(name, text)| format!("{name}={}", signature::uri_encode(text)));
        *response.status_mut() = StatusCode::SEE_OTHER;
        let to = format!("{to}{separator}{}", words.join("&"));
        response.headers_mut().insert(LOCATION, value(&to)?);
        return Ok(response);
    }
    let encoded: Vec<_> = key.split('/').map(signature::uri_encode).collect();
    let scheme = if request.origin.peer.tls { "https" } else { "http" };
    let bucket_path = request.path.trim_end_matches('/');
    let path = format!("{bucket_path}/{}", encoded.join("/"));
    let location = match request.header("host") {
        Some(host) => format!("{scheme}://{host}{path}"),
        None => path,
    };
    response.headers_mut().insert(LOCATION, value(&location)?);
    *response.status_mut() = match fields.get("success_action_status") {
        Some("200") => StatusCode::OK,
        Some("201") => {
            let mut xml = Xml::new();
            xml.open("PostResponse").text("Location", &location).text("Bucket", &bucket);
            xml.text("Key", &key).text("ETag", etag).close("PostResponse");
            *response.body_mut() = xml.into();
            let kind = HeaderValue::from_static("application/xml");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            StatusCode::CREATED
        }
        _ => StatusCode::NO_CONTENT,
    };
    Ok(response)
}

/// The text, if it is an address of the web; as S3 does, any other is as if it were not there.
fn web_address(text: &str) -> Option<&str> {
    let uri: Uri = text.parse().ok()?;
    let is_of_the_web = matches!(uri.scheme_str(), Some("http" | "https"));
    (is_of_the_web && uri.host().is_some() && !text.contains('#')).then_some(text)
}
