//! DescribeSubnets.

use super::call::{Call, Run};
use super::describe_availability_zones::{REGION, zone_id};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::{tag_specification, vpc};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use ipnet::Ipv4Net;
use protocol::Networks;
use types::{AccountId, ClusterName, SubnetId, Tags};

pub(super) struct DescribeSubnets;

parameters! {
    pub(super) struct Input {
        /// The subnets to show; all when none is named.
        ids: Vec<SubnetId> = "SubnetId.N", "subnetSet/item/subnetId", since (2011, 7, 15);
        /// Shows only subnets with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 7, 15);
        /// The most subnets of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// The subnet of an account in a zone.
pub(super) struct Subnet {
    account: AccountId,
    zone: ClusterName,
    reachable: bool,
    /// VNET_SUBNET of the zone's cluster; 0.0.0.0/0 where only the site knows.
    network: Ipv4Net,
    /// How many addresses of it the account's instances do not have.
    available: u64,
    /// Whether instances get a public address when they are launched.
    public: bool,
    tags: Tags,
}

pub(super) struct Output(Vec<Subnet>, Option<String>);

filterable! {
    Subnet, tagged by subnet.tags: |subnet, values| {
        "availability-zone" => values.add(&subnet.zone),
        "availability-zone-id" => values.add(zone_id(&subnet.zone)),
        "availabilityZone" => values.add(&subnet.zone),
        "available-ip-address-count" => values.add(subnet.available),
        "cidr" => values.add(subnet.network),
        "cidr-block" => values.add(subnet.network),
        "cidrBlock" => values.add(subnet.network),
        "default-for-az" => values.add(true),
        "defaultForAz" => values.add(true),
        "map-public-ip-on-launch" => values.add(subnet.public),
        "owner-id" => values.add(subnet.account),
        "state" => values.add(subnet.state()),
        "subnet-arn" => values.add(subnet.arn()),
        "subnet-id" => values.add(subnet.id()),
        "vpc-id" => values.add(vpc::vpc(subnet.account)),
    }
}

impl Subnet {
    fn id(&self) -> SubnetId {
        vpc::subnet(self.account, &self.zone)
    }

    fn arn(&self) -> String {
        format!("arn:aws:ec2:{REGION}:{}:subnet/{}", self.account, self.id())
    }

    const fn state(&self) -> &'static str {
        if self.reachable { "available" } else { "unavailable" }
    }
}

impl Action for DescribeSubnets {
    const NAME: &'static str = "DescribeSubnets";
    const DOC: &'static str = "Shows the caller's subnets: one for each availability zone, from \
                               which the networks of security groups are cut.";
    const SINCE: Version = Version::new(2011, 7, 15);
    const FILTERS: &'static [&'static str] = Subnet::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeSubnets {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Subnet>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let mut subnets = all(call).await?;
        if let Some(id) = input.ids.iter().find(|id| !subnets.iter().any(|it| it.id() == **id)) {
            return Err(not_found(*id));
        }
        subnets.retain(|subnet| input.ids.is_empty() || input.ids.contains(&subnet.id()));
        subnets.retain(|subnet| passes(subnet, &input.filters));
        let (subnets, next) = cut(page, subnets, |subnet| subnet.id().to_string());
        Ok(Output(subnets, next))
    }
}

async fn all(call: &Call<'_>) -> Result<Vec<Subnet>, Error> {
    let (state, account) = (call.state(), call.user.account);
    let tags = state.tags(account, &["subnet-"]).await.map_err(refuse)?;
    let used = state.count_addresses_in_use(account).await.map_err(refuse)?;
    let subnet = |cluster: state::Cluster| {
        // one that has not told its addresses yet has no subnet
        let settings = cluster.settings?;
        let networks = settings.networks;
        let zone = cluster.config.name;
        let network = networks.subnet().unwrap_or_default();
        let size = match &networks {
            Networks::Static { pairs, .. } => pairs.len() as u64,
            Networks::Managed { .. } | Networks::System => 1_u64 << (32 - network.prefix_len()),
        };
        Some(Subnet {
            account,
            reachable: cluster.reachable,
            network,
            available: size.saturating_sub(used.get(&zone).copied().unwrap_or_default()),
            tags: tags.of(vpc::subnet(account, &zone)),
            public: !settings.public_addresses.is_empty(),
            zone,
        })
    };
    Ok(state.clusters().await.map_err(refuse)?.into_iter().filter_map(subnet).collect())
}

/// The zone of a subnet of the caller.
///
/// # Errors
/// `InvalidSubnetID.NotFound`.
pub(super) async fn zone_of(call: &Call<'_>, id: SubnetId) -> Result<ClusterName, Error> {
    let clusters = call.state().clusters().await.map_err(refuse)?;
    let mut zones = clusters.into_iter().map(|cluster| cluster.config.name);
    zones.find(|zone| vpc::subnet(call.user.account, zone) == id).ok_or_else(|| not_found(id))
}

fn not_found(id: SubnetId) -> Error {
    Error::new(Code::InvalidSubnetIdNotFound, format!("The subnet ID '{id}' does not exist"))
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("subnetSet", &self.0, |xml, subnet| {
            xml.text("subnetId", subnet.id());
            xml.text("subnetArn", subnet.arn());
            xml.text("state", subnet.state());
            xml.text("ownerId", subnet.account);
            xml.text("vpcId", vpc::vpc(subnet.account));
            xml.text("cidrBlock", subnet.network);
            xml.empty("ipv6CidrBlockAssociationSet");
            xml.text("availableIpAddressCount", subnet.available);
            xml.text("availabilityZone", &subnet.zone);
            xml.text("availabilityZoneId", zone_id(&subnet.zone));
            xml.text("defaultForAz", true);
            xml.text("mapPublicIpOnLaunch", subnet.public);
            xml.text("assignIpv6AddressOnCreation", false);
            tag_specification::encode(xml, &subnet.tags);
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}
