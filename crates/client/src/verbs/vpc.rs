//! `describe-vpcs`, `describe-vpc-attribute`, `describe-subnets`, `describe-network-interfaces`, `describe-route-tables`,
//! `describe-internet-gateways`.

use super::Verb;
use crate::ec2::{Connection, Parameters, call};
use crate::error::Error;
use crate::session::Session;
use crate::xml::Element;
use clap::{Args, Parser};

/// What the listings have in common.
#[derive(Debug, Args)]
struct Listing {
    /// Ids to list (all if none is named)
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Shows only what has this attribute, such as vpc-id=vpc-00000000 (may be repeated)
    #[arg(short = 'F', long, value_name = "NAME=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Listing {
    fn ask(&self, session: &Session<'_, '_>, action: &str, ids: &str) -> Result<Element, Error> {
        let parameters = Parameters::default().list(ids, &self.ids).filters(&self.filter)?;
        call(session, &self.connection, action, parameters)
    }
}

/// Lists virtual private clouds. There is one, the default one.
#[derive(Debug, Parser)]
pub(super) struct DescribeVpcs {
    #[command(flatten)]
    listing: Listing,
}

impl Verb for DescribeVpcs {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = self.listing.ask(session, "DescribeVpcs", "VpcId")?;
        for vpc in reply.items("vpcSet") {
            let fields = ["vpcId", "state", "cidrBlock", "dhcpOptionsId", "instanceTenancy"];
            print(session, "VPC", vpc, &fields)?;
        }
        Ok(())
    }
}

/// Shows an attribute of a virtual private cloud.
#[derive(Debug, Parser)]
pub(super) struct DescribeVpcAttribute {
    /// The VPC
    #[arg(value_name = "VPC")]
    vpc: String,
    /// enableDnsSupport, enableDnsHostnames or enableNetworkAddressUsageMetrics
    #[arg(short, long, value_name = "ATTRIBUTE")]
    attribute: String,
    #[command(flatten)]
    connection: Connection,
}

impl Verb for DescribeVpcAttribute {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let parameters =
            Parameters::default().with("VpcId", &self.vpc).with("Attribute", &self.attribute);
        let reply = call(session, &self.connection, "DescribeVpcAttribute", parameters)?;
        let value = reply.text(&format!("{}/value", self.attribute));
        session.print(&["VPCATTRIBUTE", &self.vpc, &self.attribute, value])
    }
}

/// Lists subnets. There is one for each availability zone.
#[derive(Debug, Parser)]
pub(super) struct DescribeSubnets {
    #[command(flatten)]
    listing: Listing,
}

impl Verb for DescribeSubnets {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = self.listing.ask(session, "DescribeSubnets", "SubnetId")?;
        for subnet in reply.items("subnetSet") {
            let place = ["subnetId", "state", "vpcId", "cidrBlock"];
            let fields = [&place[..], &["availableIpAddressCount", "availabilityZone"]].concat();
            print(session, "SUBNET", subnet, &fields)?;
        }
        Ok(())
    }
}

/// Lists network interfaces. Each instance has one.
#[derive(Debug, Parser)]
pub(super) struct DescribeNetworkInterfaces {
    #[command(flatten)]
    listing: Listing,
}

impl Verb for DescribeNetworkInterfaces {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let ids = "NetworkInterfaceId";
        let reply = self.listing.ask(session, "DescribeNetworkInterfaces", ids)?;
        for interface in reply.items("networkInterfaceSet") {
            let place = ["networkInterfaceId", "description", "subnetId", "vpcId"];
            let rest = ["availabilityZone", "ownerId", "status", "macAddress", "privateIpAddress"];
            print(session, "NETWORKINTERFACE", interface, &[&place[..], &rest].concat())?;
            let attachment = ["attachment/instanceId", "attachment/attachmentId"];
            print(session, "ATTACHMENT", interface, &attachment)?;
        }
        Ok(())
    }
}

/// Lists route tables. There is one.
#[derive(Debug, Parser)]
pub(super) struct DescribeRouteTables {
    #[command(flatten)]
    listing: Listing,
}

impl Verb for DescribeRouteTables {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let reply = self.listing.ask(session, "DescribeRouteTables", "RouteTableId")?;
        for table in reply.items("routeTableSet") {
            print(session, "ROUTETABLE", table, &["routeTableId", "vpcId"])?;
            for route in table.items("routeSet") {
                print(session, "ROUTE", route, &["gatewayId", "state", "destinationCidrBlock"])?;
            }
        }
        Ok(())
    }
}

/// Lists internet gateways. There is one.
#[derive(Debug, Parser)]
pub(super) struct DescribeInternetGateways {
    #[command(flatten)]
    listing: Listing,
}

impl Verb for DescribeInternetGateways {
    fn run(self, session: &mut Session<'_, '_>) -> Result<(), Error> {
        let ids = "InternetGatewayId";
        let reply = self.listing.ask(session, "DescribeInternetGateways", ids)?;
        for gateway in reply.items("internetGatewaySet") {
            print(session, "INTERNETGATEWAY", gateway, &["internetGatewayId"])?;
            for attachment in gateway.items("attachmentSet") {
                print(session, "ATTACHMENT", attachment, &["vpcId", "state"])?;
            }
        }
        Ok(())
    }
}

fn print(
    session: &mut Session<'_, '_>,
    word: &str,
    element: &Element,
    fields: &[&str],
) -> Result<(), Error> {
    let values = fields.iter().map(|field| element.text(field));
    session.print(&std::iter::once(word).chain(values).collect::<Vec<_>>())
}
