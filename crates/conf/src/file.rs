//! The file on disk.

use crate::{Conf, ConfError, Document, Layout};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A configuration that was read and checked.
#[derive(Debug)]
pub struct Loaded {
    /// What it says.
    pub conf: Conf,
    /// What the administrator should know about it, one sentence each.
    pub warnings: Vec<String>,
}

/// The configuration file when none is named: below EUCALYPTUS of the environment, else below
/// [`Layout::DEFAULT_ROOT`].
pub fn default_path(root: Option<&OsStr>) -> PathBuf {
    let root = root.filter(|root| !root.is_empty()).unwrap_or(OsStr::new(Layout::DEFAULT_ROOT));
    Layout::new(root).conf_file()
}

/// Reads a configuration file's text.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<Document, ConfError> {
    let bytes =
        std::fs::read(path).map_err(|source| ConfError::Read { path: path.to_owned(), source })?;
    Ok(Document::parse(&bytes))
}

/// Reads and checks a configuration file.
///
/// # Errors
/// When it cannot be read, or with every problem that it has.
pub fn load(path: &Path) -> Result<Loaded, ConfError> {
    let (conf, warnings) = Conf::from_document(path, &read(path)?)?;
    Ok(Loaded { conf, warnings })
}

/// Writes a configuration file, whole or not at all; an existing one keeps its mode.
///
/// # Errors
/// When it cannot be written; the old file is then untouched.
pub fn save(path: &Path, document: &Document) -> Result<(), ConfError> {
    // a link stays a link: what it points to is replaced
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&target, &document.to_bytes())
        .map_err(|source| ConfError::Write { path: path.to_owned(), source })
}

fn replace(target: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = target.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let old = std::fs::metadata(target).ok();
    let mode = old.as_ref().map_or(0o644, |old| old.permissions().mode() & 0o7777);
    let mut file = tempfile::Builder::new().prefix(".eucalyptus.conf.").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_the_environment_decides_where_the_file_is() {
        let file = "etc/eucalyptus/eucalyptus.conf";
        let default = Path::new("/opt/eucalyptus").join(file);
        assert_eq!(default_path(None), default);
        assert_eq!(default_path(Some(OsStr::new(""))), default);
        assert_eq!(default_path(Some(OsStr::new("/e"))), Path::new("/e").join(file));
    }

    #[test]
    fn saving_keeps_the_mode_and_follows_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (real, link) = (directory.path().join("real"), directory.path().join("link"));
        std::fs::write(&real, "A=1\n").unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();

        save(&link, &Document::parse(b"A=2\n")).unwrap();

        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"A=2\n");
        assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_missing_file_names_the_remedy() {
        let text = load(Path::new("/nonexistent/eucalyptus.conf")).unwrap_err().to_string();
        assert!(text.contains("euca_conf --setup"), "{text}");
    }
}
