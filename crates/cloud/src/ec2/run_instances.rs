//! RunInstances.

use super::call::{Call, Run};
use super::describe_availability_zones::zone_id;
use super::instance_attribute::ShutdownBehavior;
use super::launch_network::{NewInterface, network};
use super::launch_options::{self, AddressingType, BlockDevice, Tenancy};
use super::metadata_options::Options;
use super::notes::Notes;
use super::refusal::refuse;
use super::reservation;
use super::tag_specification::{self, TagSpecification};
use ec2_wire::{Action, Base64, Code, Error, Response, Text, Xml, parameters};
use protocol::MetadataOptions;
use sha2::{Digest, Sha256};
use state::{GroupRef, MetadataChange, Reservation, RunRequest};
use types::{ClusterName, GroupId, GroupName, ImageId, KeyName, SubnetId, VmType};

/// The longest user data, in bytes once decoded (Amazon's limit).
pub(super) const MOST_USER_DATA: usize = 16 << 10;

pub(super) struct RunInstances;

parameters! {
    #[derive(Debug)]
    pub(super) struct Input {
        /// The image of the root disk.
        image: ImageId = "ImageId", "imageId";
        /// The least number of instances that is of use: fewer are not started at all.
        pub(super) min_count: u32 = "MinCount", "minCount";
        /// The most instances that are wanted; as many are started as there is room for.
        pub(super) max_count: u32 = "MaxCount", "maxCount";
        /// The key pair that may log in.
        key: Option<KeyName> = "KeyName", "keyName";
        /// The security groups by name; `default` when none is given. The first has the network.
        groups: Vec<GroupName> = "SecurityGroup.N", "groupSet/item/groupId";
        /// The security groups by id.
        group_ids: Vec<GroupId> = "SecurityGroupId.N", "", since (2011, 1, 1);
        /// Data for the instance, at most 16 KB; a script is run by the images that look for one.
        user_data: Option<Base64<MOST_USER_DATA>> = "UserData", "userData/data";
        /// Whether each instance gets a public address too, which it does where the zone has any;
        /// with none free it starts without.
        addressing: Option<AddressingType> = "AddressingType", "addressingType";
        /// The VM type; m1.small when none is given.
        vm_type: Option<Text<64>> = "InstanceType", "instanceType";
        /// The availability zone; without it the one with most room.
        zone: Option<Text<64>> = "Placement.AvailabilityZone", "placement/availabilityZone";
        /// The availability zone by its id.
        zone_id: Option<Text<80>> =
            "Placement.AvailabilityZoneId", "placement/availabilityZoneId", since (2016, 11, 15);
        /// The kernel; without it the image's own, else the cloud's default.
        kernel: Option<ImageId> = "KernelId", "kernelId";
        /// The ramdisk; without it the image's own, else the cloud's default.
        ramdisk: Option<ImageId> = "RamdiskId", "ramdiskId";
        /// The subnet, in place of the availability zone.
        subnet: Option<SubnetId> = "SubnetId", "subnetId", since (2011, 7, 15);
        /// The network interface, which carries subnet and groups in place of the launch itself.
        interfaces: Vec<NewInterface> =
            "NetworkInterface.N", "networkInterfaceSet/item", since (2012, 6, 15);
        /// Tags for the instances. Those for volumes are taken, and there are none.
        tags: Vec<TagSpecification> =
            "TagSpecification.N", "tagSpecificationSet/item", since (2016, 11, 15);
        /// Makes the call safe to repeat: with the same token instances are started once.
        pub(super) token: Option<Text<64>> = "ClientToken", "clientToken", since (2010, 8, 31);
        /// Text that is taken and ignored, as it was by Eucalyptus 1.4.
        _additional_info: Option<Text<1024>> = "AdditionalInfo", "additionalInfo";
        /// Disks by 1.4's names (`ami`, `root`, `swap`, `ephemeral0`) are taken without effect: an
        /// instance has its root disk. Volumes are refused.
        pub(super) devices: Vec<BlockDevice> = "BlockDeviceMapping.N", "blockDeviceMapping/item";
        /// Whether the instances are noted as to be monitored.
        monitoring: Option<bool> = "Monitoring.Enabled", "monitoring/enabled", since (2009, 4, 4);
        /// Whether TerminateInstances is refused until that is changed.
        protected: Option<bool> =
            "DisableApiTermination", "disableApiTermination", since (2009, 10, 31);
        /// What becomes of instances that shut down by themselves: `terminate`.
        pub(super) shutdown: Option<ShutdownBehavior> =
            "InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior",
            since (2009, 10, 31);
        /// A private address; refused.
        pub(super) private_ip: Option<Text<64>> =
            "PrivateIpAddress", "privateIpAddress", since (2011, 1, 1);
        /// Whose hosts the instances may be on: `default`.
        _tenancy: Option<Tenancy> = "Placement.Tenancy", "placement/tenancy", since (2011, 2, 28);
        /// A placement group; refused.
        pub(super) placement_group: Option<Text<255>> =
            "Placement.GroupName", "placement/groupName", since (2011, 2, 28);
        /// A placement group by its id; refused.
        pub(super) placement_group_id: Option<Text<64>> =
            "Placement.GroupId", "placement/groupId", since (2016, 11, 15);
        /// A host; refused.
        pub(super) host: Option<Text<64>> =
            "Placement.HostId", "placement/hostId", since (2016, 11, 15);
        /// IPv6 addresses; refused.
        pub(super) ipv6_count: Option<u32> =
            "Ipv6AddressCount", "ipv6AddressCount", since (2016, 11, 15);
        /// Processors other than those of the VM type; refused.
        pub(super) cores: Option<u32> =
            "CpuOptions.CoreCount", "cpuOptions/coreCount", since (2016, 11, 15);
        /// An instance profile; refused.
        pub(super) profile_arn: Option<Text<2048>> =
            "IamInstanceProfile.Arn", "iamInstanceProfile/arn", since (2012, 6, 1);
        /// An instance profile; refused.
        pub(super) profile_name: Option<Text<255>> =
            "IamInstanceProfile.Name", "iamInstanceProfile/name", since (2012, 6, 1);
        /// Whether they have a network of their own to their volumes; false.
        pub(super) ebs_optimized: Option<bool> =
            "EbsOptimized", "ebsOptimized", since (2012, 7, 20);
        /// Credits of types that Amazon slows down; taken and ignored, types here are not.
        _credits: Option<Text<64>> =
            "CreditSpecification.CpuCredits", "creditSpecification/cpuCredits",
            since (2016, 11, 15);
        /// Whether StopInstances is refused; false.
        pub(super) stop_protected: Option<bool> =
            "DisableApiStop", "disableApiStop", since (2016, 11, 15);
        /// Whether instances can have enclaves; false.
        pub(super) enclaves: Option<bool> =
            "EnclaveOptions.Enabled", "enclaveOptions/enabled", since (2016, 11, 15);
        /// Whether instances can hibernate; false.
        pub(super) hibernation: Option<bool> =
            "HibernationOptions.Configured", "hibernationOptions/configured",
            since (2016, 11, 15);
        /// A market for instances; refused.
        pub(super) market: Option<Text<64>> =
            "InstanceMarketOptions.MarketType", "instanceMarketOptions/marketType",
            since (2016, 11, 15);
        /// A launch template; refused.
        pub(super) template_id: Option<Text<64>> =
            "LaunchTemplate.LaunchTemplateId", "launchTemplate/launchTemplateId",
            since (2016, 11, 15);
        /// A launch template; refused.
        pub(super) template_name: Option<Text<128>> =
            "LaunchTemplate.LaunchTemplateName", "launchTemplate/launchTemplateName",
            since (2016, 11, 15);
        /// How their metadata requests are answered.
        metadata: Option<Options> = "MetadataOptions", "", since (2016, 11, 15);
    }
}

pub(super) struct Output(Reservation, Notes);

impl Action for RunInstances {
    const NAME: &'static str = "RunInstances";
    const DOC: &'static str = "Starts instances of an image: between MinCount and MaxCount of \
                               them, or none.";
    type Input = Input;
    type Output = Output;
}

impl Run for RunInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        launch_options::check(&input)?;
        let request = request(call, input).await?;
        let tags = request.tags.clone();
        let outcome = call.state().run_instances(request, call.now).await.map_err(refuse_launch)?;
        let notes = if outcome.launched {
            types::crash_point("cloud.run.committed");
            call.cloud.poke();
            Notes::of_launch(&outcome.reservation, outcome.addresses, &tags)
        } else {
            Notes::read(call).await?
        };
        Ok(Output(outcome.reservation, notes))
    }
}

/// 1.4 had a sentence for groups that do not exist, which people search for.
fn refuse_launch(error: state::Error) -> Error {
    match &error {
        state::Error::GroupNotFound(name) => {
            let message =
                format!("Failed to find any specified networks? You sent: {name} ({error})");
            Error::new(Code::InvalidGroupNotFound, message)
        }
        _ => refuse(error),
    }
}

async fn request(call: &Call<'_>, input: Input) -> Result<RunRequest, Error> {
    let request_digest = digest(&input);
    let metadata =
        input.metadata.as_ref().map_or(Ok(MetadataChange::default()), Options::change)?;
    let by_name = input.groups.into_iter().map(GroupRef::Name);
    let by_id = input.group_ids.into_iter().map(GroupRef::Id);
    let mut groups: Vec<_> = by_name.chain(by_id).collect();
    let network = network(call, input.subnet, input.interfaces).await?;
    if !groups.is_empty() && !network.groups.is_empty() {
        return Err(contradiction("with NetworkInterface the groups are those of the interface"));
    }
    groups.extend(network.groups.into_iter().map(GroupRef::Id));
    let zone = match (input.zone, input.zone_id) {
        (Some(_), Some(_)) => {
            return Err(contradiction("a zone is named once: by its name or by its id"));
        }
        (Some(name), None) => Some(zone_name(name.as_str())?),
        (None, Some(id)) => Some(zone_of_id(call, id.as_str()).await?),
        (None, None) => None,
    };
    if let (Some(zone), Some(other)) = (&zone, &network.zone)
        && zone != other
    {
        return Err(contradiction("the subnet is not one of that availability zone"));
    }
    let is_private = input.addressing == Some(AddressingType::Private);
    Ok(RunRequest {
        account: call.user.account,
        client_token: input.token.map(Into::into),
        request_digest,
        min_count: input.min_count,
        max_count: input.max_count,
        cluster: zone.or(network.zone),
        image: input.image,
        kernel: input.kernel,
        ramdisk: input.ramdisk,
        vm_type: input.vm_type.map_or_else(|| VmType::DEFAULT.to_owned(), Into::into),
        key: input.key,
        groups,
        tags: tag_specification::of("instance", &["volume"], input.tags)?,
        user_data: input.user_data.unwrap_or_default().0,
        protected: input.protected.unwrap_or(false),
        monitoring: input.monitoring.unwrap_or(false),
        metadata: metadata.apply(MetadataOptions::default()),
        public: network.public.unwrap_or(true) && !is_private,
    })
}

fn contradiction(message: &str) -> Error {
    Error::new(Code::InvalidParameterCombination, message)
}

/// Stands for everything that was asked for: a client token must come with the same again.
fn digest(input: &Input) -> String {
    hex::encode(Sha256::digest(format!("{input:?}")))
}

/// The zone of this id.
///
/// # Errors
/// `InvalidZone.NotFound`.
async fn zone_of_id(call: &Call<'_>, id: &str) -> Result<ClusterName, Error> {
    let clusters = call.state().clusters().await.map_err(refuse)?;
    let mut names = clusters.into_iter().map(|cluster| cluster.config.name);
    names.find(|name| zone_id(name) == id).ok_or_else(|| {
        let message = format!("the availability zone \"{id}\" does not exist");
        Error::new(Code::InvalidZoneNotFound, message)
    })
}

/// The zone of this name.
///
/// # Errors
/// `InvalidZone.NotFound` for what cannot be the name of a zone.
fn zone_name(text: &str) -> Result<ClusterName, Error> {
    text.parse().map_err(|_| {
        let message = format!("the availability zone \"{text}\" does not exist");
        Error::new(Code::InvalidZoneNotFound, message)
    })
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        reservation::encode(xml, &self.0, &self.1);
    }
}
