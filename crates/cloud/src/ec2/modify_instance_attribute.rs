//! ModifyInstanceAttribute.

use super::call::{Call, Run};
use super::describe_instances::one;
use super::instance_attribute::{Fixed, InstanceAttribute, ShutdownBehavior};
use super::refusal::refuse;
use super::run_instances::MOST_USER_DATA;
use ec2_wire::{Action, Base64, Code, Error, Place, Return, Text, Value, Version, parameters};
use types::{GroupId, ImageId, InstanceId};

pub(super) struct ModifyInstanceAttribute;

parameters! {
    pub(super) struct Input {
        /// The instance.
        id: InstanceId = "InstanceId", "instanceId", since (2009, 10, 31);
        /// The attribute to change, with its new value in Value.
        attribute: Option<InstanceAttribute> = "Attribute", "attribute", since (2009, 10, 31);
        /// The new value of Attribute.
        value: Option<Text<32768>> = "Value", "value", since (2009, 10, 31);
        /// Whether TerminateInstances is refused.
        protected: Option<bool> =
            "DisableApiTermination.Value", "disableApiTermination/value", since (2009, 10, 31);
        /// User data, at most 16 KB; only while the instance is stopped.
        user_data: Option<Base64<MOST_USER_DATA>> =
            "UserData.Value", "userData/value", since (2009, 10, 31);
        /// What becomes of it when it shuts down by itself: `terminate`.
        shutdown: Option<ShutdownBehavior> =
            "InstanceInitiatedShutdownBehavior.Value", "instanceInitiatedShutdownBehavior/value",
            since (2009, 10, 31);
        /// The VM type; only that of its launch.
        vm_type: Option<Text<64>> =
            "InstanceType.Value", "instanceType/value", since (2009, 10, 31);
        /// The kernel; only that of its launch.
        kernel: Option<ImageId> = "Kernel.Value", "kernel/value", since (2009, 10, 31);
        /// The ramdisk; only that of its launch.
        ramdisk: Option<ImageId> = "Ramdisk.Value", "ramdisk/value", since (2009, 10, 31);
        /// Whether it uses its own addresses only; true.
        source_dest_check: Option<bool> =
            "SourceDestCheck.Value", "sourceDestCheck/value", since (2011, 1, 1);
        /// The security groups; only those of its launch.
        groups: Vec<GroupId> = "GroupId.N", "groupIdSet/item/groupId", since (2011, 1, 1);
        /// Whether it has a network of its own to its volumes; false.
        ebs_optimized: Option<bool> =
            "EbsOptimized.Value", "ebsOptimized/value", since (2012, 7, 20);
        /// SR-IOV; no value.
        sriov: Option<Text<64>> =
            "SriovNetSupport.Value", "sriovNetSupport/value", since (2013, 10, 15);
        /// Amazon's ENA; false.
        ena: Option<bool> = "EnaSupport.Value", "enaSupport/value", since (2016, 11, 15);
        /// Whether StopInstances is refused; false.
        stop_protected: Option<bool> =
            "DisableApiStop.Value", "disableApiStop/value", since (2016, 11, 15);
        /// Volumes; no value.
        devices: Vec<BlockDevice> =
            "BlockDeviceMapping.N", "blockDeviceMapping/item", since (2009, 10, 31);
    }
}

parameters! {
    pub(super) struct BlockDevice {
        /// The device.
        _device: Option<Text<64>> = "DeviceName", "deviceName", since (2009, 10, 31);
        /// Whether its volume goes with the instance.
        _delete: Option<bool> =
            "Ebs.DeleteOnTermination", "ebs/deleteOnTermination", since (2009, 10, 31);
    }
}

/// What is to be changed.
enum Change {
    Protected(bool),
    UserData(Vec<u8>),
    Fixed(Fixed),
}

impl Action for ModifyInstanceAttribute {
    const NAME: &'static str = "ModifyInstanceAttribute";
    const DOC: &'static str = "Changes one attribute of an instance: whether it may be terminated, \
                               or its user data while it is stopped. The others can be set only to \
                               what they are.";
    const SINCE: Version = Version::new(2009, 10, 31);
    type Input = Input;
    type Output = Return;
}

impl Run for ModifyInstanceAttribute {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let id = input.id;
        let change = only_change(input)?;
        let (instance, groups) = one(call, id).await?;
        let (state, scope) = (call.state(), call.scope());
        match change {
            Change::Protected(protected) => {
                state.protect_instance(scope, id, protected, call.now).await.map_err(refuse)?;
            }
            Change::UserData(data) => {
                state.set_user_data(scope, id, data, call.now).await.map_err(refuse)?;
                call.cloud.poke();
            }
            Change::Fixed(fixed) => fixed.confirm(&instance, &groups)?,
        }
        Ok(Return(true))
    }
}

/// The one change that is asked for. Attribute may name a parameter that is there beside it.
fn only_change(mut input: Input) -> Result<Change, Error> {
    let (attribute, value) = (input.attribute, input.value.take());
    let mut changes = named_changes(input);
    match (attribute, value) {
        (Some(attribute), Some(value)) => changes.push(valued_change(attribute, value.as_str())?),
        (Some(_), None) if changes.is_empty() => return Err(Error::missing("Value")),
        (None, Some(_)) => return Err(Error::missing("Attribute")),
        (_, None) => {}
    }
    match (changes.pop(), changes.is_empty()) {
        (Some(change), true) => Ok(change),
        (found, _) => {
            let number = if found.is_some() { "more than one" } else { "none" };
            let message = format!("one attribute is changed at a time; this request has {number}");
            Err(Error::new(Code::InvalidParameterCombination, message))
        }
    }
}

/// The changes whose parameters carry the attribute's name.
fn named_changes(input: Input) -> Vec<Change> {
    let some = |list: bool, fixed: Fixed| list.then_some(fixed);
    let fixed = [
        input.shutdown.map(Fixed::ShutdownBehavior),
        input.vm_type.map(|name| Fixed::InstanceType(name.into())),
        input.kernel.map(|id| Fixed::Kernel(Some(id))),
        input.ramdisk.map(|id| Fixed::Ramdisk(Some(id))),
        input.source_dest_check.map(Fixed::SourceDestCheck),
        some(!input.groups.is_empty(), Fixed::Groups(input.groups)),
        input.ebs_optimized.map(Fixed::EbsOptimized),
        some(input.sriov.is_some(), Fixed::SriovNetSupport),
        input.ena.map(Fixed::EnaSupport),
        input.stop_protected.map(Fixed::DisableApiStop),
        some(!input.devices.is_empty(), Fixed::BlockDevices),
    ];
    let own = [
        input.protected.map(Change::Protected),
        input.user_data.map(|data| Change::UserData(data.0)),
    ];
    own.into_iter().flatten().chain(fixed.into_iter().flatten().map(Change::Fixed)).collect()
}

/// The change of the form `Attribute=…&Value=…`.
fn valued_change(attribute: InstanceAttribute, text: &str) -> Result<Change, Error> {
    use InstanceAttribute as A;
    let place = Place::ROOT.member("Value");
    let flag = || bool::parse(text, &place);
    Ok(Change::Fixed(match attribute {
        A::DisableApiTermination => return Ok(Change::Protected(flag()?)),
        A::UserData => {
            return Ok(Change::UserData(Base64::<MOST_USER_DATA>::parse(text, &place)?.0));
        }
        A::InstanceInitiatedShutdownBehavior => {
            Fixed::ShutdownBehavior(ShutdownBehavior::parse(text, &place)?)
        }
        A::InstanceType => Fixed::InstanceType(text.to_owned()),
        A::Kernel => Fixed::Kernel(Some(ImageId::parse(text, &place)?)),
        A::Ramdisk => Fixed::Ramdisk(Some(ImageId::parse(text, &place)?)),
        A::SourceDestCheck => Fixed::SourceDestCheck(flag()?),
        A::GroupSet => Fixed::Groups(vec![GroupId::parse(text, &place)?]),
        A::EbsOptimized => Fixed::EbsOptimized(flag()?),
        A::SriovNetSupport => Fixed::SriovNetSupport,
        A::EnaSupport => Fixed::EnaSupport(flag()?),
        A::DisableApiStop => Fixed::DisableApiStop(flag()?),
        A::BlockDeviceMapping => Fixed::BlockDevices,
        A::RootDeviceName | A::ProductCodes | A::EnclaveOptions => {
            let message = "rootDeviceName, productCodes and enclaveOptions cannot be changed";
            return Err(Error::new(Code::InvalidParameterValue, message));
        }
    }))
}
