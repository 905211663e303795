//! DescribeInternetGateways.

use super::call::{Call, Run};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::{tag_specification, vpc};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use types::{AccountId, GatewayId, Tags};

pub(super) struct DescribeInternetGateways;

parameters! {
    pub(super) struct Input {
        /// The gateways to show; all when none is named.
        ids: Vec<GatewayId> =
            "InternetGatewayId.N", "internetGatewayIdSet/item/internetGatewayId", since (2011, 7, 15);
        /// Shows only gateways with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 7, 15);
        /// The most gateways of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

/// The gateway of an account's VPC.
pub(super) struct Gateway {
    account: AccountId,
    tags: Tags,
}

pub(super) struct Output(Vec<Gateway>, Option<String>);

filterable! {
    Gateway, tagged by gateway.tags: |gateway, values| {
        "attachment.state" => values.add("available"),
        "attachment.vpc-id" => values.add(vpc::vpc(gateway.account)),
        "internet-gateway-id" => values.add(vpc::gateway(gateway.account)),
        "owner-id" => values.add(gateway.account),
    }
}

impl Action for DescribeInternetGateways {
    const NAME: &'static str = "DescribeInternetGateways";
    const DOC: &'static str = "Shows the gateway of the caller's VPC: the cluster controller, \
                               behind which instances reach the world.";
    const SINCE: Version = Version::new(2011, 7, 15);
    const FILTERS: &'static [&'static str] = Gateway::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInternetGateways {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Gateway>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let account = call.user.account;
        let id = vpc::gateway(account);
        if let Some(other) = input.ids.iter().find(|named| **named != id) {
            let message = format!("The internetGateway ID '{other}' does not exist");
            return Err(Error::new(Code::InvalidInternetGatewayIdNotFound, message));
        }
        let tags = call.state().tags(account, &["igw-"]).await.map_err(refuse)?.of(id);
        let gateway = Gateway { account, tags };
        let found = if passes(&gateway, &input.filters) { vec![gateway] } else { Vec::new() };
        let (found, next) = cut(page, found, |_| id.to_string());
        Ok(Output(found, next))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("internetGatewaySet", &self.0, |xml, gateway| {
            xml.text("internetGatewayId", vpc::gateway(gateway.account));
            xml.text("ownerId", gateway.account);
            xml.list("attachmentSet", [gateway.account], |xml, account| {
                xml.text("vpcId", vpc::vpc(account));
                xml.text("state", "available");
            });
            tag_specification::encode(xml, &gateway.tags);
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}
