//! RunInstances.

use super::call::{Call, Run};
use super::metadata_options::Options;
use super::refusal::refuse;
use super::reservation;
use ec2_wire::{Action, Base64, Code, Error, Response, Text, Xml, parameters, words};
use protocol::MetadataOptions;
use sha2::{Digest, Sha256};
use state::{GroupRef, MetadataChange, Reservation, RunRequest};
use types::{ClusterName, GroupId, GroupName, ImageId, KeyName, VmType};

/// The most instances of one call.
const MOST_INSTANCES: u32 = 1000;
/// The longest user data, in bytes once decoded (Amazon's limit).
const MOST_USER_DATA: usize = 16 << 10;

pub(super) struct RunInstances;

parameters! {
    #[derive(Debug)]
    pub(super) struct Input {
        /// The image of the root disk.
        image: ImageId = "ImageId", "imageId";
        /// The least number of instances that is of use: fewer are not started at all.
        min_count: u32 = "MinCount", "minCount";
        /// The most instances that are wanted; as many are started as there is room for.
        max_count: u32 = "MaxCount", "maxCount";
        /// The key pair that may log in.
        key: Option<KeyName> = "KeyName", "keyName";
        /// The security groups by name; `default` when none is given. The first has the network.
        groups: Vec<GroupName> = "SecurityGroup.N", "groupSet/item/groupId";
        /// The security groups by id.
        group_ids: Vec<GroupId> = "SecurityGroupId.N", "", since (2011, 1, 1);
        /// Data for the instance, at most 16 KB; a script is run by the images that look for one.
        user_data: Option<Base64<MOST_USER_DATA>> = "UserData", "userData/data";
        /// Whether the instance gets a public address too.
        addressing: Option<AddressingType> = "AddressingType", "addressingType";
        /// The VM type; m1.small when none is given.
        vm_type: Option<Text<64>> = "InstanceType", "instanceType";
        /// The availability zone; without it the one with most room.
        zone: Option<Text<64>> = "Placement.AvailabilityZone", "placement/availabilityZone";
        /// The kernel; without it the image's own, else the cloud's default.
        kernel: Option<ImageId> = "KernelId", "kernelId";
        /// The ramdisk; without it the image's own, else the cloud's default.
        ramdisk: Option<ImageId> = "RamdiskId", "ramdiskId";
        /// Makes the call safe to repeat: with the same token instances are started once.
        token: Option<Text<64>> = "ClientToken", "clientToken", since (2010, 8, 31);
        /// How their metadata requests are answered.
        metadata: Option<Options> = "MetadataOptions", "", since (2016, 11, 15);
    }
}

words! {
    /// Which addresses an instance gets.
    #[derive(Debug)]
    pub(super) enum AddressingType {
        /// A public one, if the cloud gives them at launch.
        Public = "public",
        /// Only a private one.
        Private = "private",
    }
}

pub(super) struct Output(Reservation);

impl Action for RunInstances {
    const NAME: &'static str = "RunInstances";
    const DOC: &'static str = "Starts instances of an image: between MinCount and MaxCount of \
                               them, or none.";
    type Input = Input;
    type Output = Output;
}

impl Run for RunInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_counts(&input)?;
        let request = request(call, input)?;
        let outcome = call.state().run_instances(request, call.now).await.map_err(refuse)?;
        if outcome.launched {
            types::crash_point("cloud.run.committed");
            call.cloud.poke();
        }
        Ok(Output(outcome.reservation))
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

fn request(call: &Call<'_>, input: Input) -> Result<RunRequest, Error> {
    let request_digest = digest(&input);
    let metadata =
        input.metadata.as_ref().map_or(Ok(MetadataChange::default()), Options::change)?;
    let by_name = input.groups.into_iter().map(GroupRef::Name);
    let by_id = input.group_ids.into_iter().map(GroupRef::Id);
    Ok(RunRequest {
        account: call.user.account,
        client_token: input.token.map(Into::into),
        request_digest,
        min_count: input.min_count,
        max_count: input.max_count,
        cluster: input.zone.map(|zone| zone_name(zone.as_str())).transpose()?,
        image: input.image,
        kernel: input.kernel,
        ramdisk: input.ramdisk,
        vm_type: input.vm_type.map_or_else(|| VmType::DEFAULT.to_owned(), Into::into),
        key: input.key,
        groups: by_name.chain(by_id).collect(),
        user_data: input.user_data.unwrap_or_default().0,
        metadata: metadata.apply(MetadataOptions::default()),
    })
}

/// Stands for everything that was asked for: a client token must come with the same again.
fn digest(input: &Input) -> String {
    hex::encode(Sha256::digest(format!("{input:?}")))
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
        reservation::encode(xml, &self.0);
    }
}
