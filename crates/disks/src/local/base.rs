//! The immutable raw disks under the overlays of instances.

use super::claim::Claim;
use super::fault::{Doing, Fault};
use super::files;
use super::tool::Tool;
use diskimage::{Partition, PartitionKind, Qcow2, partition_table, swap_header};
use protocol::ImageRef;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;
use tracing::warn;
use types::{Boot, ImageFormat};

/// Copying and growing the largest images takes minutes on a slow disk.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Where the first partition begins, and what later ones are rounded to.
pub(super) const ALIGNMENT: u64 = 1 << 20;

/// What a base is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A disk with partitions: the image grown, an ephemeral filesystem, swap space.
    Partitions { root_gb: u64, ephemeral_mb: u64, swap_mb: u64 },
    /// The image, which has partitions of its own, on a longer disk. Its guest grows them; the
    /// second header of a GPT stays where the image has it until then.
    Disk { gb: u64 },
    /// An empty disk with an ephemeral filesystem.
    Ephemeral { mb: u64 },
    /// An empty disk of swap space.
    Swap { mb: u64 },
}

/// Where the partitions of a disk are.
struct Places {
    root: Partition,
    ephemeral: Option<Partition>,
    swap: Option<Partition>,
    end: u64,
}

impl Shape {
    /// The name of such a base among those of one image.
    pub(super) fn name(self) -> String {
        match self {
            Self::Partitions { root_gb, ephemeral_mb, swap_mb } => {
                format!("part-{root_gb}-{ephemeral_mb}-{swap_mb}")
            }
            Self::Disk { gb } => format!("disk-{gb}"),
            Self::Ephemeral { mb } => format!("ephemeral-{mb}"),
            Self::Swap { mb } => format!("swap-{mb}"),
        }
    }

    /// The bytes that the image may have at most.
    const fn room(self) -> u64 {
        match self {
            Self::Partitions { root_gb: gb, .. } | Self::Disk { gb } => gb.saturating_mul(1 << 30),
            Self::Ephemeral { .. } | Self::Swap { .. } => 0,
        }
    }

    /// Refuses an image that is too large, before it is fetched where that can be seen.
    pub(super) fn check_room(self, image: &ImageRef, bytes: u64) -> Result<(), Fault> {
        if bytes <= self.room() {
            return Ok(());
        }
        let detail = format!(
            "its {bytes} bytes do not fit into the {} GB disk of the VM type; choose a larger type",
            self.room() >> 30
        );
        Err(Fault::Image(image.id, detail))
    }
}

/// Makes an image's base as `made` in the claimed directory, where the image is as `image`.
pub(super) async fn make(
    image: &ImageRef,
    claim: &Claim,
    made: &str,
    shape: Shape,
) -> Result<(), Fault> {
    let disk_bytes = disk_bytes(image, claim).await?;
    shape.check_room(image, disk_bytes)?;
    match shape {
        Shape::Partitions { root_gb, ephemeral_mb, swap_mb } => {
            let places = places(root_gb, ephemeral_mb, swap_mb);
            make_partitions(image, claim, made, &places, disk_bytes).await
        }
        Shape::Disk { .. } => {
            remove_old(claim, made).await?;
            let options = ["convert", "-q", "-f", image.format.as_str(), "-O", "raw", "-S", "4096"];
            let tool = Tool::new("qemu-img", LIMIT).directory(claim.directory()).args(options);
            tool.args(["image", made]).run().await?;
            set_length(claim, made, shape.room()).await
        }
        Shape::Ephemeral { .. } | Shape::Swap { .. } => make_blank(claim, made, shape).await,
    }
}

/// The bytes that the image's data take in its base. A compressed image, or one of a disk that is
/// too large for this shape, has another size of its own.
pub(super) async fn needed_bytes(
    image: &ImageRef,
    claim: &Claim,
    shape: Shape,
) -> Result<u64, Fault> {
    let disk_bytes = disk_bytes(image, claim).await?;
    shape.check_room(image, disk_bytes)?;
    if image.format == ImageFormat::Raw {
        return Ok(disk_bytes);
    }
    // What is nowhere zero, which the base holds uncompressed as well.
    let options = ["measure", "--output=json", "-f", image.format.as_str(), "-O", "qcow2", "image"];
    let tool = Tool::new("qemu-img", LIMIT).directory(claim.directory()).args(options);
    let said: serde_json::Value =
        serde_json::from_slice(&tool.run().await?.stdout).unwrap_or_default();
    Ok(said["required"].as_u64().unwrap_or(disk_bytes).min(disk_bytes))
}

/// Makes a base without an image.
pub(super) async fn make_blank(claim: &Claim, made: &str, shape: Shape) -> Result<(), Fault> {
    remove_old(claim, made).await?;
    match shape {
        Shape::Ephemeral { mb } => {
            set_length(claim, made, mb << 20).await?;
            make_filesystem(claim, made, 0, mb << 20).await
        }
        Shape::Swap { mb } => {
            set_length(claim, made, mb << 20).await?;
            write_swap(claim, made, 0, mb << 20).await
        }
        Shape::Partitions { .. } | Shape::Disk { .. } => {
            Err(Fault::Failed("a disk of an image needs the image".to_owned()))
        }
    }
}

/// The bytes of the disk that an image describes. A qcow2 image is looked at before any tool opens
/// it; the cloud did so too when it was registered, but the node need not rely on that.
async fn disk_bytes(image: &ImageRef, claim: &Claim) -> Result<u64, Fault> {
    if image.format == ImageFormat::Raw {
        return Ok(image.size);
    }
    let (path, id, length) = (claim.at("image"), image.id, image.size);
    let checked = claim.blocking(move || {
        let mut file = File::open(&path).doing(|| format!("opening {}", path.display()))?;
        Qcow2::check(&mut file, length).map_err(|error| Fault::Image(id, error.to_string()))
    });
    Ok(checked.await?.disk_bytes())
}

fn places(root_gb: u64, ephemeral_mb: u64, swap_mb: u64) -> Places {
    let root = Partition {
        start: ALIGNMENT,
        bytes: root_gb.saturating_mul(1 << 30),
        kind: PartitionKind::Linux,
    };
    let mut end = root.start.saturating_add(root.bytes);
    let mut next = |mb: u64, kind| {
        let partition = Partition { start: end, bytes: mb.saturating_mul(1 << 20), kind };
        end = end.saturating_add(partition.bytes);
        (mb > 0).then_some(partition)
    };
    let ephemeral = next(ephemeral_mb, PartitionKind::Linux);
    let swap = next(swap_mb, PartitionKind::Swap);
    Places { root, ephemeral, swap, end }
}

async fn make_partitions(
    image: &ImageRef,
    claim: &Claim,
    made: &str,
    places: &Places,
    disk_bytes: u64,
) -> Result<(), Fault> {
    copy_into_partition(image, claim, made, places).await?;
    let fills_its_partition = disk_bytes.saturating_add(places.root.start) > places.root.bytes;
    if !fills_its_partition && has_ext_filesystem(&claim.at(made), places.root.start)? {
        match grow_filesystem(claim, made, places).await {
            Err(Fault::Refused(cause)) => {
                warn!(image = %image.id, cause, "the image's filesystem keeps its size");
                copy_into_partition(image, claim, made, places).await?;
            }
            grown => grown?,
        }
    }
    if let Some(Partition { start, bytes, .. }) = places.ephemeral {
        make_filesystem(claim, made, start, bytes).await?;
    }
    if let Some(Partition { start, bytes, .. }) = places.swap {
        write_swap(claim, made, start, bytes).await?;
    }
    Ok(())
}

/// Makes the disk with its table, and the image without its holes in the first partition.
async fn copy_into_partition(
    image: &ImageRef,
    claim: &Claim,
    made: &str,
    places: &Places,
) -> Result<(), Fault> {
    let id = [0, 1, 2, 3].map(|n| image.digest.0[n]);
    let table = partition_table([Some(places.root), places.ephemeral, places.swap, None], id);
    let table = table.map_err(|error| Fault::Image(image.id, error.to_string()))?;
    remove_old(claim, made).await?;
    set_length(claim, made, places.end).await?;
    write_at(claim, made, 0, table.to_vec()).await?;
    // "-f": an image that looks like another format is not interpreted, it is copied.
    let options = ["convert", "-q", "-n", "--target-is-zero", "-S", "4096"];
    let Partition { start, bytes, .. } = places.root;
    let target =
        format!("driver=raw,offset={start},size={bytes},file.driver=file,file.filename={made}");
    let tool = Tool::new("qemu-img", LIMIT).directory(claim.directory()).args(options);
    let tool = tool.args(["-f", image.format.as_str(), "image", "--target-image-opts", &target]);
    tool.run().await.map(drop)
}

async fn grow_filesystem(claim: &Claim, made: &str, places: &Places) -> Result<(), Fault> {
    let root = &places.root;
    let filesystem = format!("{made}?offset={}", root.start);
    // 1: errors were corrected, which replaying the journal counts as.
    let check = Tool::new("e2fsck", LIMIT).directory(claim.directory()).good_codes(&[0, 1]);
    check.args(["-f", "-p", &filesystem]).run().await?;
    // resize2fs cuts a file that was longer than the filesystem becomes, and counts from the
    // file's beginning. One that is as long it leaves, and writes behind its end where it must.
    set_length(claim, made, root.bytes).await?;
    let size = format!("{}K", root.bytes >> 10);
    let grow = Tool::new("resize2fs", LIMIT).directory(claim.directory());
    grow.args([&filesystem, &size]).run().await?;
    set_length(claim, made, places.end).await
}

/// An empty filesystem that guests of any age can mount.
async fn make_filesystem(claim: &Claim, made: &str, at: u64, bytes: u64) -> Result<(), Fault> {
    let (offset, blocks) = (format!("offset={at}"), format!("{}k", bytes >> 10));
    let tool = Tool::new("mke2fs", LIMIT).directory(claim.directory());
    let options = ["-q", "-F", "-t", "ext3", "-m", "0", "-L", "ephemeral0", "-E", &offset];
    tool.args(options).args([made, blocks.as_str()]).run().await.map(drop)
}

async fn write_swap(claim: &Claim, made: &str, at: u64, bytes: u64) -> Result<(), Fault> {
    // Whoever mounts swap by its UUID sees the same one on each of its instances.
    match swap_header(bytes, *b"eucalyptus swap\0") {
        Some(page) => write_at(claim, made, at, page.to_vec()).await,
        None => Err(Fault::Failed(format!("{bytes} bytes are too few for swap space"))),
    }
}

/// A tool that an earlier process started may still write to a file of this name.
async fn remove_old(claim: &Claim, made: &str) -> Result<(), Fault> {
    let old = claim.at(made);
    claim.blocking(move || files::remove(&old)).await
}

async fn write_at(claim: &Claim, made: &str, at: u64, bytes: Vec<u8>) -> Result<(), Fault> {
    let disk = claim.at(made);
    let work = move || {
        let file = OpenOptions::new().write(true).open(&disk);
        file.and_then(|file| file.write_all_at(&bytes, at))
            .doing(|| format!("writing to {}", disk.display()))
    };
    claim.blocking(work).await
}

async fn set_length(claim: &Claim, made: &str, bytes: u64) -> Result<(), Fault> {
    let disk = claim.at(made);
    let work = move || {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&disk);
        file.and_then(|file| file.set_len(bytes))
            .doing(|| format!("making {} {bytes} bytes long", disk.display()))
    };
    claim.blocking(work).await
}

/// Whether an ext2, ext3 or ext4 filesystem begins at `start` of a disk: its superblock is 1024
/// bytes in and has 0xEF53 at its offset 56.
pub(super) fn has_ext_filesystem(disk: &Path, start: u64) -> Result<bool, Fault> {
    let mut magic = [0; 2];
    match File::open(disk).and_then(|file| file.read_exact_at(&mut magic, start + 1024 + 56)) {
        Ok(()) => Ok(magic == [0x53, 0xEF]),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Fault::io(format!("reading {}", disk.display()), &error)),
    }
}

/// The shape of an image's base.
pub(super) fn shape_of(image: &ImageRef, gb: u64, ephemeral_mb: u64, swap_mb: u64) -> Shape {
    match image.boot {
        Boot::Kernel => Shape::Partitions { root_gb: gb, ephemeral_mb, swap_mb },
        Boot::Bios | Boot::Uefi => Shape::Disk { gb },
    }
}
