//! What tells whether a base is still as it was made.
//!
//! A base has no digest by which somebody else knows it. When it is made, its length, inode, time
//! of change and a digest of its content are written beside it. Before each use the first three
//! are compared, which costs nothing and finds files that were cut, replaced or written to; the
//! content is read once after each start of the process (`check`), which finds what a disk has
//! lost. The time at which an inode changed (ctime) is no part of it: giving an instance a link
//! to a base changes that. The seal's own modification time is that of the last use.

use super::fault::Fault;
use super::files;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const BLOCK: u64 = 64 << 10;

/// What a file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    bytes: u64,
    inode: u64,
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(file: &Metadata) -> Self {
        Self { bytes: file.len(), inode: file.ino(), changed: (file.mtime(), file.mtime_nsec()) }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    stamp: Stamp,
    content: protocol::Digest,
}

/// Where the seal of a base is.
pub(super) fn seal_of(base: &Path) -> PathBuf {
    base.with_extension("seal")
}

/// Seals a base that was just made.
pub(super) fn seal(base: &Path) -> Result<(), Fault> {
    let content = content(base, &AtomicBool::new(false));
    let sealed = content.and_then(|content| Ok((content, fs::metadata(base)?)));
    let (content, file) =
        sealed.map_err(|error| Fault::io(format!("sealing {}", base.display()), &error))?;
    let seal = Seal { stamp: Stamp::from(&file), content };
    durable::store(&seal_of(base), &seal).map_err(|error| match error {
        durable::DurableError::Io { path, cause } => {
            Fault::io(format!("writing {}", path.display()), &cause)
        }
        other => Fault::Failed(other.to_string()),
    })
}

/// Whether a base is there and looks as it did when it was sealed.
pub(super) fn holds(base: &Path) -> bool {
    let Ok(file) = fs::metadata(base) else { return false };
    stored(base).is_some_and(|seal| seal.stamp == Stamp::from(&file))
}

/// Whether a base's content is what it was when it was sealed. It is read whole.
///
/// # Errors
/// When it cannot be read, or `stop` was set meanwhile.
pub(super) fn content_holds(base: &Path, stop: &AtomicBool) -> io::Result<bool> {
    let Some(seal) = stored(base) else { return Ok(false) };
    Ok(content(base, stop)? == seal.content)
}

/// Notes that a base was used now.
pub(super) fn touch(base: &Path) -> Result<(), Fault> {
    files::touch(&seal_of(base))
}

fn stored(base: &Path) -> Option<Seal> {
    serde_json::from_slice(&fs::read(seal_of(base)).ok()?).ok()
}

/// The digest of all blocks that are not zero, with their places, and of the length.
fn content(base: &Path, stop: &AtomicBool) -> io::Result<protocol::Digest> {
    let file = File::open(base)?;
    let length = file.metadata()?.len();
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; usize::try_from(BLOCK).unwrap_or(1 << 16)];
    let mut at = 0;
    while let Some(data) = next_data(&file, at)? {
        at = data - data % BLOCK;
        let here = usize::try_from((length - at).min(BLOCK)).unwrap_or(buffer.len());
        file.read_exact_at(&mut buffer[..here], at)?;
        if buffer[..here].iter().any(|byte| *byte != 0) {
            hasher.update(at.to_le_bytes());
            hasher.update(&buffer[..here]);
        }
        at += here as u64;
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    hasher.update(length.to_le_bytes());
    Ok(protocol::Digest(hasher.finalize().into()))
}

/// Where the next bytes are that are not in a hole.
fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::TempDir;

    fn sealed() -> (TempDir, PathBuf) {
        let directory = TempDir::new().unwrap();
        let base = directory.path().join("disk-1");
        let mut file = File::create(&base).unwrap();
        file.write_all(&[7; 3000]).unwrap();
        file.set_len(5 << 20).unwrap();
        file.write_all_at(b"end", (5 << 20) - 3).unwrap();
        // The clock of files ticks slowly.
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        seal(&base).unwrap();
        (directory, base)
    }

    type Change = fn(&Path);

    fn content_holds_now(base: &Path) -> bool {
        content_holds(base, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn a_seal_holds_until_the_base_is_touched() {
        let changes: [(&str, Change); 5] = [
            ("cut", |base| File::options().write(true).open(base).unwrap().set_len(9).unwrap()),
            ("written", |base| {
                File::options().write(true).open(base).unwrap().write_all(b"x").unwrap();
            }),
            ("replaced", |base| {
                let modified = fs::metadata(base).unwrap().modified().unwrap();
                fs::copy(base, base.with_extension("copy")).unwrap();
                fs::rename(base.with_extension("copy"), base).unwrap();
                File::open(base).unwrap().set_modified(modified).unwrap();
            }),
            ("gone", |base| fs::remove_file(base).unwrap()),
            ("unsealed", |base| fs::write(seal_of(base), "{").unwrap()),
        ];
        for (name, change) in changes {
            let (_directory, base) = sealed();
            assert!(holds(&base) && content_holds_now(&base), "{name}");
            touch(&base).unwrap();
            fs::hard_link(&base, base.with_extension("link")).unwrap();
            assert!(holds(&base), "a use or a link breaks no seal");
            change(&base);
            assert!(!holds(&base), "{name}");
        }
    }

    #[test]
    fn lost_bytes_are_found_although_the_file_looks_the_same() {
        for (at, byte) in [(100, 8), (3_000_000, 1), ((5 << 20) - 1, 0)] {
            let (_directory, base) = sealed();
            let file = File::options().write(true).open(&base).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.write_all_at(&[byte], at).unwrap();
            file.set_modified(modified).unwrap();
            assert!(holds(&base) && !content_holds_now(&base), "at {at}");
        }
        let (_directory, base) = sealed();
        File::options().write(true).open(&base).unwrap().write_all_at(&[0; 100], 1 << 20).unwrap();
        assert!(content_holds_now(&base), "zeros in a hole change nothing");
        assert!(content_holds(&base, &AtomicBool::new(true)).is_err(), "it can be broken off");
    }
}
