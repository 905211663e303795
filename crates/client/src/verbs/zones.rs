//! `describe-availability-zones`, `describe-regions`.

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

/// Lists the regions: there is one, with the address of its EC2 API.
#[derive(Debug, Parser)]
pub(super) struct DescribeRegions {
    /// Regions to list (all if none is named)
    #[arg(value_name = "REGION")]
    regions: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeRegions {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters = Parameters::default().list("RegionName", &self.regions);
        let reply = call(session, &self.connection, "DescribeRegions", parameters)?;
        for region in reply.items("regionInfo") {
            let (name, endpoint) = (region.text("regionName"), region.text("regionEndpoint"));
            session.print(&["REGION", name, endpoint])?;
        }
        Ok(())
    }
}
