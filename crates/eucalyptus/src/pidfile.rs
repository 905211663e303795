//! One process per component and machine.
//!
//! The file holds the process id and, once the component answers, the word `ready`. Whether the
//! process lives is told by the lock on the file, never by the number in it: after a `kill -9`
//! the number may be anybody's.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Whoever looks at the file holds its lock for a moment, and so does a process that was just
/// killed.
const MOMENT: Duration = Duration::from_secs(1);

/// Held for as long as the component runs.
pub(crate) struct PidFile(File);

/// What a pid file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) pid: i32,
    pub(crate) ready: bool,
}

impl PidFile {
    /// Takes the lock and writes this process's id; none when another process has it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let until = Instant::now() + MOMENT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Self(file)))
    }

    /// Says that the component answers.
    pub(crate) fn ready(&mut self) -> io::Result<()> {
        self.0.seek(io::SeekFrom::End(0))?;
        writeln!(self.0, "ready")
    }
}

/// The process that holds the pid file; none when there is none.
pub(crate) fn running(path: &Path) -> io::Result<Option<Running>> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => return Ok(None),
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        Err(e) => return Err(e.into()),
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok()).filter(|pid| *pid > 0);
    Ok(pid.map(|pid| Running { pid, ready: lines.next() == Some("ready") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_tells_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.pid");
        assert_eq!(running(&path).unwrap(), None);
        let mut held = PidFile::take(&path).unwrap().unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert_eq!(running(&path).unwrap(), Some(Running { pid, ready: false }));
        assert!(PidFile::take(&path).unwrap().is_none(), "one at a time");
        held.ready().unwrap();
        assert_eq!(running(&path).unwrap(), Some(Running { pid, ready: true }));
        drop(held);
        assert_eq!(running(&path).unwrap(), None, "a stale number is nobody");
    }

    #[test]
    fn who_only_looks_keeps_nobody_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cc.pid");
        let looking = File::create(&path).unwrap();
        flock(&looking, FlockOperation::NonBlockingLockShared).unwrap();
        let start = thread::spawn(move || PidFile::take(&path).unwrap().is_some());
        thread::sleep(Duration::from_millis(50));
        drop(looking);
        assert!(start.join().unwrap());
    }
}
