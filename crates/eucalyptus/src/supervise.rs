//! `eucalyptus start`, `stop`, `restart` and `status`: what an init script does.

use crate::component::Component;
use crate::logfile;
use crate::pidfile::{self, Running};
use conf::Layout;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// A first start makes keys and a database; on a slow machine that takes a while.
const START: Duration = Duration::from_secs(60);
/// Time to finish running requests before `kill -9`.
const STOP: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(50);
/// How much of a log is shown when its process did not start.
const TAIL: u64 = 3000;

/// Starts the components that do not run yet and waits until each answers.
pub(crate) fn start(
    layout: &Layout,
    components: &[Component],
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    for &component in components {
        let pid_file = component.pid_file(layout);
        if let Some(Running { pid, .. }) = pidfile::running(&pid_file)? {
            writeln!(out, "{}: already running (pid {pid})", component.name())?;
            continue;
        }
        let begun = Instant::now();
        let mut child = spawn(layout, component)?;
        if let Err(reason) = wait_ready(&pid_file, &mut child) {
            let log = component.log_file(layout);
            writeln!(out, "{}: {reason}. The end of {}:", component.name(), log.display())?;
            return show_tail(&log, out).map(|()| ExitCode::FAILURE);
        }
        let (pid, took) = (child.id(), begun.elapsed().as_millis());
        writeln!(out, "{}: started (pid {pid}, {took} ms)", component.name())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Stops what runs, last started first. Instances, their network and metadata go on.
pub(crate) fn stop(layout: &Layout, out: &mut dyn Write) -> io::Result<ExitCode> {
    let mut all_ended = true;
    for component in Component::ALL.into_iter().rev() {
        let pid_file = component.pid_file(layout);
        let Some(Running { pid, .. }) = pidfile::running(&pid_file)? else { continue };
        let ended =
            end(&pid_file, pid, Signal::TERM, STOP)? || end(&pid_file, pid, Signal::KILL, STOP)?;
        let said = if ended { "stopped" } else { "does not stop" };
        writeln!(out, "{}: {said} (pid {pid})", component.name())?;
        all_ended &= ended;
    }
    Ok(if all_ended { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says which components run; fails when one that should does not.
pub(crate) fn status(
    layout: &Layout,
    wanted: &[Component],
    out: &mut dyn Write,
) -> io::Result<ExitCode> {
    let mut all = true;
    for component in Component::ALL {
        let running = pidfile::running(&component.pid_file(layout))?;
        let text = match running {
            Some(Running { pid, ready: true }) => format!("running (pid {pid})"),
            Some(Running { pid, ready: false }) => format!("starting (pid {pid})"),
            None if wanted.contains(&component) => "not running".to_owned(),
            None => format!("not wanted here ({}=\"N\")", component.switch()),
        };
        all &= running.is_some_and(|r| r.ready) || !wanted.contains(&component);
        writeln!(out, "{}: {text}", component.name())?;
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a component of this very binary in a session of its own.
fn spawn(layout: &Layout, component: Component) -> io::Result<Child> {
    let log = logfile::append(&component.log_file(layout))?;
    Command::new(std::env::current_exe()?)
        .arg("--root")
        .arg(layout.root())
        .args([component.name(), "--detached"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn wait_ready(pid_file: &Path, child: &mut Child) -> Result<(), String> {
    let until = Instant::now() + START;
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Err(format!("did not start ({status})"));
        }
        match pidfile::running(pid_file) {
            Ok(Some(Running { ready: true, .. })) => return Ok(()),
            Err(e) => return Err(e.to_string()),
            _ if Instant::now() > until => {
                return Err(format!("started, but is not ready after {} s", START.as_secs()));
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// Sends a signal and waits for the end; whether it came.
fn end(pid_file: &Path, pid: i32, signal: Signal, limit: Duration) -> io::Result<bool> {
    let Some(id) = Pid::from_raw(pid) else { return Ok(true) };
    match kill_process(id, signal) {
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        other => other?,
    }
    let until = Instant::now() + limit;
    while pidfile::running(pid_file)?.is_some_and(|now| now.pid == pid) {
        if Instant::now() > until {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
    Ok(true)
}

fn show_tail(path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    out.write_all(&bytes)
}
