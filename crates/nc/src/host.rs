//! Whether the machine itself is being shut down. libvirt asks every guest to shut down then, and
//! a guest that does so looks exactly like one that powers itself off.

use async_trait::async_trait;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long systemd may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The machine that the node controller runs on.
#[async_trait]
pub trait Host: Send + Sync {
    /// Whether it is being shut down or rebooted.
    ///
    /// # Errors
    /// With what is wrong, when that cannot be told now.
    async fn goes_down(&self) -> Result<bool, String>;
}

/// A machine whose first process is systemd. Of any other nothing is known, and it is taken for one
/// that stays.
#[derive(Debug, Clone)]
pub struct Systemd {
    /// The program that is asked.
    systemctl: PathBuf,
}

impl Default for Systemd {
    fn default() -> Self {
        Self { systemctl: "systemctl".into() }
    }
}

#[async_trait]
impl Host for Systemd {
    /// systemd says "stopping" from the moment at which a shutdown is begun, before it stops
    /// anything, to the end (`systemctl(1)`, is-system-running; `manager_state` in its source).
    async fn goes_down(&self) -> Result<bool, String> {
        let mut command = Command::new(&self.systemctl);
        command.arg("is-system-running").stdin(Stdio::null()).kill_on_drop(true);
        let said = match tokio::time::timeout(ANSWER, command.output()).await {
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Ok(said) => said.map_err(|error| untold(&error.to_string()))?,
            Err(_) => return Err(untold(&format!("no answer within {} s", ANSWER.as_secs()))),
        };
        match String::from_utf8_lossy(&said.stdout).trim() {
            "stopping" => Ok(true),
            // Beside these there are "unknown", and nothing at all when it cannot be reached.
            "initializing" | "starting" | "running" | "degraded" | "maintenance" | "offline" => {
                Ok(false)
            }
            _ => Err(untold(String::from_utf8_lossy(&said.stderr).trim())),
        }
    }
}

fn untold(cause: &str) -> String {
    let cause: String = cause.chars().filter(|c| !c.is_control()).take(200).collect();
    format!(
        "systemctl is-system-running does not say whether this machine is being shut down, and \
         until it does no guest that has ended is terminated or started again: {cause}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// What is made of a systemctl that runs this script.
    async fn told(script: &str) -> Result<bool, String> {
        let directory = tempfile::tempdir().unwrap();
        let systemctl = directory.path().join("systemctl");
        let script = format!("#!/bin/sh\n[ \"$*\" = is-system-running ] || exit 9\n{script}\n");
        fs::write(&systemctl, script).unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
        Systemd { systemctl }.goes_down().await
    }

    #[tokio::test]
    async fn a_machine_goes_down_when_systemd_says_so() {
        assert_eq!(told("echo stopping; exit 1").await, Ok(true));
        for word in ["running", "degraded; exit 1", "starting; exit 1", "offline; exit 1"] {
            assert_eq!(told(&format!("echo {word}")).await, Ok(false), "{word}");
        }
        let gone = Systemd { systemctl: "/nowhere/systemctl".into() };
        assert_eq!(gone.goes_down().await, Ok(false));
        assert_eq!(Systemd::default().goes_down().await, Ok(false), "this machine stays");
    }

    #[tokio::test]
    async fn a_systemd_that_does_not_answer_is_no_answer() {
        let bus = "Failed to connect to bus: Connection refused";
        let error = told(&format!("echo '{bus}' >&2; exit 1")).await.unwrap_err();
        assert!(error.ends_with(bus), "{error}");
        assert!(told("echo unknown; exit 1").await.is_err());
    }
}
