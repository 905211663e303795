//! When libvirt tells that domains were started.

use crate::machine::Machine;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A start that takes longer is none.
const LIMIT: Duration = Duration::from_secs(300);

/// Listens to libvirt's events for as long as the machine lives.
pub(crate) struct Starts(Arc<(Mutex<BTreeMap<String, Instant>>, Condvar)>);

impl Starts {
    pub(crate) fn of(machine: &Machine) -> Self {
        let mut virsh = machine.command("stdbuf");
        virsh.args([
            "-oL",
            "virsh",
            "-c",
            "qemu:///system",
            "event",
            "--event",
            "lifecycle",
            "--loop",
        ]);
        let mut virsh = virsh.stdout(Stdio::piped()).spawn().unwrap();
        let starts = Self(Arc::default());
        let told = Arc::clone(&starts.0);
        let lines = BufReader::new(virsh.stdout.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let now = Instant::now();
                if let Some(name) = started(&line) {
                    told.0.lock().unwrap().insert(name.to_owned(), now);
                    told.1.notify_all();
                }
            }
            let _ = virsh.wait();
        });
        starts
    }

    /// Waits for a domain's start, and forgets it: the next one may have the same name.
    pub(crate) fn wait(&self, name: &str) -> Instant {
        let (starts, changed) = &*self.0;
        let started = starts.lock().unwrap();
        let missing = |now: &mut BTreeMap<_, _>| !now.contains_key(name);
        let (mut now, _) = changed.wait_timeout_while(started, LIMIT, missing).unwrap();
        now.remove(name).unwrap_or_else(|| panic!("{name} was not started within {LIMIT:?}"))
    }

    /// Waits for all of these; when the last one was started.
    pub(crate) fn wait_all(&self, names: &[String]) -> Instant {
        names.iter().map(|name| self.wait(name)).max().unwrap()
    }
}

/// The domain of a line like `event 'lifecycle' for domain 'x': Started Booted`.
fn started(line: &str) -> Option<&str> {
    let (domain, event) = line.split_once(" for domain ")?.1.rsplit_once(": ")?;
    event.starts_with("Started").then_some(domain.trim_matches('\''))
}
