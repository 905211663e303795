//! Proof that KVM runs guests.
//!
//! That `/dev/kvm` opens proves nothing: on some machines guests come as far as their first
//! exception and hang. So a guest of our own (`kvm/proof.s`) is started through libvirt, as every
//! instance is, with the same processor and as the same user, and has to say that it came to its
//! end.

use crate::domain_xml::QemuUser;
use durable::DurableError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The guest: a disk that boots.
const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/proof.bin"));

/// The firmware boots from no smaller disk.
const DISK_BYTES: u64 = 1 << 20;

/// All that it says.
const SAID: &str = "abcdefg.";

/// A sound KVM needs a second for it; a busy machine a few.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The name of its domain: no instance's.
pub(crate) const NAME: &str = "eucalyptus-kvm-proof";

/// What was found out, and on what it depends: another kernel, libvirt or QEMU, or another start
/// of the host, and it has to be found out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// Names all that it depends on.
    pub(crate) host: String,
    /// What is wrong; none when a guest has run.
    pub(crate) trouble: Option<String>,
}

/// Where the proof is made: a directory that QEMU's user can enter.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    directory: PathBuf,
}

impl Bench {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// What was found out before on the same host; what cannot be read was not.
    pub(crate) fn recall(&self, host: &str) -> Option<Finding> {
        let known: Option<Finding> = durable::load(&self.record()).ok()?;
        known.filter(|finding| finding.host == host)
    }

    pub(crate) fn remember(&self, finding: &Finding) -> Result<(), DurableError> {
        durable::store(&self.record(), finding)
    }

    /// Lays out the guest's disk and an empty console.
    pub(crate) fn lay_out(&self) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        fs::set_permissions(&self.directory, fs::Permissions::from_mode(0o711))?;
        fs::write(self.disk(), GUEST)?;
        File::options().write(true).open(self.disk())?.set_len(DISK_BYTES)?;
        fs::set_permissions(self.disk(), fs::Permissions::from_mode(0o444))?;
        match fs::remove_file(self.console()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the guest has said all, or has had its time.
    ///
    /// # Errors
    /// With how far it came, for a person.
    pub(crate) fn listen(&self, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            let said = fs::read(self.console()).unwrap_or_default();
            if said.ends_with(SAID.as_bytes()) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(match String::from_utf8_lossy(&said).trim() {
                    "" => "a test guest does not start".to_owned(),
                    steps => format!(
                        "a test guest hangs after step {:?} of {SAID:?}",
                        steps.chars().last().unwrap_or_default()
                    ),
                });
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// The guest's domain.
    pub(crate) fn domain(&self, user: Option<QemuUser>, kind: &str) -> Result<String, String> {
        let text = |path: PathBuf| match path.to_str() {
            Some(text) if !text.contains(['<', '&', '\'']) => Ok(text.to_owned()),
            _ => Err(format!("{} is no path for a test of KVM", path.display())),
        };
        let (disk, console) = (text(self.disk())?, text(self.console())?);
        let cpu = match kind {
            "kvm" => "<cpu mode='host-passthrough' check='none'/>",
            _ => "",
        };
        let label = user.map_or(String::new(), |QemuUser { uid, gid }| {
            format!(
                "<seclabel type='static' model='dac' relabel='no'>\
                 <label>+{uid}:+{gid}</label></seclabel>"
            )
        });
        Ok(format!(
            "<domain type='{kind}'><name>{NAME}</name><memory unit='MiB'>64</memory>\
             <vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>\
             <features><acpi/><apic/></features>{cpu}<on_crash>destroy</on_crash><devices>\
             <disk type='file' device='disk'><driver name='qemu' type='raw'/>\
             <source file='{disk}'/><target dev='vda' bus='virtio'/><readonly/></disk>\
             <serial type='file'><source path='{console}'/></serial>\
             <controller type='usb' model='none'/><memballoon model='none'/></devices>\
             {label}</domain>"
        ))
    }

    fn disk(&self) -> PathBuf {
        self.directory.join("guest")
    }

    fn console(&self) -> PathBuf {
        self.directory.join("console.log")
    }

    fn record(&self) -> PathBuf {
        self.directory.join("finding.json")
    }
}

/// What of this host a proof depends on, besides libvirt and QEMU.
pub(crate) fn kernel_and_boot() -> String {
    let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
    let boot = read("/proc/sys/kernel/random/boot_id");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} {}", kernel.trim(), boot.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_boots_from_whole_sectors() {
        assert_eq!((GUEST.len() % 512, &GUEST[510..512]), (0, &[0x55, 0xAA][..]));
    }

    #[test]
    fn only_a_guest_that_came_to_its_end_proves_anything() {
        let home = tempfile::tempdir().unwrap();
        let bench = Bench::new(home.path().join("kvm"));
        bench.lay_out().unwrap();
        for (said, wanted) in [
            ("", Err("a test guest does not start")),
            ("abc", Err("a test guest hangs after step 'c' of \"abcdefg.\"")),
            ("abcdefg", Err("a test guest hangs after step 'g' of \"abcdefg.\"")),
            ("abcdefg.", Ok(())),
        ] {
            fs::write(bench.console(), said).unwrap();
            assert_eq!(bench.listen(Duration::ZERO), wanted.map_err(str::to_owned), "{said}");
        }
        bench.lay_out().unwrap();
        assert!(bench.listen(Duration::ZERO).is_err(), "an old console proves nothing");
    }

    #[test]
    fn a_finding_counts_on_the_same_host_only() {
        let home = tempfile::tempdir().unwrap();
        let bench = Bench::new(home.path().to_owned());
        assert_eq!(bench.recall("this"), None);
        let finding = Finding { host: "this".to_owned(), trouble: Some("hangs".to_owned()) };
        bench.remember(&finding).unwrap();
        assert_eq!(bench.recall("this"), Some(finding));
        assert_eq!(bench.recall("after another boot"), None);
        fs::write(bench.record(), "{").unwrap();
        assert_eq!(bench.recall("this"), None);
    }

    #[test]
    fn this_host_has_a_kernel_and_a_boot_id() {
        assert!(kernel_and_boot().len() > 37);
    }
}
