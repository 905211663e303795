//! A whole cloud on one test machine: installed, configured and started as an administrator does
//! it, with the test images registered through the public APIs.

use crate::installation::Installation;
use crate::machine::{Machine, must, wait_for};
use std::ffi::OsStr;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// An installed cloud, with what its users do.
pub(crate) struct Site {
    installation: Installation,
}

/// A key pair of the cloud and the file with its private half.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// An emulated guest needs about five seconds on a quiet machine.
const BOOT: Duration = Duration::from_secs(180);

impl Site {
    /// Installs and configures a cloud, without starting it.
    pub(crate) fn installed() -> Self {
        Self::on(Machine::boot(), "")
    }

    /// The same on a machine of the caller's, with more lines in `eucalyptus.conf`.
    pub(crate) fn on(machine: Machine, lines: &str) -> Self {
        Self { installation: Installation::new(machine, lines) }
    }

    /// A cloud that runs.
    pub(crate) fn started() -> Self {
        Self::started_with("")
    }

    /// A cloud that runs, with more lines in `eucalyptus.conf`.
    pub(crate) fn started_with(lines: &str) -> Self {
        let site = Self::on(Machine::boot(), lines);
        site.start();
        site.credentials("admin");
        site
    }

    /// Gets and unpacks a user's credentials.
    pub(crate) fn credentials(&self, user: &str) -> PathBuf {
        let dir = self.root().join("credentials").join(user);
        fs::create_dir_all(&dir).unwrap();
        let zip = dir.join("credentials.zip");
        self.must("euca_conf", ["--get-credentials", zip.to_str().unwrap(), "--user", user]);
        let (zip, to) = (zip.to_str().unwrap(), dir.to_str().unwrap());
        self.machine().must("unzip", ["-q", "-o", zip, "-d", to]);
        dir
    }

    /// A command run as a user of the cloud: with that user's `eucarc` sourced.
    pub(crate) fn as_user(&self, user: &str, program: &str) -> Command {
        let eucarc = self.root().join("credentials").join(user).join("eucarc");
        let mut command = self.machine().command("env");
        command.arg(format!("EUCALYPTUS={}", self.root().display()));
        let path = std::env::var("PATH").unwrap();
        command.arg(format!("PATH={}/usr/sbin:{path}", self.root().display()));
        command.args(["bash", "-c", ". \"$0\"; exec \"$@\""]).arg(eucarc).arg(program);
        command
    }

    /// A tool run as a user of the cloud; it must succeed.
    pub(crate) fn tool<A: AsRef<OsStr>>(
        &self,
        user: &str,
        name: &str,
        args: impl IntoIterator<Item = A>,
    ) -> String {
        let mut command = self.as_user(user, name);
        command.args(args);
        must(command)
    }

    /// Bundles, uploads and registers the test images as `admin`; the id of the machine image.
    pub(crate) fn register_images(&self) -> String {
        let from = test_image();
        let eki = self.register("admin", &from.join("kernel"), &["--kernel", "true"]);
        let eri = self.register("admin", &from.join("ramdisk"), &["--ramdisk", "true"]);
        let defaults = ["--kernel", &eki, "--ramdisk", &eri];
        self.register("admin", &from.join("root.img"), &defaults)
    }

    /// Bundles, uploads and registers one file; its id.
    pub(crate) fn register(&self, user: &str, file: &Path, options: &[&str]) -> String {
        let name = file.file_name().unwrap().to_str().unwrap();
        let bucket = format!("{user}-{}", name.replace('.', "-"));
        let to = self.machine().dir().join("bundles").join(&bucket);
        fs::create_dir_all(&to).unwrap();
        let (to_text, file_text) = (to.to_str().unwrap(), file.to_str().unwrap());
        let bundle = ["-i", file_text, "-d", to_text, "-r", "x86_64"];
        self.tool(user, "euca-bundle-image", bundle.iter().chain(options));
        let manifest = to.join(format!("{name}.manifest.xml"));
        self.tool(user, "euca-upload-bundle", ["-b", &bucket, "-m", manifest.to_str().unwrap()]);
        let said = self.tool(user, "euca-register", [format!("{bucket}/{name}.manifest.xml")]);
        said.trim().strip_prefix("IMAGE\t").unwrap().to_owned()
    }

    /// Installs a disk as a user's image in one step; its id.
    pub(crate) fn install_image(&self, user: &str, disk: &Path) -> String {
        let said = self.tool(user, "euca-install-image", [disk]);
        said.lines().find_map(|line| line.strip_prefix("IMAGE\t")).unwrap().to_owned()
    }

    /// Creates a key pair.
    pub(crate) fn key(&self, user: &str, name: &str) -> Key {
        let said = self.tool(user, "euca-add-keypair", [name]);
        let file = self.machine().dir().join(format!("{user}-{name}.pem"));
        fs::write(&file, &said[said.find("-----BEGIN").unwrap()..]).unwrap();
        self.machine().must("chmod", ["600", file.to_str().unwrap()]);
        Key { name: name.to_owned(), file }
    }

    /// Makes a key pair with ssh-keygen and imports its public half.
    pub(crate) fn imported_key(&self, user: &str, name: &str) -> Key {
        let file = self.machine().dir().join(format!("{user}-{name}"));
        let path = file.to_str().unwrap();
        self.machine().must("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
        self.tool(user, "euca-import-keypair", [name, "-f", &format!("{path}.pub")]);
        Key { name: name.to_owned(), file }
    }

    /// Launches one instance; its id.
    pub(crate) fn run_instance(&self, user: &str, emi: &str, key: &Key) -> String {
        self.run(user, &[emi, "-k", &key.name, "-t", "m1.small"])
    }

    /// Launches one instance with these options; its id.
    pub(crate) fn run(&self, user: &str, options: &[&str]) -> String {
        let said = self.tool(user, "euca-run-instances", options);
        let line = said.lines().find(|line| line.starts_with("INSTANCE\t")).unwrap();
        line.split('\t').nth(1).unwrap().to_owned()
    }

    /// The fields of an instance's line; none when it is not shown.
    pub(crate) fn describe(&self, user: &str, id: &str) -> Option<Vec<String>> {
        let said = self.tool(user, "euca-describe-instances", [] as [&str; 0]);
        let line = said.lines().find(|line| line.split('\t').nth(1) == Some(id))?;
        Some(line.split('\t').map(str::to_owned).collect())
    }

    /// Waits until an instance is in a state; the fields of its line.
    pub(crate) fn wait_state(&self, user: &str, id: &str, state: &str) -> Vec<String> {
        wait_for(&format!("{id} {state}"), BOOT, || {
            let line = self.describe(user, id)?;
            let now = line[5].clone();
            let hopeless = now == "terminated" && state != "terminated";
            assert!(!hopeless, "{id} is terminated: {}", self.reason(user, id));
            now.starts_with(state).then_some(line)
        })
    }

    /// Why an instance is in its state.
    pub(crate) fn reason(&self, user: &str, id: &str) -> String {
        let args = ["ec2", "describe-instances", "--instance-ids", id, "--query"];
        let what = "Reservations[].Instances[].[StateTransitionReason,StateReason.Message]";
        let mut command = self.as_user(user, &client("aws"));
        command.args(args).args([what, "--output", "text"]);
        must(command)
    }

    /// Runs a command in an instance.
    pub(crate) fn ssh(&self, key: &Key, ip: &str, command: &str) -> Output {
        self.ssh_from(self.machine().command("timeout"), key, &format!("root@{ip}"), command)
    }

    /// Runs a command in an instance from where the caller's `timeout` runs: an ssh whose flow is
    /// cut by a revoked rule would wait forever.
    pub(crate) fn ssh_from(&self, mut ssh: Command, key: &Key, to: &str, command: &str) -> Output {
        ssh.args([
            "30",
            "ssh",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]);
        ssh.args(["-o", "ConnectTimeout=5", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i"]);
        ssh.arg(&key.file).arg(to).arg(command);
        ssh.output().unwrap()
    }

    /// Waits until an instance answers ssh; what the command printed.
    pub(crate) fn wait_ssh(&self, key: &Key, ip: &str, command: &str) -> String {
        self.wait_login(key, &format!("root@{ip}"), command)
    }

    /// The same for another user than root.
    pub(crate) fn wait_login(&self, key: &Key, to: &str, command: &str) -> String {
        let look = || {
            let output = self.ssh_from(self.machine().command("timeout"), key, to, command);
            output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
        };
        wait_for(&format!("ssh to {to}"), BOOT, look).trim().to_owned()
    }
}

impl Deref for Site {
    type Target = Installation;
    fn deref(&self) -> &Installation {
        &self.installation
    }
}

/// Where `scripts/test-image` has put the images.
pub(crate) fn test_image() -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/test-image");
    assert!(
        dir.join("root.img").exists(),
        "no test image; run: scripts/test-image build/test-image"
    );
    dir.canonicalize().unwrap()
}

/// A program of the clients' Python environment, made by `scripts/test-clients`.
pub(crate) fn client(program: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/clients/bin");
    assert!(dir.join(program).exists(), "no {program}; run: scripts/test-clients build/clients");
    dir.canonicalize().unwrap().join(program).to_str().unwrap().to_owned()
}
