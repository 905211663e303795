//! Reads all that is in the cache once after each start, while nothing waits for it: files that a
//! disk has damaged are gone before they are needed.

use super::cache::{Cache, digest_of};
use super::evict::is_base;
use super::fault::{Doing, Fault};
use super::files;
use super::seal::{self, Stamp};
use protocol::Digest;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use tracing::{info, warn};

/// Stops the check when dropped.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Checks every file of the cache, one after the other, in a thread of low priority.
pub(super) async fn check(cache: &Arc<Cache>) -> Result<(), Fault> {
    let stop = Stop(Arc::default());
    let (stopped, cache) = (Arc::clone(&stop.0), Arc::clone(cache));
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("cache-check".to_owned());
    let work = move || {
        // Of this thread alone, and of its reads from the disk as well.
        if let Err(error) = rustix::process::setpriority_process(None, 19) {
            warn!(%error, "the cache is checked at the usual priority");
        }
        done.send(check_all(&cache, &stopped)).ok();
    };
    thread.spawn(work).doing(|| "starting the check of the cache")?;
    let checked = result.await;
    drop(stop);
    checked.unwrap_or_else(|_| Err(Fault::Failed("the check of the cache died".to_owned())))
}

fn check_all(cache: &Cache, stop: &AtomicBool) -> Result<(), Fault> {
    let mut files = 0;
    for directory in cache.directories()? {
        for path in content(&directory)? {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            check_one(cache, &directory, &path, stop)?;
            files += 1;
        }
    }
    info!(files, "the cache was checked");
    Ok(())
}

/// Checks one file without keeping launches from it, and removes it if it is damaged. Instances
/// that use it have it under a name of their own.
fn check_one(cache: &Cache, directory: &Path, path: &Path, stop: &AtomicBool) -> Result<(), Fault> {
    let Some(before) = files::look(path)?.map(|file| Stamp::from(&file)) else { return Ok(()) };
    let digest = directory.file_name().and_then(|name| name.to_str()?.parse::<Digest>().ok());
    let is_image = path.file_name().is_some_and(|name| name == "image");
    let whole = match digest.filter(|_| is_image) {
        Some(digest) => digest_of(path, stop).map(|found| found == digest),
        None => seal::content_holds(path, stop),
    };
    match whole {
        Ok(true) => {
            if let Some(digest) = digest.filter(|_| is_image) {
                cache.verify(digest, before);
            }
            return Ok(());
        }
        // It was evicted, or the check was stopped.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(()),
        // A disk that cannot be read is as bad as one that reads something else.
        Err(error) => warn!(file = %path.display(), %error, "a cached file cannot be read"),
        Ok(false) => {}
    }
    let Some(_alone) = cache.claims.try_claim(directory) else { return Ok(()) };
    if files::look(path)?.map(|file| Stamp::from(&file)) == Some(before) {
        warn!(file = %path.display(), "a cached file was damaged and is removed; disks of \
               instances that were made from it may be damaged too");
        files::remove(path)?;
    }
    Ok(())
}

/// The images and bases of a directory.
fn content(directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found = files::names(directory)?;
    found.retain(|name| name == "image" || is_base(name));
    found.sort();
    Ok(found.into_iter().map(|name| directory.join(name)).collect())
}
