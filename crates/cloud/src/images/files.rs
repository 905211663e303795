//! The files of decrypted images, one per digest: `var/eucalyptus/images/<sha256>`.

use crate::error::{Error, Result};
use protocol::Digest;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncSeekExt};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore};

/// Files that are not finished begin with this.
const UNFINISHED: &str = ".new-";
/// How many images are decrypted at once; each takes a processor.
const REGISTRATIONS: usize = 4;

/// The directory of image files.
pub(crate) struct ImageFiles {
    directory: PathBuf,
    slots: Arc<Semaphore>,
    /// Held while a file gets its registration, and while unused ones are removed.
    changing: Mutex<()>,
}

impl ImageFiles {
    /// Opens the directory, and removes what an interrupted registration left.
    pub(crate) async fn open(directory: PathBuf) -> Result<Self> {
        let path = directory.clone();
        blocking(&path, |path| {
            fs::create_dir_all(path)?;
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
        .await?;
        let slots = Arc::new(Semaphore::new(REGISTRATIONS));
        Ok(Self { directory, slots, changing: Mutex::new(()) })
    }

    /// A place among the registrations that run at once.
    pub(crate) fn registration(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Error::RegistrationsBusy)
    }

    /// Keeps files and registrations as they are with each other.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// A file for an image that is being decrypted; gone when dropped.
    pub(crate) fn temporary(&self) -> Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.directory)
            .map_err(|source| Error::File { path: self.directory.clone(), source })
    }

    /// Gives a finished file its place. One that is there already has the same bytes.
    pub(crate) async fn adopt(&self, file: NamedTempFile, digest: Digest) -> Result<()> {
        blocking(&self.path(digest), move |path| {
            file.persist(path)?;
            File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
        })
        .await
    }

    /// The number of bytes from `offset` to the end of an image, and those bytes.
    pub(crate) async fn read(
        &self,
        digest: Digest,
        offset: u64,
    ) -> Result<(u64, Box<dyn AsyncRead + Send + Unpin>)> {
        let path = self.path(digest);
        let failed = |source| Error::File { path: path.clone(), source };
        let mut file = match tokio::fs::File::open(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoSuchDigest(digest));
            }
            opened => opened.map_err(failed)?,
        };
        let length = file.metadata().await.map_err(failed)?.len();
        file.seek(SeekFrom::Start(offset.min(length))).await.map_err(failed)?;
        Ok((length.saturating_sub(offset), Box::new(file)))
    }

    /// Removes every image but these. Readers that have one open can read it to its end.
    pub(crate) async fn remove_all_but(&self, in_use: Vec<Digest>) -> Result<()> {
        let in_use: HashSet<_> = in_use.into_iter().collect();
        blocking(&self.directory, move |directory| {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let digest = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if digest.is_some_and(|digest: Digest| !in_use.contains(&digest)) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
        .await
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory.join(digest.to_string())
    }
}

/// Runs file work on a thread of its own.
async fn blocking(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<()> + Send + 'static,
) -> Result<()> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        work(&path).map_err(|source| Error::File { path: path.clone(), source })
    })
    .await?
}
