//! `stop-instances` and `start-instances`.

use super::Verb;
use super::instances::print_changes;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Stops instances; their disks and addresses stay, and they can be started again.
#[derive(Debug, Parser)]
pub(super) struct Stop {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    /// Turn them off at once; their guests cannot save anything
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Stop {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .list("InstanceId", &self.instances)
            .maybe("Force", self.force.then_some("true"));
        let reply = call(session, &self.connection, "StopInstances", parameters)?;
        print_changes(session, &reply)
    }
}

/// Starts instances that were stopped.
#[derive(Debug, Parser)]
pub(super) struct Start {
    /// The instances
    #[arg(value_name = "INSTANCE", required = true)]
    instances: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Start {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("InstanceId", &self.instances);
        let reply = call(session, &self.connection, "StartInstances", parameters)?;
        print_changes(session, &reply)
    }
}
