//! Options of a launch that most clouds do not have: which of them are taken, and why the others
//! are refused. What is refused is never ignored in silence.

use super::instance_attribute::{
    NO_ENCLAVES, NO_STOP_AT_SHUTDOWN, NO_STOP_PROTECTION, NO_VOLUMES, ShutdownBehavior,
};
use super::run_instances::Input;
use ec2_wire::{Code, Error, Text, parameters, words};

words! {
    /// The disks that an instance has by 1.4's names; it always has them where they are.
    #[derive(Debug)]
    pub(super) enum VirtualName {
        /// The root disk.
        Ami = "ami",
        /// The root disk as a device.
        Root = "root",
        /// The disk for swapping.
        Swap = "swap",
        /// The empty disk.
        Ephemeral = "ephemeral0",
    }
}

words! {
    /// Whose hosts the instances may be on.
    #[derive(Debug)]
    pub(super) enum Tenancy {
        /// Those of the cloud.
        Default = "default",
    }
}

parameters! {
    /// Where a disk is wanted.
    #[derive(Debug)]
    pub(super) struct BlockDevice {
        /// The device; disks are where they are on every instance.
        _device: Option<Text<64>> = "DeviceName", "deviceName";
        /// The disk.
        _virtual_name: Option<VirtualName> = "VirtualName", "virtualName";
        /// Leaves the device out of what the image maps; images map none.
        _no_device: Option<Text<64>> = "NoDevice", "noDevice", since (2009, 10, 31);
        /// A volume; refused.
        ebs: Option<Ebs> = "Ebs", "ebs", since (2009, 10, 31);
    }
}

parameters! {
    /// A volume.
    #[derive(Debug)]
    pub(super) struct Ebs {
        /// The snapshot that it is made of.
        _snapshot: Option<Text<64>> = "SnapshotId", "snapshotId", since (2009, 10, 31);
        /// Its size in GB.
        _size: Option<u32> = "VolumeSize", "volumeSize", since (2009, 10, 31);
        /// Whether it goes with the instance.
        _delete: Option<bool> =
            "DeleteOnTermination", "deleteOnTermination", since (2009, 10, 31);
        /// Its kind.
        _kind: Option<Text<64>> = "VolumeType", "volumeType", since (2012, 7, 20);
        /// Its operations per second.
        _iops: Option<u32> = "Iops", "iops", since (2012, 7, 20);
        /// Whether it is encrypted.
        _encrypted: Option<bool> = "Encrypted", "encrypted", since (2014, 5, 1);
    }
}

/// Checks the options of a launch.
///
/// # Errors
/// `UnsupportedOperation` for one that this cloud cannot give, `InvalidParameterValue` for a
/// token that is not ASCII.
pub(super) fn check(input: &Input) -> Result<(), Error> {
    if let Some(token) = input.token.as_ref().filter(|token| !token.as_str().is_ascii()) {
        let rule = "It has at most 64 ASCII characters.";
        return Err(Error::invalid("ClientToken", token.as_str(), rule));
    }
    let volumes = input.devices.iter().any(|device| device.ebs.is_some());
    let refused = [
        (input.shutdown == Some(ShutdownBehavior::Stop), NO_STOP_AT_SHUTDOWN),
        (input.stop_protected == Some(true), NO_STOP_PROTECTION),
        (volumes || input.ebs_optimized == Some(true), NO_VOLUMES),
        (input.enclaves == Some(true), NO_ENCLAVES),
        (
            input.hibernation == Some(true),
            "instances of this cloud cannot hibernate",
        ),
        (
            input.profile_arn.is_some() || input.profile_name.is_some(),
            "this cloud has no instance profiles: give the instance its credentials in other ways",
        ),
        (
            input.private_ip.is_some(),
            "private addresses are chosen by the cloud, from the network of the security group",
        ),
        (input.placement_group.is_some(), "this cloud has no placement groups"),
        (input.market.is_some(), "this cloud has no spot instances"),
        (
            input.template_id.is_some() || input.template_name.is_some(),
            "this cloud has no launch templates",
        ),
    ];
    match refused.into_iter().find(|(asked, _)| *asked) {
        Some((_, why)) => Err(Error::new(Code::UnsupportedOperation, why)),
        None => Ok(()),
    }
}
