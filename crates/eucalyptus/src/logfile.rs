//! Log files that do not fill the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes after which a log is set aside (the figure of 1.4, FACTS 10.1).
const ROTATE_AT: u64 = 32_768_000;
/// Old logs that are kept, `.0` the newest.
const KEPT: u32 = 5;

/// A log file that is set aside as `NAME.0` when it is large, older ones moving up to `.4`.
pub(crate) struct LogFile(Mutex<Open>);

struct Open {
    path: PathBuf,
    file: File,
    bytes: u64,
    rotate_at: u64,
}

impl LogFile {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::with_size(path, ROTATE_AT)
    }

    fn with_size(path: &Path, rotate_at: u64) -> io::Result<Self> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self(Mutex::new(Open { path: path.to_owned(), file, bytes, rotate_at })))
    }
}

/// Opens a log to write at its end.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Open {
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |n: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        for n in (1..KEPT).rev() {
            match std::fs::rename(numbered(n - 1), numbered(n)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        std::fs::rename(&self.path, numbered(0))?;
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl Write for Open {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes >= self.rotate_at {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(&self.0)
    }
}

/// Writes one line of the log.
pub(crate) struct LineWriter<'a>(&'a Mutex<Open>);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        open.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_log_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.log");
        let log = LogFile::with_size(&path, 10).unwrap();
        for n in 0..8 {
            log.make_writer().write_all(format!("line number {n}\n").as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("cc.log"), "line number 7\n");
        assert_eq!(read("cc.log.0"), "line number 6\n");
        assert_eq!(read("cc.log.4"), "line number 2\n");
        assert!(!dir.path().join("cc.log.5").exists());
    }
}
