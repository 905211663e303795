//! Images and bases, kept by digest.
//!
//! An instance gets hard links to what it uses. So nothing that an instance needs can be lost with
//! the cache, running or stopped, and what is in use is seen from the files themselves: they have
//! more than one name.

use super::base::{self, Shape};
use super::claim::{Claim, Claims};
use super::count::Counts;
use super::download::Download;
use super::evict;
use super::fault::{Doing, Fault};
use super::files;
use super::seal::{self, Stamp};
use crate::Progress;
use protocol::{Digest, ImageRef, ImageSource};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::{info, warn};

/// The directory of bases without an image.
pub(super) const BLANK: &str = "blank";

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
    pub(super) path: PathBuf,
    /// The bytes that it may have.
    pub(super) limit: u64,
    /// Its directories that are in use: concurrent launches wait for one download. Those of
    /// instances as well.
    pub(super) claims: Claims,
    /// The images that this process has seen to be right, and what they looked like then.
    verified: Mutex<HashMap<Digest, Stamp>>,
    /// What is measured.
    pub(super) counts: Counts,
}

impl Cache {
    /// Opens the directory and removes what is half made, or no longer what it was. Parts of
    /// downloads stay, to be continued.
    pub(super) fn open(path: PathBuf, limit: u64) -> Result<Self, Fault> {
        let (claims, verified) = (Claims::default(), Mutex::default());
        let cache = Self { path, limit, claims, verified, counts: Counts::default() };
        for directory in cache.directories()? {
            tidy(&directory)?;
        }
        Ok(cache)
    }

    /// The directories of the cache. What others have put there stays.
    pub(super) fn directories(&self) -> Result<Vec<PathBuf>, Fault> {
        let ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name == BLANK || name.parse::<Digest>().is_ok())
        };
        Ok(files::directories(&self.path)?.into_iter().filter(ours).collect())
    }

    /// Gives an instance the image as `link`; it is fetched if it is missing.
    pub(super) async fn image(
        &self,
        image: &ImageRef,
        origin: Origin<'_>,
        (instance, link): (&Claim, &str),
    ) -> Result<(), Fault> {
        let claim = self.claim(image, origin.progress).await;
        let file = self.claimed_image(image, &claim, origin).await?;
        link_to(&claim, file, instance, link).await
    }

    /// Gives an instance the image's base of this shape as `link`; it is made if it is missing.
    pub(super) async fn base(
        &self,
        image: &ImageRef,
        shape: Shape,
        origin: Origin<'_>,
        (instance, link): (&Claim, &str),
    ) -> Result<(), Fault> {
        shape.check_room(image, image.size)?;
        let claim = self.claim(image, origin.progress).await;
        let base = claim.at(&shape.name());
        if !usable(&claim, &base).await? {
            self.claimed_image(image, &claim, origin).await?;
            self.make_room(base::needed_bytes(image, &claim, shape).await?).await?;
            (origin.progress)(format!("making the disk of image {}", image.id));
            let made = base.with_extension("tmp");
            let outcome = base::make(image, &claim, &name(&made), shape).await;
            publish(outcome, &claim, made, &base).await?;
            info!(image = %image.id, ?shape, "made the base of its overlays");
        } else {
            self.counts.hit();
        }
        link_to(&claim, base, instance, link).await
    }

    /// Gives an instance an empty disk of this shape as `link`.
    pub(super) async fn blank(
        &self,
        shape: Shape,
        progress: Progress<'_>,
        (instance, link): (&Claim, &str),
    ) -> Result<(), Fault> {
        let waiting = || progress("waiting for another launch that makes empty disks".to_owned());
        let claim = self.claims.claim(self.path.join(BLANK), waiting).await;
        let base = claim.at(&shape.name());
        if !usable(&claim, &base).await? {
            ensure(&claim).await?;
            let made = base.with_extension("tmp");
            let outcome = base::make_blank(&claim, &name(&made), shape).await;
            publish(outcome, &claim, made, &base).await?;
            info!(?shape, "made an empty disk");
        }
        link_to(&claim, base, instance, link).await
    }

    async fn claim(&self, image: &ImageRef, progress: Progress<'_>) -> Claim {
        let waiting =
            || progress(format!("waiting for another launch that gets image {} ready", image.id));
        self.claims.claim(self.path.join(image.digest.to_string()), waiting).await
    }

    async fn claimed_image(
        &self,
        image: &ImageRef,
        claim: &Claim,
        origin: Origin<'_>,
    ) -> Result<PathBuf, Fault> {
        let file = claim.at("image");
        if self.has_whole(image, claim, &file, origin.progress).await? {
            self.note_use(image.digest, claim, &file).await?;
            self.counts.hit();
            return Ok(file);
        }
        ensure(claim).await?;
        self.make_room(image.size).await?;
        let part = file.with_extension("part");
        Download { image, origin, claim, part: &part }.run().await?;
        let target = file.clone();
        claim.blocking(move || files::publish(&part, &target, 0o444)).await?;
        self.note_use(image.digest, claim, &file).await?;
        self.counts.miss(image.size);
        info!(image = %image.id, bytes = image.size, "fetched an image");
        Ok(file)
    }

    /// Whether the file has the image's length and digest. It is read whole unless this process
    /// has done so and it looks the same. One that is not right is removed.
    async fn has_whole(
        &self,
        image: &ImageRef,
        claim: &Claim,
        file: &Path,
        progress: Progress<'_>,
    ) -> Result<bool, Fault> {
        let path = file.to_owned();
        let Some(found) = claim.blocking(move || files::look(&path)).await? else {
            return Ok(false);
        };
        if found.len() == image.size {
            if self.knows(image.digest, Stamp::from(&found)) {
                return Ok(true);
            }
            progress(format!("verifying image {}", image.id));
            let path = file.to_owned();
            let never = AtomicBool::new(false);
            let digest = claim.blocking(move || {
                digest_of(&path, &never).doing(|| format!("reading {}", path.display()))
            });
            if digest.await? == image.digest {
                return Ok(true);
            }
        }
        warn!(image = %image.id, bytes = found.len(), "a cached image was damaged; it is fetched again");
        let path = file.to_owned();
        claim.blocking(move || files::remove(&path)).await?;
        Ok(false)
    }

    /// Notes that an image that is right was used now.
    async fn note_use(&self, digest: Digest, claim: &Claim, file: &Path) -> Result<(), Fault> {
        let path = file.to_owned();
        let looks = claim.blocking(move || {
            files::touch(&path)?;
            files::look(&path)
        });
        if let Some(looks) = looks.await? {
            self.verify(digest, Stamp::from(&looks));
        }
        Ok(())
    }

    pub(super) fn verify(&self, digest: Digest, stamp: Stamp) {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, stamp);
    }

    pub(super) fn knows(&self, digest: Digest, stamp: Stamp) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.get(&digest) == Some(&stamp)
    }

    async fn make_room(&self, bytes: u64) -> Result<(), Fault> {
        evict::make_room(self, bytes, &[]).await.map(drop)
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Removes what a process that died has left half made, and bases that are not what was sealed.
fn tidy(directory: &Path) -> Result<(), Fault> {
    let entries = fs::read_dir(directory).doing(|| format!("listing {}", directory.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = name(&path);
        let half_made = name.ends_with(".tmp") || name.ends_with(".new");
        let damaged = evict::is_base(&name) && !seal::holds(&path);
        let seal_alone = name.ends_with(".seal") && !path.with_extension("").exists();
        if half_made || damaged || seal_alone {
            warn!(file = %path.display(), "removing a file that is half made or damaged");
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// Whether the base is there as it was made, and notes its use. One that is not is removed:
/// instances that use it have it under a name of their own.
async fn usable(claim: &Claim, base: &Path) -> Result<bool, Fault> {
    let base = base.to_owned();
    let work = move || {
        if seal::holds(&base) {
            return seal::touch(&base).map(|()| true);
        }
        if files::look(&base)?.is_some() {
            warn!(base = %base.display(), "a base is not as it was made; it is made again");
            files::remove(&base)?;
        }
        Ok(false)
    };
    claim.blocking(work).await
}

/// Gives a base that was made its name and its seal, or removes what there is of it.
async fn publish(
    outcome: Result<(), Fault>,
    claim: &Claim,
    made: PathBuf,
    base: &Path,
) -> Result<(), Fault> {
    let base = base.to_owned();
    let work = move || {
        let published = outcome
            .and_then(|()| files::publish(&made, &base, 0o444))
            .and_then(|()| seal::seal(&base));
        if published.is_err() {
            files::remove(&made)?;
            files::remove(&base)?;
        }
        published
    };
    claim.blocking(work).await
}

/// Gives a cached file a further name, in an instance's directory.
async fn link_to(claim: &Claim, file: PathBuf, instance: &Claim, name: &str) -> Result<(), Fault> {
    let (claim, link) = (claim.clone(), instance.at(name));
    let work = move || {
        let _claim = claim;
        files::remove(&link)?;
        fs::hard_link(&file, &link)
            .doing(|| format!("linking {} to {}", link.display(), file.display()))
    };
    instance.blocking(work).await
}

/// Makes a claimed directory if it is missing.
pub(super) async fn ensure(claim: &Claim) -> Result<(), Fault> {
    let directory = claim.directory().to_owned();
    claim.blocking(move || files::ensure_dir(&directory)).await
}

/// The digest of a file, unless `stop` is set meanwhile.
pub(super) fn digest_of(file: &Path, stop: &AtomicBool) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    feed(&mut hasher, &mut File::open(file)?, stop)?;
    Ok(Digest(hasher.finalize().into()))
}

/// Hashes a reader to its end and tells how many bytes it had.
pub(super) fn feed(
    hasher: &mut Sha256,
    from: &mut impl Read,
    stop: &AtomicBool,
) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 18];
    let mut sum = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(sum);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        hasher.update(&buffer[..count]);
        sum += count as u64;
    }
}
