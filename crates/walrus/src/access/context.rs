//! What a request has to say to the conditions of a policy.

use super::policy::KEYS;
use crate::fault::{Fault, INVALID_REQUEST};
use crate::request::Request;
use crate::store::VersionId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use types::Timestamp;

/// A longer header or query word is refused where a policy is to be asked, so that no pattern
/// takes long.
const MOST_BYTES: usize = 4096;

const VERSION: &str = "s3:versionid";

/// What conditions may compare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// Condition keys in lower case, with the request's value.
    values: BTreeMap<&'static str, String>,
    /// The tags that the request gives to an object.
    pub(super) given_tags: BTreeMap<String, String>,
    /// Those of the object that it is about.
    pub(super) tags: BTreeMap<String, String>,
}

impl FromIterator<(&'static str, String)> for Context {
    fn from_iter<I: IntoIterator<Item = (&'static str, String)>>(values: I) -> Self {
        Self { values: values.into_iter().collect(), ..Self::default() }
    }
}

impl Context {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The same for an object with these tags.
    pub(crate) fn with_tags(mut self, tags: &BTreeMap<String, String>) -> Self {
        self.tags.clone_from(tags);
        self
    }

    /// What this request says.
    pub(crate) fn of(
        request: &Request,
        now: Timestamp,
        version: Option<VersionId>,
    ) -> Result<Self, Fault> {
        let mut context = Self::default();
        for key in KEYS {
            let Some(value) = value(request, now, key) else { continue };
            if value.len() > MOST_BYTES {
                let why = format!("{key} has more than {MOST_BYTES} bytes");
                return Err(INVALID_REQUEST.because(why));
            }
            context.values.insert(*key, value);
        }
        context.given_tags = request.tags.clone().unwrap_or_default();
        Ok(context.with_version(version))
    }

    /// The same for another version than the request names, or for none.
    pub(crate) fn with_version(mut self, version: Option<VersionId>) -> Self {
        self.values.remove(VERSION);
        self.values.extend(version.map(|version| (VERSION, version.to_string())));
        self
    }
}

fn value(request: &Request, now: Timestamp, key: &str) -> Option<String> {
    let word = |name| request.word(name).map(str::to_owned);
    // a header that is no text is one that fits no value
    let header = |name| {
        let value = request.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let caller = request.caller.as_ref();
    let manner = request.origin.manner;
    match key {
        "aws:currenttime" => Some(now.to_string()),
        "aws:epochtime" => Some((now.millis() / 1000).to_string()),
        "aws:principalaccount" | "aws:userid" => caller.map(|caller| caller.id.to_string()),
        "aws:principalarn" => {
            caller.map(|caller| format!("arn:aws:iam::{}:user/{}", caller.id, caller.name))
        }
        "aws:username" => caller.map(|caller| caller.name.to_string()),
        "aws:referer" => header("referer"),
        "aws:useragent" => header("user-agent"),
        "aws:securetransport" => Some(request.origin.peer.tls.to_string()),
        "aws:sourceip" => request.origin.peer.address.as_ref().map(plain_address),
        "s3:authtype" => manner.map(|manner| manner.auth_type.to_owned()),
        "s3:signatureversion" => manner.map(|manner| manner.version.to_owned()),
        VERSION => None,
        "s3:delimiter" | "s3:max-keys" | "s3:prefix" => word(key.trim_start_matches("s3:")),
        _ => header(key.trim_start_matches("s3:")),
    }
}

/// A client of IPv4 is one whichever socket it came through.
fn plain_address(address: &IpAddr) -> String {
    address.to_canonical().to_string()
}
