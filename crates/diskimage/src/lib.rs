//! What a machine image is, from its bytes: its format, its partition table, how it boots.
//!
//! The bytes are a stranger's. Everything is read with bounds, and a qcow2 image that is not of
//! the plainest kind is refused before any tool opens it.

mod partition;
mod qcow2;
mod swap;

pub use partition::{Partition, PartitionKind, SECTOR, TableTooSmall, partition_table};
pub use qcow2::Qcow2;
pub use swap::swap_header;

use std::io::{self, Read, Seek, SeekFrom};
use types::{Boot, ImageFormat};

/// Why an image is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is a qcow2 image of a kind that is not taken.
    #[error("the qcow2 image {0}; write it anew with: qemu-img convert -O qcow2 IMAGE NEW")]
    Qcow2(String),
    /// It cannot be read.
    #[error("reading the image: {0}")]
    Io(#[from] io::Error),
}

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// The format of its bytes.
    pub format: ImageFormat,
    /// How a machine starts from it.
    pub boot: Boot,
    /// Whether it has an EFI system partition.
    pub efi: bool,
    /// The bytes of the disk that it describes.
    pub disk_bytes: u64,
}

/// Finds out what a machine image of `length` bytes is.
///
/// A disk with a GPT, or with an MBR and boot code, boots by itself: with UEFI when it has an EFI
/// system partition and no boot code, else with the BIOS. Everything else is taken for a
/// filesystem, for which a kernel is loaded.
///
/// # Errors
/// [`Refused`] for a qcow2 image that is not taken, or bytes that cannot be read.
pub fn inspect(image: &mut (impl Read + Seek), length: u64) -> Result<Inspected, Refused> {
    if !Qcow2::is(image)? {
        let disk = partition::look(&mut |offset, buffer| read_raw(image, length, offset, buffer))?;
        let format = ImageFormat::Raw;
        return Ok(Inspected { format, boot: disk.boot, efi: disk.efi, disk_bytes: length });
    }
    let qcow2 = Qcow2::check(image, length)?;
    let disk = partition::look(&mut |offset, buffer| qcow2.read(image, offset, buffer))?;
    Ok(Inspected {
        format: ImageFormat::Qcow2,
        boot: disk.boot,
        efi: disk.efi,
        disk_bytes: qcow2.disk_bytes(),
    })
}

/// Reads bytes of a disk; what lies behind its end is zero.
fn read_raw(
    image: &mut (impl Read + Seek),
    length: u64,
    offset: u64,
    buffer: &mut [u8],
) -> io::Result<()> {
    buffer.fill(0);
    // A place behind 2^63 could not even be looked for.
    if offset >= length {
        return Ok(());
    }
    let there = usize::try_from(length - offset).unwrap_or(usize::MAX);
    let there = there.min(buffer.len());
    image.seek(SeekFrom::Start(offset))?;
    image.read_exact(&mut buffer[..there])
}

#[cfg(test)]
mod tests;
