//! One value in one JSON file, replaced whole and durably: what the cluster and node controllers
//! remember between a `kill -9` and the next start.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a file could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    /// The filesystem refused.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The file is not what this program wrote.
    #[error("{path} cannot be understood ({cause}); move it away or restore it from a backup")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        #[source]
        cause: serde_json::Error,
    },
}

impl DurableError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |cause| Self::Io { path, cause }
    }
}

/// Replaces the file with `value`. When this returns, the value survives a power cut; when the
/// process dies before, the old value is there, whole.
///
/// Its directory is made when it is missing, and the file is readable by its owner only (user data
/// and addresses are nobody else's business). One writer per file.
///
/// # Errors
/// When the filesystem refuses; the old value is still there.
pub fn store<T: Serialize>(path: &Path, value: &T) -> Result<(), DurableError> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|cause| DurableError::Malformed { path: path.to_owned(), cause })?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    make_directory(directory)?;
    let new = path.with_extension("json.new");
    write_and_sync(&new, &text)
        .and_then(|()| fs::rename(&new, path))
        .map_err(DurableError::io(path))?;
    sync_directory(directory)
}

/// Makes a directory and the missing ones above it, each of them durable. Others may pass through
/// (QEMU runs as a user of its own) but not look around.
fn make_directory(directory: &Path) -> Result<(), DurableError> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().unwrap_or(Path::new("/"));
    make_directory(above)?;
    match DirBuilder::new().mode(0o711).create(directory) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            Err(DurableError::Io { path: directory.to_owned(), cause })
        }
        _ => sync_directory(above),
    }
}

fn write_and_sync(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn sync_directory(directory: &Path) -> Result<(), DurableError> {
    File::open(directory).and_then(|open| open.sync_all()).map_err(DurableError::io(directory))
}

/// The value that was stored last; none when there never was one.
///
/// # Errors
/// When the file cannot be read or is not a value of this type.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DurableError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(DurableError::Io { path: path.to_owned(), cause }),
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|cause| DurableError::Malformed { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_stored_last_is_loaded_and_a_half_written_successor_is_ignored() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/instance.json");
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), None);
        store(&path, &vec![1, 2]).unwrap();
        store(&path, &vec![3]).unwrap();
        fs::write(path.with_extension("json.new"), "[4,").unwrap();
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), Some(vec![3]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn errors_name_the_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("node.json");
        fs::write(&path, "{").unwrap();
        let malformed = load::<Vec<u32>>(&path).unwrap_err().to_string();
        assert!(malformed.contains("node.json cannot be understood"), "{malformed}");
        let below_a_file = path.join("x.json");
        let refused = store(&below_a_file, &1).unwrap_err().to_string();
        assert!(refused.contains("node.json"), "{refused}");
    }
}
