//! Lifecycle rules of a bucket: what they are, and when something is due by them. Days count from
//! the midnight (UTC) after the time that they are counted from, as S3 has it.

mod walk;

pub(crate) use walk::{Due, Walk, What};

use crate::store::{Error, Marker, Object};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};
use types::Timestamp;

pub(crate) const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// The lifecycle of a bucket's objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifecycle {
    pub(crate) rules: Vec<Rule>,
    /// What the client said of the smallest objects that transitions are for, of which there are
    /// none here.
    #[serde(default)]
    pub(crate) least_transition: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) is_enabled: bool,
    pub(crate) filter: Filter,
    pub(crate) expiration: Option<Expiration>,
    pub(crate) noncurrent: Option<Noncurrent>,
    /// Uploads in parts are aborted so many days after they were begun.
    pub(crate) abort_days: Option<u32>,
}

/// What a rule is about: all of it must be so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    pub(crate) written: Written,
    pub(crate) prefix: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) larger_than: Option<u64>,
    pub(crate) smaller_than: Option<u64>,
}

/// How the document has it, and shows it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Written {
    #[default]
    Filter,
    And,
    /// `Prefix` in the rule itself, as in the first years.
    Rule,
}

/// When the newest version goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expiration {
    Days(u32),
    /// From this midnight on.
    Date(Timestamp),
    /// Delete markers behind which there is no version any more.
    Markers,
}

/// When the other versions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noncurrent {
    /// After they were written over or deleted.
    pub(crate) days: u32,
    /// So many of the newest of them stay.
    pub(crate) keep: Option<u32>,
}

/// The midnight after so many days.
pub(crate) fn midnight_after(since: Timestamp, days: u32) -> Timestamp {
    let end = since.millis().saturating_add(i64::from(days) * DAY_MILLIS);
    Timestamp::from_millis(end.div_euclid(DAY_MILLIS).saturating_add(1).saturating_mul(DAY_MILLIS))
}

impl Filter {
    pub(crate) fn starts(&self) -> &str {
        self.prefix.as_deref().unwrap_or("")
    }

    fn fits(&self, key: &str, object: &Object) -> bool {
        let has = |(name, value): (&String, &String)| object.tags.get(name) == Some(value);
        key.starts_with(self.starts())
            && self.tags.iter().all(has)
            && self.larger_than.is_none_or(|size| object.size > size)
            && self.smaller_than.is_none_or(|size| object.size < size)
    }

    /// The same for what has neither tags nor a size.
    fn fits_key(&self, key: &str) -> bool {
        key.starts_with(self.starts()) && !self.looks_at_objects()
    }

    pub(crate) fn looks_at_objects(&self) -> bool {
        !self.tags.is_empty() || self.larger_than.is_some() || self.smaller_than.is_some()
    }
}

impl Expiration {
    /// When it is due for what was written then.
    fn due(self, modified: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(midnight_after(modified, days)),
            Self::Date(date) => Some(date),
            Self::Markers => None,
        }
    }
}

impl Lifecycle {
    pub(crate) fn decode(document: &[u8], bucket: &str) -> Result<Self, Error> {
        serde_json::from_slice(document)
            .map_err(|error| Error::Corrupt(format!("the lifecycle of {bucket}: {error}")))
    }

    fn enabled(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.is_enabled)
    }

    /// When an object that has the key expires, and by which rule.
    pub(crate) fn expires(&self, key: &str, object: &Object) -> Option<(Timestamp, &str)> {
        let rules = self.enabled().filter(|rule| rule.filter.fits(key, object));
        let due = |rule: &Rule| rule.expiration.and_then(|it| it.due(object.modified));
        rules.filter_map(|rule| Some((due(rule)?, rule.id.as_str()))).min()
    }

    /// When an upload is aborted, and by which rule.
    pub(crate) fn aborts(&self, key: &str, initiated: Timestamp) -> Option<(Timestamp, &str)> {
        let rules = self.enabled().filter(|rule| key.starts_with(rule.filter.starts()));
        let due = |rule: &Rule| rule.abort_days.map(|days| midnight_after(initiated, days));
        rules.filter_map(|rule| Some((due(rule)?, rule.id.as_str()))).min()
    }

    /// Whether a delete marker goes behind which there is no version.
    fn drops(&self, key: &str, marker: &Marker, now: Timestamp) -> bool {
        self.enabled().filter(|rule| rule.filter.fits_key(key)).any(|rule| match rule.expiration {
            Some(Expiration::Markers) => true,
            Some(other) => other.due(marker.modified).is_some_and(|due| due <= now),
            None => false,
        })
    }

    /// What all keys begin with that any rule is about.
    pub(crate) fn common_prefix(&self) -> &str {
        let mut prefixes = self.enabled().map(|rule| rule.filter.starts());
        let Some(first) = prefixes.next() else { return "" };
        prefixes.fold(first, |common, prefix| {
            let same = common.char_indices().zip(prefix.chars()).take_while(|((_, a), b)| a == b);
            let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
            &common[..end]
        })
    }
}

/// The header `x-amz-expiration` of an object, if it expires.
pub(crate) fn header(
    lifecycle: Option<&Lifecycle>,
    key: &str,
    object: &Object,
) -> Option<HeaderValue> {
    let (due, rule) = lifecycle?.expires(key, object)?;
    let rule = signature::uri_encode(rule);
    let text = format!("expiry-date=\"{}\", rule-id=\"{rule}\"", http_date(due));
    HeaderValue::try_from(text).ok()
}

pub(crate) fn http_date(at: Timestamp) -> String {
    let seconds = (at.millis().max(0) as u64 / 1000).min(LAST_HTTP_SECOND);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// 9999-12-31T23:59:59: HTTP has no later date.
const LAST_HTTP_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_the_midnight_after_them() {
        let hour = 60 * 60 * 1000;
        for (since, days, due) in [
            (0, 1, 2 * DAY_MILLIS),
            (10 * hour, 3, 4 * DAY_MILLIS),
            (DAY_MILLIS - 1, 1, 2 * DAY_MILLIS),
            (DAY_MILLIS, 1, 3 * DAY_MILLIS),
            (-1, 1, DAY_MILLIS),
        ] {
            let since = Timestamp::from_millis(since);
            assert_eq!(midnight_after(since, days), Timestamp::from_millis(due), "{since}");
        }
        let far = midnight_after(Timestamp::from_millis(i64::MAX), u32::MAX);
        assert!(far.millis() > 0 && !http_date(far).is_empty());
    }

    #[test]
    fn only_what_a_rule_is_about_is_gone_through() {
        let rule = |prefix: &str, is_enabled| Rule {
            id: String::new(),
            is_enabled,
            filter: Filter { prefix: Some(prefix.to_owned()), ..Filter::default() },
            expiration: None,
            noncurrent: None,
            abort_days: Some(1),
        };
        let of = |rules: &[Rule]| {
            let lifecycle = Lifecycle { rules: rules.to_vec(), least_transition: None };
            lifecycle.common_prefix().to_owned()
        };
        assert_eq!(of(&[]), "");
        assert_eq!(of(&[rule("logs/é1", true), rule("other", false)]), "logs/é1");
        assert_eq!(of(&[rule("logs/é1", true), rule("logs/è", true)]), "logs/");
        assert_eq!(of(&[rule("logs", true), rule("logs/a", true)]), "logs");
        assert_eq!(of(&[rule("a", true), rule("", true)]), "");
    }
}
