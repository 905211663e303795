//! DescribeVpcs.

use super::call::{Call, Run};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::{tag_specification, vpc};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use ipnet::Ipv4Net;
use types::{AccountId, Tags, VpcId};

pub(super) struct DescribeVpcs;

parameters! {
    pub(super) struct Input {
        /// The VPCs to show; all when none is named.
        ids: Vec<VpcId> = "VpcId.N", "vpcSet/item/vpcId", since (2011, 7, 15);
        /// Shows only VPCs with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 7, 15);
        /// The most VPCs of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// The VPC of an account.
pub(super) struct Vpc {
    account: AccountId,
    /// VNET_SUBNET of each cluster.
    networks: Vec<Ipv4Net>,
    tags: Tags,
}

pub(super) struct Output(Vec<Vpc>, Option<String>);

filterable! {
    Vpc, tagged by vpc.tags: |vpc, values| {
        "cidr" => values.all(vpc.networks.first()),
        "cidr-block-association.association-id" => values.all(vpc.associations()),
        "cidr-block-association.cidr-block" => values.all(&vpc.networks),
        "cidr-block-association.state" => values.add("associated"),
        "dhcp-options-id" => values.add(DHCP_OPTIONS),
        "is-default" => values.add(true),
        "isDefault" => values.add(true),
        "owner-id" => values.add(vpc.account),
        "state" => values.add("available"),
        "vpc-id" => values.add(super::vpc::vpc(vpc.account)),
    }
}

/// The word of EC2 for a VPC without DHCP options of its own.
const DHCP_OPTIONS: &str = "default";

impl Vpc {
    fn associations(&self) -> impl Iterator<Item = String> {
        let id = vpc::vpc(self.account).bits();
        (0..self.networks.len() as u32)
            .map(move |at| format!("vpc-cidr-assoc-{:08X}", id.wrapping_add(at)))
    }
}

impl Action for DescribeVpcs {
    const NAME: &'static str = "DescribeVpcs";
    const DOC: &'static str = "Shows the caller's one VPC, the default one. Its addresses are \
                               those of all clusters.";
    const SINCE: Version = Version::new(2011, 7, 15);
    const FILTERS: &'static [&'static str] = Vpc::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeVpcs {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Vpc>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        check_own(call, &input.ids)?;
        let (state, account) = (call.state(), call.user.account);
        let clusters = state.clusters().await.map_err(refuse)?;
        let settings = clusters.iter().filter_map(|cluster| cluster.settings.as_ref());
        let networks = settings.filter_map(|settings| settings.networks.subnet()).collect();
        let tags = state.tags(account, &["vpc-"]).await.map_err(refuse)?.of(vpc::vpc(account));
        let own = Vpc { account, networks, tags };
        let found = if passes(&own, &input.filters) { vec![own] } else { Vec::new() };
        let (found, next) = cut(page, found, |own| vpc::vpc(own.account).to_string());
        Ok(Output(found, next))
    }
}

/// Makes sure that VPCs are the caller's.
///
/// # Errors
/// `InvalidVpcID.NotFound`.
pub(super) fn check_own(call: &Call<'_>, ids: &[VpcId]) -> Result<(), Error> {
    let other = ids.iter().find(|id| **id != vpc::vpc(call.user.account));
    other.map_or(Ok(()), |id| {
        let message = format!("The vpc ID '{id}' does not exist");
        Err(Error::new(Code::InvalidVpcIdNotFound, message))
    })
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("vpcSet", &self.0, |xml, own| {
            xml.text("vpcId", vpc::vpc(own.account));
            xml.text("ownerId", own.account);
            xml.text("state", "available");
            xml.maybe("cidrBlock", own.networks.first());
            let blocks = own.networks.iter().zip(own.associations());
            xml.list("cidrBlockAssociationSet", blocks, |xml, (network, id)| {
                xml.text("cidrBlock", network);
                xml.text("associationId", id);
                xml.element("cidrBlockState", |xml| xml.text("state", "associated"));
            });
            xml.text("dhcpOptionsId", DHCP_OPTIONS);
            tag_specification::encode(xml, &own.tags);
            xml.text("instanceTenancy", "default");
            xml.text("isDefault", true);
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}
