//! `describe-account-attributes`, `describe-instance-types`, `describe-instance-type-offerings`.

use super::Verb;
use crate::ec2::{Connection, NEW, Parameters, call, call_in};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Shows where your account can launch instances, and its limits.
#[derive(Debug, Parser)]
pub(super) struct DescribeAttributes {
    /// Attributes to show, such as max-elastic-ips (all if none is named)
    #[arg(value_name = "ATTRIBUTE")]
    names: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeAttributes {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("AttributeName", &self.names);
        let reply = call(session, &self.connection, "DescribeAccountAttributes", parameters)?;
        for attribute in reply.items("accountAttributeSet") {
            session.print(&["ACCOUNTATTRIBUTE", attribute.text("attributeName")])?;
            for value in attribute.items("attributeValueSet") {
                session.print(&["VALUE", value.text("attributeValue")])?;
            }
        }
        Ok(())
    }
}

/// Lists the instance types: name, CPUs, memory in MiB, disk in GiB.
#[derive(Debug, Parser)]
pub(super) struct DescribeTypes {
    /// Types to list (all if none is named)
    #[arg(value_name = "TYPE")]
    names: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeTypes {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("InstanceType", &self.names);
        let reply = call(session, &self.connection, "DescribeInstanceTypes", parameters)?;
        for vm_type in reply.items("instanceTypeDetails") {
            let fields = ["name", "cpu", "memory", "disk"].map(|field| vm_type.text(field));
            session.print(&[&["INSTANCETYPE"], &fields[..]].concat())?;
        }
        Ok(())
    }
}

/// Lists where each instance type is to be had.
#[derive(Debug, Parser)]
pub(super) struct DescribeOfferings {
    /// What is shown beside a type: region, availability-zone or availability-zone-id
    #[arg(long, value_name = "WORD")]
    location_type: Option<String>,
    /// Shows only offerings with this attribute: instance-type, location (may be repeated)
    #[arg(short = 'F', long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeOfferings {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default()
            .maybe("LocationType", self.location_type)
            .filters(&self.filter)?;
        let action = "DescribeInstanceTypeOfferings";
        let reply = call_in(NEW, session, &self.connection, action, parameters)?;
        for offering in reply.items("instanceTypeOfferingSet") {
            let fields = ["instanceType", "locationType", "location"];
            let fields = fields.map(|field| offering.text(field));
            session.print(&[&["OFFERING"], &fields[..]].concat())?;
        }
        Ok(())
    }
}
