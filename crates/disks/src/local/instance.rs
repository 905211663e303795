//! The directory of one instance: links to what it shares with others, overlays over them, and
//! what is its own.

use super::base::{ALIGNMENT, Shape};
use super::cache::{Cache, Origin};
use super::claim::Claim;
use super::fault::Fault;
use super::tool::Tool;
use super::{Options, base, files, firmware, fuse, key};
use crate::{DiskRequest, Layout, PreparedDisks, Progress};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing::warn;
use types::Boot;

/// The root disk, and while it is being made.
pub(super) const ROOT: &str = "root";
pub(super) const ROOT_BEING_MADE: &str = "root.tmp";
/// Disks beside the root disk.
const EPHEMERAL: &str = "ephemeral";
const SWAP: &str = "swap";
/// What is shared with others.
const BASE: &str = "base";
const EPHEMERAL_BASE: &str = "ephemeral-base";
const SWAP_BASE: &str = "swap-base";
const KERNEL: &str = "kernel";
const RAMDISK: &str = "ramdisk";

/// What the instance alone has, and what it occupies.
pub(super) const OWN: [&str; 4] = [ROOT, EPHEMERAL, SWAP, firmware::NVRAM];
const SHARED: [&str; 5] = [BASE, EPHEMERAL_BASE, SWAP_BASE, KERNEL, RAMDISK];

/// Makes the disks of an instance in its directory.
pub(super) async fn make(
    claim: &Claim,
    request: &DiskRequest,
    cache: &Cache,
    options: &Options,
    origin: Origin<'_>,
) -> Result<PreparedDisks, Fault> {
    for (image, name) in [(&request.kernel, KERNEL), (&request.ramdisk, RAMDISK)] {
        if let Some(image) = image {
            cache.image(image, origin, (claim, name)).await?;
        }
    }
    let Options { ephemeral_mb, swap_mb, .. } = *options;
    let shape = base::shape_of(&request.root, request.disk_gb, ephemeral_mb, swap_mb);
    cache.base(&request.root, shape, origin, (claim, BASE)).await?;
    let layout = match shape {
        Shape::Disk { .. } => further_disks(claim, cache, options, origin.progress).await?,
        _ => Layout::Partitions { ephemeral: ephemeral_mb > 0, swap: swap_mb > 0 },
    };
    let uefi = match request.root.boot {
        Boot::Uefi => {
            let directory = claim.directory().to_owned();
            Some(claim.blocking(move || firmware::install(&directory)).await?)
        }
        Boot::Kernel | Boot::Bios => None,
    };
    make_root(claim, request).await?;
    Ok(PreparedDisks {
        root: claim.at(ROOT),
        kernel: request.kernel.as_ref().map(|_| claim.at(KERNEL)),
        ramdisk: request.ramdisk.as_ref().map(|_| claim.at(RAMDISK)),
        layout,
        uefi,
    })
}

/// The disks of an instance whose root disk has partitions that are not ours to change.
async fn further_disks(
    claim: &Claim,
    cache: &Cache,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Layout, Fault> {
    let one = async |shape, mb: u64, name: &str, base: &str| {
        if mb == 0 {
            return Ok(None);
        }
        cache.blank(shape, progress, (claim, base)).await?;
        make_overlay(claim.directory(), base, name).await?;
        Ok::<_, Fault>(Some(claim.at(name)))
    };
    let (ephemeral_mb, swap_mb) = (options.ephemeral_mb, options.swap_mb);
    let ephemeral = Shape::Ephemeral { mb: ephemeral_mb };
    Ok(Layout::Disks {
        ephemeral: one(ephemeral, ephemeral_mb, EPHEMERAL, EPHEMERAL_BASE).await?,
        swap: one(Shape::Swap { mb: swap_mb }, swap_mb, SWAP, SWAP_BASE).await?,
    })
}

/// Makes the overlay with the key in it. An older one of the same instance is replaced.
async fn make_root(claim: &Claim, request: &DiskRequest) -> Result<(), Fault> {
    let directory = claim.directory();
    make_overlay(directory, BASE, ROOT_BEING_MADE).await?;
    // Only the owner of a disk that boots by itself knows where on it root's home is.
    let line = request.public_key.as_ref().filter(|_| request.root.boot == Boot::Kernel);
    if let Some(line) = line {
        let bytes = request.disk_gb.saturating_mul(1 << 30);
        let base = directory.join(BASE);
        match key::insert(directory, ROOT_BEING_MADE, &base, (ALIGNMENT, bytes), line).await {
            Ok(()) => {}
            Err(fault @ Fault::NoSpace(_)) => return Err(fault),
            Err(fault) => {
                // A key that metadata offers as well is no reason to refuse the launch.
                warn!(id = %request.id, cause = %fault, "no key was written into the root disk");
                tidy(claim).await?;
                make_overlay(directory, BASE, ROOT_BEING_MADE).await?;
            }
        }
    }
    let (made, root) = (claim.at(ROOT_BEING_MADE), claim.at(ROOT));
    claim.blocking(move || files::publish(&made, &root, 0o600)).await
}

/// Makes an overlay over a base, both in this directory. Its length is the base's, and a guest
/// cannot change it.
async fn make_overlay(directory: &Path, base: &str, overlay: &str) -> Result<(), Fault> {
    let base = directory.join(base);
    let options = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"];
    let tool = Tool::new("qemu-img", Duration::from_secs(60)).directory(directory).args(options);
    tool.args([base.as_os_str(), overlay.as_ref()]).run().await.map(drop)
}

/// Removes what an interrupted preparation may have left in an instance's directory.
pub(super) async fn tidy(claim: &Claim) -> Result<(), Fault> {
    let directory = claim.directory().to_owned();
    let work = move || {
        fuse::detach(&directory);
        let names = [ROOT_BEING_MADE, fuse::MOUNT_POINT, key::NEW_KEYS, "nvram.tmp"];
        names.iter().try_for_each(|name| files::remove(&directory.join(name)))
    };
    claim.blocking(work).await
}

/// Removes an instance's disks, each of which may be gone already. What others share goes last:
/// as long as there is an overlay, its base is there.
pub(super) async fn discard(claim: &Claim) -> Result<(), Fault> {
    tidy(claim).await?;
    let directory = claim.directory().to_owned();
    let work = move || {
        let names = OWN.iter().chain(&SHARED);
        names.into_iter().try_for_each(|name| files::remove(&directory.join(name)))
    };
    claim.blocking(work).await
}

/// Links what the instances of versions without such links use into their directories. What they
/// boot from is in their journal entries.
pub(super) fn adopt(instance_path: &Path, cache: &Path) -> Result<(), Fault> {
    for user in files::directories(instance_path)? {
        for directory in files::directories(&user)? {
            let old = directory.join(ROOT).exists() && !directory.join(BASE).exists();
            if old {
                adopt_one(&directory, cache)?;
            }
        }
    }
    Ok(())
}

fn adopt_one(directory: &Path, cache: &Path) -> Result<(), Fault> {
    let entry = std::fs::read(directory.join("instance.json")).unwrap_or_default();
    let entry: serde_json::Value = serde_json::from_slice(&entry).unwrap_or_default();
    let path = |name: &str| entry["disks"][name].as_str().map(PathBuf::from);
    let gb = entry["desired"]["figures"]["disk_gb"].as_u64();
    let base = entry["desired"]["root"]["digest"].as_str().zip(gb);
    let base = base.map(|(digest, gb)| cache.join(digest).join(format!("base-{gb}")));
    let used = [(base, BASE), (path(KERNEL), KERNEL), (path(RAMDISK), RAMDISK)];
    for (file, name) in used {
        let link = directory.join(name);
        let Some(file) = file.filter(|file| file.starts_with(cache) && !link.exists()) else {
            continue;
        };
        if let Err(error) = std::fs::hard_link(&file, &link) {
            warn!(file = %file.display(), %error, "an instance's file is not in the cache");
        }
    }
    Ok(())
}
