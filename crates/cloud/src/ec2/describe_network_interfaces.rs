//! DescribeNetworkInterfaces.

use super::call::{Call, Run};
use super::interface::{self, Interface};
use super::notes::Notes;
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::vpc;
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use state::{Instance, InstanceFilter, Reservation};
use types::{GroupId, GroupName, InterfaceId};

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

/// An instance and the groups of its launch.
type Attached = (Instance, Vec<(GroupId, GroupName)>);

pub(super) struct Output {
    instances: Vec<Attached>,
    notes: Notes,
    next: Option<String>,
}

filterable! {
    Interface<'_>, tagged by shown.tags: |shown, values| {
        "addresses.primary" => values.add(true),
        "addresses.private-ip-address" => values.add(shown.instance.ip),
        "association.allocation-id" =>
            values.all(shown.owner().map(|owner| owner.allocation)),
        "association.association-id" =>
            values.all(shown.association().and_then(|there| there.id)),
        "addresses.association.public-ip" => values.all(shown.address.map(|it| it.ip)),
        "association.ip-owner-id" => values.all(shown.address_owner()),
        "association.public-dns-name" => values.all(shown.address.map(|it| it.ip)),
        "association.public-ip" => values.all(shown.address.map(|it| it.ip)),
        "attachment.attach-time" => values.add(shown.instance.launch_time),
        "attachment.attachment-id" => values.add(shown.attachment()),
        "attachment.delete-on-termination" => values.add(true),
        "attachment.device-index" => values.add(0),
        "attachment.instance-id" => values.add(shown.instance.id),
        "attachment.instance-owner-id" => values.add(shown.instance.account),
        "attachment.status" => values.add("attached"),
        "availability-zone" => values.add(&shown.instance.cluster),
        // Terraform looks for Lambda's by it before it deletes a group
        "description" => values.add(""),
        "group-id" => values.all(shown.groups.iter().map(|(id, _)| id)),
        "group-name" => values.all(shown.groups.iter().map(|(_, name)| name)),
        "interface-type" => values.add("interface"),
        "mac-address" => values.add(shown.instance.mac),
        "network-interface-id" => values.add(shown.id()),
        "owner-id" => values.add(shown.instance.account),
        "private-dns-name" => values.add(shown.instance.ip),
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
        check_filters::<Interface<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let notes = Notes::read(call).await?;
        let mut instances = live(call, &input.ids).await?;
        let is = |it: &Attached, id: &InterfaceId| vpc::interface(it.0.id) == *id;
        if let Some(id) = input.ids.iter().find(|id| !instances.iter().any(|it| is(it, id))) {
            let message = format!("The networkInterface ID '{id}' does not exist");
            return Err(Error::new(Code::InvalidNetworkInterfaceIdNotFound, message));
        }
        instances.retain(|(instance, groups)| {
            Interface::of(instance, groups, &notes).is_some_and(|it| passes(&it, &input.filters))
        });
        let (instances, next) = cut(page, instances, |(instance, _)| instance.id.to_string());
        Ok(Output { instances, notes, next })
    }
}

/// The live instances whose interfaces have these ids, or with none all of them.
async fn live(call: &Call<'_>, ids: &[InterfaceId]) -> Result<Vec<Attached>, Error> {
    let ids = ids.iter().map(|id| vpc::instance_of(*id)).collect();
    let filter = InstanceFilter { account: call.scope(), ids, states: Vec::new() };
    let found = call.state().describe_instances(&filter, call.now).await.map_err(refuse)?;
    let mut live = Vec::new();
    for Reservation { instances, groups, .. } in found {
        let of_it = instances.into_iter().filter(|instance| instance.state.is_live());
        live.extend(of_it.map(|instance| (instance, groups.clone())));
    }
    Ok(live)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        let shown = self.instances.iter();
        let shown = shown.filter_map(|(it, groups)| Interface::of(it, groups, &self.notes));
        xml.list("networkInterfaceSet", shown, |xml, shown| interface::encode(xml, &shown, true));
        xml.maybe("nextToken", self.next.as_ref());
    }
}
