//! ISC's dhcpd in place of the built-in DHCP server (VNET_DHCPDAEMON).
//!
//! It is a process of its own and outlives this one, so that leases are renewed while nobody is
//! here to answer. It has no way to read its configuration again: where that or a device changes it
//! is ended and started anew, and who asked in between asks again.

mod files;
mod process;
mod program;

pub use files::DhcpdFiles;
pub use program::{DhcpdError, DhcpdProgram};

use super::dhcp::Wanted;
use crate::HostNetError;
use netplan::dhcpd_conf;
use process::last_words;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// One that ran for so long has not failed at its start.
const STEADY: Duration = Duration::from_secs(60);
/// The longest time between two attempts to start it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The dhcpd that runs, or one that an earlier process has left.
#[derive(Debug)]
pub(super) struct Dhcpd {
    files: DhcpdFiles,
    program: Option<DhcpdProgram>,
    /// It ran when it was looked at last.
    is_up: bool,
    failures: Failures,
}

impl Dhcpd {
    pub(super) fn new(files: DhcpdFiles, program: Option<DhcpdProgram>) -> Self {
        Self { files, program, is_up: false, failures: Failures::default() }
    }

    /// Whether it is to be run at all. What ran before this process began is ended otherwise.
    pub(super) const fn is_configured(&self) -> bool {
        self.program.is_some()
    }

    /// Makes one run that answers on just these devices, or none when there are none.
    pub(super) async fn serve(&mut self, wanted: &Wanted) -> Result<Option<String>, HostNetError> {
        let done = match self.program.clone().filter(|_| !wanted.is_empty()) {
            Some(program) => self.run(&program, wanted).await,
            None => self.end().await,
        };
        done.map_err(HostNetError::dhcpd)
    }

    async fn end(&mut self) -> Result<Option<String>, String> {
        self.is_up = false;
        let ended = self.files.end().await.map_err(|error| error.to_string())?;
        Ok(ended.then(|| "dhcpd ended".to_owned()))
    }

    async fn run(
        &mut self,
        program: &DhcpdProgram,
        wanted: &Wanted,
    ) -> Result<Option<String>, String> {
        let text = conf(program, wanted);
        if self.files.has_conf(&text) {
            if self.files.is_running().map_err(|error| error.to_string())? {
                self.is_up = true;
                return Ok(None);
            }
            self.rest()?;
        }
        // The old one goes on answering when the new text is no good.
        self.files.try_conf(program, &text).await?;
        self.is_up = false;
        let changed = async {
            self.files.end().await.map_err(|error| error.to_string())?;
            self.files.start(program, wanted.keys()).await
        };
        if let Err(cause) = changed.await {
            self.failures.note(cause.clone(), Instant::now());
            return Err(cause);
        }
        self.is_up = true;
        self.failures.since = Some(Instant::now());
        let devices = wanted.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        Ok(Some(format!("dhcpd started on {devices}")))
    }

    /// Whether one that does not run may be started again now.
    fn rest(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.is_up) {
            let words = last_words(&self.files.log_end());
            let cause = format!("it has ended by itself; the last that it said: {words}");
            warn!("dhcpd: {cause}");
            self.failures.note(cause, Instant::now());
        }
        match self.failures.not_before {
            Some(then) if Instant::now() < then => {
                Err(format!("{} (it is started again within a minute)", self.failures.cause))
            }
            _ => Ok(()),
        }
    }
}

/// How often it has failed in a row.
#[derive(Debug, Default)]
struct Failures {
    /// When the last one began to run.
    since: Option<Instant>,
    count: u32,
    not_before: Option<Instant>,
    cause: String,
}

impl Failures {
    /// The first time it is started again at once, later after longer and longer times.
    fn note(&mut self, cause: String, now: Instant) {
        if self.since.take().is_some_and(|since| now - since >= STEADY) {
            self.count = 0;
        }
        self.not_before = Some(now + wait(self.count));
        self.count = self.count.saturating_add(1);
        self.cause = cause;
    }
}

fn wait(failures_before: u32) -> Duration {
    let steps = (1_u32 << failures_before.min(6)) - 1;
    (Duration::from_secs(5) * steps).min(LONGEST_WAIT)
}

/// Its configuration, with all in it that a running one was started with: another device, though
/// of the same name, makes another text.
fn conf(program: &DhcpdProgram, wanted: &Wanted) -> String {
    let mut text =
        format!("# The cluster controller's: it is written anew at each change.\n# {program}");
    for (device, (index, _)) in wanted {
        let _ = write!(text, "\n# on {device}, device {index}");
    }
    text + "\n" + &dhcpd_conf(wanted.values().map(|(_, network)| network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_started_again_at_once_and_then_less_and_less_often() {
        let waits = [0, 1, 2, 3, 4, 5, 99].map(|failures| wait(failures).as_secs());
        assert_eq!(waits, [0, 5, 15, 35, 60, 60, 60]);
    }

    #[test]
    fn one_that_ran_for_long_is_started_again_at_once() {
        let mut failures = Failures::default();
        let begun = Instant::now();
        let waits = [1, 1, 1, 600, 1].map(|ran| {
            let now = begun + Duration::from_secs(ran);
            failures.since = Some(begun);
            failures.note("it failed".to_owned(), now);
            (failures.not_before.unwrap() - now).as_secs()
        });
        assert_eq!(waits, [0, 5, 15, 0, 5]);
    }
}
