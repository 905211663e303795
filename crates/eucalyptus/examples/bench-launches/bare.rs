//! The same domain without the cloud: `virsh create` of an instance's XML, on a bridge of its own.

use crate::bed::Bed;
use crate::machine::{Machine, must};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const BRIDGE: &str = "bench";
/// What an instance shares with others.
const SHARED: [&str; 3] = ["base", "kernel", "ramdisk"];

pub(crate) struct Bare {
    /// Files that stay, and a directory for each domain.
    directory: PathBuf,
    /// The instance's XML, and the directory that it names.
    xml: String,
    instance: PathBuf,
    /// The user that QEMU runs as.
    owner: (u32, u32),
}

impl Bare {
    /// Takes over the files and the XML of an instance that runs.
    pub(crate) fn like(bed: &Bed, id: &str) -> Self {
        let machine = bed.site.machine();
        let xml = virsh(machine, &["dumpxml", "--inactive", id]);
        let root = between(&xml, "<source file='", "'");
        let instance = Path::new(root).parent().unwrap().to_owned();
        let owner = fs::metadata(root).unwrap();
        let directory = bed.site.machine().dir().join("bare");
        fs::create_dir(&directory).unwrap();
        for name in SHARED {
            fs::hard_link(instance.join(name), directory.join(name)).unwrap();
        }
        machine.must("ip", ["link", "add", BRIDGE, "type", "bridge"]);
        machine.must("ip", ["link", "set", BRIDGE, "up"]);
        Self { directory, xml, instance, owner: (owner.uid(), owner.gid()) }
    }

    pub(crate) fn name(&self, at: usize) -> String {
        format!("bare-{at}")
    }

    fn home(&self, at: usize) -> PathBuf {
        self.directory.join(self.name(at))
    }

    /// Makes the files of a domain; how long its overlay took.
    pub(crate) fn prepare(&self, at: usize) -> Duration {
        let home = self.home(at);
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        for name in SHARED {
            fs::hard_link(self.directory.join(name), home.join(name)).unwrap();
        }
        let begun = Instant::now();
        let mut make = std::process::Command::new("qemu-img");
        make.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
        make.arg(home.join("base")).arg(home.join("root"));
        must(make);
        let taken = begun.elapsed();
        chown(home.join("root"), Some(self.owner.0), Some(self.owner.1)).unwrap();
        let mac = format!("52:54:00:00:00:{at:02x}");
        let xml = replaced(&self.xml, "<name>", "</name>", &self.name(at));
        let xml = replaced(&xml, "<mac address='", "'", &mac);
        let xml = replaced(&xml, "<source bridge='", "'", BRIDGE);
        let xml = replaced(&xml, "<target dev='tap", "'", &format!("bench{at}"));
        let xml = xml.replace("<target dev='tapbench", "<target dev='bench");
        // Also where the guest reads it.
        let uuid = between(&xml, "<uuid>", "</uuid>").to_owned();
        let xml = xml.replace(&uuid, &format!("ec2e5ca1-bbbb-8000-8000-{at:012x}"));
        let xml = xml.replace(self.instance.to_str().unwrap(), home.to_str().unwrap());
        fs::write(home.join("domain.xml"), xml).unwrap();
        taken
    }

    /// Begins to start a domain.
    pub(crate) fn create(&self, bed: &Bed, at: usize) -> Child {
        let mut create = bed.site.machine().command("virsh");
        create.args(["-q", "-c", "qemu:///system", "create"]).arg(self.home(at).join("domain.xml"));
        create.stdout(Stdio::null()).spawn().unwrap()
    }

    /// Ends the first so many domains.
    pub(crate) fn end(&self, bed: &Bed, count: usize) {
        for at in 0..count {
            virsh(bed.site.machine(), &["destroy", &self.name(at)]);
        }
    }
}

fn virsh(machine: &Machine, arguments: &[&str]) -> String {
    machine.must("virsh", ["-q", "-c", "qemu:///system"].iter().chain(arguments))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// The text with something else between the first `before` and `after`.
fn replaced(text: &str, before: &str, after: &str, new: &str) -> String {
    let old = between(text, before, after);
    text.replacen(&format!("{before}{old}{after}"), &format!("{before}{new}{after}"), 1)
}
