//! The node's memory on disk, under INSTANCE_PATH.
//!
//! `<user>/<id>/instance.json` per instance and `eucalyptus/node.json` for the last desired state
//! (no user is named "eucalyptus"). What else lies there is left alone: 1.4 deleted it (Known
//! problems of 1.4, FACTS 10.3).

use crate::entry::Entry;
use durable::DurableError;
use protocol::{Generation, NodeDesired};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use types::{ClusterName, InstanceId, UserName};

const ENTRY: &str = "instance.json";

/// The journal under one INSTANCE_PATH. One node controller writes it.
pub(crate) struct Journal {
    root: PathBuf,
    /// Set when its node controller has ended: a thread that it left behind writes no more.
    closed: RwLock<bool>,
}

/// How far a cluster's desired states have got: generation, then sequence.
pub(crate) type Order = (Generation, u64);

/// What a node was told should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The last desired state.
    #[serde(flatten)]
    pub(crate) desired: NodeDesired,
    /// How far the states of clusters had got that the node belonged to before. Each cluster counts
    /// for itself, and a late message of one must not be taken for news.
    #[serde(default)]
    pub(crate) before: BTreeMap<ClusterName, Order>,
}

/// What the journal holds.
#[derive(Debug, Default)]
pub(crate) struct Recalled {
    pub(crate) told: Option<Told>,
    pub(crate) entries: Vec<Entry>,
    /// Entries that cannot be read. Their instances are left exactly as they are.
    pub(crate) unreadable: Vec<(InstanceId, String)>,
}

impl Journal {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, closed: RwLock::new(false) }
    }

    /// Refuses every later write.
    pub(crate) fn close(&self) {
        *self.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Everything, as it was when the last node controller ended.
    pub(crate) fn recall(&self) -> Result<Recalled, DurableError> {
        let mut recalled =
            Recalled { told: durable::load(&self.desired_path())?, ..Recalled::default() };
        for (id, path) in entry_paths(&self.root) {
            match durable::load(&path) {
                Ok(Some(entry)) => recalled.entries.push(entry),
                Ok(None) => {}
                Err(error) => recalled.unreadable.push((id, error.to_string())),
            }
        }
        Ok(recalled)
    }

    pub(crate) fn store_told(&self, told: &Told) -> Result<(), DurableError> {
        self.unless_closed(|| durable::store(&self.desired_path(), told))
    }

    pub(crate) fn store(&self, entry: &Entry) -> Result<(), DurableError> {
        let directory = self.directory(&entry.desired.user, entry.desired.id);
        self.unless_closed(|| durable::store(&directory.join(ENTRY), entry))
    }

    /// Removes an instance's directory, and its user's when that leaves it empty.
    pub(crate) fn forget(&self, user: &UserName, id: InstanceId) -> Result<(), DurableError> {
        let directory = self.directory(user, id);
        self.unless_closed(|| {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error(&directory)(error));
                }
                _ => {}
            }
            // Refused while another instance of the user is there, which is what is wanted.
            let _ = fs::remove_dir(self.root.join(user.as_str()));
            Ok(())
        })
    }

    pub(crate) fn directory(&self, user: &UserName, id: InstanceId) -> PathBuf {
        self.root.join(user.as_str()).join(id.to_string())
    }

    pub(crate) fn console_path(&self, user: &UserName, id: InstanceId) -> PathBuf {
        self.directory(user, id).join("console.log")
    }

    fn desired_path(&self) -> PathBuf {
        self.root.join("eucalyptus").join("node.json")
    }

    fn unless_closed(
        &self,
        write: impl FnOnce() -> Result<(), DurableError>,
    ) -> Result<(), DurableError> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(io_error(&self.root)(io::Error::other("this node controller has ended")));
        }
        write()
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> DurableError {
    let path = path.to_owned();
    |cause| DurableError::Io { path, cause }
}

/// Every journal entry under an INSTANCE_PATH. What is not one is passed over.
pub(crate) fn entry_paths(root: &Path) -> Vec<(InstanceId, PathBuf)> {
    let instance_of = |directory: PathBuf| {
        let id = directory.file_name()?.to_str()?.parse().ok()?;
        let entry = directory.join(ENTRY);
        entry.is_file().then_some((id, entry))
    };
    children(root).iter().flat_map(|user| children(user)).filter_map(instance_of).collect()
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::instance;

    fn entry(id: &str) -> Entry {
        Entry::accepted(instance(id), "zone".parse().unwrap(), String::new())
    }

    #[test]
    fn what_was_stored_is_recalled_and_strange_files_are_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        journal.store(&entry("i-00000001")).unwrap();
        journal.store(&entry("i-00000002")).unwrap();
        let user = home.path().join("alice");
        fs::write(user.join("i-00000002/instance.json"), "{").unwrap();
        fs::create_dir_all(user.join("i-00000003")).unwrap();
        fs::write(user.join("notes.txt"), "mine").unwrap();

        let recalled = journal.recall().unwrap();
        assert_eq!(recalled.entries, [entry("i-00000001")]);
        assert_eq!(recalled.unreadable[0].0.to_string(), "i-00000002");
        assert_eq!(recalled.told, None);
        assert!(user.join("notes.txt").exists() && user.join("i-00000003").exists());
    }

    #[test]
    fn entries_from_before_instances_could_be_stopped_are_read() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        journal.store(&entry("i-00000001")).unwrap();
        let path = home.path().join("alice/i-00000001/instance.json");
        let mut text = fs::read_to_string(&path).unwrap();
        for later in [
            "    \"turn\": 0,\n",
            "    \"forced\": false,\n",
            "    \"metadata\": {\n      \"enabled\": true,\n      \"tokens_required\": false,\n      \
             \"hops\": 1\n    },\n",
            ",\n  \"halting_since\": null",
            ",\n  \"rebooting\": null",
            ",\n  \"revived_at\": null",
        ] {
            assert!(text.contains(later), "{later} in {text}");
            text = text.replace(later, "");
        }
        fs::write(&path, text).unwrap();
        assert_eq!(journal.recall().unwrap().entries, [entry("i-00000001")]);
    }

    #[test]
    fn forgetting_the_last_instance_of_a_user_removes_the_users_directory() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        for id in ["i-00000001", "i-00000002"] {
            journal.store(&entry(id)).unwrap();
        }
        let user = "alice".parse().unwrap();
        journal.forget(&user, "i-00000001".parse().unwrap()).unwrap();
        assert!(home.path().join("alice/i-00000002").exists());
        journal.forget(&user, "i-00000002".parse().unwrap()).unwrap();
        journal.forget(&user, "i-00000002".parse().unwrap()).unwrap();
        assert!(!home.path().join("alice").exists());
    }

    #[test]
    fn a_closed_journal_is_not_written() {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::new(home.path().to_owned());
        journal.close();
        assert!(journal.store(&entry("i-00000001")).is_err());
        assert!(journal.recall().unwrap().entries.is_empty());
    }
}
