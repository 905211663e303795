//! `run-instances`.

use super::{Verb, instances};
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use std::path::{Path, PathBuf};

/// Starts instances of an image.
#[derive(Debug, Parser)]
pub(super) struct RunInstances {
    /// The image (emi-...)
    image: String,
    /// How many to start, or the fewest and the most: "3", "2-5"
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "1")]
    instance_count: String,
    /// The key pair whose public key root gets
    #[arg(short, long, value_name = "KEYPAIR")]
    key: Option<String>,
    /// A security group; may be repeated [default: default]
    #[arg(short, long, value_name = "GROUP")]
    group: Vec<String>,
    /// "private" for no public address, "public" for one where the cloud gives them
    #[arg(long, value_name = "KIND")]
    addressing: Option<String>,
    /// User data for the instances
    #[arg(short = 'd', long, value_name = "DATA", conflicts_with = "user_data_file")]
    user_data: Option<String>,
    /// A file with user data for the instances
    #[arg(short = 'f', long, value_name = "FILE")]
    user_data_file: Option<PathBuf>,
    /// The VM type, such as m1.small
    #[arg(short = 't', long, value_name = "TYPE")]
    instance_type: Option<String>,
    /// The availability zone (a cluster) to start in
    #[arg(short = 'z', long, value_name = "ZONE")]
    availability_zone: Option<String>,
    /// A kernel (eki-...) other than the image's own
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// A ramdisk (eri-...) other than the image's own
    #[arg(long, value_name = "RAMDISK")]
    ramdisk: Option<String>,
    /// A disk as NAME=DEVICE, such as ephemeral0=sda2; may be repeated
    #[arg(short = 'b', long, value_name = "MAPPING")]
    block_device_mapping: Vec<String>,
    /// A text of your own: a request repeated with it starts nothing twice
    #[arg(long, value_name = "TOKEN")]
    client_token: Option<String>,
    /// Refuse to terminate the instances until modify-instance-attribute changes that
    #[arg(long)]
    disable_api_termination: bool,
    /// Note that the instances are to be monitored
    #[arg(short, long)]
    monitor: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for RunInstances {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = call(session, &self.connection, "RunInstances", self.parameters()?)?;
        instances::print(session, &reply)
    }
}

impl RunInstances {
    fn parameters(&self) -> Result<Parameters, Error> {
        let (fewest, most) = counts(&self.instance_count)?;
        let parameters = Parameters::default()
            .with("ImageId", &self.image)
            .with("MinCount", fewest)
            .with("MaxCount", most)
            .maybe("KeyName", self.key.as_ref())
            .list("SecurityGroup", &self.group)
            .maybe(
                "UserData",
                user_data(self.user_data.as_deref(), self.user_data_file.as_deref())?,
            )
            .maybe("AddressingType", self.addressing.as_ref())
            .maybe("InstanceType", self.instance_type.as_ref())
            .maybe("Placement.AvailabilityZone", self.availability_zone.as_ref())
            .maybe("KernelId", self.kernel.as_ref())
            .maybe("RamdiskId", self.ramdisk.as_ref())
            .maybe("ClientToken", self.client_token.as_ref())
            .maybe("DisableApiTermination", self.disable_api_termination.then_some("true"))
            .maybe("Monitoring.Enabled", self.monitor.then_some("true"));
        (1..).zip(&self.block_device_mapping).try_fold(parameters, |parameters, (at, mapping)| {
            let (name, device) = mapping.split_once('=').ok_or_else(|| Error::Option {
                option: "--block-device-mapping",
                value: mapping.clone(),
                expected: "NAME=DEVICE, such as ephemeral0=sda2",
            })?;
            Ok(parameters
                .with(&format!("BlockDeviceMapping.{at}.VirtualName"), name)
                .with(&format!("BlockDeviceMapping.{at}.DeviceName"), device))
        })
    }
}

/// User data in base64: the text, or what is in the file.
pub(super) fn user_data(text: Option<&str>, file: Option<&Path>) -> Result<Option<String>, Error> {
    let bytes = match (text, file) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(path)) => std::fs::read(path).map_err(Error::file(path))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(STANDARD.encode(bytes)))
}

/// `3` is from 3 to 3, `2-5` from 2 to 5. Whether that makes sense is for the cloud to say.
fn counts(text: &str) -> Result<(u32, u32), Error> {
    let (fewest, most) = text.split_once('-').unwrap_or((text, text));
    match (fewest.parse(), most.parse()) {
        (Ok(fewest), Ok(most)) => Ok((fewest, most)),
        _ => Err(Error::Option {
            option: "--instance-count",
            value: text.to_owned(),
            expected: "a number, or the fewest and the most, such as 2-5",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_a_number_or_a_range() {
        assert_eq!(counts("3").unwrap(), (3, 3));
        assert_eq!(counts("2-5").unwrap(), (2, 5));
        for bad in ["", "-1", "a", "1-", "1-2-3"] {
            assert!(counts(bad).is_err(), "{bad}");
        }
    }
}
