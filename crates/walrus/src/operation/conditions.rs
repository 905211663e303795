//! Conditions on an object that is there: RFC 9110 13.2.2, with the ETag before the date.

use crate::store::Object;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    /// One that the client needs.
    Precondition(&'static str),
    /// The client has the object already.
    NotModified,
}

/// Whether the conditions of a request hold, whose headers are found by their plain names.
pub(super) fn hold<'a>(
    header: impl Fn(&'static str) -> Option<&'a str>,
    object: &Object,
) -> Result<(), Fails> {
    let modified = seconds(object);
    let date = |name| header(name).and_then(|text| httpdate::parse_http_date(text).ok());
    if let Some(etags) = header("if-match") {
        if !names(etags, &object.etag) {
            return Err(Fails::Precondition("If-Match"));
        }
    } else if date("if-unmodified-since").is_some_and(|date| modified > date) {
        return Err(Fails::Precondition("If-Unmodified-Since"));
    }
    let same = match header("if-none-match") {
        Some(etags) => names(etags, &object.etag),
        None => date("if-modified-since").is_some_and(|date| modified <= date),
    };
    if same { Err(Fails::NotModified) } else { Ok(()) }
}

fn names(etags: &str, etag: &str) -> bool {
    etags.split(',').map(str::trim).any(|one| one == "*" || one.trim_matches('"') == etag)
}

/// When the object was written, in whole seconds as HTTP dates are.
pub(super) fn seconds(object: &Object) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(object.modified.millis().max(0) as u64 / 1000)
}
