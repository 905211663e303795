//! RegisterImage.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::reservation::ROOT_DEVICE;
use super::tag_specification::{self, TagSpecification};
use crate::images::{BootMode, Registration};
use ec2_wire::{
    Action, Code, Error, Kind, Place, Response, Text, Value, Xml, parameters, shown, words,
};
use types::ImageId;

pub(super) struct RegisterImage;

parameters! {
    pub(super) struct Input {
        /// BUCKET/MANIFEST of a bundle that was uploaded to Walrus; there is no other way.
        location: Option<Text<1024>> = "ImageLocation", "imageLocation";
        /// A name, unique among the caller's registered images.
        name: Option<ImageName> = "Name", "name", since (2009, 10, 31);
        /// What it is, for people.
        description: Option<Text<255>> = "Description", "description", since (2009, 10, 31);
        /// The architecture, which must be that of the bundle.
        architecture: Option<Text<32>> = "Architecture", "architecture", since (2009, 10, 31);
        /// The kernel, in place of the bundle's.
        kernel: Option<ImageId> = "KernelId", "kernelId", since (2009, 10, 31);
        /// The ramdisk, in place of the bundle's.
        ramdisk: Option<ImageId> = "RamdiskId", "ramdiskId", since (2009, 10, 31);
        /// How a disk that boots by itself does so, in place of what is found out from it.
        boot_mode: Option<Mode> = "BootMode", "bootMode", since (2016, 11, 15);
        /// How instances see the machine.
        _virtualization: Option<Virtualization> =
            "VirtualizationType", "virtualizationType", since (2012, 6, 1);
        /// Where instances see the root disk: /dev/sda1.
        root: Option<Text<64>> = "RootDeviceName", "rootDeviceName", since (2009, 10, 31);
        /// Disks beside the root. The VM type determines these: a mapping to volumes is refused,
        /// one to a disk of the VM type must name the device that it has here.
        disks: Vec<Disk> = "BlockDeviceMapping.N", "blockDeviceMapping/item", since (2009, 10, 31);
        /// Tags for the image.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecification/item", since (2016, 11, 15);
    }
}

parameters! {
    /// One disk of an image.
    struct Disk {
        /// The device, such as sda2.
        device: Option<Text<64>> = "DeviceName", "deviceName";
        /// The disk of the VM type: ami, root, ephemeral0 or swap.
        disk: Option<Text<64>> = "VirtualName", "virtualName";
        /// A volume.
        volume: Option<Volume> = "Ebs", "ebs";
    }
}

parameters! {
    /// A volume that an image would be made of; there are none.
    struct Volume {
        /// The snapshot.
        _snapshot: Option<Text<64>> = "SnapshotId", "snapshotId";
        /// The size in GB.
        _size: Option<u32> = "VolumeSize", "volumeSize";
        /// The kind of volume.
        _kind: Option<Text<64>> = "VolumeType", "volumeType";
        /// Whether it goes with the instance.
        _delete: Option<bool> = "DeleteOnTermination", "deleteOnTermination";
    }
}

words! {
    /// How instances see the machine.
    pub(super) enum Virtualization {
        /// As hardware.
        Hvm = "hvm",
    }
}

words! {
    /// How a disk that boots by itself does so.
    pub(super) enum Mode {
        /// By the BIOS.
        LegacyBios = "legacy-bios",
        /// By UEFI.
        Uefi = "uefi",
        /// By UEFI where it has an EFI system partition.
        UefiPreferred = "uefi-preferred",
    }
}

impl From<Mode> for BootMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::LegacyBios => Self::LegacyBios,
            Mode::Uefi => Self::Uefi,
            Mode::UefiPreferred => Self::UefiPreferred,
        }
    }
}

/// The name of an image, in Amazon's form.
pub(super) struct ImageName(String);

impl Value for ImageName {
    const KIND: Kind = Kind::Form("3 to 128 letters, digits, blanks and any of ()[]./-'@_");

    fn parse(text: &str, _place: &Place<'_>) -> Result<Self, Error> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ()[]./-'@_".contains(c);
        if (3..=128).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!(
            "the name \"{}\" is malformed: AMI names must be between 3 and 128 characters long, \
             and may contain letters, numbers, blanks and ()[]./-'@_",
            shown(text)
        );
        Err(Error::new(Code::InvalidAmiNameMalformed, message))
    }
}

pub(super) struct Output(ImageId);

impl Action for RegisterImage {
    const NAME: &'static str = "RegisterImage";
    const DOC: &'static str = "Checks and decrypts an uploaded bundle and makes it launchable; \
                               kernels and ramdisks are registered by administrators only.";
    type Input = Input;
    type Output = Output;
}

impl Run for RegisterImage {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        input.disks.iter().try_for_each(check_disk)?;
        if let Some(root) = input.root.filter(|root| !is_device(root.as_str(), ROOT_DEVICE)) {
            let rule = format!("The root disk is {ROOT_DEVICE}.");
            return Err(Error::invalid("RootDeviceName", root.as_str(), rule));
        }
        let registration = Registration {
            location: input.location.ok_or_else(|| Error::missing("ImageLocation"))?.into(),
            name: input.name.map(|name| name.0),
            description: input.description.map(Into::into),
            architecture: input.architecture.map(Into::into),
            kernel: input.kernel,
            ramdisk: input.ramdisk,
            boot_mode: input.boot_mode.map(Into::into),
            tags: tag_specification::of("image", &[], input.tags)?,
        };
        let image = call.cloud.register_image(call.user, registration).await;
        Ok(Output(image.map_err(refuse)?.id))
    }
}

/// Instances have the disks of their VM type (FACTS 3.5: sda1 root, sda2 ephemeral, sda3 swap).
fn check_disk(disk: &Disk) -> Result<(), Error> {
    if disk.volume.is_some() {
        let message = "images are made of bundles: this cloud has no volumes and snapshots \
                       (BlockDeviceMapping.Ebs)";
        return Err(Error::new(Code::UnsupportedOperation, message));
    }
    let (device, name) = (disk.device.as_ref(), disk.disk.as_ref());
    let (device, name) = (device.map_or("", Text::as_str), name.map_or("", Text::as_str));
    let place = match name {
        "ami" | "root" => ROOT_DEVICE,
        "ephemeral0" => "/dev/sda2",
        "swap" => "/dev/sda3",
        _ => {
            let rule = "It must be ami, root, ephemeral0 or swap.";
            return Err(Error::invalid("BlockDeviceMapping.VirtualName", name, rule));
        }
    };
    if is_device(device, place) {
        return Ok(());
    }
    let rule = format!("Instances see {name} at {place}.");
    Err(Error::invalid("BlockDeviceMapping.DeviceName", device, rule))
}

/// Whether this names the device, with or without `/dev/`.
fn is_device(text: &str, device: &str) -> bool {
    text == device || device.strip_prefix("/dev/") == Some(text)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.text("imageId", self.0);
    }
}
