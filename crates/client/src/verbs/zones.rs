//! `describe-availability-zones`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use clap::Parser;

/// Lists the availability zones; with the name "verbose", an administrator also sees how many
/// instances of each type still fit, and the nodes.
#[derive(Debug, Parser)]
pub(super) struct Describe {
    /// Zones to list (all if none is named), or "verbose"
    #[arg(value_name = "ZONE")]
    zones: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for Describe {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("ZoneName", &self.zones);
        let reply = call(session, &self.connection, "DescribeAvailabilityZones", parameters)?;
        for zone in reply.items("availabilityZoneInfo") {
            let mut fields =
                vec!["AVAILABILITYZONE", zone.text("zoneName"), zone.text("zoneState")];
            fields.extend(Some(zone.text("regionName")).filter(|region| !region.is_empty()));
            session.print(&fields)?;
        }
        Ok(())
    }
}
