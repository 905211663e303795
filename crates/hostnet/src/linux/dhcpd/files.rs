//! Its files, and what they tell of it.
//!
//! Whether it runs is told by the lock on its log, which it has as its error output: the lock is
//! taken before it starts and goes with it, however it ends. Its configuration is replaced while
//! none runs, so it is always that of the one which does. Its process id is what it writes down
//! itself, and whose it is is looked at before it is used.

use super::process::Process;
use super::program::{Account, DhcpdProgram};
use rustix::process::Pid;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown, fchown};
use std::path::PathBuf;

/// A log of this size is begun anew.
const MOST_LOG: u64 = 1 << 20;
/// So much of the log's end is looked at.
const LOG_END: u64 = 8192;

/// Where the files of dhcpd are.
#[derive(Debug, Clone)]
pub struct DhcpdFiles {
    /// The directory of its configuration and its process id, root's.
    pub directory: PathBuf,
    /// What it says.
    pub log: PathBuf,
}

impl DhcpdFiles {
    pub(super) fn conf(&self) -> PathBuf {
        self.directory.join("euca-dhcp.conf")
    }

    /// The configuration that is not in force yet.
    pub(super) fn new_conf(&self) -> PathBuf {
        self.directory.join("euca-dhcp.conf.new")
    }

    pub(super) fn pid(&self) -> PathBuf {
        self.directory.join("euca-dhcp.pid")
    }

    /// The directory of its leases, which belongs to VNET_DHCPUSER: it makes new files there.
    fn own_directory(&self) -> PathBuf {
        self.directory.join("dhcpd")
    }

    pub(super) fn leases(&self) -> PathBuf {
        self.own_directory().join("euca-dhcp.leases")
    }

    /// Whether this is the configuration that was put in force last.
    pub(super) fn has_conf(&self, text: &str) -> bool {
        fs::read(self.conf()).is_ok_and(|there| there == text.as_bytes())
    }

    pub(super) fn write_new_conf(&self, text: &str) -> io::Result<()> {
        use std::io::Write;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.new_conf())?.write_all(text.as_bytes())
    }

    /// The log, locked for one that is about to start; none while one runs.
    pub(super) fn lock(&self) -> io::Result<Option<File>> {
        let log = self.open_log()?;
        match log.try_lock() {
            Ok(()) => Ok(Some(log)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether one runs; it does not while its log is too long to go on with.
    pub(super) fn is_running(&self) -> io::Result<bool> {
        if self.lock()?.is_some() {
            return Ok(false);
        }
        let log = self.open_log()?;
        // It appends, wherever the end is.
        if log.metadata()?.len() > MOST_LOG {
            log.set_len(0)?;
        }
        Ok(true)
    }

    fn open_log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).mode(0o600).open(&self.log)
    }

    /// The last that was said.
    pub(super) fn log_end(&self) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.log).and_then(|mut log| {
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(LOG_END)))?;
            log.read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// The one that runs, as far as its files tell.
    pub(super) fn process(&self) -> Option<Process> {
        let text = fs::read_to_string(self.pid()).ok()?;
        let number = text.trim().parse().ok().filter(|number| *number > 0)?;
        Process::with_argument(Pid::from_raw(number)?, &self.conf())
    }

    /// Makes all ready for one to start. It has only fixed addresses, so what an earlier one
    /// remembered of leases is of no use, and is no obstacle either.
    pub(super) fn prepare(&self, program: &DhcpdProgram) -> io::Result<()> {
        for remove in [fs::remove_file(self.pid()), fs::remove_dir_all(self.own_directory())] {
            match remove {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        DirBuilder::new().mode(0o700).create(self.own_directory())?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let leases = options.open(self.leases())?;
        if let Some(Account { uid, gid, .. }) = &program.account {
            let (uid, gid) = (Some(uid.as_raw()), Some(gid.as_raw()));
            fchown(&leases, uid, gid)?;
            chown(self.own_directory(), uid, gid)?;
        }
        fs::rename(self.new_conf(), self.conf())
    }
}
