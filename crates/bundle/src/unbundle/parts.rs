//! The ciphertext: the parts one after the other, each checked before it is used.

use crate::{BundleError, Manifest, PART_BYTES, Part};
use sha1::{Digest, Sha1};
use std::io::{self, Read};

/// Reads the parts of a bundle in order.
pub(super) struct PartsReader<'p, F> {
    parts: std::slice::Iter<'p, Part>,
    open: F,
    bundled_size: u64,
    /// What the parts that have not been read yet must add up to.
    missing: u64,
    buffer: Vec<u8>,
    /// How much of the buffer has been given out.
    given: usize,
    fault: Option<BundleError>,
}

impl<'p, R: Read, F: FnMut(&'p Part) -> io::Result<R>> PartsReader<'p, F> {
    pub(super) fn new(manifest: &'p Manifest, open: F) -> Self {
        Self {
            parts: manifest.parts.iter(),
            open,
            bundled_size: manifest.bundled_size,
            missing: manifest.bundled_size,
            buffer: Vec::new(),
            given: 0,
            fault: None,
        }
    }

    /// What was wrong with the parts themselves, if that is why reading stopped.
    pub(super) fn fault(self) -> Option<BundleError> {
        self.fault
    }

    /// Reads and checks a part into the buffer.
    fn load(&mut self, part: &'p Part) -> Result<(), BundleError> {
        self.buffer.clear();
        self.given = 0;
        (self.open)(part)
            .and_then(|bytes| bytes.take(PART_BYTES + 1).read_to_end(&mut self.buffer))
            .map_err(|source| BundleError::Part { name: part.name.clone(), source })?;
        let digest: [u8; 20] = Sha1::digest(&self.buffer).into();
        if digest != part.digest || self.buffer.len() as u64 > PART_BYTES {
            return Err(BundleError::PartDigest { name: part.name.clone() });
        }
        self.missing = self
            .missing
            .checked_sub(self.buffer.len() as u64)
            .ok_or(BundleError::BundledSize { bundled_size: self.bundled_size })?;
        Ok(())
    }

    /// Makes the buffer hold unread bytes, unless the bundle ends here.
    fn fill(&mut self) -> Result<(), BundleError> {
        while self.given == self.buffer.len() {
            match self.parts.next() {
                Some(part) => self.load(part)?,
                None if self.missing == 0 => break,
                None => {
                    return Err(BundleError::BundledSize { bundled_size: self.bundled_size });
                }
            }
        }
        Ok(())
    }
}

impl<'p, R: Read, F: FnMut(&'p Part) -> io::Result<R>> Read for PartsReader<'p, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let stopped = || io::Error::other("the parts are not as the manifest says");
        if self.fault.is_some() {
            return Err(stopped());
        }
        if let Err(fault) = self.fill() {
            self.fault = Some(fault);
            return Err(stopped());
        }
        let unread = &self.buffer[self.given..];
        let length = unread.len().min(out.len());
        out[..length].copy_from_slice(&unread[..length]);
        self.given += length;
        Ok(length)
    }
}
