//! What of the cache goes when room is needed: what was used least recently, and nothing that an
//! instance or a launch uses.

use super::cache::Cache;
use super::fault::{Doing, Fault};
use super::files;
use super::seal;
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tracing::info;

/// So much stays free: this, or a fiftieth of a small filesystem. Overlays grow into it.
const RESERVE: u64 = 1 << 30;
const SMALL: u64 = 50;

/// How the names of bases begin; the first is that of versions without partitions.
const BASES: [&str; 5] = ["base-", "part-", "disk-", "ephemeral-", "swap-"];

/// A file of the cache.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    /// The bytes that it occupies.
    pub(super) bytes: u64,
    /// When it was last used.
    pub(super) used: SystemTime,
    /// Whether an instance or a launch uses it.
    pub(super) held: bool,
}

/// Whether a file of this name is a base that has a seal.
pub(super) fn is_base(name: &str) -> bool {
    BASES[1..].iter().any(|prefix| name.starts_with(prefix)) && !name.contains('.')
}

/// Which items go so that `excess` bytes become free: those used least recently, and no more of
/// them than it takes. All that can go when that is not enough.
pub(super) fn choose(items: &[Item], excess: u64) -> Vec<&Item> {
    let mut free: Vec<&Item> = items.iter().filter(|item| !item.held).collect();
    free.sort_by_key(|item| item.used);
    let mut freed = 0_u64;
    let still_wanted = |item: &&Item| {
        let wanted = freed < excess;
        freed = freed.saturating_add(item.bytes);
        wanted
    };
    free.into_iter().take_while(still_wanted).collect()
}

/// The bytes that could be made free.
pub(super) fn evictable_bytes(cache: &Cache) -> Result<u64, Fault> {
    let mut sum = 0;
    for directory in cache.directories()? {
        let items = items(&directory, false)?;
        sum += items.iter().filter(|item| !item.held).map(|item| item.bytes).sum::<u64>();
    }
    Ok(sum)
}

/// Makes room for `bytes` more, in the cache and on the disk, as far as that is possible. The
/// directories `keep` stay as they are. Tells how many bytes became free.
pub(super) async fn make_room(cache: &Cache, bytes: u64, keep: &[PathBuf]) -> Result<u64, Fault> {
    let mut guards = Vec::new();
    let mut all = Vec::new();
    for directory in cache.directories()? {
        let guard = cache.claims.try_claim(&directory);
        all.extend(items(&directory, guard.is_none() || keep.contains(&directory))?);
        guards.extend(guard);
    }
    let (path, limit) = (cache.path.clone(), cache.limit);
    files::blocking(move || {
        let _alone = guards;
        let excess = excess(&path, limit, &all, bytes)?;
        let going = choose(&all, excess);
        going.iter().try_for_each(|item| remove(item))?;
        Ok(going.iter().map(|item| item.bytes).sum())
    })
    .await
}

/// How many bytes too few there would be with `bytes` more.
fn excess(path: &Path, limit: u64, items: &[Item], bytes: u64) -> Result<u64, Fault> {
    let total: u64 = items.iter().map(|item| item.bytes).sum();
    let over_limit = total.saturating_add(bytes).saturating_sub(limit);
    let (free, size) = (files::free_bytes(path)?, files::size_bytes(path)?);
    let wanted = bytes.saturating_add(RESERVE.min(size / SMALL));
    Ok(over_limit.max(wanted.saturating_sub(free)))
}

fn remove(item: &Item) -> Result<(), Fault> {
    info!(file = %item.path.display(), bytes = item.bytes, "removing from the cache");
    files::remove(&item.path)?;
    files::remove(&seal::seal_of(&item.path))?;
    // Fails as long as there is something in it.
    item.path.parent().map(fs::remove_dir);
    Ok(())
}

/// The files of one directory of the cache; all are held where `held` is.
fn items(directory: &Path, held: bool) -> Result<Vec<Item>, Fault> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(|| format!("listing {}", directory.display()))?,
    };
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let ours = name == "image" || name == "image.part" || is_base(&name);
        let old = name.starts_with(BASES[0]) && !name.contains('.');
        if !(ours || old) {
            continue;
        }
        // One that has vanished meanwhile is no longer there to be removed.
        let Ok(file) = entry.metadata() else { continue };
        if seen.insert(file.ino()) {
            let used = last_use(&path, &file);
            let held = held || file.nlink() > 1;
            items.push(Item { path, bytes: file.blocks() * 512, used, held });
        }
    }
    Ok(items)
}

fn last_use(path: &Path, file: &Metadata) -> SystemTime {
    let sealed = fs::metadata(seal::seal_of(path)).and_then(|seal| seal.modified());
    sealed.or_else(|_| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn item(number: usize, (bytes, used, held): (u64, u64, bool)) -> Item {
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(used);
        Item { path: PathBuf::from(number.to_string()), bytes, used, held }
    }

    proptest! {
        #[test]
        fn the_oldest_go_and_no_more_than_it_takes(
            files in prop::collection::vec((0_u64..1000, 0_u64..20, any::<bool>()), 0..40),
            excess in 0_u64..20_000,
        ) {
            let items: Vec<Item> =
                files.into_iter().enumerate().map(|(n, file)| item(n, file)).collect();
            let gone = choose(&items, excess);
            prop_assert!(gone.iter().all(|item| !item.held), "something in use went");
            let is_gone = |item: &Item| gone.iter().any(|other| other.path == item.path);
            let stay = items.iter().filter(|item| !item.held && !is_gone(item));
            let youngest_gone = gone.iter().map(|item| item.used).max();
            for item in stay.clone() {
                prop_assert!(youngest_gone.is_none_or(|used| used <= item.used), "a younger went");
            }
            let freed: u64 = gone.iter().map(|item| item.bytes).sum();
            prop_assert!(freed >= excess || stay.count() == 0, "too little went");
            if let Some(last) = gone.last() {
                prop_assert!(freed - last.bytes < excess, "too much went");
            }
        }
    }

    #[test]
    fn names_of_bases_are_told_from_what_lies_beside_them() {
        for (name, base) in [
            ("part-10-0-512", true),
            ("disk-10", true),
            ("swap-512", true),
            ("base-10", false),
            ("part-10-0-512.seal", false),
            ("part-10-0-512.tmp", false),
            ("image", false),
            ("notes", false),
        ] {
            assert_eq!(is_base(name), base, "{name}");
        }
    }
}
