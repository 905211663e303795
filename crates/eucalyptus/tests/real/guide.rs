//! docs/clients.md and docs/s3-clients.md, followed by a user: their blocks are run as they stand,
//! and the stories of the clients that are libraries begin with them.

use crate::machine::must;
use crate::site::{Site, client};
use std::fs;
use std::path::{Path, PathBuf};

const CLIENTS: &str = include_str!("../../../../docs/clients.md");
const S3_CLIENTS: &str = include_str!("../../../../docs/s3-clients.md");
pub(crate) const STORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real");

/// What the shells of the guide's readers have that a test must say: nobody answers for an
/// unknown host, and a guest that boots is tried again.
const SSH: &str = r#"
ssh() {
    until timeout 30 ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o ConnectTimeout=5 -o BatchMode=yes -o LogLevel=ERROR "$@"; do
        ((SECONDS < 180)) || return 1
        sleep 0.5
    done
}
"#;

/// Whether the longer forms are wanted, which stop and start instances too.
pub(crate) fn long() -> bool {
    std::env::var_os("CLIENT_STORIES").is_some()
}

/// The block of clients.md with this first line, below the heading of this name.
pub(crate) fn block(heading: &str, first_line: &str) -> String {
    block_of(CLIENTS, heading, first_line)
}

/// The same of s3-clients.md.
pub(crate) fn s3_block(heading: &str, first_line: &str) -> String {
    block_of(S3_CLIENTS, heading, first_line)
}

fn block_of(guide: &str, heading: &str, first_line: &str) -> String {
    let section = guide.split("\n## ").find(|s| s.lines().next() == Some(heading)).unwrap();
    let start = format!("\n```{first_line}\n");
    let (_, rest) = section.split_once(&start).unwrap_or_else(|| panic!("{heading}: {start}"));
    rest.split("```\n").next().unwrap().to_owned()
}

/// A user of the cloud who follows the guide in a directory of their own.
pub(crate) struct Reader<'a> {
    site: &'a Site,
    user: String,
    emi: String,
    dir: PathBuf,
}

impl<'a> Reader<'a> {
    /// A new user, with a key pair of their own making in `my.private` and `my.public`.
    pub(crate) fn new(site: &'a Site, user: &str, emi: &str) -> Self {
        site.must("euca_conf", ["--add-user", user]);
        site.credentials(user);
        Self::known(site, user, emi)
    }

    /// The same for a user whose credentials are there already.
    pub(crate) fn known(site: &'a Site, user: &str, emi: &str) -> Self {
        let dir = site.root().join("credentials").join(user);
        let private = dir.join("my.private");
        let private = private.to_str().unwrap();
        site.machine().must("ssh-keygen", ["-q", "-t", "rsa", "-N", "", "-f", private]);
        fs::rename(format!("{private}.pub"), dir.join("my.public")).unwrap();
        Self { site, user: user.to_owned(), emi: emi.to_owned(), dir }
    }

    /// The directory of the reader.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs shell text that must succeed, in the reader's directory; what it printed.
    pub(crate) fn shell(&self, text: &str) -> String {
        let clients = client("python3");
        let clients = Path::new(&clients).parent().unwrap();
        let providers = clients.parent().unwrap().join("providers");
        let mut shell = self.site.as_user(&self.user, "env");
        // whoever runs the tests may have settings of these clients at home
        shell.arg(format!("HOME={}", self.dir.display()));
        shell.args(["LC_ALL=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "CHECKPOINT_DISABLE=1"]);
        // Terraform takes its provider from there, without asking a registry
        shell.arg(format!("TF_CLI_ARGS_init=-plugin-dir={}", providers.display()));
        let text = text.replace("emi-XXXXXXXX", &self.emi);
        let (dir, clients) = (self.dir.display(), clients.display());
        let script = format!("cd {dir}\nPATH={clients}:$PATH\n{SSH}\n{text}");
        shell.args(["bash", "-euo", "pipefail", "-c", &script]);
        must(shell)
    }

    /// Writes a block of the guide to the file that its first line names.
    pub(crate) fn save(&self, heading: &str, first_line: &str) {
        let (_, name) = first_line.split_once(' ').unwrap();
        self.save_as(heading, first_line, name);
    }

    fn save_as(&self, heading: &str, first_line: &str, name: &str) {
        let text = block(heading, first_line).replace("emi-XXXXXXXX", &self.emi);
        fs::write(self.dir.join(name), text).unwrap();
    }

    /// Runs the story of a Python client, which takes its connection from the guide; the last
    /// line that it printed.
    pub(crate) fn python(&self, heading: &str, story: &str) -> String {
        self.save_as(heading, "python", "connect.py");
        let said = self.shell(&format!(
            "PYTHONPATH=. python3 {STORIES}/{story}_story.py {} \"$PWD\"",
            self.emi
        ));
        said.lines().last().unwrap_or_default().to_owned()
    }

    /// Waits until the instance of this name lets its owner in with `my.private`.
    pub(crate) fn log_in(&self, name: &str) {
        let said = self.shell(&format!(
            "address=$(aws ec2 describe-instances --output text \
                --filters Name=tag:Name,Values={name} Name=instance-state-name,Values=running \
                --query 'Reservations[].Instances[].PrivateIpAddress')
            ssh -i my.private root@$address uname"
        ));
        assert_eq!(said.trim(), "Linux");
    }
}
