//! `install-image`: from a disk image to an image that can be started, in one step.

use super::Verb;
use super::bundle_image::{BundleImage, architecture};
use super::upload_bundle::UploadBundle;
use crate::ec2::{Connection, NEW, Parameters, call_in};
use crate::error::Error;
use crate::session::Session;
use bundle::Architecture;
use clap::Parser;
use diskimage::Inspected;
use std::fs;
use std::path::{Path, PathBuf};

/// EC2's code where nobody had the launch permission that is taken away.
const ABSENT: &str = "InvalidAMIAttributeItemValue";

/// Bundles, uploads and registers a disk image in one step.
///
/// DISK is a disk with a partition table, which boots by itself, or a filesystem, for which a
/// kernel is loaded; raw or qcow2. When a step fails, the same line starts over and finishes.
#[derive(Debug, Parser)]
pub(super) struct InstallImage {
    /// The disk image
    #[arg(value_name = "DISK")]
    disk: PathBuf,
    /// The image's name, unique among your images [default: the file's, without its ending]
    #[arg(short, long)]
    name: Option<String>,
    /// The bucket, which is made if it is not there [default: images- and your account number]
    #[arg(short, long)]
    bucket: Option<String>,
    /// What it is, for people
    #[arg(short, long)]
    description: Option<String>,
    /// i386 or x86_64
    #[arg(short = 'r', long, default_value = "x86_64", value_parser = architecture)]
    arch: Architecture,
    /// The kernel (eki-...) of a filesystem [default: the cloud's]
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// The ramdisk (eri-...) of a filesystem [default: the cloud's]
    #[arg(long, value_name = "RAMDISK")]
    ramdisk: Option<String>,
    /// How a disk boots: legacy-bios, uefi or uefi-preferred [default: as its bytes say]
    #[arg(long, value_name = "MODE")]
    boot_mode: Option<String>,
    /// Let everybody start it [default: an administrator's image only]
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// Let nobody but you start it
    #[arg(long)]
    private: bool,
    /// Where the bundle is made, which needs as much room as the image [default: /var/tmp]
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/tmp", hide_default_value = true)]
    directory: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for InstallImage {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let name = self.name.clone().unwrap_or_else(|| name_of(&self.disk));
        let disk = inspect(&self.disk)?;
        self.check(&disk)?;
        self.check_name(session, &name)?;
        let user = session.setting(None, &["EC2_USER_ID"], "EC2_USER_ID")?.replace('-', "");
        let bucket = self.bucket.clone().unwrap_or_else(|| format!("images-{user}"));
        let kind = if disk.boot.by_itself() { "disk" } else { "filesystem" };
        let format = disk.format.as_str();
        session.say(&format!("Installing {name}: a {kind} in {format} format"))?;

        // Gone at the end, however it ends.
        let work = tempfile::Builder::new().prefix("euca-install-").tempdir_in(&self.directory);
        let work = work.map_err(Error::file(&self.directory))?;
        session.say("Bundling ...")?;
        let manifest = self.bundle(work.path(), file_name(&name), session)?;
        self.upload(&bucket, &manifest, session)?;
        session.say("Registering ...")?;
        let manifest = manifest.file_name().unwrap_or_default().to_string_lossy();
        let id = self.register(session, &name, &format!("{bucket}/{manifest}"))?;
        self.set_launch_permission(session, &id)?;
        session.print(&["IMAGE", &id])
    }
}

impl InstallImage {
    /// Refuses what the cloud would refuse after the upload.
    fn check(&self, disk: &Inspected) -> Result<(), Error> {
        if disk.boot.by_itself() && (self.kernel.is_some() || self.ramdisk.is_some()) {
            let text = "the disk boots by itself: it takes no kernel and no ramdisk; leave \
                        --kernel and --ramdisk out";
            return Err(Error::Install(text.to_owned()));
        }
        if !disk.boot.by_itself() && self.boot_mode.is_some() {
            let text = "the image has no partition table that it could boot from: a kernel is \
                        loaded for it; leave --boot-mode out";
            return Err(Error::Install(text.to_owned()));
        }
        Ok(())
    }

    /// A name is given once. An attempt whose answer was lost is found by it.
    fn check_name(&self, session: &Session<'_, '_>, name: &str) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("Owner.1", "self")
            .with("Filter.1.Name", "name")
            .with("Filter.1.Value.1", name);
        let reply = call_in(NEW, session, &self.connection, "DescribeImages", parameters)?;
        match reply.items("imagesSet").next() {
            None => Ok(()),
            Some(image) => {
                let id = image.text("imageId");
                let text = format!(
                    "{name} is installed already, as {id}; choose another --name, or take it back \
                     first: euca-deregister {id}"
                );
                Err(Error::Install(text))
            }
        }
    }

    /// Gives the manifest.
    fn bundle(
        &self,
        directory: &Path,
        prefix: String,
        session: &mut Session<'_, '_>,
    ) -> Result<PathBuf, Error> {
        let bundle = BundleImage {
            image: self.disk.clone(),
            destination: directory.to_owned(),
            prefix: Some(prefix),
            arch: self.arch,
            // Given when it is registered.
            kernel: None,
            ramdisk: None,
            block_device_mapping: Vec::new(),
            productcodes: Vec::new(),
            user: None,
            cert: None,
            privatekey: None,
            ec2cert: None,
            batch: true,
        };
        Ok(bundle.bundle(session)?.manifest)
    }

    fn upload(
        &self,
        bucket: &str,
        manifest: &Path,
        session: &mut Session<'_, '_>,
    ) -> Result<(), Error> {
        let upload = UploadBundle {
            bucket: bucket.to_owned(),
            manifest: manifest.to_owned(),
            directory: None,
            acl: "aws-exec-read".to_owned(),
            part: 0,
            skipmanifest: false,
            retry: true,
            access_key: None,
            secret_key: None,
            url: None,
            ec2cert: None,
            batch: true,
        };
        upload.upload(session)
    }

    fn register(
        &self,
        session: &Session<'_, '_>,
        name: &str,
        location: &str,
    ) -> Result<String, Error> {
        let parameters = Parameters::default()
            .with("ImageLocation", location)
            .with("Name", name)
            .maybe("Description", self.description.as_ref())
            .maybe("KernelId", self.kernel.as_ref())
            .maybe("RamdiskId", self.ramdisk.as_ref())
            .maybe("BootMode", self.boot_mode.as_ref());
        let reply = call_in(NEW, session, &self.connection, "RegisterImage", parameters)?;
        Ok(reply.text("imageId").to_owned())
    }

    fn set_launch_permission(&self, session: &Session<'_, '_>, id: &str) -> Result<(), Error> {
        let operation = match (self.public, self.private) {
            (true, _) => "Add",
            (_, true) => "Remove",
            (false, false) => return Ok(()),
        };
        let parameters = Parameters::default()
            .with("ImageId", id)
            .with(&format!("LaunchPermission.{operation}.1.Group"), "all");
        match call_in(NEW, session, &self.connection, "ModifyImageAttribute", parameters) {
            // A user's new image is private as it is.
            Err(Error::Refused { code, .. }) if self.private && code == ABSENT => Ok(()),
            other => other.map(drop),
        }
    }
}

fn inspect(disk: &Path) -> Result<Inspected, Error> {
    let mut file = fs::File::open(disk).map_err(Error::file(disk))?;
    let length = file.metadata().map_err(Error::file(disk))?.len();
    diskimage::inspect(&mut file, length)
        .map_err(|source| Error::Disk { path: disk.to_owned(), source })
}

/// A file's name without its ending, in the characters of an image's name.
fn name_of(disk: &Path) -> String {
    let stem = disk.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
    let mut name: String = stem.chars().map(allowed).take(128).collect();
    while name.len() < 3 {
        name.push('-');
    }
    name
}

/// The beginning of the names of the bundle's files.
fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_file() {
        for (file, name) in [
            ("/srv/debian-12.qcow2", "debian-12"),
            ("disk", "disk"),
            ("My Disk (1).img", "My-Disk--1-"),
            ("a.raw", "a--"),
        ] {
            assert_eq!(name_of(Path::new(file)), name);
        }
    }
}
