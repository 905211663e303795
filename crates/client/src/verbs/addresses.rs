//! `allocate-address`, `associate-address`, `disassociate-address`, `release-address`,
//! `describe-addresses`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Gets a public address of the pool.
#[derive(Debug, Parser)]
pub(super) struct Allocate {
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Allocate {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = call(session, &self.connection, "AllocateAddress", Parameters::default())?;
        session.print(&["ADDRESS", reply.text("publicIp")])
    }
}

/// Lets an address lead to an instance.
#[derive(Debug, Parser)]
pub(super) struct Associate {
    /// The address
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The instance
    #[arg(short, long, value_name = "INSTANCE")]
    instance: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Associate {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .with("PublicIp", &self.address)
            .with("InstanceId", &self.instance);
        let reply = call(session, &self.connection, "AssociateAddress", parameters)?;
        if reply.text("return") != "true" {
            return Ok(());
        }
        session.print(&["ADDRESS", &self.address, &self.instance])
    }
}

/// Takes an address from its instance.
#[derive(Debug, Parser)]
pub(super) struct Disassociate {
    /// The address
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Disassociate {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        change(session, &self.connection, "DisassociateAddress", &self.address)
    }
}

/// Gives an address back to the pool.
#[derive(Debug, Parser)]
pub(super) struct Release {
    /// The address
    #[arg(value_name = "ADDRESS")]
    address: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Release {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        change(session, &self.connection, "ReleaseAddress", &self.address)
    }
}

fn change(
    session: &mut Session<'_, '_>,
    connection: &Connection,
    action: &str,
    address: &str,
) -> Result<(), Error> {
    let parameters = Parameters::default().with("PublicIp", address);
    call(session, connection, action, parameters)?;
    session.print(&["ADDRESS", address])
}

/// Lists public addresses and the instances that they lead to.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Addresses to list (all if none is named)
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("PublicIp", &self.addresses);
        let reply = call(session, &self.connection, "DescribeAddresses", parameters)?;
        for address in reply.items("addressesSet") {
            let (ip, instance) = (address.text("publicIp"), address.text("instanceId"));
            session.print(&["ADDRESS", ip, instance])?;
        }
        Ok(())
    }
}
