//! DescribeNetworkInterfaces.

use super::call::{Call, Run};
use super::interface::{self, Interface};
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use state::{Address, InstanceFilter};
use std::collections::HashMap;
use types::{InstanceId, InterfaceId};

pub(super) struct DescribeNetworkInterfaces;

parameters! {
    pub(super) struct Input {
        /// The interfaces to show; all when none is named.
        ids: Vec<InterfaceId> =
            "NetworkInterfaceId.N", "networkInterfaceIdSet/item/networkInterfaceId", since (2011, 7, 15);
        /// Shows only interfaces with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 7, 15);
        /// The most interfaces of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2016, 11, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2016, 11, 15);
    }
}

pub(super) struct Output(Vec<Interface>, Option<String>);

filterable! {
    Interface, tagged by shown.tags: |shown, values| {
        "addresses.primary" => values.add(true),
        "addresses.private-ip-address" => values.add(shown.instance.ip),
        "association.allocation-id" =>
            values.all(shown.owner().map(|owner| owner.allocation)),
        "association.association-id" =>
            values.all(shown.association().map(|there| there.id)),
        "association.public-ip" => values.all(shown.address.as_ref().map(|it| it.ip)),
        "attachment.attachment-id" => values.add(shown.attachment()),
        "attachment.delete-on-termination" => values.add(true),
        "attachment.device-index" => values.add(0),
        "attachment.instance-id" => values.add(shown.instance.id),
        "attachment.instance-owner-id" => values.add(shown.instance.account),
        "attachment.status" => values.add("attached"),
        "availability-zone" => values.add(&shown.instance.cluster),
        "group-id" => values.all(shown.groups.iter().map(|(id, _)| id)),
        "group-name" => values.all(shown.groups.iter().map(|(_, name)| name)),
        "interface-type" => values.add("interface"),
        "mac-address" => values.add(shown.instance.mac),
        "network-interface-id" => values.add(shown.id()),
        "owner-id" => values.add(shown.instance.account),
        "private-ip-address" => values.add(shown.instance.ip),
        "requester-managed" => values.add(false),
        "source-dest-check" => values.add(true),
        "status" => values.add("in-use"),
        "subnet-id" => values.add(shown.subnet()),
        "vpc-id" => values.add(shown.vpc()),
    }
}

impl Action for DescribeNetworkInterfaces {
    const NAME: &'static str = "DescribeNetworkInterfaces";
    const DOC: &'static str = "Shows the network interface of each instance of the caller.";
    const SINCE: Version = Version::new(2011, 7, 15);
    const FILTERS: &'static [&'static str] = Interface::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeNetworkInterfaces {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Interface>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let mut interfaces = all(call, &input.ids).await?;
        if let Some(id) = input.ids.iter().find(|id| !interfaces.iter().any(|it| it.id() == **id)) {
            let message = format!("The networkInterface ID '{id}' does not exist");
            return Err(Error::new(Code::InvalidNetworkInterfaceIdNotFound, message));
        }
        interfaces.retain(|interface| passes(interface, &input.filters));
        let (interfaces, next) = cut(page, interfaces, |interface| interface.id().to_string());
        Ok(Output(interfaces, next))
    }
}

/// The interfaces with these ids, or with none all of them: one of each live instance.
async fn all(call: &Call<'_>, ids: &[InterfaceId]) -> Result<Vec<Interface>, Error> {
    let (state, account) = (call.state(), call.scope());
    let ids = ids.iter().map(|id| vpc::instance_of(*id)).collect();
    let filter = InstanceFilter { account, ids, states: Vec::new() };
    let reservations = state.describe_instances(&filter, call.now).await.map_err(refuse)?;
    let mut addresses = by_instance(state.addresses(account).await.map_err(refuse)?);
    let tags = state.tags(call.user.account, &["eni-"]).await.map_err(refuse)?;
    let mut interfaces = Vec::new();
    for reservation in reservations {
        for instance in reservation.instances.into_iter().filter(|it| it.state.is_live()) {
            interfaces.push(Interface {
                groups: reservation.groups.clone(),
                address: addresses.remove(&instance.id),
                tags: tags.of(vpc::interface(instance.id)),
                instance,
            });
        }
    }
    Ok(interfaces)
}

/// Addresses by the instances that they lead to.
pub(super) fn by_instance(addresses: Vec<Address>) -> HashMap<InstanceId, Address> {
    let leads = |address: Address| Some((address.association.as_ref()?.instance, address));
    addresses.into_iter().filter_map(leads).collect()
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("networkInterfaceSet", &self.0, |xml, shown| interface::encode(xml, shown, true));
        xml.maybe("nextToken", self.1.as_ref());
    }
}
