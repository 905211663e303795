//! The two sides change bridges in turn, though they are processes of their own: between looking at
//! a bridge and deleting it as unused, nobody may begin to use it.

use crate::HostNetError;
use std::fs::{File, OpenOptions};
use std::io;

/// Of this boot, like the devices.
const LOCK: &str = "/run/eucalyptus-hostnet.lock";

/// Waits for the turn, which lasts until the file is dropped; the kernel ends it for a process that
/// is killed.
pub(super) async fn take() -> Result<File, HostNetError> {
    let taken = tokio::task::spawn_blocking(lock).await.map_err(io::Error::other);
    taken.and_then(|locked| locked).map_err(|cause| HostNetError::Device {
        what: format!("locking {LOCK}"),
        cause: cause.to_string(),
    })
}

fn lock() -> io::Result<File> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(LOCK)?;
    file.lock()?;
    Ok(file)
}
