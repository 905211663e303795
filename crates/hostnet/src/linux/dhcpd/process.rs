//! Starting and ending it.

use super::files::DhcpdFiles;
use super::program::DhcpdProgram;
use crate::linux::tool;
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// How long it may take to begin, or to end when it was told to.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A process that cannot become another one.
pub(super) struct Process(OwnedFd);

impl Process {
    /// The process of this number, when it is one that was started with `-cf` and this file.
    pub(super) fn with_argument(pid: Pid, conf: &Path) -> Option<Self> {
        // In this order: what is looked at then is what is signalled, or gone.
        let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        let is_ours = words.windows(2).any(|two| two == [b"-cf", conf.as_os_str().as_bytes()]);
        is_ours.then_some(Self(process))
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.0, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }
}

impl DhcpdFiles {
    /// Has a configuration tried by the program itself, before it is put in force.
    pub(super) async fn try_conf(&self, program: &DhcpdProgram, text: &str) -> Result<(), String> {
        let not_written = |error| format!("{}: {error}", self.new_conf().display());
        self.write_new_conf(text).map_err(not_written)?;
        let (path, conf) = (program.path.to_string_lossy(), self.new_conf());
        let options = ["-4", "-t", "-cf", &conf.to_string_lossy()];
        let output = tool::run(&path, &options, String::new()).await;
        let output = output.map_err(|error| format!("{path}: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(last_words(&String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Starts one with the configuration that was tried last.
    pub(super) async fn start(
        &self,
        program: &DhcpdProgram,
        devices: impl Iterator<Item = &String>,
    ) -> Result<(), String> {
        let failed = |error: io::Error| error.to_string();
        let Some(log) = self.lock().map_err(failed)? else {
            return Err(format!("another process has {} open", self.log.display()));
        };
        self.prepare(program).map_err(failed)?;
        let mut command = Command::new(&program.path);
        command.args(["-4", "-d", "-cf"]).arg(self.conf()).arg("-lf").arg(self.leases());
        command.arg("-pf").arg(self.pid());
        if let Some(account) = &program.account {
            command.args(["-user", &account.user, "-group", &account.group]);
        }
        command.args(devices).env_clear().env("PATH", tool::PATH).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // What ends this process, or its group, does not end that one.
        let child = command.process_group(0).spawn();
        drop(command);
        self.wait_begun(child.map_err(failed)?).await
    }

    /// It writes its process id down when it has its sockets.
    async fn wait_begun(&self, mut child: Child) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                return Err(format!("{} ({status})", last_words(&self.log_end())));
            }
            if self.process().is_some() {
                return Ok(());
            }
            sleep(LOOK).await;
        }
        let _ = child.kill().await;
        Err(format!("it has not begun to serve: {}", last_words(&self.log_end())))
    }

    /// Ends the one that runs, whoever started it; whether there was one.
    pub(super) async fn end(&self) -> io::Result<bool> {
        if self.lock()?.is_some() {
            return Ok(false);
        }
        for signal in [Signal::TERM, Signal::KILL] {
            let until = Instant::now() + PATIENCE;
            let mut is_told = false;
            while Instant::now() < until {
                // One that has just been started has not written its process id down yet.
                if !is_told && let Some(process) = self.process() {
                    process.signal(signal)?;
                    is_told = true;
                }
                if self.lock()?.is_some() {
                    return Ok(true);
                }
                sleep(LOOK).await;
            }
        }
        let log = self.log.display();
        Err(io::Error::other(format!(
            "the process that writes {log} is not the one of {}, or does not end: end it \
             (fuser -k {log})",
            self.pid().display()
        )))
    }
}

/// What the server said last, without what it says each time.
pub(super) fn last_words(said: &str) -> String {
    const GREETING: &str = "please visit https://www.isc.org/software/dhcp/";
    const FAREWELL: &str = "If you think you have received this message due to a bug";
    let this_time = said.rsplit_once(GREETING).map_or(said, |(_, words)| words);
    let words = this_time.split(FAREWELL).next().unwrap_or_default();
    let lines: Vec<_> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match &lines[lines.len().saturating_sub(6)..] {
        [] => "nothing".to_owned(),
        last => last.join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_only_has_its_number_is_left_alone() {
        let conf = Path::new("/net/euca-dhcp.conf");
        let found = |number| Process::with_argument(Pid::from_raw(number).unwrap(), conf).is_some();
        let mut ours = std::process::Command::new("sh");
        ours.args(["-c", "echo ready; read line", "dhcpd", "-cf", "/net/euca-dhcp.conf"]);
        ours.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut ours = ours.spawn().unwrap();
        // its words are there when it runs
        io::Read::read_exact(ours.stdout.as_mut().unwrap(), &mut [0]).unwrap();
        let number = i32::try_from(ours.id()).unwrap();
        assert!(found(number));
        assert!(!found(i32::try_from(std::process::id()).unwrap()));
        ours.kill().unwrap();
        ours.wait().unwrap();
        assert!(!found(number));
    }

    #[test]
    fn of_what_it_says_the_last_lines_of_its_own_are_told() {
        let greeting = "Internet Systems Consortium DHCP Server 4.4.3-P1\nFor info, please visit \
                        https://www.isc.org/software/dhcp/\n";
        let farewell = "\nIf you think you have received this message due to a bug rather\n\
                        than a configuration issue please read\n\nexiting.\n";
        for (said, expect) in [
            (format!("{greeting}{farewell}"), "nothing"),
            (String::new(), "nothing"),
            (
                format!("{greeting}Can't open c: No such file{farewell}"),
                "Can't open c: No such file",
            ),
            (format!("{greeting}old\n{farewell}{greeting}\n new\n\nnewer\n"), "new; newer"),
            ("1\n2\n3\n4\n5\n6\n7".to_owned(), "2; 3; 4; 5; 6; 7"),
        ] {
            assert_eq!(last_words(&said), expect, "{said}");
        }
    }
}
