//! Real QEMU processes under libvirt's in-process driver (`qemu:///embed`). Needs root, QEMU and
//! tini; runs in namespaces of its own, so it leaves nothing on the machine.

#![allow(clippy::unwrap_used, reason = "a helper that fails should fail its test")]

use hypervisor::{
    Accelerator, Chosen, Domain, DomainSpec, DomainState, Ending, Hypervisor, HypervisorError,
    Libvirt, NicModel,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use types::{DiskBus, Figures, InstanceId, MacAddr, Uefi};

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

/// Guests of a few instructions, each a boot sector that first says `u` on its console.
mod guest {
    /// Waits for the power button and then powers off.
    pub(super) const OBEDIENT: &[u8] = b"\xba\xf8\x03\xb0u\xee\
        \xba\x02\x06\xb8\x00\x01\xef\xba\x00\x06\xed\xf6\xc4\x01\x74\xfa\
        \xba\x04\x06\xb8\x00\x20\xef\xf4\xeb\xfd";
    /// Says to the pvpanic device that it has panicked.
    pub(super) const PANICS: &[u8] = b"\xba\xf8\x03\xb0u\xee\xba\x05\x05\xb0\x01\xee\xf4\xeb\xfd";
}

/// Waits until a condition holds; the limit is for a test that fails.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Machine {
    directory: PathBuf,
    uri: String,
    libvirt: Libvirt,
}

impl Machine {
    fn new(directory: PathBuf) -> Self {
        let uri = format!("qemu:///embed?root={}/libvirt", directory.display());
        let libvirt = Libvirt::new(&uri, Accelerator::Qemu);
        Self { directory, uri, libvirt }
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
            vm_type: "m1.small".into(),
            root_device: "/dev/vda1".into(),
            uefi: None,
            nic: NicModel::Virtio,
            mac: MacAddr::of_instance(id),
            bridge: "eucabr10".into(),
            tap: "tap4EA305C1".into(),
            console: self.directory.join("console.log"),
        }
    }

    /// An instance whose disk has this guest, and the disk that it shares with others.
    fn install(&self, guest: &[u8]) -> (DomainSpec, PathBuf) {
        let (spec, base) = (self.spec(), self.directory.join("base"));
        let mut disk = vec![0; 1 << 20];
        disk[..guest.len()].copy_from_slice(guest);
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        for old in [&base, &spec.root, &spec.console] {
            let _ = fs::remove_file(old);
        }
        fs::write(&base, disk).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o444)).unwrap();
        run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "raw", "-b"], &[&base, &spec.root]);
        (spec, base)
    }

    fn domain(&self) -> Option<Domain> {
        let mut domains = self.libvirt.domains().unwrap();
        assert!(domains.len() <= 1, "{domains:?}");
        domains.pop()
    }

    fn becomes(&self, state: DomainState) {
        wait_until(&format!("{state:?}, not {:?}", self.domain()), || {
            self.domain().is_some_and(|domain| domain.state == state)
        });
    }

    fn says(&self, text: &str) {
        let console = || fs::read_to_string(self.spec().console).unwrap_or_default();
        wait_until(text, || console() == text);
    }

    fn live(&self) {
        let (spec, base) = self.install(guest::OBEDIENT);
        self.libvirt.start(&spec).unwrap();
        self.libvirt.start(&spec).unwrap();
        self.becomes(DomainState::Running);
        assert!(run("ip", &["link", "show", "tap4EA305C1"], &[]).contains("master eucabr10"));
        check_owners(&spec.root, &base);
        self.says("u");

        self.reboot(&spec);
        self.end(&spec);
        self.libvirt.destroy(spec.id).unwrap();
        self.libvirt.destroy(spec.id).unwrap();
        self.libvirt.shutdown(spec.id).unwrap();
        self.libvirt.reboot(spec.id).unwrap();
        assert_eq!(self.domain(), None);
        assert!(!run("ip", &["link"], &[]).contains("tap4EA305C1"));
        check_owners(&spec.root, &base);
        self.crash();
        self.refuse();
        self.boot();
        self.template();
        self.prove();
    }

    /// The guest is asked and seen to reboot; a reset is seen too. The firmware may reset the
    /// machine once more, so the counts grow by one or two.
    fn reboot(&self, spec: &DomainSpec) {
        let qemu = pid_of_qemu();
        self.libvirt.reboot(spec.id).unwrap();
        self.says("uu");
        wait_until("a reboot is seen", || self.domain().unwrap().reboots > 0);
        let before = self.domain().unwrap().reboots;
        self.libvirt.reset(spec.id).unwrap();
        self.says("uuu");
        wait_until("a reset is seen", || self.domain().unwrap().reboots > before);
        self.becomes(DomainState::Running);
        assert_eq!(pid_of_qemu(), qemu, "it is the same virtual machine");
    }

    /// A stopped domain says how it ended, and is replaced by a start.
    fn end(&self, spec: &DomainSpec) {
        self.libvirt.shutdown(spec.id).unwrap();
        self.becomes(DomainState::Stopped(Ending::PoweredOff));
        self.libvirt.shutdown(spec.id).unwrap();
        self.libvirt.reboot(spec.id).unwrap();
        self.libvirt.start(spec).unwrap();
        self.says("uuuu");
        run("kill", &["-9", &pid_of_qemu()], &[]);
        self.becomes(DomainState::Stopped(Ending::Died));
        self.libvirt.start(spec).unwrap();
        self.becomes(DomainState::Running);
    }

    /// A guest that says that it has panicked is seen to, by another process too, and a reset
    /// makes it run again.
    fn crash(&self) {
        let (spec, _) = self.install(guest::PANICS);
        self.libvirt.start(&spec).unwrap();
        self.becomes(DomainState::Crashed);
        self.libvirt.start(&spec).unwrap();
        self.libvirt.reset(spec.id).unwrap();
        self.says("uu");
        self.becomes(DomainState::Crashed);
        self.libvirt.destroy(spec.id).unwrap();
        assert_eq!(self.domain(), None);
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
        assert_eq!(self.domain(), None);
    }

    /// libvirt itself reads a template before it is used.
    fn template(&self) {
        let (spec, _) = self.install(guest::OBEDIENT);
        let template = self.directory.join("libvirt.xml");
        let libvirt = Libvirt::choose(
            &self.uri,
            Chosen::Qemu,
            template.clone(),
            self.directory.join("unused"),
        );
        let built_in = hypervisor::built_in_template(Accelerator::Qemu).unwrap();
        let wrong = built_in.replace("offset=\"utc\"", "offset=\"mars\"");
        assert_ne!(wrong, built_in);
        fs::write(&template, wrong).unwrap();
        let problem = libvirt.obstacle().unwrap().unwrap();
        assert!(problem.contains("mars"), "{problem}");
        assert!(libvirt.start(&spec).is_err());
        assert_eq!(self.domain(), None);

        let title = "<title>local needs</title></domain>";
        fs::write(&template, built_in.replace("</domain>", title)).unwrap();
        assert_eq!(libvirt.obstacle(), Ok(None));
        libvirt.start(&spec).unwrap();
        self.says("u");
        libvirt.destroy(spec.id).unwrap();
    }

    /// The guest of the proof runs to its end emulated, and not under a KVM that is not there:
    /// emulation is then used unless KVM was asked for.
    fn prove(&self) {
        let bench = self.directory.join("kvm");
        self.libvirt.prove(false, bench.clone()).unwrap();
        assert!(self.libvirt.prove(true, bench.clone()).is_err());
        assert_eq!(self.domain(), None, "nothing is left of it");

        let (spec, _) = self.install(guest::OBEDIENT);
        let choose = |chosen| {
            let template = self.directory.join("none.xml");
            Libvirt::choose(&self.uri, chosen, template, bench.clone())
        };
        let best = choose(Chosen::Best);
        wait_until("it settles", || best.start(&spec).is_ok());
        assert_eq!(best.obstacle(), Ok(None));
        best.destroy(spec.id).unwrap();
        let kvm = choose(Chosen::Kvm);
        wait_until("it gives up", || kvm.obstacle().unwrap().is_some());
        assert!(matches!(kvm.start(&spec), Err(HypervisorError::NotNow(_))));
        assert_eq!(self.domain(), None);
    }
}

fn pid_of_qemu() -> String {
    run("pgrep", &["-f", "^[^ ]*qemu-system.*i-4EA305C1"], &[]).trim().to_owned()
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
