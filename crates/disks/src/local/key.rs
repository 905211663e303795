//! Writes a public key into root's `authorized_keys` of an ext2/3/4 disk, without mounting it.

use super::base;
use super::fault::{Doing, Fault};
use super::files;
use super::fuse::{Export, MOUNT_POINT};
use super::tool::{Output, Tool};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

/// The file from which debugfs takes the new content, in the instance's directory.
pub(super) const NEW_KEYS: &str = "authorized_keys.tmp";

const DIRECTORY: &str = "/root/.ssh";
const FILE: &str = "/root/.ssh/authorized_keys";
/// A larger file in an image is not what it says it is.
const MOST_KEYS: u64 = 128 * 1024;
const LIMIT: Duration = Duration::from_secs(60);

/// Adds `line` to root's `authorized_keys` in the overlay `name` over `base`, on the partition
/// that begins at `start` and has `size` bytes. What the image has there stays.
pub(super) async fn insert(
    directory: &Path,
    name: &str,
    base: &Path,
    (start, size): (u64, u64),
    line: &str,
) -> Result<(), Fault> {
    if !base::has_ext_filesystem(base, start)? {
        return Err(Fault::Failed("the image has no ext2, ext3 or ext4 filesystem".to_owned()));
    }
    let export = Export::open(directory, name, start, size).await?;
    let written = write(directory, line).await;
    let closed = export.close().await;
    files::remove(&directory.join(NEW_KEYS))?;
    written.and(closed)
}

async fn write(directory: &Path, line: &str) -> Result<(), Fault> {
    let look = format!("stat /root\nstat {DIRECTORY}\nstat {FILE}\n");
    let before = Tree::parse(&debugfs(directory, &[], look).await?.stdout);
    before.check()?;
    let keys = with_line(before.keys(directory).await?, line.trim_end());
    save(&directory.join(NEW_KEYS), &keys)?;
    let said = debugfs(directory, &["-w"], before.script()).await?;
    // debugfs ends well even when it could not write.
    let complaints = complaints(&said.stderr);
    if !complaints.is_empty() {
        return Err(Fault::tool(format!("debugfs writing {FILE}"), &complaints));
    }
    let after = Tree::parse(&said.stdout).file;
    let size = keys.len() as u64;
    if after == Some(Entry { kind: "regular".into(), mode: 0o600, uid: 0, gid: 0, size }) {
        return Ok(());
    }
    Err(Fault::Failed(format!("{FILE} was not written: debugfs shows {after:?}")))
}

/// What debugfs says on standard error besides its version.
fn complaints(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().filter(|line| !line.starts_with("debugfs ") && !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// The keys with this one among them.
fn with_line(mut keys: Vec<u8>, line: &str) -> Vec<u8> {
    if keys.split(|byte| *byte == b'\n').any(|kept| kept == line.as_bytes()) {
        return keys;
    }
    if keys.last().is_some_and(|byte| *byte != b'\n') {
        keys.push(b'\n');
    }
    keys.extend_from_slice(line.as_bytes());
    keys.push(b'\n');
    keys
}

fn save(path: &Path, content: &[u8]) -> Result<(), Fault> {
    fs::remove_file(path).ok();
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content))
        .doing(|| format!("writing {}", path.display()))
}

/// What an image has where the key goes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tree {
    home: Option<Entry>,
    directory: Option<Entry>,
    file: Option<Entry>,
}

/// A file of an image, as `stat` of debugfs describes it.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: String,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
}

impl Tree {
    /// Refuses a tree in which the key would end up somewhere else.
    fn check(&self) -> Result<(), Fault> {
        for (path, entry) in [("/root", &self.home), (DIRECTORY, &self.directory)] {
            if let Some(entry) = entry.as_ref().filter(|entry| entry.kind != "directory") {
                return Err(Fault::Failed(format!("{path} of the image is a {}", entry.kind)));
            }
        }
        Ok(())
    }

    /// Reads the answers, each of which debugfs begins with its prompt and the command.
    fn parse(said: &[u8]) -> Self {
        let said = String::from_utf8_lossy(said);
        let mut tree = Self::default();
        for answer in said.split("debugfs: stat ").skip(1) {
            let (path, answer) = answer.split_once('\n').unwrap_or((answer, ""));
            match path.trim() {
                "/root" => tree.home = Entry::parse(answer),
                DIRECTORY => tree.directory = Entry::parse(answer),
                FILE => tree.file = Entry::parse(answer),
                _ => {}
            }
        }
        tree
    }

    /// The keys that the image has.
    async fn keys(&self, directory: &Path) -> Result<Vec<u8>, Fault> {
        match &self.file {
            Some(file) if file.kind == "regular" && file.size <= MOST_KEYS => {
                let tool = Tool::new("debugfs", LIMIT).directory(directory);
                let cat = format!("cat {FILE}");
                Ok(tool.args(["-R", &cat, MOUNT_POINT]).run().await?.stdout)
            }
            Some(file) if file.kind == "regular" => {
                Err(Fault::Failed(format!("{FILE} of the image has {} bytes", file.size)))
            }
            // A link or the like makes room for a file.
            _ => Ok(Vec::new()),
        }
    }

    /// The commands that put the new content in place and show it.
    fn script(&self) -> String {
        let mut script = String::new();
        if self.home.is_none() {
            script += "mkdir /root\nset_inode_field /root mode 040700\n";
        }
        if self.directory.is_none() {
            let _ = writeln!(script, "mkdir {DIRECTORY}");
        }
        if self.file.is_some() {
            let _ = writeln!(script, "rm {FILE}");
        }
        let _ = writeln!(script, "cd {DIRECTORY}\nwrite {NEW_KEYS} authorized_keys");
        for (path, mode) in [(DIRECTORY, "040700"), (FILE, "0100600")] {
            for (field, value) in [("mode", mode), ("uid", "0"), ("gid", "0")] {
                let _ = writeln!(script, "set_inode_field {path} {field} {value}");
            }
        }
        let _ = writeln!(script, "stat {FILE}");
        script
    }
}

impl Entry {
    fn parse(answer: &str) -> Option<Self> {
        let field = |name: &str| {
            let (_, after) = answer.split_once(name)?;
            after.split_whitespace().next()
        };
        Some(Self {
            kind: field("Type:")?.to_owned(),
            mode: u32::from_str_radix(field("Mode:")?, 8).ok()?,
            uid: field("User:")?.parse().ok()?,
            gid: field("Group:")?.parse().ok()?,
            size: field("Size:")?.parse().ok()?,
        })
    }
}

async fn debugfs(directory: &Path, options: &[&str], script: String) -> Result<Output, Fault> {
    let tool = Tool::new("debugfs", LIMIT).directory(directory).args(options);
    // 1: some command failed, which looking at what is not there does in later versions.
    let tool = tool.args(["-f", "-", MOUNT_POINT]).input(script).good_codes(&[0, 1]);
    tool.run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] = b"debugfs: stat /root
Inode: 13   Type: directory    Mode:  0755   Flags: 0x80000
Generation: 0    Version: 0x00000000:00000000
User:     0   Group:     0   Project:     0   Size: 1024
debugfs: stat /root/.ssh
debugfs: stat /root/.ssh/authorized_keys
";

    #[test]
    fn answers_of_debugfs_are_understood() {
        let home = Entry { kind: "directory".into(), mode: 0o755, uid: 0, gid: 0, size: 1024 };
        assert_eq!(Tree::parse(SAID), Tree { home: Some(home), directory: None, file: None });
        assert_eq!(Tree::parse(b""), Tree::default());
    }

    #[test]
    fn the_version_of_debugfs_is_no_complaint() {
        assert_eq!(complaints(b"debugfs 1.47.0 (5-Feb-2023)\n\n"), "");
        let full = b"debugfs 1.47.0 (5-Feb-2023)\next2fs_close: No space left on device \n";
        assert_eq!(complaints(full), "ext2fs_close: No space left on device ");
    }

    #[test]
    fn only_what_is_missing_is_made() {
        let script = Tree::parse(SAID).script();
        assert!(script.starts_with("mkdir /root/.ssh\ncd /root/.ssh\nwrite "), "{script}");
        assert!(Tree::default().script().starts_with("mkdir /root\n"));
    }
}
