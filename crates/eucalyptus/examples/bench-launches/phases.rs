//! The phases of launches, from the processes' own metrics (docs/metrics.md).

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// The phases in their order.
pub(crate) const PHASES: [&str; 5] = [
    "accepted_to_handed_over",
    "received_to_told",
    "told_to_disks_ready",
    "disks_ready_to_domain_started",
    "accepted_to_running",
];

/// For each phase the seconds and the number of launches.
#[derive(Debug, Default, Clone)]
pub(crate) struct Phases(BTreeMap<String, (f64, f64)>);

impl Phases {
    /// What the processes have measured until now.
    pub(crate) fn so_far() -> Self {
        // what they answer is up to a second old
        std::thread::sleep(Duration::from_millis(1100));
        let mut phases = Self::default();
        for port in [8780, 8781, 8782] {
            metrics(port).lines().for_each(|line| phases.take_in(line));
        }
        phases
    }

    fn take_in(&mut self, line: &str) {
        let Some(after) = line.strip_prefix("eucalyptus_launch_phase_seconds_") else { return };
        let Some((series, value)) = after.split_once("{phase=\"") else { return };
        let (phase, value) = value.split_once("\"} ").unwrap();
        let slot = self.0.entry(phase.to_owned()).or_default();
        match series {
            "sum" => slot.0 = value.parse().unwrap(),
            "count" => slot.1 = value.parse().unwrap(),
            _ => {}
        }
    }

    /// What was measured since then.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (phase, slot) in &mut since.0 {
            let (sum, count) = before.0.get(phase).copied().unwrap_or_default();
            *slot = (slot.0 - sum, slot.1 - count);
        }
        since
    }

    /// How long a phase took, on the average of the launches; none was measured: zero.
    pub(crate) fn mean(&self, phase: &str) -> Duration {
        let (sum, count) = self.0.get(phase).copied().unwrap_or_default();
        Duration::from_secs_f64(if count > 0.0 { (sum / count).max(0.0) } else { 0.0 })
    }
}

fn metrics(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
