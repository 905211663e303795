//! The options of a launch: which numbers and which of Amazon's options are taken, and why the
//! others are refused. What this cloud cannot give is refused and not ignored, but for the few that
//! say so.

use super::instance_attribute::{
    NO_ENCLAVES, NO_STOP_AT_SHUTDOWN, NO_STOP_PROTECTION, NO_VOLUMES, ShutdownBehavior,
};
use super::run_instances::Input;
use ec2_wire::{Code, Error, Text, parameters, words};

/// The most instances of one call.
const MOST_INSTANCES: u32 = 1000;

words! {
    /// Which addresses an instance gets.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum AddressingType {
        /// A public one too, where the zone has any.
        Public = "public",
        /// Only a private one.
        Private = "private",
    }
}

words! {
    /// Disks by 1.4's names. Tools of its time map them at each launch, so they are taken, without
    /// effect: an instance has its root disk.
    #[derive(Debug)]
    pub(super) enum VirtualName {
        /// The root disk.
        Ami = "ami",
        /// The root disk as a device.
        Root = "root",
        /// A disk for swapping.
        Swap = "swap",
        /// An empty disk.
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
    /// A disk that is wanted.
    #[derive(Debug)]
    pub(super) struct BlockDevice {
        /// The device; without effect.
        _device: Option<Text<64>> = "DeviceName", "deviceName";
        /// The disk; without effect.
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
/// `UnsupportedOperation` for one that this cloud cannot give, `InvalidParameterValue` for bad
/// numbers and a token that is not ASCII, `InstanceLimitExceeded`.
pub(super) fn check(input: &Input) -> Result<(), Error> {
    check_counts(input)?;
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
        (input.hibernation == Some(true), "instances of this cloud cannot hibernate"),
        (
            input.profile_arn.is_some() || input.profile_name.is_some(),
            "this cloud has no instance profiles: give the instance its credentials in other ways",
        ),
        (
            input.private_ip.is_some(),
            "private addresses are chosen by the cloud, from the network of the security group",
        ),
        (
            input.placement_group.is_some() || input.placement_group_id.is_some(),
            "this cloud has no placement groups",
        ),
        (input.host.is_some(), "this cloud chooses the host itself"),
        (input.ipv6_count.is_some_and(|count| count > 0), "instances of this cloud have no IPv6"),
        (input.cores.is_some(), "the VM type says how many processors an instance has"),
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

fn check_counts(input: &Input) -> Result<(), Error> {
    let (min, max) = (input.min_count, input.max_count);
    if min == 0 {
        return Err(Error::invalid("MinCount", "0", "It must be 1 or more."));
    }
    if min > max {
        let rule = format!("It must not be more than MaxCount ({max}).");
        return Err(Error::invalid("MinCount", &min.to_string(), rule));
    }
    if max > MOST_INSTANCES {
        let message = format!("one request starts at most {MOST_INSTANCES} instances, not {max}");
        return Err(Error::new(Code::InstanceLimitExceeded, message));
    }
    Ok(())
}
