//! The files of the parts as they are written.

use crate::Part;
use sha1::{Digest, Sha1};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Cuts what is written to it into files of equal length.
pub(super) struct PartWriter {
    written: Written,
    part_bytes: u64,
    current: Option<Current>,
}

struct Current {
    file: File,
    sha1: Sha1,
    length: u64,
}

/// The parts that have been written. They are removed again unless [`keep`](Self::keep) is called.
pub(super) struct Written {
    directory: PathBuf,
    prefix: String,
    parts: Vec<Part>,
    /// The file that is being written, not yet in `parts`.
    open: Option<PathBuf>,
    bytes: u64,
}

impl PartWriter {
    pub(super) fn new(directory: &Path, prefix: &str, part_bytes: u64) -> Self {
        let (directory, prefix) = (directory.to_owned(), prefix.to_owned());
        let written = Written { directory, prefix, parts: Vec::new(), open: None, bytes: 0 };
        Self { written, part_bytes, current: None }
    }

    fn start(&mut self) -> io::Result<Current> {
        let written = &mut self.written;
        let name = format!("{}.part.{}", written.prefix, written.parts.len());
        let path = written.directory.join(name);
        let file = File::create(&path)?;
        written.open = Some(path);
        Ok(Current { file, sha1: Sha1::new(), length: 0 })
    }

    fn end(&mut self, current: Current) {
        let name = format!("{}.part.{}", self.written.prefix, self.written.parts.len());
        self.written.parts.push(Part { name, digest: current.sha1.finalize().into() });
        self.written.open = None;
        self.written.bytes += current.length;
    }

    /// Ends the last part and gives the names their final form.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        if let Some(current) = self.current.take() {
            self.end(current);
        }
        self.written.pad_numbers()?;
        Ok(self.written)
    }
}

impl Write for PartWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.start()?,
        };
        let room = usize::try_from(self.part_bytes - current.length).unwrap_or(usize::MAX);
        let length = current.file.write(&buffer[..buffer.len().min(room)])?;
        current.sha1.update(&buffer[..length]);
        current.length += length as u64;
        if current.length == self.part_bytes {
            self.end(current);
        } else {
            self.current = Some(current);
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The length of all parts together.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Leaves the files where they are.
    pub(super) fn keep(mut self) -> Vec<PathBuf> {
        let parts = std::mem::take(&mut self.parts);
        parts.into_iter().map(|part| self.directory.join(part.name)).collect()
    }

    /// Amazon's tools write the number of a part with as many digits as the count of parts has,
    /// which is known only now: `.part.3`, but `.part.03` beside a `.part.10`.
    fn pad_numbers(&mut self) -> io::Result<()> {
        let digits = self.parts.len().to_string().len();
        for (index, part) in self.parts.iter_mut().enumerate() {
            let name = format!("{}.part.{index:0digits$}", self.prefix);
            if name != part.name {
                fs::rename(self.directory.join(&part.name), self.directory.join(&name))?;
                part.name = name;
            }
        }
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let parts = self.parts.iter().map(|part| self.directory.join(&part.name));
        for path in parts.chain(self.open.take()) {
            // the failure that led here is the one to report
            let _ = fs::remove_file(path);
        }
    }
}
