//! `describe-instance-attribute`, `modify-instance-attribute`, `reset-instance-attribute`.

use super::Verb;
use super::run_instances::user_data;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use crate::xml::Element;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Parser};
use std::path::PathBuf;

/// Shows one attribute of an instance.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    attribute: Described,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Described {
    /// Its volumes
    #[arg(short, long)]
    block_device_mapping: bool,
    /// Whether it must not be terminated
    #[arg(long)]
    disable_api_termination: bool,
    /// Whether it has a network of its own to its volumes
    #[arg(long)]
    ebs_optimized: bool,
    /// Its security groups
    #[arg(short, long)]
    group_id: bool,
    /// What becomes of it when it shuts down by itself
    #[arg(long)]
    instance_initiated_shutdown_behavior: bool,
    /// Its VM type
    #[arg(short = 't', long)]
    instance_type: bool,
    /// Its kernel
    #[arg(long)]
    kernel: bool,
    /// Its product codes
    #[arg(short, long)]
    product_code: bool,
    /// Its ramdisk
    #[arg(long)]
    ramdisk: bool,
    /// Where it sees its root disk
    #[arg(long)]
    root_device_name: bool,
    /// Whether it may use its own addresses only
    #[arg(long)]
    source_dest_check: bool,
    /// Its user data, decoded
    #[arg(long)]
    user_data: bool,
}

impl Described {
    /// EC2's name for the attribute whose option was given.
    fn name(&self) -> &'static str {
        let options = [
            (self.block_device_mapping, "blockDeviceMapping"),
            (self.disable_api_termination, "disableApiTermination"),
            (self.ebs_optimized, "ebsOptimized"),
            (self.group_id, "groupSet"),
            (self.instance_initiated_shutdown_behavior, "instanceInitiatedShutdownBehavior"),
            (self.instance_type, "instanceType"),
            (self.kernel, "kernel"),
            (self.product_code, "productCodes"),
            (self.ramdisk, "ramdisk"),
            (self.root_device_name, "rootDeviceName"),
            (self.source_dest_check, "sourceDestCheck"),
            (self.user_data, "userData"),
        ];
        options.into_iter().find(|(given, _)| *given).map_or("", |(_, name)| name)
    }
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let name = self.attribute.name();
        let parameters = Parameters::default().with("InstanceId", &self.instance);
        let parameters = parameters.with("Attribute", name);
        let reply = call(session, &self.connection, "DescribeInstanceAttribute", parameters)?;
        let id = reply.text("instanceId");
        match name {
            "blockDeviceMapping" => {
                reply.items(name).try_for_each(|device| print_device(session, device))
            }
            "groupSet" => session.print(&[name, id, &join(&reply, name, "groupId")]),
            "productCodes" => session.print(&[name, id, &join(&reply, name, "productCode")]),
            "userData" => print_user_data(session, id, reply.text("userData/value")),
            _ => session.print(&[name, id, reply.text(&format!("{name}/value"))]),
        }
    }
}

fn join(reply: &Element, list: &str, field: &str) -> String {
    reply.items(list).map(|item| item.text(field)).collect::<Vec<_>>().join(", ")
}

fn print_device(session: &mut Session<'_, '_>, device: &Element) -> Result<(), Error> {
    session.print(&[
        "BLOCKDEVICE",
        device.text("deviceName"),
        device.text("ebs/volumeId"),
        device.text("ebs/attachTime"),
        device.text("ebs/deleteOnTermination"),
    ])
}

fn print_user_data(session: &mut Session<'_, '_>, id: &str, packed: &str) -> Result<(), Error> {
    let packed: String = packed.split_ascii_whitespace().collect();
    let data = STANDARD.decode(packed).map_err(|_| Error::Answer {
        url: id.to_owned(),
        reason: "the user data is not in base64".to_owned(),
    })?;
    if data.is_empty() {
        return session.print(&["userData", id, ""]);
    }
    session.print(&["userData", id])?;
    session.say(&String::from_utf8_lossy(&data))
}

/// Changes one attribute of an instance.
#[derive(Debug, Parser)]
pub(super) struct Modify {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Change {
    /// Whether it must not be terminated
    #[arg(long, value_name = "BOOLEAN")]
    disable_api_termination: Option<bool>,
    /// User data; only while it is stopped
    #[arg(short = 'd', long, value_name = "DATA")]
    user_data: Option<String>,
    /// A file with user data; only while it is stopped
    #[arg(short = 'f', long, value_name = "FILE")]
    user_data_file: Option<PathBuf>,
    /// What becomes of it when it shuts down by itself: terminate
    #[arg(long, value_name = "BEHAVIOR")]
    instance_initiated_shutdown_behavior: Option<String>,
    /// Its VM type
    #[arg(short = 't', long, value_name = "TYPE")]
    instance_type: Option<String>,
    /// Its kernel
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// Its ramdisk
    #[arg(long, value_name = "RAMDISK")]
    ramdisk: Option<String>,
    /// Whether it may use its own addresses only
    #[arg(long, value_name = "BOOLEAN")]
    source_dest_check: Option<bool>,
    /// Whether it has a network of its own to its volumes
    #[arg(long, value_name = "BOOLEAN")]
    ebs_optimized: Option<bool>,
    /// Its security groups (sg-...); may be repeated
    #[arg(short, long, value_name = "GROUP")]
    group_id: Vec<String>,
}

impl Change {
    /// The name of the attribute that is changed, and its new value as the request has it.
    fn named(&self) -> Result<(&'static str, String), Error> {
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let data = user_data(self.user_data.as_deref(), self.user_data_file.as_deref())?;
        let changes = [
            ("DisableApiTermination", flag(self.disable_api_termination)),
            ("UserData", data),
            (
                "InstanceInitiatedShutdownBehavior",
                self.instance_initiated_shutdown_behavior.clone(),
            ),
            ("InstanceType", self.instance_type.clone()),
            ("Kernel", self.kernel.clone()),
            ("Ramdisk", self.ramdisk.clone()),
            ("SourceDestCheck", flag(self.source_dest_check)),
            ("EbsOptimized", flag(self.ebs_optimized)),
        ];
        let change = changes.into_iter().find_map(|(name, value)| Some((name, value?)));
        Ok(change.unwrap_or_else(|| ("GroupSet", self.group_id.join(", "))))
    }
}

impl Verb for Modify {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let (name, value) = self.change.named()?;
        let parameters = Parameters::default().with("InstanceId", &self.instance);
        let parameters = match self.change.group_id.as_slice() {
            [] => parameters.with(&format!("{name}.Value"), &value),
            groups => parameters.list("GroupId", groups),
        };
        call(session, &self.connection, "ModifyInstanceAttribute", parameters)?;
        let attribute = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
        session.print(&[&attribute, &self.instance, &value])
    }
}

/// Sets an attribute of an instance to its default.
#[derive(Debug, Parser)]
pub(super) struct Reset {
    /// The instance
    #[arg(value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    attribute: Resettable,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Resettable {
    /// The kernel: that of the image, else the cloud's default
    #[arg(long)]
    kernel: bool,
    /// The ramdisk: that of the image, else the cloud's default
    #[arg(long)]
    ramdisk: bool,
    /// That it may use its own addresses only
    #[arg(long)]
    source_dest_check: bool,
}

impl Verb for Reset {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let name = match self.attribute {
            Resettable { kernel: true, .. } => "kernel",
            Resettable { ramdisk: true, .. } => "ramdisk",
            Resettable { .. } => "sourceDestCheck",
        };
        let parameters = Parameters::default().with("InstanceId", &self.instance);
        let parameters = parameters.with("Attribute", name);
        call(session, &self.connection, "ResetInstanceAttribute", parameters)?;
        session.print(&[name, &self.instance, "RESET"])
    }
}
