//! DescribeRouteTables.

use super::call::{Call, Run};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::{tag_specification, vpc};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use ipnet::Ipv4Net;
use types::{AccountId, RouteTableId, Tags};

pub(super) struct DescribeRouteTables;

parameters! {
    pub(super) struct Input {
        /// The route tables to show; all when none is named.
        ids: Vec<RouteTableId> =
            "RouteTableId.N", "routeTableIdSet/item/routeTableId", since (2011, 7, 15);
        /// Shows only route tables with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 7, 15);
        /// The most route tables of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// The main route table of an account's VPC.
pub(super) struct RouteTable {
    account: AccountId,
    /// VNET_SUBNET of each cluster: between them it is the rules of the groups that decide.
    networks: Vec<Ipv4Net>,
    tags: Tags,
}

pub(super) struct Output(Vec<RouteTable>, Option<String>);

/// Where everything else goes.
const EVERYWHERE: &str = "0.0.0.0/0";

filterable! {
    RouteTable, tagged by table.tags: |table, values| {
        "association.main" => values.add(true),
        "association.route-table-association-id" => values.add(table.association()),
        "association.route-table-id" => values.add(table.id()),
        "owner-id" => values.add(table.account),
        "route-table-id" => values.add(table.id()),
        "route.destination-cidr-block" =>
            values.all(table.networks.iter().map(ToString::to_string).chain([EVERYWHERE.to_owned()])),
        "route.gateway-id" =>
            values.all(["local".to_owned(), vpc::gateway(table.account).to_string()]),
        "route.origin" => values.all(["CreateRouteTable", "CreateRoute"]),
        "route.state" => values.add("active"),
        "vpc-id" => values.add(vpc::vpc(table.account)),
    }
}

impl RouteTable {
    fn id(&self) -> RouteTableId {
        vpc::route_table(self.account)
    }

    fn association(&self) -> String {
        format!("rtbassoc-{:08X}", self.id().bits())
    }
}

impl Action for DescribeRouteTables {
    const NAME: &'static str = "DescribeRouteTables";
    const DOC: &'static str = "Shows the one route table of the caller's VPC: instances reach \
                               each other and, through the cluster controller, the world.";
    const SINCE: Version = Version::new(2011, 7, 15);
    const FILTERS: &'static [&'static str] = RouteTable::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeRouteTables {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<RouteTable>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let (state, account) = (call.state(), call.user.account);
        let id = vpc::route_table(account);
        if let Some(other) = input.ids.iter().find(|named| **named != id) {
            let message = format!("The routeTable ID '{other}' does not exist");
            return Err(Error::new(Code::InvalidRouteTableIdNotFound, message));
        }
        let clusters = state.clusters().await.map_err(refuse)?;
        let settings = clusters.iter().filter_map(|cluster| cluster.settings.as_ref());
        let networks = settings.filter_map(|settings| settings.networks.subnet()).collect();
        let tags = state.tags(account, &["rtb-"]).await.map_err(refuse)?.of(id);
        let table = RouteTable { account, networks, tags };
        let found = if passes(&table, &input.filters) { vec![table] } else { Vec::new() };
        let (found, next) = cut(page, found, |table| table.id().to_string());
        Ok(Output(found, next))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("routeTableSet", &self.0, |xml, table| {
            xml.text("routeTableId", table.id());
            xml.text("vpcId", vpc::vpc(table.account));
            xml.text("ownerId", table.account);
            xml.element("routeSet", |xml| {
                for network in &table.networks {
                    route(xml, network, "local", "CreateRouteTable");
                }
                route(xml, EVERYWHERE, vpc::gateway(table.account), "CreateRoute");
            });
            xml.list("associationSet", [table], |xml, table| {
                xml.text("routeTableAssociationId", table.association());
                xml.text("routeTableId", table.id());
                xml.text("main", true);
                xml.element("associationState", |xml| xml.text("state", "associated"));
            });
            xml.empty("propagatingVgwSet");
            tag_specification::encode(xml, &table.tags);
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}

fn route(
    xml: &mut Xml,
    destination: impl std::fmt::Display,
    gateway: impl std::fmt::Display,
    origin: &'static str,
) {
    xml.element("item", |xml| {
        xml.text("destinationCidrBlock", destination);
        xml.text("gatewayId", gateway);
        xml.text("state", "active");
        xml.text("origin", origin);
    });
}
