//! A machine of its own for each test: namespaces for network, processes and mounts, with a
//! libvirtd inside. Ending its first process ends everything in it, guests included.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running test machine.
pub(crate) struct Machine {
    init: Child,
    /// The first process inside, as the host numbers it.
    pid: u32,
    /// The machine's own directory, which a QEMU of another user may enter.
    dir: tempfile::TempDir,
}

impl Machine {
    /// Starts a machine and waits for its libvirtd.
    pub(crate) fn boot() -> Self {
        assert!(rustix::process::geteuid().is_root(), "tests with real instances must run as root");
        let dir = tempfile::Builder::new().prefix("euca-test-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/machine-init");
        let log = fs::File::create(dir.path().join("machine.log")).unwrap();
        let init = Command::new("unshare")
            .args(["--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"])
            .args(["tini", "-s", "--", script])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut machine = Self { pid: 0, init, dir };
        machine.pid = wait_for("the machine's first process", Duration::from_secs(10), || {
            let children = format!("/proc/{0}/task/{0}/children", machine.init.id());
            fs::read_to_string(children).ok()?.split_whitespace().next()?.parse().ok()
        });
        wait_for("the machine's libvirtd", Duration::from_secs(60), || {
            machine.run("virsh", ["-c", "qemu:///system", "list"]).status.success().then_some(())
        });
        machine
    }

    /// The machine's own directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The machine's first process, as the host numbers it.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A command to be run inside.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string(), "--mount", "--net", "--pid", "--"]);
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a command inside to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> Output {
        self.command(program).args(args).output().unwrap()
    }

    /// Runs a command inside that must succeed; its output.
    pub(crate) fn must<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = A>,
    ) -> String {
        let mut command = self.command(program);
        command.args(args);
        must(command)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // --kill-child ends the first process, and the kernel all others of its namespace
        let _ = self.init.kill();
        let _ = self.init.wait();
        if std::thread::panicking() {
            eprintln!("the files of the failed test stay in {}", self.dir.path().display());
            self.dir.disable_cleanup(true);
        }
    }
}

/// Runs a command that must succeed; its output.
pub(crate) fn must(mut command: Command) -> String {
    let output = command.output().unwrap();
    text_of(&format!("{command:?}"), output)
}

fn text_of(what: &str, output: Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// Looks until there is an answer; fails with the name of what was waited for.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
