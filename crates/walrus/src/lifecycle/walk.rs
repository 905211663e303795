//! Going through the versions of a bucket in their order, and finding what is due.

use super::{Lifecycle, midnight_after};
use crate::store::{Id, Marker, Object, VersionEntry};
use types::Timestamp;

/// Something that is to go, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) key: String,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// The object that has the key; where versions are kept the marker is in its place then.
    Current(Box<Object>, Marker),
    /// Another version of the key.
    Noncurrent(VersionEntry),
    /// A delete marker behind which there is nothing.
    Marker(Marker),
    Upload(Id),
}

/// A walk through a bucket's versions: by key, each key's from the newest to the oldest.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    lifecycle: &'a Lifecycle,
    now: Timestamp,
    key: String,
    /// When the version before was written, which is when this one was written over.
    newer: Option<Timestamp>,
    /// How many there have been of the key that are not the newest.
    noncurrent: u32,
    /// The marker that is the newest of the key, as long as nothing has come behind it.
    lone: Option<Marker>,
    due: Vec<Due>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(lifecycle: &'a Lifecycle, now: Timestamp) -> Self {
        let (key, newer, noncurrent, lone, due) = Default::default();
        Self { lifecycle, now, key, newer, noncurrent, lone, due }
    }

    /// What has been found since the last time.
    pub(crate) fn take(&mut self) -> Vec<Due> {
        std::mem::take(&mut self.due)
    }

    pub(crate) fn found(&self) -> usize {
        self.due.len()
    }

    /// Looks at the next version. `marker` would be made in its place.
    pub(crate) fn see(&mut self, key: &str, entry: VersionEntry, is_latest: bool, marker: Marker) {
        if is_latest || self.key != key {
            self.end_key();
            self.key = key.to_owned();
        }
        self.lone = None;
        let modified = match &entry {
            VersionEntry::Object(object) => object.modified,
            VersionEntry::Marker(marker) => marker.modified,
        };
        match (is_latest, entry) {
            (true, VersionEntry::Marker(marker)) => self.lone = Some(marker),
            (true, VersionEntry::Object(object)) => {
                let expires = self.lifecycle.expires(key, &object);
                if expires.is_some_and(|(due, _)| due <= self.now) {
                    self.add(key, What::Current(object, marker));
                }
            }
            (false, entry) => {
                let since = self.newer.unwrap_or(modified);
                if self.is_over(key, &entry, since) {
                    self.add(key, What::Noncurrent(entry));
                }
                self.noncurrent += 1;
            }
        }
        self.newer = Some(modified);
    }

    /// After the last version.
    pub(crate) fn end(&mut self) {
        self.end_key();
    }

    fn end_key(&mut self) {
        if let Some(marker) = self.lone.take()
            && self.lifecycle.drops(&self.key, &marker, self.now)
        {
            let key = self.key.clone();
            self.add(&key, What::Marker(marker));
        }
        (self.newer, self.noncurrent) = (None, 0);
    }

    fn is_over(&self, key: &str, entry: &VersionEntry, since: Timestamp) -> bool {
        self.lifecycle.enabled().any(|rule| {
            let Some(noncurrent) = rule.noncurrent else { return false };
            let fits = match entry {
                VersionEntry::Object(object) => rule.filter.fits(key, object),
                VersionEntry::Marker(_) => rule.filter.fits_key(key),
            };
            fits && noncurrent.keep.is_none_or(|keep| self.noncurrent >= keep)
                && midnight_after(since, noncurrent.days) <= self.now
        })
    }

    fn add(&mut self, key: &str, what: What) {
        self.due.push(Due { key: key.to_owned(), what });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DAY_MILLIS, Expiration, Filter, Noncurrent, Rule};
    use super::*;
    use crate::access::Canned;
    use crate::store::{Content, Version};
    use std::collections::BTreeMap;

    fn id(number: i64) -> Id {
        format!("{number:032x}").parse().unwrap()
    }

    fn on_day(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MILLIS + 1)
    }

    fn marker(day: i64) -> Marker {
        Marker { version: Version::new(id(day)), modified: on_day(day), owner: None }
    }

    fn object(day: i64) -> VersionEntry {
        VersionEntry::Object(Box::new(Object {
            version: Version::new(id(day)),
            content: Content::Inline(id(day)),
            size: 1,
            etag: String::new(),
            modified: on_day(day),
            owner: None,
            acl: Canned::Private.acl(None),
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            checksums: BTreeMap::new(),
        }))
    }

    /// What is due of one key, whose versions are given from the newest on, as `o` or `m` and the
    /// day on which each was written.
    fn due(versions: &[(char, i64)], rule: Rule, today: i64) -> Vec<String> {
        let lifecycle = Lifecycle { rules: vec![rule], least_transition: None };
        let mut walk = Walk::new(&lifecycle, on_day(today));
        for (at, (kind, day)) in versions.iter().enumerate() {
            let entry =
                if *kind == 'o' { object(*day) } else { VersionEntry::Marker(marker(*day)) };
            walk.see("key", entry, at == 0, marker(today));
        }
        walk.end();
        let shown = |due: Due| match due.what {
            What::Current(object, _) => {
                format!("current {}", object.modified.millis() / DAY_MILLIS)
            }
            What::Noncurrent(VersionEntry::Object(object)) => {
                format!("object {}", object.modified.millis() / DAY_MILLIS)
            }
            What::Noncurrent(VersionEntry::Marker(marker)) | What::Marker(marker) => {
                format!("marker {}", marker.modified.millis() / DAY_MILLIS)
            }
            What::Upload(id) => id.to_string(),
        };
        walk.take().into_iter().map(shown).collect()
    }

    fn rule(expiration: Option<Expiration>, noncurrent: Option<(u32, Option<u32>)>) -> Rule {
        let noncurrent = noncurrent.map(|(days, keep)| Noncurrent { days, keep });
        let (id, filter, abort_days) = (String::new(), Filter::default(), None);
        Rule { id, is_enabled: true, filter, expiration, noncurrent, abort_days }
    }

    #[test]
    fn versions_count_from_when_they_were_written_over() {
        let versions = [('o', 20), ('o', 10), ('m', 5), ('o', 1)];
        let after = |days| rule(None, Some((days, None)));
        // the days end at the next midnight
        assert_eq!(due(&versions, after(5), 16), ["marker 5", "object 1"]);
        assert_eq!(due(&versions, after(5), 15), ["object 1"]);
        assert_eq!(due(&versions, after(5), 26), ["object 10", "marker 5", "object 1"]);
        let keep = |keep| rule(None, Some((1, Some(keep))));
        assert_eq!(due(&versions, keep(1), 100), ["marker 5", "object 1"]);
        assert_eq!(due(&versions, keep(3), 100), [""; 0]);
    }

    #[test]
    fn only_a_lone_marker_is_dropped() {
        let markers = || rule(Some(Expiration::Markers), None);
        assert_eq!(due(&[('m', 5)], markers(), 5), ["marker 5"]);
        assert_eq!(due(&[('m', 5), ('o', 1)], markers(), 100), [""; 0]);
        assert_eq!(due(&[('m', 5), ('m', 1)], markers(), 100), [""; 0]);
        let days = || rule(Some(Expiration::Days(3)), None);
        assert_eq!(due(&[('m', 5)], days(), 8), [""; 0]);
        assert_eq!(due(&[('m', 5)], days(), 9), ["marker 5"]);
        assert_eq!(due(&[('o', 5), ('o', 1)], days(), 9), ["current 5"]);
        let mut tagged = days();
        tagged.filter.tags.insert("a".to_owned(), "b".to_owned());
        assert_eq!(due(&[('m', 5)], tagged, 100), [""; 0], "a marker has no tags");
    }
}
