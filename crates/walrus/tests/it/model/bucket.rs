//! A bucket in memory.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Versioning {
    #[default]
    Never,
    Enabled,
    Suspended,
}

#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) id: String,
    /// None in a delete marker.
    pub(super) bytes: Option<Vec<u8>>,
    /// How many it has.
    pub(super) tags: usize,
    pub(super) grants: usize,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) owner: &'static str,
    pub(super) versioning: Versioning,
    /// The versions of each key, the newest first.
    pub(super) keys: BTreeMap<String, Vec<Version>>,
}

impl Bucket {
    /// The object that has the key.
    pub(super) fn current(&self, key: &str) -> Option<&Version> {
        self.keys.get(key)?.first().filter(|version| version.bytes.is_some())
    }

    /// The keys that have an object.
    pub(super) fn objects(&self) -> impl Iterator<Item = &String> {
        self.keys.keys().filter(|key| self.current(key).is_some())
    }

    pub(super) fn version(&mut self, key: &str, id: &str) -> Option<&mut Version> {
        self.keys.get_mut(key)?.iter_mut().find(|version| version.id == id)
    }

    /// The id of one of the key's versions, or one that none has.
    pub(super) fn pick(&self, key: &str, number: usize) -> String {
        let versions = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let found = versions.get(number % (versions.len() + 1));
        found.map_or_else(|| "0".repeat(32), |version| version.id.clone())
    }

    /// What a version is shown as in answers.
    pub(super) fn shown<'a>(&self, id: &'a str) -> &'a str {
        if self.versioning == Versioning::Never { "" } else { id }
    }

    /// Makes an object or a delete marker the newest version; the id is what the answer says.
    pub(super) fn push(&mut self, key: &str, id: &str, bytes: Option<Vec<u8>>, tags: usize) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        let id = match self.versioning {
            Versioning::Never => {
                assert_eq!(id, "");
                versions.clear();
                "null"
            }
            Versioning::Enabled => {
                assert!(versions.iter().all(|version| version.id != id), "{id} is given twice");
                assert_eq!(id.len(), 32, "{id}");
                id
            }
            Versioning::Suspended => {
                assert_eq!(id, "null");
                versions.retain(|version| version.id != "null");
                "null"
            }
        };
        // where there are no versions there are no markers either
        if bytes.is_some() || self.versioning != Versioning::Never {
            versions.insert(0, Version { id: id.to_owned(), bytes, tags, grants: 1 });
        }
        self.drop_empty(key);
    }

    /// Removes a version for good; whether it was a delete marker.
    pub(super) fn remove(&mut self, key: &str, id: &str) -> bool {
        let Some(versions) = self.keys.get_mut(key) else { return false };
        let at = versions.iter().position(|version| version.id == id);
        let removed = at.map(|at| versions.remove(at));
        self.drop_empty(key);
        removed.is_some_and(|version| version.bytes.is_none())
    }

    fn drop_empty(&mut self, key: &str) {
        if self.keys.get(key).is_some_and(Vec::is_empty) {
            self.keys.remove(key);
        }
    }

    /// What a listing of all versions has to contain, a line for each entry.
    pub(super) fn lines(&self, prefix: &str, delimiter: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (key, versions) in self.keys.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let group = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
            if let Some(at) = group {
                let group = format!("group {}", &key[..prefix.len() + at + delimiter.len()]);
                if lines.last() != Some(&group) {
                    lines.push(group);
                }
                continue;
            }
            for (number, Version { id, bytes, .. }) in versions.iter().enumerate() {
                let what = bytes.as_ref().map_or(String::new(), |bytes| bytes.len().to_string());
                lines.push(format!("{key} {id} {} {what}", number == 0));
            }
        }
        lines
    }
}
