//! Directories, durable renames and the room on a filesystem.

use super::fault::{Doing, Fault};
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

/// Runs file work where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::Failed(format!("file work was broken off: {error}"))),
    }
}

/// Makes a directory and those above it where they are missing.
pub(super) fn ensure_dir(path: &Path) -> Result<(), Fault> {
    let doing = || format!("making the directory {}", path.display());
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        ensure_dir(parent)?;
    }
    match DirBuilder::new().mode(0o711).create(path) {
        // Set again: the process's umask took bits away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o711)).doing(doing),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Fault::io(doing(), &error)),
    }
}

/// Gives a complete file its final name, mode and place on the disk.
pub(super) fn publish(made: &Path, target: &Path, mode: u32) -> Result<(), Fault> {
    let doing = || format!("storing {}", target.display());
    fs::set_permissions(made, Permissions::from_mode(mode)).doing(doing)?;
    File::open(made).and_then(|file| file.sync_all()).doing(doing)?;
    fs::rename(made, target).doing(doing)?;
    let directory = target.parent().unwrap_or(Path::new("/"));
    File::open(directory).and_then(|directory| directory.sync_all()).doing(doing)
}

/// Removes a file; it may be missing.
pub(super) fn remove(path: &Path) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.doing(|| format!("removing {}", path.display())),
    }
}

/// Notes in a file's modification time that it was used now.
pub(super) fn touch(path: &Path) -> Result<(), Fault> {
    File::open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .doing(|| format!("noting the use of {}", path.display()))
}

/// The length of a file in bytes; none when it is missing.
pub(super) fn length(path: &Path) -> Result<Option<u64>, Fault> {
    Ok(look(path)?.map(|file| file.len()))
}

/// What is known of a file; none when it is missing.
pub(super) fn look(path: &Path) -> Result<Option<Metadata>, Fault> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::io(format!("looking at {}", path.display()), &error)),
    }
}

/// The bytes that are free on the filesystem of `path`.
pub(super) fn free_bytes(path: &Path) -> Result<u64, Fault> {
    let room = rustix::fs::statvfs(path).map_err(io::Error::from);
    let room = room.doing(|| format!("asking for the free space of {}", path.display()))?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

/// The bytes of the filesystem of `path`.
pub(super) fn size_bytes(path: &Path) -> Result<u64, Fault> {
    let room = rustix::fs::statvfs(path).map_err(io::Error::from);
    let room =
        room.doing(|| format!("asking for the size of the filesystem of {}", path.display()))?;
    Ok(room.f_blocks.saturating_mul(room.f_frsize))
}

/// The names of what is in a directory; those that are no text are left out.
pub(super) fn names(directory: &Path) -> Result<Vec<String>, Fault> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(|| format!("listing {}", directory.display()))?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

/// The bytes that files with these names occupy in `INSTANCE_PATH/<user>/<id>/`.
pub(super) fn held_bytes(instance_path: &Path, names: &[&str]) -> Result<u64, Fault> {
    let mut sum = 0;
    for user in directories(instance_path)? {
        for instance in directories(&user)? {
            // Missing is normal: before the launch, after the end.
            let held =
                |name| fs::metadata(instance.join(name)).map_or(0, |file| file.blocks() * 512);
            sum += names.iter().map(held).sum::<u64>();
        }
    }
    Ok(sum)
}

/// The directories in a directory. One that has vanished meanwhile has none.
pub(super) fn directories(path: &Path) -> Result<Vec<std::path::PathBuf>, Fault> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.doing(|| format!("listing {}", path.display()))?,
    };
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.flatten().filter(is_dir).map(|entry| entry.path()).collect())
}
