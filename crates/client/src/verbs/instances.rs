//! `describe-instances`, `terminate-instances`, `reboot-instances`, and the lines about
//! instances that they and `run-instances` print.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::print::time;
use crate::session::Session;
use crate::xml::Element;
use clap::Parser;

/// Lists your instances and those that ended within the hour.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Instances to list (all if none is named)
    #[arg(value_name = "INSTANCE")]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("InstanceId", &self.instances);
        let reply = call(session, &self.connection, "DescribeInstances", parameters)?;
        reply.items("reservationSet").try_for_each(|reservation| print(session, reservation))
    }
}

/// Ends instances; their disks are lost.
#[derive(Debug, Parser)]
pub(super) struct Terminate {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Terminate {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("InstanceId", &self.instances);
        let reply = call(session, &self.connection, "TerminateInstances", parameters)?;
        print_changes(session, &reply)
    }
}

/// Restarts instances; their disks and addresses stay.
#[derive(Debug, Parser)]
pub(super) struct Reboot {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Reboot {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("InstanceId", &self.instances);
        call(session, &self.connection, "RebootInstances", parameters).map(drop)
    }
}

/// Prints what became of each instance that was named: its state before and now.
pub(super) fn print_changes(session: &mut Session<'_, '_>, reply: &Element) -> Result<(), Error> {
    reply.items("instancesSet").try_for_each(|instance| {
        let now = instance.first(&["shutdownState/name", "currentState/name"]);
        let before = instance.text("previousState/name");
        session.print(&["INSTANCE", instance.text("instanceId"), before, now])
    })
}

/// Prints a reservation and its instances, and under an instance the reason for its state.
pub(super) fn print(session: &mut Session<'_, '_>, reservation: &Element) -> Result<(), Error> {
    let groups: Vec<&str> =
        reservation.items("groupSet").map(|group| group.text("groupId")).collect();
    session.print(&[
        "RESERVATION",
        reservation.text("reservationId"),
        reservation.text("ownerId"),
        &groups.join(","),
    ])?;
    reservation.items("instancesSet").try_for_each(|instance| print_instance(session, instance))
}

fn print_instance(session: &mut Session<'_, '_>, instance: &Element) -> Result<(), Error> {
    let products: Vec<&str> =
        instance.items("productCodes").map(|code| code.text("productCode")).collect();
    let id = instance.text("instanceId");
    session.print(&[
        "INSTANCE",
        id,
        instance.text("imageId"),
        instance.first(&["dnsName", "ipAddress"]),
        instance.first(&["privateDnsName", "privateIpAddress"]),
        instance.text("instanceState/name"),
        instance.text("keyName"),
        instance.text("amiLaunchIndex"),
        &products.join(","),
        instance.text("instanceType"),
        &time(instance.text("launchTime")),
        instance.text("placement/availabilityZone"),
        instance.text("kernelId"),
        instance.text("ramdiskId"),
        instance.text("platform"),
    ])?;
    match instance.first(&["reason", "stateReason/message"]) {
        "" => Ok(()),
        reason => session.print(&["REASON", id, reason]),
    }
}
