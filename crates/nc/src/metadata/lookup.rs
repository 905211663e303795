//! Which instance asks: journal entries by address, read from disk when they have changed.

use crate::entry::{Entry, Phase};
use crate::journal::entry_paths;
use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The instances under one INSTANCE_PATH.
pub(super) struct Lookup {
    instance_path: PathBuf,
    known: Mutex<HashMap<PathBuf, Known>>,
}

struct Known {
    version: Version,
    entry: Arc<Entry>,
}

/// Differs between any two files that were put in one place: entries are replaced, not rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    changed_ns: (i64, i64),
}

impl Lookup {
    pub(super) fn new(instance_path: PathBuf) -> Self {
        Self { instance_path, known: Mutex::default() }
    }

    /// The instance that has this address now: in a group network, or on the site's own.
    pub(super) fn by_address(&self, address: Ipv4Addr, on_site: bool) -> Option<Arc<Entry>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let has_it = |entry: &Entry| {
            let is_there = entry.is_on_site() == on_site && entry.phase < Phase::Removed;
            is_there && entry.ip() == Some(address)
        };
        // An address that was given is nobody else's until the entry says that it is given back;
        // one that was found may be another's by now.
        let was_given =
            |known: &Known| known.entry.desired.nic.ip() == Some(address) && has_it(&known.entry);
        let last = known.iter().find(|(_, known)| was_given(known));
        if let Some((path, known)) = last
            && version(path) == Some(known.version)
        {
            return Some(Arc::clone(&known.entry));
        }
        let paths = entry_paths(&self.instance_path);
        let mut refreshed = HashMap::with_capacity(paths.len());
        for (_, path) in paths {
            if let Some(current) = current(&path, known.remove(&path)) {
                refreshed.insert(path, current);
            }
        }
        *known = refreshed;
        let entries = known.values().map(|known| &known.entry);
        entries.filter(|entry| has_it(entry)).max_by_key(|entry| entry.desired.launch_time).cloned()
    }
}

fn version(path: &Path) -> Option<Version> {
    let about = fs::metadata(path).ok()?;
    Some(Version { inode: about.ino(), changed_ns: (about.ctime(), about.ctime_nsec()) })
}

/// The entry at a path; an unreadable one counts as none.
fn current(path: &Path, known: Option<Known>) -> Option<Known> {
    let version = version(path)?;
    match known {
        Some(known) if known.version == version => Some(known),
        _ => {
            let entry = durable::load(path).ok()??;
            Some(Known { version, entry: Arc::new(entry) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::testing::{in_group, instance};
    use protocol::Attachment;
    use types::Timestamp;

    fn entry(id: &str, ip: &str, launched: i64, phase: Phase) -> Entry {
        let mut instance = instance(id);
        instance.nic.attachment = in_group(ip);
        instance.launch_time = Timestamp::from_millis(launched);
        let entry = Entry::accepted(instance, "zone".parse().unwrap(), String::new());
        Entry { phase, ..entry }
    }

    #[test]
    fn the_live_instance_with_the_address_is_found_as_the_journal_has_it_now() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        let lookup = Lookup::new(home.path().to_owned());
        let found = |ip: &str| {
            let entry = lookup.by_address(ip.parse().unwrap(), false);
            entry.map(|entry| (entry.desired.id.to_string(), entry.phase))
        };
        assert_eq!(found("192.168.2.2"), None);

        journal.store(&entry("i-00000001", "192.168.2.2", 1, Phase::Terminated)).unwrap();
        journal.store(&entry("i-00000002", "192.168.2.2", 2, Phase::Prepared)).unwrap();
        journal.store(&entry("i-00000003", "192.168.2.3", 3, Phase::Started)).unwrap();
        assert_eq!(found("192.168.2.2"), Some(("i-00000002".to_owned(), Phase::Prepared)));
        assert_eq!(found("192.168.2.9"), None);

        journal.store(&entry("i-00000002", "192.168.2.2", 2, Phase::Started)).unwrap();
        assert_eq!(found("192.168.2.2"), Some(("i-00000002".to_owned(), Phase::Started)));
        journal.store(&entry("i-00000002", "192.168.2.2", 2, Phase::Terminated)).unwrap();
        assert_eq!(found("192.168.2.2"), None);
    }

    #[test]
    fn an_instance_of_the_site_is_found_there_by_the_address_that_it_was_given_or_got() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        let lookup = Lookup::new(home.path().to_owned());
        let ip = |last| Ipv4Addr::new(192, 168, 2, last);
        for (id, given, found_ip) in [
            ("i-00000001", Some(ip(2)), None),
            ("i-00000002", None, Some(ip(3))),
            ("i-00000003", None, None),
        ] {
            let mut entry = entry(id, "0.0.0.0", 1, Phase::Started);
            entry.desired.nic.attachment = Attachment::Site { ip: given };
            journal.store(&Entry { found_ip, ..entry }).unwrap();
        }
        journal.store(&entry("i-00000004", "192.168.2.3", 1, Phase::Started)).unwrap();
        for (address, on_site, expect) in [
            (ip(2), true, Some("i-00000001")),
            (ip(2), false, None),
            (ip(3), true, Some("i-00000002")),
            (ip(3), false, Some("i-00000004")),
            (ip(4), true, None),
            (Ipv4Addr::UNSPECIFIED, true, None),
        ] {
            let found = lookup.by_address(address, on_site);
            let id = found.map(|entry| entry.desired.id.to_string());
            assert_eq!(id.as_deref(), expect, "{address} {on_site}");
        }
    }
}
