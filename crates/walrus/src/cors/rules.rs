//! The rules of a bucket, and whether one of them lets a page ask.

use crate::store::Error;
use serde::{Deserialize, Serialize};

/// A rule, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// With one `*` each at most.
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    /// The headers that a request may have, with one `*` each at most.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    /// The headers of an answer that the page may see.
    #[serde(default)]
    pub(crate) expose_headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age_seconds: Option<u32>,
}

/// What a page wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) origin: &'a str,
    pub(crate) method: &'a str,
    /// Names of headers with commas between.
    pub(crate) headers: &'a str,
}

impl Rule {
    /// Reads the rules of a bucket as the store has them.
    pub(crate) fn all(document: &[u8], bucket: &str) -> Result<Vec<Self>, Error> {
        serde_json::from_slice(document)
            .map_err(|error| Error::Corrupt(format!("the CORS rules of {bucket}: {error}")))
    }

    pub(crate) fn is_for_all_origins(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    pub(crate) fn allows(&self, asked: &Asked<'_>) -> bool {
        let names = asked.headers.split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut names = names.map(str::to_ascii_lowercase);
        let may_have = |name: &str| {
            self.headers.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), name))
        };
        self.origins.iter().any(|origin| fits(origin, asked.origin))
            && self.methods.iter().any(|method| method == asked.method)
            && names.all(|name| may_have(&name))
    }
}

/// Whether a text is the pattern, of which a `*` is any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return pattern == text };
    text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_lets_its_origins_ask_by_its_methods_with_its_headers() {
        let text = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let rule = Rule {
            id: None,
            origins: text(&["http://a.example", "https://*.b.example"]),
            methods: text(&["GET", "PUT"]),
            headers: text(&["X-Amz-*", "content-type"]),
            expose_headers: Vec::new(),
            max_age_seconds: None,
        };
        let allows = |origin, method, headers| rule.allows(&Asked { origin, method, headers });
        assert!(allows("http://a.example", "GET", ""));
        assert!(allows("https://www.b.example", "PUT", "x-amz-acl, Content-Type,"));
        assert!(!allows("https://a.example", "GET", ""), "another scheme is another origin");
        assert!(!allows("http://A.example", "GET", ""));
        assert!(!allows("https://.b.exampl", "GET", ""));
        assert!(!allows("http://a.example", "DELETE", ""));
        assert!(!allows("http://a.example", "GET", "x-amz-acl, authorization"));
        assert!(!fits("a*a", "a"), "what stands before and behind does not overlap");
        assert!(fits("a*a", "aa") && fits("*", ""));
    }
}
