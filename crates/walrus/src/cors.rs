//! Cross-origin requests: what a page of another origin may ask of a bucket. Browsers ask before
//! (the preflight), and read in the answer itself whether the page may see it.

mod rules;

pub(crate) use rules::{Asked, Rule};

use crate::body::Body;
use crate::fault::{ACCESS_FORBIDDEN, BAD_REQUEST, Fault};
use crate::request::{Target, shown};
use crate::store::{Configuration, Error};
use crate::walrus::Walrus;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

/// Headers beyond this are no list of headers that a browser sends.
const MOST_BYTES: usize = 4096;

/// Answers OPTIONS, which nobody signs.
///
/// # Errors
/// `BadRequest` when it is no preflight; `AccessForbidden` when no rule lets the page ask, which
/// is also the answer for a bucket that is not there or has no rules.
pub(crate) async fn preflight(
    walrus: &Walrus,
    target: &Target,
    headers: &HeaderMap,
) -> Result<Response<Body>, Fault> {
    let origin = text(headers, &ORIGIN)?.ok_or_else(|| {
        BAD_REQUEST.because("Insufficient information. Origin request header needed.")
    })?;
    let method = text(headers, &ACCESS_CONTROL_REQUEST_METHOD)?.unwrap_or("null");
    let known = ["GET", "PUT", "HEAD", "POST", "DELETE"];
    if !known.contains(&method) {
        let why = format!("Invalid Access-Control-Request-Method: {}", shown(method));
        return Err(BAD_REQUEST.because(why));
    }
    let wanted = text(headers, &ACCESS_CONTROL_REQUEST_HEADERS)?.unwrap_or("");
    let asked = Asked { origin, method, headers: wanted };
    let forbidden = |why: &str| {
        let kind = if matches!(target, Target::Object { .. }) { "OBJECT" } else { "BUCKET" };
        let fault = ACCESS_FORBIDDEN.because(format!("CORSResponse: {why}"));
        fault.with("Method", method).with("ResourceType", kind)
    };
    let Some(bucket) = target.bucket() else {
        return Err(forbidden("only a bucket has rules for other origins"));
    };
    let rules = match rules(walrus, bucket).await? {
        Found::NoBucket => return Err(forbidden("Bucket not found")),
        Found::NoRules => return Err(forbidden("CORS is not enabled for this bucket.")),
        Found::Rules(rules) => rules,
    };
    let rule = rules.iter().find(|rule| rule.allows(&asked)).ok_or_else(|| {
        forbidden(
            "This CORS request is not allowed. No rule of the bucket has this origin, method and \
             these headers.",
        )
    })?;
    let mut response = Response::new(Body::empty());
    tell(response.headers_mut(), rule, headers);
    if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Ok(response)
}

/// Adds to an answer what lets a page of another origin see it, where a rule of the bucket does.
pub(crate) async fn permit(
    walrus: &Walrus,
    bucket: &str,
    (method, asked): (&Method, &HeaderMap),
    answer: &mut HeaderMap,
) {
    let Ok(Some(origin)) = text(asked, &ORIGIN) else { return };
    let asked_for = Asked { origin, method: method.as_str(), headers: "" };
    match rules(walrus, bucket).await {
        Ok(Found::Rules(rules)) => {
            if let Some(rule) = rules.iter().find(|rule| rule.allows(&asked_for)) {
                tell(answer, rule, asked);
            }
        }
        Ok(Found::NoBucket | Found::NoRules) => {}
        // the answer stands; the page does not see it
        Err(error) => tracing::error!(%error, bucket, "walrus cannot read rules of CORS"),
    }
}

enum Found {
    NoBucket,
    NoRules,
    Rules(Vec<Rule>),
}

async fn rules(walrus: &Walrus, bucket: &str) -> Result<Found, Error> {
    let name = bucket.to_owned();
    let read = walrus.store.read(move |store| {
        let Some(bucket) = store.bucket(&name)? else { return Ok(None) };
        store.configuration(bucket.id, Configuration::Cors).map(Some)
    });
    Ok(match read.await? {
        None => Found::NoBucket,
        Some(None) => Found::NoRules,
        Some(Some(document)) => Found::Rules(Rule::all(&document, bucket)?),
    })
}

fn tell(answer: &mut HeaderMap, rule: &Rule, asked: &HeaderMap) {
    let put = |answer: &mut HeaderMap, name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.insert(name, value);
        }
    };
    if rule.is_for_all_origins() {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if let Some(origin) = asked.get(ORIGIN) {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    put(answer, ACCESS_CONTROL_ALLOW_METHODS, &rule.methods.join(", "));
    if !rule.expose_headers.is_empty() {
        put(answer, ACCESS_CONTROL_EXPOSE_HEADERS, &rule.expose_headers.join(", "));
    }
    if let Some(seconds) = rule.max_age_seconds {
        answer.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
    }
    let vary = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    answer.insert(VARY, HeaderValue::from_static(vary));
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Fault> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.len() <= MOST_BYTES);
    text.map(Some).ok_or_else(|| BAD_REQUEST.because(format!("{name} cannot be read")))
}
