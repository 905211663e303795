//! Where the store keeps its files: a directory of this machine, or what stands in for one.

mod directory;

use crate::store::Error;
use redb::{Builder, Database};
use std::fmt::Debug;
use std::io;

pub(crate) use directory::Directory;

/// What the store needs of a disk: one file for the ordered store, and blobs, which are written
/// once, on 256 shelves.
///
/// After a crash a blob whose bytes and name were synced is whole; any other may be there or not,
/// with whatever of its bytes. All may block.
pub trait Disk: Debug + Send + Sync {
    /// Opens the ordered store, or makes it: after a crash a new one is there whole, or not at
    /// all.
    ///
    /// # Errors
    /// When it cannot be opened; [`Error::InUse`] when another process has it open.
    fn database(&self, builder: &Builder) -> Result<Database, Error>;

    /// Starts a blob.
    ///
    /// # Errors
    /// When it cannot be made or is there already; so for the others.
    fn create(&self, shelf: u8, name: &str) -> io::Result<Box<dyn NewBlob>>;

    /// Opens a blob, which can be read even when it is removed meanwhile.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none.
    fn open(&self, shelf: u8, name: &str) -> io::Result<Box<dyn Blob>>;

    /// Removes a blob, without making that durable.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when there is none.
    fn remove(&self, shelf: u8, name: &str) -> io::Result<()>;

    /// The names on a shelf.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&self, shelf: u8) -> io::Result<Vec<String>>;

    /// Makes the names on a shelf durable.
    ///
    /// # Errors
    /// When that is not certain.
    fn sync_names(&self, shelf: u8) -> io::Result<()>;

    /// How much there is room for, in bytes.
    ///
    /// # Errors
    /// When the disk does not say.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// A blob that is being written.
pub trait NewBlob: Debug + Send {
    /// Writes more bytes.
    ///
    /// # Errors
    /// When they cannot all be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the bytes durable, not the name.
    ///
    /// # Errors
    /// When that is not certain. It is not to be tried again then.
    fn sync(&self) -> io::Result<()>;
}

/// The bytes of a blob.
pub trait Blob: Debug + Send + Sync {
    /// How many there are.
    ///
    /// # Errors
    /// When the disk does not say.
    fn size(&self) -> io::Result<u64>;

    /// Fills the buffer with the bytes from `at` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when there are not as many.
    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}
