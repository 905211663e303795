//! Another machine, reached over ssh.
//!
//! What the remote shell gets is made of fixed words, names of files that the cloud chose, a
//! checked path and hexadecimal digits; what local programs get are vectors of arguments.

use crate::Environment;
use protocol::admin::IssuedKeys;
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use types::NodeName;

/// Where files arrive, beside those that they replace.
const STAGE: &str = ".sync";
/// So much of what a program complains about is shown.
const SHOWN: usize = 300;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// Everything was there.
    Already,
    /// By this program.
    With(&'static str),
}

/// A machine to which keys are brought. One connection carries all that is done there, so that a
/// password is asked for once.
pub(super) struct Remote {
    host: NodeName,
    /// The key directory there.
    keys: String,
    path: Option<OsString>,
    /// Holds the connection's socket and what programs print.
    scratch: TempDir,
}

/// Why a program did not do what it should.
enum Failure {
    /// It is not installed here.
    Missing,
    /// It said so.
    Said(String),
}

/// What is on the machine.
struct Found {
    is_current: bool,
    has_rsync: bool,
    is_a_cloud: bool,
}

impl Remote {
    pub(super) fn new(
        host: &NodeName,
        keys: &Path,
        environment: &Environment,
    ) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
        let path = keys.to_str().filter(|path| path.starts_with('/') && path.bytes().all(plain));
        let keys = path.ok_or_else(|| {
            format!(
                "{} cannot be named to another machine; let EUCALYPTUS be a path of letters, \
                 digits, '.', '_' and '-'",
                keys.display()
            )
        })?;
        Ok(Self {
            host: host.clone(),
            keys: keys.to_owned(),
            path: environment.path.clone(),
            scratch: tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?,
        })
    }

    /// Brings the files there, all or none.
    pub(super) fn bring(&self, issued: &IssuedKeys) -> Result<Copied, String> {
        let done = self.try_bring(issued);
        // the connection would go on for a while
        let mut exit = self.program("ssh");
        exit.args(self.options()).args(["-O", "exit", "--", self.host.as_str()]);
        let _ = self.run(exit);
        done
    }

    fn try_bring(&self, issued: &IssuedKeys) -> Result<Copied, String> {
        let digest = digest(issued)?;
        let found = self.look(issued, &digest)?;
        if found.is_a_cloud {
            return Err(format!(
                "it has an authority of its own ({}/ca-pk.pem): it is the machine of another cloud \
                 controller; name another host",
                self.keys
            ));
        }
        if found.is_current {
            return Ok(Copied::Already);
        }
        let keys = &self.keys;
        self.ssh(&format!(
            "mkdir -p {keys} && chmod 700 {keys} && cd {keys} && rm -rf {STAGE} && \
             mkdir -m 700 {STAGE}"
        ))?;
        let program = self.copy(issued, found.has_rsync)?;
        let (cat, files) = (issued.files.join(" "), &issued.files);
        let moves: String = files.iter().map(|file| format!("mv -f {file} .. && ")).collect();
        // on the disk before it is moved; certificate last, as with it a pair is complete
        self.ssh(&format!(
            "cd {keys}/{STAGE} && chmod 600 {cat} && \
             test \"$(cat {cat} | sha256sum | cut -c 1-64)\" = {digest} && sync && {moves}\
             cd .. && rmdir {STAGE}"
        ))?;
        Ok(Copied::With(program))
    }

    fn look(&self, issued: &IssuedKeys, digest: &str) -> Result<Found, String> {
        let (keys, cat) = (&self.keys, issued.files.join(" "));
        let said = self.ssh(&format!(
            "rsync --version >/dev/null 2>&1 && echo rsync; cd {keys} 2>/dev/null || exit 0; \
             test -e ca-pk.pem && echo cloud; stat -c %a . {cat} 2>/dev/null | tr '\\n' ' '; echo; \
             cat {cat} 2>/dev/null | sha256sum | cut -c 1-64"
        ))?;
        let has = |word: &str| said.lines().any(|line| line.trim() == word);
        Ok(Found {
            is_current: has(digest) && has("700 600 600 600"),
            has_rsync: has("rsync"),
            is_a_cloud: has("cloud"),
        })
    }

    /// Copies into the stage with rsync, or with scp where there is no rsync on either side.
    fn copy(&self, issued: &IssuedKeys, has_rsync: bool) -> Result<&'static str, String> {
        let host = match self.host.as_str() {
            host if host.contains(':') => format!("[{host}]"),
            host => host.to_owned(),
        };
        let from = issued.files.iter().map(|file| issued.directory.join(file).into_os_string());
        let to = OsString::from(format!("{host}:{}/{STAGE}/", self.keys));
        let files: Vec<OsString> = from.chain([to]).collect();
        if has_rsync {
            let mut rsync = self.program("rsync");
            let shell = format!("ssh {}", self.options().join(" "));
            rsync.args(["-q", "-p", "-e", &shell, "--"]).args(&files);
            match self.run(rsync) {
                Ok(_) => return Ok("rsync"),
                Err(Failure::Said(cause)) => return Err(format!("rsync: {cause}")),
                Err(Failure::Missing) => {}
            }
        }
        let mut scp = self.program("scp");
        scp.arg("-q").args(self.options()).arg("--").args(&files);
        match self.run(scp) {
            Ok(_) => Ok("scp"),
            Err(Failure::Said(cause)) => Err(format!("scp: {cause}")),
            Err(Failure::Missing) => Err(missing("scp")),
        }
    }

    /// Runs a line of shell there.
    fn ssh(&self, line: &str) -> Result<String, String> {
        let mut ssh = self.program("ssh");
        ssh.args(self.options()).args(["--", self.host.as_str(), line]);
        self.run(ssh).map_err(|failure| match failure {
            Failure::Missing => missing("ssh"),
            Failure::Said(cause) => {
                format!("ssh: {cause}; try: ssh {} true", self.host)
            }
        })
    }

    fn options(&self) -> [String; 6] {
        let control = self.scratch.path().join("%C");
        let option = "-o".to_owned();
        [
            option.clone(),
            "ControlMaster=auto".to_owned(),
            option.clone(),
            format!("ControlPath={}", control.display()),
            option,
            "ControlPersist=20".to_owned(),
        ]
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command
    }

    /// Runs a program to its end. It prints into files: the connection that ssh leaves open would
    /// hold a pipe.
    fn run(&self, mut command: Command) -> Result<String, Failure> {
        let said = |e: std::io::Error| Failure::Said(e.to_string());
        let at = |name: &str| self.scratch.path().join(name);
        let (out, err) = (at("out"), at("err"));
        command.stdin(Stdio::null());
        command.stdout(File::create(&out).map_err(said)?);
        command.stderr(File::create(&err).map_err(said)?);
        let status = command.status().map_err(|e| match e.kind() {
            ErrorKind::NotFound => Failure::Missing,
            _ => said(e),
        })?;
        if status.success() {
            return Ok(text(&out));
        }
        let told = text(&err);
        let last = told.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        let shown: String = last.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        Err(Failure::Said(format!("{shown} ({status})")))
    }
}

fn text(path: impl AsRef<OsStr>) -> String {
    fs::read(Path::new(&path))
        .map_or_else(|_| String::new(), |it| String::from_utf8_lossy(&it).into_owned())
}

fn missing(program: &str) -> String {
    format!("{program} is not installed here; install openssh-client")
}

/// The digest of the files, one after the other.
fn digest(issued: &IssuedKeys) -> Result<String, String> {
    let mut digest = Sha256::new();
    for file in &issued.files {
        let path = issued.directory.join(file);
        let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        digest.update(&bytes);
    }
    Ok(hex::encode(digest.finalize()))
}
