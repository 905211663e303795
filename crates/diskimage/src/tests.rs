//! With images that QEMU's and util-linux' own tools make, and with hostile ones.

use super::*;
use proptest::prelude::*;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const MB: usize = 1 << 20;

/// A sector with one partition of this type.
fn mbr(kind: u8, boot_code: bool) -> Vec<u8> {
    let mut disk = vec![0; MB];
    disk[0] = if boot_code { 0xEB } else { 0 };
    disk[446 + 4] = kind;
    disk[446 + 8] = 34;
    disk[446 + 12] = 100;
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

fn gpt(kinds: &[[u8; 16]], boot_code: bool) -> Vec<u8> {
    let mut disk = mbr(0xEE, boot_code);
    disk[512..520].copy_from_slice(b"EFI PART");
    disk[512 + 72] = 2;
    disk[512 + 80] = 128;
    disk[512 + 84] = 128;
    for (at, kind) in (1024..).step_by(128).zip(kinds) {
        disk[at..at + 16].copy_from_slice(kind);
    }
    disk
}

const ESP: [u8; 16] = [
    0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
];

fn run(program: &str, args: &[&str], input: &str) {
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program} {args:?}");
}

/// The image as QEMU writes it.
fn qcow2(raw: &[u8], options: &[&str]) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let (from, to) = (directory.path().join("raw"), directory.path().join("qcow2"));
    fs::write(&from, raw).unwrap();
    let paths = [from.to_str().unwrap(), to.to_str().unwrap()];
    let args = ["convert", "-f", "raw", "-O", "qcow2"];
    run("qemu-img", &[&args[..], options, &paths].concat(), "");
    fs::read(to).unwrap()
}

fn look(image: &[u8]) -> Result<Inspected, Refused> {
    inspect(&mut Cursor::new(image), image.len() as u64)
}

#[test]
fn a_disk_tells_how_it_boots() {
    let mut ext = vec![0; MB];
    ext[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xEF]);
    let mut ext_with_a_boot_sector = ext.clone();
    ext_with_a_boot_sector[..512].fill(0x90);
    ext_with_a_boot_sector[510..512].copy_from_slice(&[0x55, 0xAA]);
    let mut no_entry = vec![0; MB];
    no_entry[510..512].copy_from_slice(&[0x55, 0xAA]);
    let mut endless = gpt(&[], true);
    endless[512 + 80..512 + 84].fill(0xFF);
    let mut far = gpt(&[], false);
    far[512 + 72..512 + 80].fill(0xFF);
    let other = [7; 16];
    for (name, disk, boot) in [
        ("nothing", vec![], Boot::Kernel),
        ("a few bytes", vec![1; 100], Boot::Kernel),
        ("a filesystem", ext, Boot::Kernel),
        ("a filesystem with a boot sector", ext_with_a_boot_sector, Boot::Kernel),
        ("a boot sector without partitions", no_entry, Boot::Kernel),
        ("MBR and boot code", mbr(0x83, true), Boot::Bios),
        ("MBR alone", mbr(0x83, false), Boot::Kernel),
        ("MBR, EFI", mbr(0xEF, false), Boot::Uefi),
        ("MBR, EFI and boot code", mbr(0xEF, true), Boot::Bios),
        ("GPT, EFI", gpt(&[other, ESP], false), Boot::Uefi),
        ("GPT, EFI and boot code", gpt(&[ESP], true), Boot::Bios),
        ("GPT and boot code", gpt(&[other], true), Boot::Bios),
        ("GPT alone", gpt(&[other], false), Boot::Bios),
        ("a protective MBR without GPT", mbr(0xEE, false), Boot::Kernel),
        ("a GPT of absurd size", endless, Boot::Bios),
        ("a GPT that lies nowhere", far, Boot::Kernel),
    ] {
        let found = look(&disk).unwrap();
        assert_eq!((found.boot, found.format), (boot, ImageFormat::Raw), "{name}");
        if disk.len() == MB {
            for options in [&[][..], &["-c"], &["-o", "compat=0.10"], &["-o", "cluster_size=512"]] {
                let image = qcow2(&disk, options);
                let found = look(&image).unwrap();
                assert_eq!((found.boot, found.format), (boot, ImageFormat::Qcow2), "{name}");
                assert_eq!(found.disk_bytes, MB as u64);
            }
        }
    }
}

#[test]
fn tables_of_the_usual_tools_are_understood() {
    let esp = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
    let efi = format!("label: gpt\nsize=4MiB, type={esp}\nsize=4MiB\n");
    for (script, boot) in [("label: dos\nsize=4MiB\n", Boot::Kernel), (&efi, Boot::Uefi)] {
        let directory = TempDir::new().unwrap();
        let disk = directory.path().join("disk");
        File::create(&disk).unwrap().set_len(16 << 20).unwrap();
        run("sfdisk", &["-q", disk.to_str().unwrap()], script);
        assert_eq!(look(&fs::read(&disk).unwrap()).unwrap().boot, boot, "{script}");
    }
}

/// What is changed in a good image: where, and what is there then.
const HOSTILE: &[(&str, usize, &[u8])] = &[
    ("version 1", 7, &[1]),
    ("version 4", 7, &[4]),
    ("a backing file", 8, &[0, 0, 0, 0, 0, 0, 2, 0]),
    ("a backing file's length", 19, &[11]),
    ("clusters of 256 bytes", 23, &[8]),
    ("clusters of 4 MB", 23, &[22]),
    ("clusters of 2^65 bytes", 23, &[65]),
    ("no disk", 24, &[0; 8]),
    ("an odd disk", 31, &[1]),
    ("an endless disk", 24, &[0xFF; 8]),
    ("a disk larger than its table", 25, &[0x10]),
    ("encryption", 35, &[1]),
    ("a key in LUKS", 35, &[2]),
    ("no table", 36, &[0; 4]),
    ("an endless table", 36, &[0xFF; 4]),
    ("a table outside", 40, &[0x7F, 0, 0, 0]),
    ("a table at an odd place", 47, &[1]),
    ("a table in the header", 40, &[0; 8]),
    ("reference counts outside", 48, &[0xFF, 0xFF, 0xFF, 0xFF]),
    ("endless reference counts", 56, &[0xFF; 4]),
    ("no reference counts", 56, &[0; 4]),
    ("snapshots", 63, &[1]),
    ("not closed", 79, &[1]),
    ("corrupt", 79, &[2]),
    ("an external data file", 79, &[4]),
    ("zstd", 79, &[8]),
    ("extended entries", 79, &[16]),
    ("an unknown feature", 72, &[0x80]),
    ("absurd reference counts", 99, &[7]),
    ("a short header", 103, &[72]),
    ("a header of odd length", 103, &[105]),
    ("an endless header", 100, &[0xFF; 4]),
    ("an unknown compression", 104, &[1]),
    ("a backing format", 112, &[0xE2, 0x79, 0x2A, 0xCA]),
    ("the name of a data file", 112, b"DATA"),
    ("bitmaps", 112, &[0x23, 0x85, 0x28, 0x75]),
    ("an endless extension", 116, &[0xFF, 0xFF, 0xFF, 0xF0]),
];

#[test]
fn hostile_headers_are_refused() {
    let good = qcow2(&mbr(0x83, true), &[]);
    assert!(look(&good).is_ok());
    for (name, at, bytes) in HOSTILE {
        let mut image = good.clone();
        image[*at..at + bytes.len()].copy_from_slice(bytes);
        let error = look(&image).expect_err(name);
        assert!(matches!(error, Refused::Qcow2(_)), "{name}: {error}");
    }
    for cut in [4, 8, 71, 103, 111, 119] {
        assert!(look(&good[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_backing_file_made_by_qemu_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("overlay");
    let name = path.to_str().unwrap();
    let args = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", name, "1M"];
    run("qemu-img", &args, "");
    let error = look(&fs::read(&path).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("the qcow2 image has a backing file; write it anew"), "{error}");
    let data = directory.path().join("data");
    let option = format!("data_file={}", data.display());
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-o", &option, name, "1M"], "");
    let error = look(&fs::read(&path).unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("the qcow2 image has an external data file"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_read_without_end(
        at in 0_usize..70_000, bytes in prop::collection::vec(any::<u8>(), 1..64), packed: bool,
    ) {
        static PLAIN: std::sync::LazyLock<[Vec<u8>; 2]> = std::sync::LazyLock::new(|| {
            let disk = gpt(&[[9; 16]; 100], true);
            [qcow2(&disk, &["-o", "cluster_size=4096"]), qcow2(&disk, &["-c"])]
        });
        let mut image = PLAIN[usize::from(packed)].clone();
        let at = at % image.len();
        let end = (at + bytes.len()).min(image.len());
        image[at..end].copy_from_slice(&bytes[..end - at]);
        let _ = look(&image);
    }
}

#[test]
fn a_table_that_is_made_here_is_one_for_other_tools() {
    let mb = 1 << 20;
    let partition = |start: u64, megabytes: u64, kind| {
        Some(Partition { start: start * mb, bytes: megabytes * mb, kind })
    };
    let linux = partition(1, 8, PartitionKind::Linux);
    let swap = partition(9, 4, PartitionKind::Swap);
    let table = partition_table([linux, None, swap, None], *b"disk").unwrap();
    let directory = TempDir::new().unwrap();
    let disk = directory.path().join("disk");
    fs::write(&disk, table).unwrap();
    let mut file = File::options().write(true).open(&disk).unwrap();
    file.set_len(13 * mb).unwrap();
    let page = swap_header(4 * mb, *b"0123456789abcdef").unwrap();
    file.seek(SeekFrom::Start(9 * mb)).unwrap();
    file.write_all(&page).unwrap();
    let dump = Command::new("/usr/sbin/sfdisk").arg("-d").arg(&disk).output().unwrap();
    let dump = String::from_utf8(dump.stdout).unwrap();
    let place = |dump: &str, start: u64, size: u64, kind: &str| {
        let line = format!("start={start:>12}, size={size:>12}, type={kind}");
        assert!(dump.contains(&line), "{line} is not in {dump}");
    };
    place(&dump, 2048, 16384, "83");
    place(&dump, 18432, 8192, "82");
    assert!(dump.contains("disk3 :"), "swap is the third: {dump}");
    check_swap(&disk, 9 * mb, 4 * mb);
    let behind = Some(Partition { start: 1 << 41, bytes: mb, kind: PartitionKind::Swap });
    assert_eq!(partition_table([behind, None, None, None], [0; 4]), Err(TableTooSmall));
    assert_eq!(swap_header(4096, [0; 16]), None);
}

fn check_swap(disk: &Path, offset: u64, size: u64) {
    let (offset, size) = (format!("--offset={offset}"), format!("--size={size}"));
    let probe = Command::new("/usr/sbin/blkid").args(["-p", &offset, &size]).arg(disk).output();
    let said = String::from_utf8(probe.unwrap().stdout).unwrap();
    assert!(said.contains("TYPE=\"swap\"") && said.contains("VERSION=\"1\""), "{said}");
    assert!(said.contains("30313233-3435-3637-3839-616263646566"), "{said}");
}
