//! A strict reader of qcow2 images (QEMU, `docs/interop/qcow2.txt`).
//!
//! Through a backing file or an external data file, an image could make a tool read any file of
//! the machine; through tables of absurd sizes, all of its memory. Only what a freshly written
//! image of one file has is taken.

use crate::Refused;
use flate2::{Decompress, FlushDecompress};
use std::io::{self, Read, Seek, SeekFrom};

const MAGIC: [u8; 4] = *b"QFI\xfb";
const OLD_HEADER: usize = 72;
const HEADER: usize = 104;
/// The longest header that is read, with its extensions.
const MOST_HEADER: usize = 4096;
/// QEMU's own limits for the tables.
const MOST_L1_BYTES: u64 = 32 << 20;
const MOST_REFCOUNT_TABLE_BYTES: u64 = 8 << 20;
/// No larger disk can be asked for.
const MOST_DISK_BYTES: u64 = 1 << 46;

/// The end of the header's extensions, and the only one that is taken: names of features.
const END: u32 = 0;
const FEATURE_NAMES: u32 = 0x6803_F857;

/// The bits of a table's entry that are an offset.
const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;

/// A qcow2 image whose header was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qcow2 {
    disk_bytes: u64,
    cluster_bits: u32,
    l1_offset: u64,
}

impl Qcow2 {
    /// Whether the bytes say that they are a qcow2 image.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn is(image: &mut (impl Read + Seek)) -> io::Result<bool> {
        Ok(beginning(image, MAGIC.len())? == MAGIC)
    }

    /// Checks the header of an image of `length` bytes.
    ///
    /// # Errors
    /// [`Refused`] when it is not of the plainest kind.
    pub fn check(image: &mut (impl Read + Seek), length: u64) -> Result<Self, Refused> {
        Header(&beginning(image, MOST_HEADER)?).check(length).map_err(|error| match error {
            Flaw::Text(text) => Refused::Qcow2(text),
            Flaw::Cut => Refused::Qcow2("is cut off in its header".to_owned()),
        })
    }

    /// The bytes of the disk that it describes.
    pub const fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }

    /// Reads bytes of the disk; what was never written, or lies behind its end, is zero.
    pub(crate) fn read(
        &self,
        image: &mut (impl Read + Seek),
        mut offset: u64,
        mut buffer: &mut [u8],
    ) -> io::Result<()> {
        let cluster_size = 1_u64 << self.cluster_bits;
        while !buffer.is_empty() {
            let within = offset % cluster_size;
            let here = usize::try_from(cluster_size - within).unwrap_or(usize::MAX);
            let (piece, rest) = buffer.split_at_mut(here.min(buffer.len()));
            self.read_in_cluster(image, offset, piece)?;
            offset = offset.saturating_add(piece.len() as u64);
            buffer = rest;
        }
        Ok(())
    }

    fn read_in_cluster(
        &self,
        image: &mut (impl Read + Seek),
        offset: u64,
        piece: &mut [u8],
    ) -> io::Result<()> {
        piece.fill(0);
        if offset >= self.disk_bytes {
            return Ok(());
        }
        let cluster = offset >> self.cluster_bits;
        let l2_bits = self.cluster_bits - 3;
        let l2 = entry(image, self.l1_offset, cluster >> l2_bits)? & OFFSET;
        if l2 == 0 {
            return Ok(());
        }
        let found = entry(image, l2, cluster & ((1 << l2_bits) - 1))?;
        let within = offset & ((1 << self.cluster_bits) - 1);
        if found & COMPRESSED != 0 {
            let whole = self.decompress(image, found)?;
            let start = usize::try_from(within).unwrap_or(usize::MAX);
            let wanted = start.checked_add(piece.len()).and_then(|end| whole.get(start..end));
            piece.copy_from_slice(wanted.ok_or_else(|| broken("a compressed cluster is short"))?);
            return Ok(());
        }
        let host = found & OFFSET;
        if host == 0 || found & ZERO != 0 {
            return Ok(());
        }
        image.seek(SeekFrom::Start(host + within))?;
        image.read_exact(piece)
    }

    /// A compressed cluster: an offset in its low bits, above it the number of further sectors.
    fn decompress(&self, image: &mut (impl Read + Seek), found: u64) -> io::Result<Vec<u8>> {
        let offset_bits = 62 - (self.cluster_bits - 8);
        let offset = found & ((1 << offset_bits) - 1);
        let sectors = ((found & !COMPRESSED & !(1 << 63)) >> offset_bits) + 1;
        // Its last sector may lie behind the end of the file.
        let mut packed = Vec::new();
        image.seek(SeekFrom::Start(offset))?;
        image.take(sectors * 512 - offset % 512).read_to_end(&mut packed)?;
        let mut whole = vec![0; 1 << self.cluster_bits];
        let mut inflate = Decompress::new(false);
        inflate.decompress(&packed, &mut whole, FlushDecompress::Finish).map_err(broken)?;
        if inflate.total_out() != whole.len() as u64 {
            return Err(broken("a compressed cluster is short"));
        }
        Ok(whole)
    }
}

fn broken(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a broken qcow2 image: {error}"))
}

/// An entry of a table in the image.
fn entry(image: &mut (impl Read + Seek), table: u64, number: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    image.seek(SeekFrom::Start(table.saturating_add(number.saturating_mul(8))))?;
    image.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The first bytes of an image, fewer when it is shorter.
fn beginning(image: &mut (impl Read + Seek), most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    image.seek(SeekFrom::Start(0))?;
    image.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

enum Flaw {
    Cut,
    Text(String),
}

fn flaw<T>(text: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw::Text(text.into()))
}

/// The beginning of an image.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn word(&self, at: usize) -> Result<u32, Flaw> {
        let bytes = self.0.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or(Flaw::Cut)
    }

    fn long(&self, at: usize) -> Result<u64, Flaw> {
        Ok(u64::from(self.word(at)?) << 32 | u64::from(self.word(at + 4)?))
    }

    fn check(&self, length: u64) -> Result<Qcow2, Flaw> {
        if self.0.get(..4) != Some(&MAGIC) {
            return flaw("does not begin as one");
        }
        let version = self.word(4)?;
        if !matches!(version, 2 | 3) {
            return flaw(format!("has version {version}; 2 and 3 are known"));
        }
        if (self.long(8)?, self.word(16)?) != (0, 0) {
            return flaw("has a backing file");
        }
        if self.word(32)? != 0 {
            return flaw("is encrypted");
        }
        if self.word(60)? != 0 {
            return flaw("has internal snapshots");
        }
        self.check_features(version)?;
        self.check_sizes(length)
    }

    fn check_features(&self, version: u32) -> Result<(), Flaw> {
        if version == 2 {
            return self.check_extensions(OLD_HEADER);
        }
        match self.long(72)? {
            0 => {}
            features if features & 1 << 2 != 0 => return flaw("has an external data file"),
            features if features & 1 << 3 != 0 => return flaw("is compressed with zstd"),
            features if features & 3 != 0 => return flaw("was not closed properly, or is corrupt"),
            features => return flaw(format!("has unknown features ({features:#x})")),
        }
        if self.word(96)? > 6 {
            return flaw("has absurd reference counts");
        }
        let header = self.word(100)? as usize;
        if header < HEADER || !header.is_multiple_of(8) {
            return flaw(format!("has a header of {header} bytes"));
        }
        if header > HEADER && self.0.get(HEADER) != Some(&0) {
            return flaw("is compressed in an unknown way");
        }
        self.check_extensions(header)
    }

    /// The extensions end with one of type 0, within the part of the header that is read.
    fn check_extensions(&self, mut at: usize) -> Result<(), Flaw> {
        loop {
            match self.word(at)? {
                END => return Ok(()),
                FEATURE_NAMES => at += 8 + (self.word(at + 4)? as usize).next_multiple_of(8),
                0x4441_5441 => return flaw("names an external data file"),
                other => return flaw(format!("has an extension of the unknown type {other:#x}")),
            }
        }
    }

    fn check_sizes(&self, length: u64) -> Result<Qcow2, Flaw> {
        let cluster_bits = self.word(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return flaw(format!("has clusters of 2^{cluster_bits} bytes"));
        }
        let disk_bytes = self.long(24)?;
        if disk_bytes == 0 || disk_bytes > MOST_DISK_BYTES || !disk_bytes.is_multiple_of(512) {
            return flaw(format!("describes a disk of {disk_bytes} bytes"));
        }
        let cluster = 1_u64 << cluster_bits;
        let l1_bytes = u64::from(self.word(36)?) * 8;
        let l1_offset = self.long(40)?;
        let needed = disk_bytes.div_ceil(cluster).div_ceil(cluster / 8) * 8;
        if l1_bytes < needed || l1_bytes > MOST_L1_BYTES {
            return flaw(format!("has a table of {l1_bytes} bytes for a disk of {disk_bytes}"));
        }
        let refcounts = u64::from(self.word(56)?) << cluster_bits;
        if refcounts == 0 || refcounts > MOST_REFCOUNT_TABLE_BYTES {
            return flaw(format!("has {refcounts} bytes of reference counts"));
        }
        for (offset, bytes) in [(l1_offset, l1_bytes), (self.long(48)?, refcounts)] {
            let inside = offset.checked_add(bytes).is_some_and(|end| end <= length);
            if offset == 0 || !offset.is_multiple_of(cluster) || !inside {
                return flaw("has tables outside of it");
            }
        }
        Ok(Qcow2 { disk_bytes, cluster_bits, l1_offset })
    }
}
