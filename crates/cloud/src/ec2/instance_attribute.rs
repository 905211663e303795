//! The attributes of one instance that can be asked for and changed by name, and why most of them
//! stay as they are.

use super::reservation::{ROOT_DEVICE, encode_groups};
use ec2_wire::{Code, Error, Xml, words};
use state::{Instance, InstanceDetails};
use types::{GroupId, GroupName, ImageId};

words! {
    /// The attributes of an instance.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum InstanceAttribute {
        /// Its VM type.
        InstanceType = "instanceType",
        /// Its kernel.
        Kernel = "kernel",
        /// Its ramdisk.
        Ramdisk = "ramdisk",
        /// Its user data in base64.
        UserData = "userData",
        /// Whether it must not be terminated.
        DisableApiTermination = "disableApiTermination",
        /// What becomes of it when it shuts down by itself.
        InstanceInitiatedShutdownBehavior = "instanceInitiatedShutdownBehavior",
        /// Where it sees its root disk.
        RootDeviceName = "rootDeviceName",
        /// Its volumes.
        BlockDeviceMapping = "blockDeviceMapping",
        /// The product codes of its image.
        ProductCodes = "productCodes",
        /// Whether it may send and get only packets with its own addresses.
        SourceDestCheck = "sourceDestCheck",
        /// Its security groups.
        GroupSet = "groupSet",
        /// Whether it has a network of its own to its volumes.
        EbsOptimized = "ebsOptimized",
        /// Whether its network device is a virtual function of the host's.
        SriovNetSupport = "sriovNetSupport",
        /// Whether its network device is Amazon's ENA.
        EnaSupport = "enaSupport",
        /// Whether it must not be stopped.
        DisableApiStop = "disableApiStop",
        /// Whether it can have enclaves.
        EnclaveOptions = "enclaveOptions",
    }
}

words! {
    /// What becomes of an instance that shuts down by itself.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum ShutdownBehavior {
        /// It is kept and can be started again.
        Stop = "stop",
        /// It ends.
        Terminate = "terminate",
    }
}

pub(super) const NO_STOP_AT_SHUTDOWN: &str = "an instance that shuts down by itself ends: its root \
     disk is of the instance store";
pub(super) const NO_STOP_PROTECTION: &str = "instances cannot be protected from being stopped";
pub(super) const NO_VOLUMES: &str =
    "this cloud has no volumes: an instance's disks are on its node";
pub(super) const NO_ENCLAVES: &str = "instances of this cloud cannot have enclaves";

/// A change of an attribute that this cloud can only confirm: it succeeds when the attribute is
/// that way already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fixed {
    InstanceType(String),
    Kernel(Option<ImageId>),
    Ramdisk(Option<ImageId>),
    ShutdownBehavior(ShutdownBehavior),
    SourceDestCheck(bool),
    Groups(Vec<GroupId>),
    EbsOptimized(bool),
    SriovNetSupport,
    EnaSupport(bool),
    DisableApiStop(bool),
    BlockDevices,
}

impl Fixed {
    /// Confirms it for an instance with these groups.
    ///
    /// # Errors
    /// `UnsupportedOperation` with the reason when the instance is not that way.
    pub(super) fn confirm(
        &self,
        instance: &Instance,
        groups: &[(GroupId, GroupName)],
    ) -> Result<(), Error> {
        let (so, why) = match self {
            Self::InstanceType(name) => {
                (*name == instance.vm_type, "an instance keeps the type of its launch")
            }
            Self::Kernel(id) => {
                (instance.kernel == *id, "an instance keeps the kernel of its launch")
            }
            Self::Ramdisk(id) => {
                (instance.ramdisk == *id, "an instance keeps the ramdisk of its launch")
            }
            Self::ShutdownBehavior(behavior) => {
                (*behavior == ShutdownBehavior::Terminate, NO_STOP_AT_SHUTDOWN)
            }
            Self::SourceDestCheck(check) => {
                (*check, "nodes never let an instance use addresses that are not its own")
            }
            Self::Groups(ids) => (
                same_groups(ids, groups),
                "an instance keeps the security groups of its launch: they gave it its network",
            ),
            Self::EbsOptimized(optimized) => (!optimized, NO_VOLUMES),
            Self::SriovNetSupport => (false, "instances get virtio network devices only"),
            Self::EnaSupport(ena) => (!ena, "instances get virtio network devices only"),
            Self::DisableApiStop(protected) => (!protected, NO_STOP_PROTECTION),
            Self::BlockDevices => (false, NO_VOLUMES),
        };
        if so { Ok(()) } else { Err(Error::new(Code::UnsupportedOperation, why)) }
    }
}

fn same_groups(ids: &[GroupId], groups: &[(GroupId, GroupName)]) -> bool {
    ids.iter().all(|id| groups.iter().any(|(known, _)| known == id))
        && groups.iter().all(|(known, _)| ids.contains(known))
}

/// An instance whose attributes are shown.
pub(super) struct Described {
    pub(super) instance: Instance,
    pub(super) groups: Vec<(GroupId, GroupName)>,
    pub(super) details: InstanceDetails,
}

impl Described {
    /// The element of one attribute.
    pub(super) fn encode(&self, xml: &mut Xml, attribute: InstanceAttribute) {
        use InstanceAttribute as A;
        let Self { instance, groups, details } = self;
        match attribute {
            A::InstanceType => value(xml, "instanceType", Some(&instance.vm_type)),
            A::Kernel => value(xml, "kernel", instance.kernel),
            A::Ramdisk => value(xml, "ramdisk", instance.ramdisk),
            A::UserData => {
                let data = Some(&details.user_data).filter(|data| !data.is_empty());
                value(xml, "userData", data);
            }
            A::DisableApiTermination => {
                value(xml, "disableApiTermination", Some(instance.protected));
            }
            A::InstanceInitiatedShutdownBehavior => {
                value(xml, "instanceInitiatedShutdownBehavior", Some("terminate"));
            }
            A::RootDeviceName => value(xml, "rootDeviceName", Some(ROOT_DEVICE)),
            A::BlockDeviceMapping => xml.empty("blockDeviceMapping"),
            A::ProductCodes => xml.list("productCodes", &details.product_codes, |xml, code| {
                xml.text("productCode", code);
            }),
            A::SourceDestCheck => value(xml, "sourceDestCheck", Some(true)),
            A::GroupSet => encode_groups(xml, groups),
            A::EbsOptimized => value(xml, "ebsOptimized", Some(false)),
            A::SriovNetSupport => xml.empty("sriovNetSupport"),
            A::EnaSupport => value(xml, "enaSupport", Some(false)),
            A::DisableApiStop => value(xml, "disableApiStop", Some(false)),
            A::EnclaveOptions => xml.element("enclaveOptions", |xml| xml.text("enabled", false)),
        }
    }
}

fn value(xml: &mut Xml, name: &'static str, value: Option<impl std::fmt::Display>) {
    match value {
        Some(value) => xml.element(name, |xml| xml.text("value", value)),
        None => xml.empty(name),
    }
}
