//! The file to which a guest's serial console is written: its end is shown, and it stays small.
//!
//! libvirt's virtlogd writes it and puts what is older aside as `console.log.0`, `.1` and so on
//! (2 MB each, three of them). Without virtlogd QEMU appends to it for ever: then all but the end
//! is taken out of the file, which becomes a hole. Its length stays, so whoever writes or reads it
//! notices nothing.

use crate::node::Node;
use rustix::fs::{FallocateFlags, fallocate};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// As much of a console as is shown, as EC2 does.
const SHOWN: u64 = 64 * 1024;

/// A console that takes more of the disk than this is cut.
const MOST_ON_DISK: u64 = 1 << 20;

/// So much is left of it: more than is shown, for it may be read and written meanwhile.
const LEFT: u64 = 128 * 1024;

/// The end of a console and when it was written to; none when there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<(SystemTime, Vec<u8>)>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let about = file.metadata()?;
    let mut end = tail(&mut file, SHOWN)?;
    let missing = SHOWN.saturating_sub(end.len() as u64);
    let older = open(&put_aside(path))?.filter(|_| missing > 0);
    if let Some(mut older) = older {
        // It may have been put aside since it was opened: then this is the same file.
        if older.metadata()?.ino() != about.ino() {
            let mut text = tail(&mut older, missing)?;
            text.append(&mut end);
            end = text;
        }
    }
    Ok(Some((about.modified()?, end)))
}

/// Where virtlogd puts what is just older than the file.
fn put_aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".0");
    name.into()
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn tail(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut end = Vec::new();
    file.take(most).read_to_end(&mut end)?;
    Ok(end)
}

/// Whether a console takes too much of the disk.
fn is_too_large(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.blocks() * 512 > MOST_ON_DISK)
}

/// Takes all but the end out of a console.
fn cut(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    let hole = file.metadata()?.len().saturating_sub(LEFT);
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    Ok(fallocate(&file, flags, 0, hole)?)
}

impl Node {
    /// Keeps every console small. One that cannot be is left as it is.
    pub(crate) async fn bound_consoles(&self) {
        let large: Vec<PathBuf> = {
            let state = self.state();
            let known = state.slots.values().map(|slot| &slot.entry.desired);
            let paths = known.map(|it| self.journal.console_path(&it.user, it.id));
            paths.filter(|path| is_too_large(path)).collect()
        };
        for path in large {
            let cut = tokio::task::spawn_blocking(move || cut(&path).map_err(|e| (path, e))).await;
            if let Ok(Err((path, error))) = cut {
                tracing::warn!(path = %path.display(), %error, "this console grows");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    #[test]
    fn a_long_console_is_shown_from_its_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("console.log");
        assert!(read(&path).unwrap().is_none());
        let mut text = vec![b'a'; 100_000];
        text.extend(b"login: ");
        fs::write(&path, &text).unwrap();
        let (_, end) = read(&path).unwrap().unwrap();
        assert_eq!(end.len() as u64, SHOWN);
        assert!(end.ends_with(b"aaalogin: "));
    }

    #[test]
    fn what_was_put_aside_completes_the_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("console.log");
        fs::write(put_aside(&path), [vec![b'x'; 100_000], b"old ".to_vec()].concat()).unwrap();
        fs::write(&path, b"new").unwrap();
        let (_, end) = read(&path).unwrap().unwrap();
        assert_eq!(end.len() as u64, SHOWN);
        assert!(end.ends_with(b"xxold new"));
        fs::write(&path, vec![b'y'; 70_000]).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().1, vec![b'y'; SHOWN as usize]);
        // put aside between the two looks: seen once
        fs::remove_file(put_aside(&path)).unwrap();
        fs::write(&path, b"short").unwrap();
        fs::hard_link(&path, put_aside(&path)).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().1, b"short");
    }

    #[test]
    fn a_console_that_is_written_for_ever_takes_little_of_the_disk_and_keeps_its_end() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("console.log");
        assert!(!is_too_large(&path));
        let mut writer = File::options().create(true).append(true).open(&path).unwrap();
        let (mut written, mut cuts) = (0_u64, 0);
        for round in 0..40_u8 {
            let piece = vec![round; 300_001];
            writer.write_all(&piece).unwrap();
            written += piece.len() as u64;
            if is_too_large(&path) {
                cut(&path).unwrap();
                cuts += 1;
            }
            let about = path.metadata().unwrap();
            assert_eq!(about.len(), written);
            assert!(about.blocks() * 512 <= MOST_ON_DISK, "round {round}: {}", about.blocks());
            let (_, end) = read(&path).unwrap().unwrap();
            assert_eq!(end, vec![round; SHOWN as usize]);
        }
        assert!(cuts > 5, "{cuts}");
    }
}
