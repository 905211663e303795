//! Log files that do not fill the disk.

use conf::LogFiles;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// A log file that is set aside as `NAME.0` when it is large, older ones moving up.
///
/// Several processes may write the same log (one that ends and one that starts): each looks before
/// every line whether the file still has its name, and only one at a time sets it aside. A line is
/// written to one file whole, or to the one before; when a file cannot be set aside it grows.
pub(crate) struct LogFile(Mutex<Open>);

struct Open {
    path: PathBuf,
    file: File,
    limits: LogFiles,
    /// It is not tried again to set the file aside before it has this size.
    again_at: u64,
    /// Whether what the process says on standard output and error belongs into the log, too.
    with_output: bool,
}

impl LogFile {
    /// Opens a log to write at its end. From now on standard output and error go there, too: what
    /// a library or a panic says.
    pub(crate) fn open(path: &Path, limits: LogFiles) -> io::Result<Self> {
        Self::with(path, limits, true)
    }

    /// A log that leaves the output of the process alone.
    #[cfg(test)]
    pub(crate) fn in_test(path: &Path, limits: LogFiles) -> Self {
        Self::with(path, limits, false).unwrap()
    }

    fn with(path: &Path, limits: LogFiles, with_output: bool) -> io::Result<Self> {
        let file = append(path)?;
        let open = Open { path: path.to_owned(), file, limits, again_at: 0, with_output };
        open.take_output();
        Ok(Self(Mutex::new(open)))
    }
}

/// Opens a log to write at its end.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Open {
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if let Err(error) = self.make_room() {
            // The log goes on in the file that it has; a tenth more, and it is tried again.
            let size = self.size().unwrap_or(0);
            self.again_at = size.saturating_add(self.limits.max_bytes / 10);
            writeln!(self.file, "this log cannot be set aside and grows: {error}")?;
        }
        self.file.write_all(line)
    }

    fn make_room(&mut self) -> io::Result<()> {
        if !self.has_its_name()? {
            return self.reopen();
        }
        if self.size()? < self.limits.max_bytes.max(self.again_at) {
            return Ok(());
        }
        match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            // Somebody else is setting it aside at this instant.
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(()),
            locked => locked?,
        }
        let done = match self.has_its_name() {
            Ok(true) => self.set_aside(),
            // Somebody else has set it aside meanwhile.
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        let unlocked = flock(&self.file, FlockOperation::Unlock);
        done?;
        unlocked?;
        self.reopen()
    }

    /// Whether the name still leads to the file that is open.
    fn has_its_name(&self) -> io::Result<bool> {
        let open = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn size(&self) -> io::Result<u64> {
        self.file.metadata().map(|about| about.len())
    }

    fn set_aside(&self) -> io::Result<()> {
        let numbered = |n: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        for n in (1..self.limits.kept).rev() {
            match std::fs::rename(numbered(n - 1), numbered(n)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        std::fs::rename(&self.path, numbered(0))
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = append(&self.path)?;
        self.again_at = 0;
        self.take_output();
        Ok(())
    }

    fn take_output(&self) {
        if self.with_output {
            // Should it fail, that output stays where it was.
            let _ = rustix::stdio::dup2_stdout(&self.file);
            let _ = rustix::stdio::dup2_stderr(&self.file);
        }
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> LineWriter<'a> {
        LineWriter(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes one line of the log.
pub(crate) struct LineWriter<'a>(MutexGuard<'a, Open>);

impl Write for LineWriter<'_> {
    /// Takes the whole line, so that it is in one file.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_line(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SMALL: LogFiles = LogFiles { max_bytes: 10, kept: 5 };

    fn open(path: &Path, limits: LogFiles) -> LogFile {
        LogFile::in_test(path, limits)
    }

    fn say(log: &LogFile, line: &str) {
        log.make_writer().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn read(path: &Path, suffix: &str) -> String {
        let path = format!("{}{suffix}", path.display());
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_large_log_is_set_aside_and_as_many_as_wanted_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.log");
        let log = open(&path, SMALL);
        (0..8).for_each(|n| say(&log, &format!("line number {n}")));
        assert_eq!(read(&path, ""), "line number 7\n");
        assert_eq!(read(&path, ".0"), "line number 6\n");
        assert_eq!(read(&path, ".4"), "line number 2\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 6);

        let one = open(&path, LogFiles { kept: 1, ..SMALL });
        say(&one, "line number 8");
        assert_eq!(
            (read(&path, "").as_str(), read(&path, ".0").as_str()),
            ("line number 8\n", "line number 7\n")
        );
        assert_eq!(read(&path, ".1"), "line number 5\n", "what was there before is left alone");
    }

    #[test]
    fn what_was_written_before_a_restart_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nc.log");
        say(&open(&path, SMALL), "of the process before");
        say(&open(&path, SMALL), "of the next one");
        assert_eq!(read(&path, ".0"), "of the process before\n");
    }

    #[test]
    fn two_that_write_the_same_log_lose_no_line_and_follow_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cloud-output.log");
        let limits = LogFiles { max_bytes: 400, kept: 999 };
        let writers: Vec<_> = (0..4).map(|_| open(&path, limits)).collect();
        std::thread::scope(|scope| {
            for (who, log) in writers.iter().enumerate() {
                scope.spawn(move || (0..500).for_each(|n| say(log, &format!("{who} says {n}"))));
            }
        });
        let mut lines = BTreeSet::new();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        let wanted = (0..4).flat_map(|who| (0..500).map(move |n| format!("{who} says {n}")));
        assert_eq!(lines, wanted.collect());
        assert!(dir.path().join("cloud-output.log.1").exists());
    }

    #[test]
    fn a_log_that_was_moved_or_removed_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.log");
        let log = open(&path, LogFiles { max_bytes: 1 << 20, kept: 5 });
        say(&log, "one");
        std::fs::rename(&path, dir.path().join("elsewhere")).unwrap();
        say(&log, "two");
        assert_eq!(read(&path, ""), "two\n");
        std::fs::remove_file(&path).unwrap();
        say(&log, "three");
        assert_eq!(read(&path, ""), "three\n");
    }

    #[test]
    fn a_log_that_cannot_be_set_aside_goes_on_and_is_set_aside_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.log");
        let obstacle = dir.path().join("cc.log.0");
        std::fs::create_dir_all(obstacle.join("a directory in the way")).unwrap();
        let log = open(&path, LogFiles { kept: 1, ..SMALL });
        (0..3).for_each(|n| say(&log, &format!("line number {n}")));
        let text = read(&path, "");
        assert!(text.contains("cannot be set aside and grows"), "{text}");
        (0..3).for_each(|n| assert!(text.contains(&format!("line number {n}\n")), "{text}"));
        std::fs::remove_dir_all(&obstacle).unwrap();
        say(&log, "at last");
        assert_eq!(read(&path, ""), "at last\n");
        assert_eq!(read(&path, ".0"), text);
    }
}
