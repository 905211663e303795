//! A disk image: a partition table, or a qcow2 file with one in it.

use diskimage::{Inspected, inspect};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use types::{Boot, ImageFormat};

/// Clusters of the qcow2 images that are made here, as small as QEMU allows.
const CLUSTER: usize = 512;
/// Of an image of a few kilobytes no more is read than a table of 128 KB, in clusters of which each
/// takes two look-ups and may be all of the file, compressed.
const MOST_READ: u64 = 2 << 20;

/// The first byte says what the others change: an image of this kind, or they are one themselves.
pub fn disk_image(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut image = match kind {
        b'm' => mbr(0x83),
        b'g' => gpt(),
        b'q' => qcow2(&gpt(), false),
        b'z' => qcow2(&gpt(), true),
        _ => return look_closely(rest),
    };
    if rest.is_empty() {
        let found = look(&image).expect("what is changed is a good one");
        assert!(found.boot.by_itself(), "{found:?}");
    }
    // where, in two bytes, and what is there then; what does not make three cuts the image off
    let changes = rest.chunks_exact(3);
    let cut = changes.remainder();
    for change in changes {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % image.len();
        image[at] = change[2];
    }
    if let [low, high] = *cut {
        image.truncate(usize::from(u16::from_le_bytes([low, high])));
    }
    look_closely(&image);
}

/// Looks at an image in every way in which the same disk can come.
fn look_closely(image: &[u8]) {
    let found = look(image);
    if found.is_some_and(|it| it.format == ImageFormat::Qcow2) || image.starts_with(b"QFI\xfb") {
        return;
    }
    let found = found.expect("bytes that are no qcow2 image are taken as they are");
    assert_eq!((found.format, found.disk_bytes), (ImageFormat::Raw, image.len() as u64));
    let mut longer = image.to_vec();
    longer.resize(image.len().next_multiple_of(CLUSTER) + CLUSTER, 0);
    let same = |other: Inspected| (other.boot, other.efi) == (found.boot, found.efi);
    assert!(look(&longer).is_some_and(same), "what lies behind the end is zero");
    // one table has room for so many clusters
    if longer.len() <= CLUSTER * CLUSTER / 8 {
        for compressed in [false, true] {
            let packed = look(&qcow2(&longer, compressed)).expect("a plain qcow2 image");
            assert_eq!(packed.disk_bytes, longer.len() as u64);
            assert!(same(packed), "it is the same disk: {packed:?}, {found:?}");
        }
    }
}

fn look(image: &[u8]) -> Option<Inspected> {
    let mut file = File { bytes: Cursor::new(image), read: 0 };
    let found = inspect(&mut file, image.len() as u64);
    assert!(file.read <= MOST_READ, "{} bytes were read", file.read);
    let told = |error: &diskimage::Refused| {
        assert!(crate::is_short(&error.to_string()), "{error}");
    };
    let found = found.inspect_err(told).ok()?;
    assert_eq!(found.disk_bytes % if found.format == ImageFormat::Raw { 1 } else { 512 }, 0);
    let fits = match found.boot {
        Boot::Uefi => found.efi,
        Boot::Kernel => !found.efi,
        Boot::Bios => true,
    };
    assert!(fits, "{found:?}");
    Some(found)
}

/// What the operating system makes of a file: no place behind 2^63 can be looked for.
struct File<'a> {
    bytes: Cursor<&'a [u8]>,
    read: u64,
}

impl Read for File<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Seek for File<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match to {
            SeekFrom::Start(at) if i64::try_from(at).is_err() => {
                Err(io::ErrorKind::InvalidInput.into())
            }
            to => self.bytes.seek(to),
        }
    }
}

/// A sector with boot code and one partition of this type.
fn mbr(kind: u8) -> Vec<u8> {
    let mut disk = vec![0; 4 * 512];
    disk[0] = 0xEB;
    disk[446 + 4] = kind;
    disk[446 + 8] = 1;
    disk[446 + 12] = 3;
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

/// A GPT of four partitions, of which the second is an EFI system partition.
fn gpt() -> Vec<u8> {
    const EFI_SYSTEM_PARTITION: [u8; 16] = [
        0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
    ];
    let mut disk = mbr(0xEE);
    disk[0] = 0;
    disk[512..520].copy_from_slice(b"EFI PART");
    for (at, number) in [(72, 2), (80, 4), (84, 128)] {
        disk[512 + at] = number;
    }
    disk[1024..1040].fill(7);
    disk[1152..1168].copy_from_slice(&EFI_SYSTEM_PARTITION);
    disk
}

/// A qcow2 image of a disk of whole clusters: header, table of tables, reference counts (which
/// nobody looks at), table, clusters.
fn qcow2(disk: &[u8], compressed: bool) -> Vec<u8> {
    const COMPRESSED: u64 = 1 << 62;
    let mut image = vec![0; 4 * CLUSTER];
    image[..4].copy_from_slice(b"QFI\xfb");
    for (at, word) in [(4, 3_u32), (20, 9), (36, 1), (56, 1), (96, 4), (100, 104)] {
        image[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
    let (tables, counts, table) = (CLUSTER as u64, 2 * CLUSTER as u64, 3 * CLUSTER as u64);
    for (at, long) in [(24, disk.len() as u64), (40, tables), (48, counts), (CLUSTER, table)] {
        image[at..at + 8].copy_from_slice(&long.to_be_bytes());
    }
    for (number, cluster) in disk.chunks(CLUSTER).enumerate() {
        let mut entry = image.len() as u64;
        if compressed {
            // one block that is stored as it is (RFC 1951, 3.2.4), in two sectors
            entry |= COMPRESSED | 1 << 61;
            image.extend([1, 0, 2, 0xFF, 0xFD]);
        }
        image.extend(cluster);
        image.resize(image.len().next_multiple_of(CLUSTER), 0);
        let at = 3 * CLUSTER + 8 * number;
        image[at..at + 8].copy_from_slice(&entry.to_be_bytes());
    }
    image
}
