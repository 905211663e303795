//! Shows the inside of a qcow2 overlay as a plain file, for tools that know raw files only.
//!
//! `qemu-storage-daemon` exports the overlay through FUSE over an empty file in the instance's
//! directory; writes land in the overlay and the shared base is only read.

use super::fault::{Doing, Fault};
use super::files;
use super::tool::{self, Tool};
use rustix::mount::UnmountFlags;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Child;

/// The file that shows the disk, in the instance's directory.
pub(super) const MOUNT_POINT: &str = "root.fuse";

const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(60);

/// An overlay that is shown at [`MOUNT_POINT`] until it is closed.
pub(super) struct Export {
    daemon: Child,
    mount_point: PathBuf,
}

impl Export {
    /// Shows the overlay `name` of this directory, a disk of `size` bytes.
    pub(super) async fn open(directory: &Path, name: &str, size: u64) -> Result<Self, Fault> {
        let mount_point = directory.join(MOUNT_POINT);
        fs::write(&mount_point, b"").doing(|| format!("making {}", mount_point.display()))?;
        // Should this process be killed, the daemon takes its mount away and ends as well.
        let mut tool = Tool::new("setpriv", START_LIMIT).directory(directory).args([
            "--pdeathsig",
            "TERM",
            "qemu-storage-daemon",
            "--blockdev",
            &format!("driver=file,node-name=file,filename={name},discard=unmap"),
            "--blockdev",
            "driver=qcow2,node-name=disk,file=file,discard=unmap",
            "--export",
            &format!("type=fuse,id=root,node-name=disk,mountpoint={MOUNT_POINT},writable=on,allow-other=off"),
        ]);
        let mut export = Self { daemon: tool.spawn()?, mount_point };
        match tokio::time::timeout(START_LIMIT, export.shown(size)).await {
            Ok(Ok(())) => Ok(export),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                let limit = START_LIMIT.as_secs();
                Err(Fault::Failed(format!("qemu-storage-daemon showed no disk within {limit} s")))
            }
        }
    }

    /// Waits until the empty file has become the disk.
    async fn shown(&mut self, size: u64) -> Result<(), Fault> {
        while files::length(&self.mount_point)? != Some(size) {
            let ended = self.daemon.try_wait().doing(|| "waiting for qemu-storage-daemon")?;
            if let Some(status) = ended {
                let said = tool::read_some(self.daemon.stderr.take()).await.unwrap_or_default();
                let doing = format!("qemu-storage-daemon ({status})");
                return Err(Fault::tool(doing, &tool::last_words(&said)));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Ends the export. What was written is in the overlay afterwards, and on the platter.
    pub(super) async fn close(self) -> Result<(), Fault> {
        // The daemon itself does not tell when it cannot write the overlay's tables at its end.
        let disk = self.mount_point.clone();
        let flush = move || File::options().write(true).open(disk)?.sync_all();
        let flushed = files::blocking(move || flush().doing(|| "flushing the root disk")).await;
        let ended = self.end().await;
        flushed.and(ended)
    }

    async fn end(mut self) -> Result<(), Fault> {
        let pid = self.daemon.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| Fault::Failed("qemu-storage-daemon has ended".to_owned()))?;
        kill_process(pid, Signal::TERM)
            .map_err(std::io::Error::from)
            .doing(|| "ending qemu-storage-daemon")?;
        let stderr = self.daemon.stderr.take();
        let end = async { tokio::join!(self.daemon.wait(), tool::read_some(stderr)) };
        let Ok((status, said)) = tokio::time::timeout(END_LIMIT, end).await else {
            let limit = END_LIMIT.as_secs();
            return Err(Fault::Failed(format!("qemu-storage-daemon did not end within {limit} s")));
        };
        let status = status.doing(|| "waiting for qemu-storage-daemon")?;
        if !status.success() {
            let said = tool::last_words(&said.unwrap_or_default());
            return Err(Fault::tool(format!("qemu-storage-daemon ({status})"), &said));
        }
        files::remove(&self.mount_point)
    }
}

/// Takes away the mount that a killed daemon leaves. It is normal that there is none.
pub(super) fn detach(directory: &Path) {
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    rustix::mount::unmount(directory.join(MOUNT_POINT), flags).ok();
}
