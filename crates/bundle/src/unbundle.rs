//! From the parts of a bundle back to the image, in one pass.

mod decrypt;
mod parts;

use crate::{BundleError, Manifest, Part, UnwrappingKey};
use decrypt::Decryptor;
use flate2::bufread::GzDecoder;
use parts::PartsReader;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use std::cell::Cell;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;

/// The largest image that Amazon's tools bundle: 10 GB.
pub const DEFAULT_MAX_IMAGE_BYTES: u64 = 10 * 1024 * 1024 * 1024;

/// What an archive may spend on headers before and padding after its one file, in bytes.
/// Sparse files have long headers: this is room for half a million holes.
const ARCHIVE_OVERHEAD: u64 = 16 * 1024 * 1024;

const CHUNK: usize = 64 * 1024;

/// An image that has been written out, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbundled {
    /// Its length in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Writes the image of a bundle to `image`; whatever was written is worth nothing on error.
///
/// `open` gives a part's bytes; it is called once per part, in the manifest's order. At most one
/// part (10 MiB) is in memory, and nothing of a part is used before its digest has been checked.
/// It blocks, so an async caller runs it on a thread of its own. The signature is not looked at:
/// see [`Manifest::verify_signature`].
///
/// # Errors
/// A part that is missing or changed is named. Everything that depends on the key is
/// [`BundleError::Undecipherable`].
pub fn unbundle<'p, R: Read>(
    manifest: &'p Manifest,
    key: &UnwrappingKey,
    max_image_bytes: u64,
    open: impl FnMut(&'p Part) -> io::Result<R>,
    image: &mut dyn Write,
) -> Result<Unbundled, BundleError> {
    if manifest.size > max_image_bytes {
        return Err(BundleError::TooLarge { size: manifest.size, limit: max_image_bytes });
    }
    let secret = &manifest.cloud_secret;
    let unwrap = |wrapped| key.unwrap(wrapped).map_err(|_| BundleError::Undecipherable);
    let (key, iv) = (unwrap(&secret.key)?, unwrap(&secret.iv)?);

    let mut parts = PartsReader::new(manifest, open);
    let outcome = decode(manifest, Decryptor::new(&key, iv, &mut parts), image);
    match (outcome, parts.fault()) {
        (Ok(unbundled), None) => Ok(unbundled),
        (Err(Failure::Write(error)), _) => Err(BundleError::Write(error)),
        (_, Some(fault)) => Err(fault),
        (Err(Failure::Content), None) => Err(BundleError::Undecipherable),
    }
}

/// Why the pipeline stopped; which of its stages it was is nobody's business.
enum Failure {
    Content,
    Write(io::Error),
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Content
    }
}

fn decode(
    manifest: &Manifest,
    plain: io::Result<impl Read>,
    image: &mut dyn Write,
) -> Result<Unbundled, Failure> {
    let gzip = GzDecoder::new(BufReader::with_capacity(CHUNK, plain?));
    let budget = Rc::new(Cell::new(ARCHIVE_OVERHEAD));
    let mut tar = Hashed { inner: gzip, sha1: Sha1::new(), budget: Rc::clone(&budget) };
    let unbundled = extract(manifest.size, &mut tar, &budget, image)?;
    drain(&mut tar)?;
    let Hashed { inner: gzip, sha1, .. } = tar;
    let after_gzip = drain(&mut gzip.into_inner())?;
    let digest: [u8; 20] = sha1.finalize().into();
    if after_gzip != 0 || digest != manifest.digest {
        return Err(Failure::Content);
    }
    Ok(unbundled)
}

/// Copies the one regular file of the archive.
fn extract(
    size: u64,
    tar: &mut impl Read,
    budget: &Cell<u64>,
    image: &mut dyn Write,
) -> Result<Unbundled, Failure> {
    let mut archive = tar::Archive::new(tar);
    let mut entries = archive.entries()?;
    let mut entry = entries.next().ok_or(Failure::Content)??;
    let kind = entry.header().entry_type();
    if !(kind.is_file() || kind.is_gnu_sparse()) || entry.size() != size {
        return Err(Failure::Content);
    }
    budget.set(budget.get().saturating_add(size));
    let unbundled = copy(&mut entry, size, image)?;
    budget.set(ARCHIVE_OVERHEAD);
    match entries.next() {
        None => Ok(unbundled),
        Some(_) => Err(Failure::Content),
    }
}

fn copy(entry: &mut impl Read, size: u64, image: &mut dyn Write) -> Result<Unbundled, Failure> {
    let mut sha256 = Sha256::new();
    let mut left = size;
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match entry.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        if length == 0 {
            break;
        }
        left = left.checked_sub(length as u64).ok_or(Failure::Content)?;
        sha256.update(&buffer[..length]);
        image.write_all(&buffer[..length]).map_err(Failure::Write)?;
    }
    image.flush().map_err(Failure::Write)?;
    if left != 0 {
        return Err(Failure::Content);
    }
    Ok(Unbundled { size, sha256: sha256.finalize().into() })
}

/// Reads to the end, so that padding, checksums and the last parts are seen too.
fn drain(rest: &mut impl Read) -> io::Result<u64> {
    io::copy(rest, &mut io::sink())
}

/// A reader that digests what passes and stops when its budget is spent.
struct Hashed<R> {
    inner: R,
    sha1: Sha1,
    budget: Rc<Cell<u64>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        let left = self.budget.get().checked_sub(length as u64);
        self.budget.set(left.ok_or_else(|| io::Error::other("the archive is too long"))?);
        self.sha1.update(&buffer[..length]);
        Ok(length)
    }
}
