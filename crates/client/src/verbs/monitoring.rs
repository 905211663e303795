//! `monitor-instances`, `unmonitor-instances`, `describe-instance-status`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use crate::xml::Element;
use clap::Parser;

/// Notes that instances are to be monitored.
#[derive(Debug, Parser)]
pub(super) struct Monitor {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Monitor {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        note(session, &self.connection, "MonitorInstances", &self.instances)
    }
}

/// Notes that instances are not to be monitored.
#[derive(Debug, Parser)]
pub(super) struct Unmonitor {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Unmonitor {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        note(session, &self.connection, "UnmonitorInstances", &self.instances)
    }
}

fn note(
    session: &mut Session<'_, '_>,
    connection: &Connection,
    action: &str,
    instances: &[String],
) -> Result<(), Error> {
    let parameters = Parameters::default().list("InstanceId", instances);
    let reply = call(session, connection, action, parameters)?;
    reply.items("instancesSet").try_for_each(|instance| {
        let state = format!("monitoring-{}", instance.text("monitoring/state"));
        session.print(&[instance.text("instanceId"), &state])
    })
}

/// Shows whether the nodes of running instances answer.
#[derive(Debug, Parser)]
pub(super) struct DescribeStatus {
    /// Instances to list (all that run if none is named)
    #[arg(value_name = "INSTANCE")]
    instances: Vec<String>,
    /// Lists instances in every state
    #[arg(short = 'I', long)]
    include_all_instances: bool,
    /// Leaves out instances whose checks all pass
    #[arg(short = 'H', long)]
    hide_healthy: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeStatus {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let all = self.include_all_instances.then_some("true");
        let parameters = Parameters::default().list("InstanceId", &self.instances);
        let parameters = parameters.maybe("IncludeAllInstances", all);
        let reply = call(session, &self.connection, "DescribeInstanceStatus", parameters)?;
        let healthy = |instance: &&Element| {
            instance.text("systemStatus/status") == "ok"
                && instance.text("instanceStatus/status") == "ok"
        };
        let shown = reply.items("instanceStatusSet");
        shown
            .filter(|instance| !(self.hide_healthy && healthy(instance)))
            .try_for_each(|instance| print_status(session, instance))
    }
}

/// The lines of euca2ools. No retirement is ever planned, so its state is `active` and its date
/// is empty.
fn print_status(session: &mut Session<'_, '_>, instance: &Element) -> Result<(), Error> {
    session.print(&[
        "INSTANCE",
        instance.text("instanceId"),
        instance.text("availabilityZone"),
        instance.text("instanceState/name"),
        instance.text("instanceState/code"),
        instance.text("instanceStatus/status"),
        instance.text("systemStatus/status"),
        "active",
        "",
    ])?;
    let lists =
        [("SYSTEMSTATUS", "systemStatus/details"), ("INSTANCESTATUS", "instanceStatus/details")];
    for (word, list) in lists {
        for check in instance.items(list) {
            let since = check.text("impairedSince");
            session.print(&[word, check.text("name"), check.text("status"), since])?;
        }
    }
    Ok(())
}
