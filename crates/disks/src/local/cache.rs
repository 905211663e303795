//! Images and bases, kept by digest.

use super::base;
use super::count::Counts;
use super::download::Download;
use super::fault::{Doing, Fault};
use super::files;
use crate::Progress;
use protocol::{Digest, ImageRef, ImageSource};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tracing::{info, warn};

/// Where missing images come from, and who is told about it.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    /// `host:port` of the image source.
    pub(super) from: &'a str,
    /// The way to it.
    pub(super) images: &'a dyn ImageSource,
    /// Is told what is being done.
    pub(super) progress: Progress<'a>,
}

/// The cache directory.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    /// One lock per digest that is in use: concurrent launches wait for one download.
    locks: Mutex<HashMap<Digest, Weak<AsyncMutex<()>>>>,
    /// The digests that this process has seen to be right.
    verified: Mutex<HashSet<Digest>>,
    /// What is measured.
    pub(super) counts: Counts,
}

impl Cache {
    /// Opens the directory and removes half-made files. Parts of downloads stay, to be continued.
    pub(super) fn open(path: PathBuf) -> Result<Self, Fault> {
        for directory in files::directories(&path)? {
            remove_half_made(&directory)?;
        }
        let counts = Counts::default();
        Ok(Self { path, locks: Mutex::default(), verified: Mutex::default(), counts })
    }

    /// The image's file, fetched if it is missing.
    pub(super) async fn image(
        &self,
        image: &ImageRef,
        origin: Origin<'_>,
    ) -> Result<PathBuf, Fault> {
        let _alone = self.alone(image, origin.progress).await;
        self.image_alone(image, origin).await
    }

    /// The image grown to `gb` gigabytes, made if it is missing.
    pub(super) async fn base(
        &self,
        image: &ImageRef,
        gb: u64,
        origin: Origin<'_>,
    ) -> Result<PathBuf, Fault> {
        let bytes = gb.saturating_mul(1 << 30);
        if image.size > bytes {
            let detail = format!(
                "its {} bytes do not fit into the {gb} GB disk of the VM type; choose a larger type",
                image.size
            );
            return Err(Fault::Image(image.id, detail));
        }
        let _alone = self.alone(image, origin.progress).await;
        let base = self.directory(image).join(format!("base-{gb}"));
        if !usable(&base, bytes).await? {
            let source = self.image_alone(image, origin).await?;
            (origin.progress)(format!("growing image {} to {gb} GB", image.id));
            make_base(image, &source, &base, bytes).await?;
            info!(image = %image.id, gb, "made the base of its overlays");
        } else {
            self.counts.hit();
        }
        Ok(base)
    }

    fn directory(&self, image: &ImageRef) -> PathBuf {
        self.path.join(image.digest.to_string())
    }

    async fn alone(&self, image: &ImageRef, progress: Progress<'_>) -> OwnedMutexGuard<()> {
        let lock = self.lock(image.digest);
        if let Ok(guard) = Arc::clone(&lock).try_lock_owned() {
            return guard;
        }
        progress(format!("waiting for another launch that gets image {} ready", image.id));
        lock.lock_owned().await
    }

    fn lock(&self, digest: Digest) -> Arc<AsyncMutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(&digest).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(AsyncMutex::new(()));
        locks.insert(digest, Arc::downgrade(&lock));
        lock
    }

    async fn image_alone(&self, image: &ImageRef, origin: Origin<'_>) -> Result<PathBuf, Fault> {
        let directory = self.directory(image);
        let file = directory.join("image");
        if usable(&file, image.size).await? && self.verify(image, &file, origin.progress).await? {
            self.counts.hit();
            return Ok(file);
        }
        let made = directory.clone();
        files::blocking(move || files::ensure_dir(&made)).await?;
        let part = directory.join("image.part");
        Download { image, origin, part: &part }.run().await?;
        let target = file.clone();
        files::blocking(move || files::publish(&part, &target, 0o444)).await?;
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(image.digest);
        self.counts.miss(image.size);
        info!(image = %image.id, bytes = image.size, "fetched an image");
        Ok(file)
    }

    /// Whether the file has the image's digest, read once in the life of the process. One that
    /// has not is removed.
    async fn verify(
        &self,
        image: &ImageRef,
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<bool, Fault> {
        if self.is_verified(image.digest) {
            return Ok(true);
        }
        progress(format!("verifying image {}", image.id));
        let path = file.to_owned();
        let found = files::blocking(move || digest_of(&path)).await?;
        if found == image.digest {
            self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(found);
            return Ok(true);
        }
        warn!(image = %image.id, %found, "a cached image was corrupt; fetching it again");
        files::remove(file)?;
        Ok(false)
    }

    fn is_verified(&self, digest: Digest) -> bool {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }
}

fn remove_half_made(directory: &Path) -> Result<(), Fault> {
    let entries = fs::read_dir(directory).doing(|| format!("listing {}", directory.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(".tmp") {
            warn!(file = %entry.path().display(), "removing a half-made file");
            files::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether the file is there in full length, and notes its use. One of another length is removed.
async fn usable(file: &Path, bytes: u64) -> Result<bool, Fault> {
    let file = file.to_owned();
    files::blocking(move || match files::length(&file)? {
        Some(length) if length == bytes => files::touch(&file).map(|()| true),
        Some(length) => {
            warn!(file = %file.display(), length, wanted = bytes, "a cached file was not whole");
            files::remove(&file).map(|()| false)
        }
        None => Ok(false),
    })
    .await
}

async fn make_base(image: &ImageRef, source: &Path, base: &Path, bytes: u64) -> Result<(), Fault> {
    let made = base.with_extension("tmp");
    let grown = base::grow(image, source, &made, bytes).await;
    let base = base.to_owned();
    files::blocking(move || {
        let published = grown.and_then(|()| files::publish(&made, &base, 0o444));
        if published.is_err() {
            files::remove(&made)?;
        }
        published
    })
    .await
}

fn digest_of(file: &Path) -> Result<Digest, Fault> {
    let mut hasher = Sha256::new();
    File::open(file)
        .and_then(|mut file| feed(&mut hasher, &mut file))
        .doing(|| format!("reading {}", file.display()))?;
    Ok(Digest(hasher.finalize().into()))
}

/// Hashes a reader to its end and tells how many bytes it had.
pub(super) fn feed(hasher: &mut Sha256, from: &mut impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut sum = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(sum);
        }
        hasher.update(&buffer[..count]);
        sum += count as u64;
    }
}
