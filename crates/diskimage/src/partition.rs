//! Partition tables: what a disk's says of how it boots, and one for a disk that we make.

use std::io;
use types::Boot;

/// The bytes of a sector.
pub const SECTOR: u64 = 512;

/// A GPT may not be larger than this: 1024 entries of 128 bytes.
const MOST_GPT_BYTES: u64 = 128 << 10;
const SMALLEST_GPT_ENTRY: u64 = 128;

/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B as it lies on a disk.
const EFI_SYSTEM_PARTITION: [u8; 16] = [
    0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B,
];

/// Of the types of an MBR's partitions: a GPT follows.
const PROTECTIVE: u8 = 0xEE;
/// An EFI system partition.
const EFI: u8 = 0xEF;

/// How a disk boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) boot: Boot,
    pub(crate) efi: bool,
}

type ReadAt<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>;

/// Looks at the partition table of a disk.
pub(crate) fn look(read: ReadAt<'_>) -> io::Result<Look> {
    let mut first = [0; SECTOR as usize];
    read(0, &mut first)?;
    let Some(types) = entries(&first) else {
        return Ok(Look { boot: Boot::Kernel, efi: false });
    };
    let gpt = if types.contains(&PROTECTIVE) { gpt(read)? } else { None };
    let efi = types.contains(&EFI) || gpt == Some(true);
    let boot_code = first[..440].iter().any(|byte| *byte != 0);
    let boot = match (efi, boot_code, gpt) {
        (true, false, _) => Boot::Uefi,
        (_, true, _) | (_, _, Some(_)) => Boot::Bios,
        // Nothing on it could be started.
        (false, false, None) => Boot::Kernel,
    };
    Ok(Look { boot, efi })
}

/// The types of an MBR's partitions; none when the sector is no MBR. A filesystem's boot sector
/// ends in the same two bytes, so every entry must make sense.
fn entries(sector: &[u8; SECTOR as usize]) -> Option<Vec<u8>> {
    if sector[510..] != [0x55, 0xAA] {
        return None;
    }
    let mut types = Vec::new();
    for entry in sector[446..510].chunks_exact(16) {
        let (status, kind) = (entry[0], entry[4]);
        if kind == 0 && entry.iter().all(|byte| *byte == 0) {
            continue;
        }
        let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| entry[at + n]));
        if !matches!(status, 0 | 0x80) || kind == 0 || number(8) == 0 || number(12) == 0 {
            return None;
        }
        types.push(kind);
    }
    (!types.is_empty()).then_some(types)
}

/// Whether a GPT has an EFI system partition; none when there is no GPT.
fn gpt(read: ReadAt<'_>) -> io::Result<Option<bool>> {
    let mut header = [0; SECTOR as usize];
    read(SECTOR, &mut header)?;
    if &header[..8] != b"EFI PART" {
        return Ok(None);
    }
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| header[at + n]));
    let start = u64::from(word(72)) | u64::from(word(76)) << 32;
    let (count, size) = (u64::from(word(80)), u64::from(word(84)));
    let bytes = count.saturating_mul(size);
    if size < SMALLEST_GPT_ENTRY || bytes > MOST_GPT_BYTES {
        return Ok(None);
    }
    let Some(at) = start.checked_mul(SECTOR).filter(|at| at.checked_add(bytes).is_some()) else {
        return Ok(None);
    };
    // All at once: a cluster of a compressed image is unpacked for each reading of it.
    let mut entries = vec![0; bytes as usize];
    read(at, &mut entries)?;
    let kinds = entries.chunks_exact(size as usize).map(|entry| &entry[..16]);
    Ok(Some(kinds.into_iter().any(|kind| kind == EFI_SYSTEM_PARTITION)))
}

/// What a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKind {
    /// A filesystem of Linux.
    Linux,
    /// Swap space of Linux.
    Swap,
}

/// A partition of a disk that is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// The bytes before it, a multiple of [`SECTOR`].
    pub start: u64,
    /// Its bytes, a multiple of [`SECTOR`].
    pub bytes: u64,
    /// What it holds.
    pub kind: PartitionKind,
}

/// A disk that is larger than an MBR can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a disk with an MBR ends at 2 TB")]
pub struct TableTooSmall;

/// The first sector of a disk with these partitions, numbered from 1; none leaves a number out.
///
/// # Errors
/// [`TableTooSmall`] when one lies behind 2 TB.
pub fn partition_table(
    partitions: [Option<Partition>; 4],
    disk_id: [u8; 4],
) -> Result<[u8; SECTOR as usize], TableTooSmall> {
    let mut sector = [0; SECTOR as usize];
    sector[440..444].copy_from_slice(&disk_id);
    for (entry, partition) in sector[446..510].chunks_exact_mut(16).zip(partitions) {
        let Some(partition) = partition else { continue };
        // Cylinders, heads and sectors as of a disk that is too large for them.
        entry.copy_from_slice(&[0, 0xFE, 0xFF, 0xFF, 0, 0xFE, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0]);
        entry[4] = match partition.kind {
            PartitionKind::Linux => 0x83,
            PartitionKind::Swap => 0x82,
        };
        let sectors = |bytes: u64| u32::try_from(bytes / SECTOR).map_err(|_| TableTooSmall);
        entry[8..12].copy_from_slice(&sectors(partition.start)?.to_le_bytes());
        entry[12..].copy_from_slice(&sectors(partition.bytes)?.to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    Ok(sector)
}
