//! What is left when a whole machine goes: this program writes in a guest that is killed like a
//! computer whose plug is pulled. What its kernel had not written yet is gone.

use crate::client::open;
use crate::kill::{ARGUMENTS, Seen, check, run_and_kill, variables};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many kills of a process a long run asks for; one in twenty is one of a guest.
const KILLS: &str = "WALRUS_KILLS";
/// What is acknowledged before the plug is pulled: emulated machines are slow.
const OPERATIONS: usize = 25;

fn files() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("build/test-guest")
}

fn must(command: &mut Command) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// The guest's disk for data, with the guest.
struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        let own = std::env::current_exe().unwrap();
        must(Command::new("strip").arg("-o").arg(machine.file("program")).arg(own));
        let data = std::fs::File::create(machine.file("data")).unwrap();
        data.set_len(1 << 30).unwrap();
        must(Command::new("/sbin/mke2fs").args(["-q", "-t", "ext4"]).arg(machine.file("data")));
        machine
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The guest, which writes from its start on.
    fn started(&self, round: u64) -> Command {
        let root = self.file("root");
        let overlay = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"];
        let base = files().join("root.img");
        assert!(base.exists(), "build/test-guest is missing: run scripts/test-guest");
        must(Command::new("qemu-img").args(overlay).arg(base).arg(&root));
        let disk = |file: &Path, format: &str| {
            format!("file={},format={format},if=virtio", file.display())
        };
        let [dir, round] = variables(Path::new("/data/store"), round);
        let words = [dir, round].map(|(name, value)| format!("{name}={value}")).join(" ");
        let arguments = ARGUMENTS.join(",");
        let line =
            format!("console=ttyS0 quiet panic=-1 root=/dev/vda {words} program_args={arguments}");
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-accel", "tcg", "-m", "768", "-nographic", "-no-reboot", "-nic", "none"])
            .arg("-kernel")
            .arg(files().join("kernel"))
            .arg("-initrd")
            .arg(files().join("ramdisk"))
            .args(["-append", &line, "-drive", &disk(&root, "qcow2")])
            .args(["-drive", &disk(&self.file("program"), "raw")])
            .args(["-drive", &disk(&self.file("data"), "raw")])
            .stdin(Stdio::null());
        command
    }

    /// What is on the disk, once its file system has done what it does after a power cut.
    fn copy_of_store(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        let replayed = Command::new("/sbin/e2fsck").arg("-p").arg(self.file("data")).status();
        // 1: it mended something, as it has to
        assert!(matches!(replayed.unwrap().code(), Some(0 | 1)));
        let request = format!("rdump store {}", copy.path().display());
        must(Command::new("/sbin/debugfs").args(["-R", &request]).arg(self.file("data")));
        copy
    }
}

#[test]
fn every_acknowledged_write_survives_the_end_of_its_machine() {
    let machine = Machine::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut seen = Seen::new();
    let kills = std::env::var(KILLS).map_or(1, |kills| kills.parse::<u64>().unwrap() / 20);
    for round in 0..kills {
        run_and_kill(machine.started(round), OPERATIONS, &mut seen);
        let copy = machine.copy_of_store();
        runtime.block_on(async { check(&open(&copy.path().join("store")), &mut seen).await });
    }
}
