//! The immutable raw disk under the overlays of one (image, size).

use super::fault::{Doing, Fault};
use super::files;
use super::tool::Tool;
use protocol::ImageRef;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use tracing::warn;

/// Copying and growing the largest images takes minutes on a slow disk.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Copies `image` to `target` without its holes, makes it `bytes` long and grows the filesystem
/// on it. A disk with partitions, or a filesystem that cannot be grown, just becomes longer.
pub(super) async fn grow(
    image: &ImageRef,
    source: &Path,
    target: &Path,
    bytes: u64,
) -> Result<(), Fault> {
    copy(source, target, bytes).await?;
    if !has_ext_filesystem(target)? {
        return Ok(());
    }
    match grow_filesystem(target).await {
        Err(Fault::Refused(cause)) => {
            warn!(image = %image.id, cause, "the image's filesystem keeps its size");
            copy(source, target, bytes).await
        }
        grown => grown,
    }
}

async fn copy(source: &Path, target: &Path, bytes: u64) -> Result<(), Fault> {
    // A tool that an earlier process started may still write to a file of this name.
    files::remove(target)?;
    // "-f raw": an image that looks like another format is not interpreted, it is copied.
    let options = ["convert", "-q", "-f", "raw", "-O", "raw", "-S", "4096"].map(OsStr::new);
    let tool = Tool::new("qemu-img", LIMIT).args(options);
    tool.args([source.as_os_str(), target.as_os_str()]).run().await?;
    let target = target.to_owned();
    files::blocking(move || {
        let file = OpenOptions::new().write(true).open(&target);
        file.and_then(|file| file.set_len(bytes))
            .doing(|| format!("making {} {bytes} bytes long", target.display()))
    })
    .await
}

async fn grow_filesystem(disk: &Path) -> Result<(), Fault> {
    // 1: errors were corrected, which replaying the journal counts as.
    let check = Tool::new("e2fsck", LIMIT).args(["-f", "-p"]).args([disk]).good_codes(&[0, 1]);
    check.run().await?;
    Tool::new("resize2fs", LIMIT).args([disk]).run().await.map(drop)
}

/// Whether the disk itself, not a partition on it, is an ext2, ext3 or ext4 filesystem: its
/// superblock is 1024 bytes in and has 0xEF53 at its offset 56.
pub(super) fn has_ext_filesystem(disk: &Path) -> Result<bool, Fault> {
    let mut magic = [0; 2];
    match File::open(disk).and_then(|file| file.read_exact_at(&mut magic, 1024 + 56)) {
        Ok(()) => Ok(magic == [0x53, 0xEF]),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Fault::io(format!("reading {}", disk.display()), &error)),
    }
}
