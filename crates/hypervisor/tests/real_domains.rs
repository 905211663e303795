//! Real QEMU processes under libvirt's in-process driver (`qemu:///embed`). Needs root, QEMU and
//! tini; runs in namespaces of its own, so it leaves nothing on the machine.

#![allow(clippy::unwrap_used, reason = "a helper that fails should fail its test")]

use hypervisor::{
    Accelerator, Domain, DomainSpec, DomainState, Hypervisor, Libvirt, NicModel, Uefi,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use types::{DiskBus, Figures, InstanceId, MacAddr};

/// Tells the second run of this program, inside the namespaces, where it may work.
const INSIDE: &str = "EUCALYPTUS_TEST_DIRECTORY";

/// Firmware takes its time when it is emulated on a machine that does other things.
const LIMIT: Duration = Duration::from_secs(180);

/// A bridge; the daemon that writes consoles; no usable /dev/kvm (libvirt would look for its
/// features at every start); and tini, because libvirt waits until somebody has reaped the QEMU
/// that it asked for its capabilities.
const SETUP: &str = r#"
set -e
mount -t tmpfs run /run
mkdir /run/libvirt
virtlogd --pid-file /run/virtlogd.pid &
until [ -S /run/libvirt/virtlogd-sock ]; do kill -0 $!; sleep 0.01; done
if [ -e /dev/kvm ]; then
    mknod -m 000 "$EUCALYPTUS_TEST_DIRECTORY/no-kvm" c 1 3
    mount --bind "$EUCALYPTUS_TEST_DIRECTORY/no-kvm" /dev/kvm
fi
ip link add eucabr10 type bridge
ip link set eucabr10 up
exec tini -- "$0" --exact domains_start_once_reset_and_vanish --nocapture
"#;

#[test]
fn domains_start_once_reset_and_vanish() {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return Machine::new(directory.into()).live();
    }
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o711)).unwrap();
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]);
    inside.args(["sh", "-c", SETUP]).arg(std::env::current_exe().unwrap());
    assert!(inside.env(INSIDE, directory.path()).status().unwrap().success());
}

struct Machine {
    directory: PathBuf,
    libvirt: Libvirt,
}

impl Machine {
    fn new(directory: PathBuf) -> Self {
        let uri = format!("qemu:///embed?root={}/libvirt", directory.display());
        Self { directory, libvirt: Libvirt::new(uri, Accelerator::Qemu) }
    }

    fn spec(&self) -> DomainSpec {
        let id: InstanceId = "i-4EA305C1".parse().unwrap();
        DomainSpec {
            id,
            figures: Figures { cores: 1, memory_mb: 64, disk_gb: 1 },
            root: self.directory.join("root"),
            further_disks: vec![],
            bus: DiskBus::Virtio,
            kernel: None,
            ramdisk: None,
            root_device: "/dev/vda1".into(),
            uefi: None,
            nic: NicModel::Virtio,
            mac: MacAddr::of_instance(id),
            bridge: "eucabr10".into(),
            tap: "tap4EA305C1".into(),
            console: self.directory.join("console.log"),
        }
    }

    fn live(&self) {
        let (spec, base) = (self.spec(), self.directory.join("base"));
        fs::write(&base, vec![0; 1 << 20]).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o444)).unwrap();
        run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "raw", "-b"], &[&base, &spec.root]);

        self.libvirt.start(&spec).unwrap();
        self.libvirt.start(&spec).unwrap();
        let running = Domain { name: "i-4EA305C1".into(), state: DomainState::Running };
        assert_eq!(self.libvirt.domains().unwrap(), [running]);
        assert!(run("ip", &["link", "show", "tap4EA305C1"], &[]).contains("master eucabr10"));
        assert!(spec.console.exists());
        check_owners(&spec.root, &base);

        self.libvirt.reset(spec.id).unwrap();
        assert_eq!(self.libvirt.domains().unwrap().len(), 1);
        // Nobody in it listens to the power button.
        self.libvirt.shutdown(spec.id).unwrap();
        assert_eq!(self.libvirt.domains().unwrap().len(), 1);
        self.libvirt.destroy(spec.id).unwrap();
        self.libvirt.destroy(spec.id).unwrap();
        self.libvirt.shutdown(spec.id).unwrap();
        assert_eq!(self.libvirt.domains().unwrap(), []);
        assert!(!run("ip", &["link"], &[]).contains("tap4EA305C1"));
        check_owners(&spec.root, &base);
        self.refuse();
        self.boot();
    }

    /// Disks that boot by themselves, on machines new and old: what they say on their consoles.
    fn boot(&self) {
        let at = |name: &str| self.directory.join(name);
        let mut sector = vec![0; 512];
        sector[..BOOT_CODE.len()].copy_from_slice(BOOT_CODE);
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        fs::write(at("boots"), sector).unwrap();
        for (disk, base) in [("boots.qcow2", "boots"), ("empty.qcow2", "base")] {
            let options = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"];
            run("qemu-img", &options, &[&at(base), &at(disk), Path::new("1M")]);
        }
        let further_disks = vec![at("empty.qcow2")];
        let bios = DomainSpec { root: at("boots.qcow2"), further_disks, ..self.spec() };
        let old = DomainSpec { bus: DiskBus::Scsi, nic: NicModel::E1000, ..bios.clone() };
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", at("nvram")).unwrap();
        let code = "/usr/share/OVMF/OVMF_CODE_4M.fd".into();
        let uefi = Some(Uefi { code, nvram: at("nvram") });
        let uefi =
            DomainSpec { root: at("empty.qcow2"), further_disks: vec![], uefi, ..self.spec() };
        let cases = [(bios, "it boots by itself"), (old, "it boots by itself"), (uefi, "BdsDxe")];
        for (number, (spec, said)) in cases.into_iter().enumerate() {
            let spec = DomainSpec { console: at(&format!("console-{number}.log")), ..spec };
            self.libvirt.start(&spec).unwrap();
            wait_for(&spec.console, said);
            assert_ne!(fs::metadata(&spec.root).unwrap().uid(), 0);
            self.libvirt.destroy(spec.id).unwrap();
        }
        assert!(at("nvram").exists(), "its owner removes it");
    }

    fn refuse(&self) {
        let bad = DomainSpec { bridge: "eucabr99".into(), ..self.spec() };
        let error = self.libvirt.start(&bad).unwrap_err().to_string();
        assert!(error.ends_with("(the bridge of the instance's network is missing on this node)"));
        let bad = DomainSpec { kernel: Some("/nowhere/kernel".into()), ..self.spec() };
        let error = self.libvirt.start(&bad).unwrap_err().to_string();
        assert!(error.contains("/nowhere/kernel"), "{error}");
        assert_eq!(self.libvirt.domains().unwrap(), []);
    }
}

/// A boot sector that says something on the first serial line, and rests.
///
/// ```text
///     xor ax, ax; mov ds, ax; mov dx, 3F8h; mov si, 7C15h
/// next: lodsb; test al, al; jz rest; out dx, al; jmp next
/// rest: hlt; jmp rest
/// ```
const BOOT_CODE: &[u8] = b"\x31\xC0\x8E\xD8\xBA\xF8\x03\xBE\x15\x7C\xAC\x84\xC0\x74\x03\xEE\
                           \xEB\xF8\xF4\xEB\xFDit boots by itself\r\n\0";

fn wait_for(console: &Path, said: &str) {
    let begun = Instant::now();
    loop {
        let text = fs::read(console).map(|text| String::from_utf8_lossy(&text).into_owned());
        let text = text.unwrap_or_default();
        if text.contains(said) {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "{said:?} is not in {text:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The overlay is QEMU's, what instances share is root's.
fn check_owners(root: &Path, base: &Path) {
    let (root, base) = (fs::metadata(root).unwrap(), fs::metadata(base).unwrap());
    assert_ne!(root.uid(), 0);
    assert_eq!((root.mode() & 0o7777, base.uid(), base.mode() & 0o7777), (0o600, 0, 0o444));
}

fn run(program: &str, options: &[&str], paths: &[&Path]) -> String {
    let output = Command::new(program).args(options).args(paths).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
