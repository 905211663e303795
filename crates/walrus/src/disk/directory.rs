//! A directory of this machine:
//!
//! ```text
//! DIR/FORMAT              "walrus 1"
//! DIR/walrus.redb         the ordered store; with .new behind it while it is made
//! DIR/blobs/00..ff/NAME   one file per blob
//! ```

use super::{Blob, Disk, NewBlob};
use crate::store::Error;
use redb::{Builder, Database, DatabaseError};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FORMAT: &str = "walrus 1\n";

#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Opens the directory, or makes it (mode 0700).
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let at = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { what, path, source }
        };
        let mut builder = DirBuilder::new();
        builder.mode(0o700).recursive(true);
        builder.create(root).map_err(at("create", root))?;
        check_format(root)?;
        let directory = Self { root: root.to_owned() };
        for shelf in 0..=255 {
            let path = directory.shelf(shelf);
            builder.create(&path).map_err(at("create", &path))?;
        }
        for path in [&directory.blobs(), root] {
            sync_dir(path).map_err(at("sync", path))?;
        }
        Ok(directory)
    }

    /// Makes it under another name first, because redb does not open one that is half made.
    fn make_database(&self, builder: &Builder, path: &Path) -> Result<(), Error> {
        let new = self.root.join("walrus.redb.new");
        match fs::remove_file(&new) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(Error::File { what: "remove", path: new, source });
            }
            _ => drop(builder.create(&new)?),
        }
        let done = fs::rename(&new, path).and_then(|()| sync_dir(&self.root));
        done.map_err(|source| Error::File { what: "make", path: path.to_owned(), source })
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    fn shelf(&self, shelf: u8) -> PathBuf {
        self.blobs().join(format!("{shelf:02x}"))
    }
}

fn check_format(root: &Path) -> Result<(), Error> {
    let path = root.join("FORMAT");
    let failed = |what| {
        let path = path.clone();
        move |source| Error::File { what, path, source }
    };
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        // an empty file is what a crash of the first start leaves
        Ok(found) if !found.is_empty() => Err(Error::Format { path, found, known: FORMAT }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("read")(error)),
        _ => {
            fs::write(&path, FORMAT).map_err(failed("write"))?;
            File::open(&path).and_then(|file| file.sync_all()).map_err(failed("sync"))
        }
    }
}

/// Makes the names in a directory durable.
fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

impl Disk for Directory {
    fn database(&self, builder: &Builder) -> Result<Database, Error> {
        let path = self.root.join("walrus.redb");
        if !path.exists() {
            self.make_database(builder, &path)?;
        }
        match builder.create(&path) {
            Err(DatabaseError::DatabaseAlreadyOpen) => Err(Error::InUse(path)),
            other => Ok(other?),
        }
    }

    fn create(&self, shelf: u8, name: &str) -> io::Result<Box<dyn NewBlob>> {
        let path = self.shelf(shelf).join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, shelf: u8, name: &str) -> io::Result<Box<dyn Blob>> {
        Ok(Box::new(File::open(self.shelf(shelf).join(name))?))
    }

    fn remove(&self, shelf: u8, name: &str) -> io::Result<()> {
        fs::remove_file(self.shelf(shelf).join(name))
    }

    fn list(&self, shelf: u8) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.shelf(shelf))?.collect::<io::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| name.file_name().into_string().ok()).collect())
    }

    fn sync_names(&self, shelf: u8) -> io::Result<()> {
        sync_dir(&self.shelf(shelf))
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl NewBlob for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Blob for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, at)
    }
}
