//! Shows a partition inside a qcow2 overlay as a plain file, for tools that know raw files only.
//!
//! `qemu-storage-daemon` exports a part of the overlay through FUSE over an empty file in the instance's
//! directory; writes land in the overlay and the shared base is only read.

use super::fault::{Doing, Fault};
use super::files;
use super::tool::{self, Tool};
use rustix::mount::UnmountFlags;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Child;

/// The file that shows the disk, in the instance's directory.
pub(super) const MOUNT_POINT: &str = "root.fuse";

const START_LIMIT: Duration = Duration::from_secs(20);
const FLUSH_LIMIT: Duration = Duration::from_secs(60);

/// An overlay that is shown at [`MOUNT_POINT`] until it is closed.
pub(super) struct Export {
    daemon: Child,
    directory: PathBuf,
}

impl Export {
    /// Shows the `size` bytes from `start` of the overlay `name` of this directory.
    pub(super) async fn open(
        directory: &Path,
        name: &str,
        start: u64,
        size: u64,
    ) -> Result<Self, Fault> {
        let mount_point = directory.join(MOUNT_POINT);
        fs::write(&mount_point, b"").doing(|| format!("making {}", mount_point.display()))?;
        // Should this process be killed, the daemon is as well.
        let mut tool = Tool::new("setpriv", START_LIMIT).directory(directory).args([
            "--pdeathsig",
            "KILL",
            "qemu-storage-daemon",
            "--blockdev",
            &format!("driver=file,node-name=file,filename={name},discard=unmap,cache.no-flush=on"),
            "--blockdev",
            "driver=qcow2,node-name=disk,file=file,discard=unmap,cache.no-flush=on",
            "--blockdev",
            &format!("driver=raw,node-name=part,file=disk,offset={start},size={size}"),
            "--export",
            &format!("type=fuse,id=root,node-name=part,mountpoint={MOUNT_POINT},writable=on,allow-other=off"),
        ]);
        let mut export = Self { daemon: tool.spawn()?, directory: directory.to_owned() };
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
        loop {
            let mount_point = self.mount_point();
            if files::blocking(move || files::length(&mount_point)).await? == Some(size) {
                return Ok(());
            }
            let ended = self.daemon.try_wait().doing(|| "waiting for qemu-storage-daemon")?;
            if let Some(status) = ended {
                let said = tool::read_some(self.daemon.stderr.take()).await.unwrap_or_default();
                let doing = format!("qemu-storage-daemon ({status})");
                return Err(Fault::tool(doing, &tool::last_words(&said)));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends the export. What was written is in the overlay's file afterwards, which its maker
    /// brings to the platter once, when all is in it: the export itself orders no writes for the
    /// case of a power cut, which costs more than all else of a launch.
    ///
    /// Once everything is flushed the daemon is killed: asked to end, QEMU 7.2's can wait for a
    /// further request first, without limit.
    pub(super) async fn close(mut self) -> Result<(), Fault> {
        let flushed = match tokio::time::timeout(FLUSH_LIMIT, self.flush()).await {
            Ok(flushed) => flushed,
            Err(_) => {
                let limit = FLUSH_LIMIT.as_secs();
                Err(Fault::Failed(format!("flushing the root disk took longer than {limit} s")))
            }
        };
        let ended = self.daemon.kill().await.doing(|| "ending qemu-storage-daemon");
        detach(&self.directory);
        flushed.and(ended).and_then(|()| files::remove(&self.mount_point()))
    }

    async fn flush(&self) -> Result<(), Fault> {
        let mount_point = self.mount_point();
        files::blocking(move || {
            let disk = File::options().write(true).open(mount_point);
            disk.and_then(|disk| disk.sync_all()).doing(|| "flushing the root disk")
        })
        .await
    }

    fn mount_point(&self) -> PathBuf {
        self.directory.join(MOUNT_POINT)
    }
}

/// Takes away the mount that a killed daemon leaves. It is normal that there is none.
pub(super) fn detach(directory: &Path) {
    let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
    rustix::mount::unmount(directory.join(MOUNT_POINT), flags).ok();
}
