//! The software on one test machine: installed, configured, started and killed as an
//! administrator does it.

use crate::machine::{Machine, must};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// An installation.
pub(crate) struct Installation {
    machine: Machine,
    /// EUCALYPTUS, as the machine sees it.
    root: PathBuf,
    /// The same directory as the test sees it.
    files: PathBuf,
}

impl Installation {
    /// Installs on a machine, with these lines at the end of `eucalyptus.conf`.
    pub(crate) fn new(machine: Machine, lines: &str) -> Self {
        let root = machine.dir().join("eucalyptus");
        Self::below(machine, root, lines)
    }

    /// The same, on a machine that sees its own directory at `root`.
    pub(crate) fn below(machine: Machine, root: PathBuf, lines: &str) -> Self {
        let files = machine.dir().join("eucalyptus");
        let installation = Self { machine, root, files };
        installation.install();
        installation.append(lines);
        installation
    }

    fn install(&self) {
        let sbin = self.files.join("usr/sbin");
        fs::create_dir_all(&sbin).unwrap();
        if self.root != self.files {
            self.machine
                .must("mount", [OsStr::new("--bind"), self.files.as_ref(), self.root.as_ref()]);
        }
        let binary = binary();
        let mut names = Command::new(&binary);
        names.arg("names");
        let names = must(names);
        for name in names.lines().chain(["eucalyptus"]) {
            std::os::unix::fs::symlink(&binary, sbin.join(name)).unwrap();
        }
        self.must("euca_conf", ["--setup"]);
        self.append("HYPERVISOR=\"qemu\"\nLOGLEVEL=\"DEBUG\"\n");
    }

    /// Adds lines to `eucalyptus.conf`; of two lines for one variable the later one counts.
    pub(crate) fn append(&self, lines: &str) {
        let conf = self.files.join("etc/eucalyptus/eucalyptus.conf");
        let text = fs::read_to_string(&conf).unwrap();
        fs::write(&conf, format!("{text}\n{lines}")).unwrap();
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// EUCALYPTUS, as the machine sees it.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// EUCALYPTUS, as the test sees it.
    pub(crate) fn files(&self) -> &Path {
        &self.files
    }

    /// One of the binary's own tools, with the installation's environment and no credentials.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = self.machine.command("env");
        command.arg(format!("EUCALYPTUS={}", self.root.display()));
        command.arg(self.root.join("usr/sbin").join(name));
        command
    }

    pub(crate) fn must<A: AsRef<OsStr>>(
        &self,
        name: &str,
        args: impl IntoIterator<Item = A>,
    ) -> String {
        let mut command = self.command(name);
        command.args(args);
        must(command)
    }

    /// `eucalyptus start`; prints the logs when it fails.
    pub(crate) fn start(&self) {
        let output = self.command("eucalyptus").arg("start").output().unwrap();
        if !output.status.success() {
            self.show_logs();
            panic!("eucalyptus start: {}", String::from_utf8_lossy(&output.stdout));
        }
    }

    pub(crate) fn stop(&self) {
        self.must("eucalyptus", ["stop"]);
    }

    /// Starts one component that is to abort at a named point.
    pub(crate) fn start_to_crash_at(&self, component: &str, point: &str) -> Child {
        let mut command = self.machine.command("env");
        command.arg(format!("EUCALYPTUS_CRASH_AT={point}"));
        command.arg(format!("EUCALYPTUS={}", self.root.display()));
        command.arg(self.root.join("usr/sbin/eucalyptus")).args([component, "--detached"]);
        command.spawn().unwrap()
    }

    /// The process id of a component, as the machine numbers it.
    pub(crate) fn pid(&self, component: &str) -> Option<u32> {
        let file = self.files.join(format!("var/run/eucalyptus/{component}.pid"));
        fs::read_to_string(file).ok()?.lines().next()?.parse().ok()
    }

    /// `kill -9`, and waits until it is dead, when its lock is free.
    pub(crate) fn kill(&self, component: &str) {
        let pid = self.pid(component).unwrap().to_string();
        self.machine.must("kill", ["-9", &pid]);
        let file = self.files.join(format!("var/run/eucalyptus/{component}.pid"));
        self.machine.must("flock", ["--wait", "60", file.to_str().unwrap(), "true"]);
    }

    /// The domains that libvirt has, by name.
    pub(crate) fn domains(&self) -> Vec<String> {
        let args = ["-c", "qemu:///system", "list", "--all", "--name"];
        let mut domains: Vec<String> =
            self.machine.must("virsh", args).split_whitespace().map(str::to_owned).collect();
        domains.sort();
        domains
    }

    /// Prints what is needed to see why a test failed.
    pub(crate) fn show_logs(&self) {
        let mut files = vec![self.machine.dir().join("machine.log")];
        let logs = fs::read_dir(self.files.join("var/log/eucalyptus"));
        files.extend(logs.into_iter().flatten().flatten().map(|entry| entry.path()));
        let consoles = self.files.join("var/eucalyptus/instances/*/*/console.log");
        let found = Command::new("sh").args(["-c", &format!("ls {}", consoles.display())]).output();
        let found = found.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        files.extend(found.unwrap_or_default().lines().map(PathBuf::from));
        for file in files {
            let text = fs::read(&file).unwrap_or_default();
            let tail = &text[text.len().saturating_sub(6000)..];
            eprintln!("==== {}\n{}", file.display(), String::from_utf8_lossy(tail));
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
    }
}

/// The binary that cargo has built with this.
fn binary() -> PathBuf {
    match option_env!("CARGO_BIN_EXE_eucalyptus") {
        Some(binary) => binary.into(),
        // an example is in a directory beside it
        None => std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("eucalyptus"),
    }
}
