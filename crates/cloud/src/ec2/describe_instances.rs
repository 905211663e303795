//! DescribeInstances.

use super::call::{Call, Run};
use super::describe_availability_zones::zone_id;
use super::image_attribute::PRODUCT_TYPE;
use super::interface::Interface;
use super::metadata_options;
use super::notes::Notes;
use super::page::{Page, Token, cut};
use super::refusal::refuse;
use super::reservation::{
    HYPERVISOR, ROOT_DEVICE, Reservations, monitoring_state, private_address, public_address,
    reason, state_reason_code,
};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use state::{Association, Instance, InstanceFilter, Reservation};
use std::net::Ipv4Addr;
use types::{GroupId, GroupName, InstanceId, Tags};

pub(super) struct DescribeInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to show; all when none is named.
        ids: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// Shows only instances with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
        /// The most instances of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2013, 10, 15);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2013, 10, 15);
    }
}

pub(super) struct Output {
    reservations: Reservations,
    next: Option<String>,
}

/// An instance with the groups of its reservation, its addresses and its tags.
struct Shown<'a> {
    instance: &'a Instance,
    groups: &'a [(GroupId, GroupName)],
    interface: Option<Interface<'a>>,
    private: Option<Ipv4Addr>,
    public: Option<Ipv4Addr>,
    reason: Option<&'a str>,
    tags: &'a Tags,
}

impl<'a> Shown<'a> {
    fn of(instance: &'a Instance, groups: &'a [(GroupId, GroupName)], notes: &'a Notes) -> Self {
        Self {
            instance,
            groups,
            interface: Interface::of(instance, groups, notes),
            private: private_address(instance),
            public: public_address(instance, notes),
            reason: reason(instance, notes),
            tags: notes.tags(instance.id),
        }
    }

    fn association(&self) -> Option<&Association> {
        self.interface.as_ref()?.association()
    }
}

filterable! {
    Shown<'_>, tagged by shown.tags: |shown, values| {
        "architecture" => values.add(&shown.instance.architecture),
        "availability-zone" => values.add(&shown.instance.cluster),
        "availability-zone-id" => values.add(zone_id(&shown.instance.cluster)),
        "client-token" => values.all(&shown.instance.client_token),
        "dns-name" => values.all(shown.public),
        "ebs-optimized" => values.add(false),
        "ena-support" => values.add(false),
        "enclave-options.enabled" => values.add(false),
        "group-id" => values.all(shown.groups.iter().map(|(id, _)| id)),
        "group-name" => values.all(shown.groups.iter().map(|(_, name)| name)),
        "hibernation-options.configured" => values.add(false),
        "hypervisor" => values.add(HYPERVISOR),
        "image-id" => values.add(shown.instance.image),
        "instance-id" => values.add(shown.instance.id),
        "instance-state-code" => values.add(shown.instance.state.code()),
        "instance-state-name" => values.add(shown.instance.state.as_str()),
        "instance-type" => values.add(&shown.instance.vm_type),
        "instance.group-id" => values.all(shown.groups.iter().map(|(id, _)| id)),
        "instance.group-name" => values.all(shown.groups.iter().map(|(_, name)| name)),
        "ip-address" => values.all(shown.public),
        "kernel-id" => values.all(shown.instance.kernel),
        "key-name" => values.all(&shown.instance.key_name),
        "launch-index" => values.add(shown.instance.launch_index),
        "launch-time" => values.add(shown.instance.launch_time),
        "metadata-options.http-endpoint" =>
            values.add(metadata_options::endpoint(shown.instance.metadata)),
        "metadata-options.http-put-response-hop-limit" =>
            values.add(shown.instance.metadata.hops),
        "metadata-options.http-protocol-ipv6" => values.add("disabled"),
        "metadata-options.instance-metadata-tags" => values.add("disabled"),
        "metadata-options.http-tokens" =>
            values.add(metadata_options::tokens(shown.instance.metadata)),
        "network-interface.addresses.primary" => values.all(shown.interface.map(|_| true)),
        "network-interface.addresses.private-ip-address" => values.all(shown.private),
        "network-interface.association.association-id" =>
            values.all(shown.association().and_then(|there| there.id)),
        "network-interface.association.public-ip" =>
            values.all(shown.interface.and_then(|it| it.address).map(|address| address.ip)),
        "network-interface.addresses.association.public-ip" =>
            values.all(shown.interface.and_then(|it| it.address).map(|address| address.ip)),
        "network-interface.association.allocation-id" =>
            values.all(shown.interface.and_then(|it| it.owner()).map(|owner| owner.allocation)),
        "network-interface.association.ip-owner-id" =>
            values.all(shown.interface.and_then(|it| it.address_owner())),
        "network-interface.attachment.attachment-id" =>
            values.all(shown.interface.map(|it| it.attachment())),
        "network-interface.attachment.delete-on-termination" =>
            values.all(shown.interface.map(|_| true)),
        "network-interface.attachment.device-index" => values.all(shown.interface.map(|_| 0)),
        "network-interface.attachment.instance-id" =>
            values.all(shown.interface.map(|_| shown.instance.id)),
        "network-interface.attachment.instance-owner-id" =>
            values.all(shown.interface.map(|_| shown.instance.account)),
        "network-interface.attachment.status" =>
            values.all(shown.interface.map(|_| "attached")),
        "network-interface.availability-zone" =>
            values.all(shown.interface.map(|_| &shown.instance.cluster)),
        "network-interface.group-id" => values.all(shown.groups.iter().map(|(id, _)| id)),
        "network-interface.group-name" => values.all(shown.groups.iter().map(|(_, name)| name)),
        "network-interface.private-dns-name" => values.all(shown.private),
        "network-interface.private-ip-address" => values.all(shown.private),
        "network-interface.source-dest-check" => values.all(shown.interface.map(|_| true)),
        "network-interface.mac-address" =>
            values.all(shown.interface.map(|_| shown.instance.mac)),
        "network-interface.network-interface-id" =>
            values.all(shown.interface.map(|it| it.id())),
        "network-interface.owner-id" =>
            values.all(shown.interface.map(|_| shown.instance.account)),
        "network-interface.status" => values.all(shown.interface.map(|_| "in-use")),
        "network-interface.subnet-id" => values.all(shown.interface.map(|it| it.subnet())),
        "network-interface.vpc-id" => values.all(shown.interface.map(|it| it.vpc())),
        "monitoring-state" => values.add(monitoring_state(shown.instance.monitoring)),
        "owner-id" => values.add(shown.instance.account),
        "private-dns-name" =>
            values.all(shown.private),
        "private-ip-address" =>
            values.all(shown.private),
        "product-code" => values.all(&shown.instance.products),
        "product-code.type" =>
            values.all(shown.instance.products.first().map(|_| PRODUCT_TYPE)),
        "ramdisk-id" => values.all(shown.instance.ramdisk),
        "reason" => values.all(shown.reason),
        "reservation-id" => values.add(shown.instance.reservation),
        "root-device-name" => values.add(ROOT_DEVICE),
        "root-device-type" => values.add("instance-store"),
        "source-dest-check" => values.add(true),
        "state-reason-code" => values.add(state_reason_code(shown.instance, shown.reason)),
        "state-reason-message" => values.all(shown.reason),
        "subnet-id" => values.all(shown.interface.map(|it| it.subnet())),
        "tenancy" => values.add("default"),
        "virtualization-type" => values.add("hvm"),
        "vpc-id" => values.all(shown.interface.map(|it| it.vpc())),
    }
}

impl Action for DescribeInstances {
    const NAME: &'static str = "DescribeInstances";
    const DOC: &'static str = "Shows the caller's instances, everybody's to administrators; \
                               terminated ones for an hour.";
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let mut reservations = visible(call, input.ids).await?;
        let notes = Notes::read(call).await?;
        if !input.filters.is_empty() {
            for Reservation { instances, groups, .. } in &mut reservations {
                let wanted = |instance: &Instance| {
                    passes(&Shown::of(instance, groups, &notes), &input.filters)
                };
                instances.retain(wanted);
            }
            reservations.retain(|reservation| !reservation.instances.is_empty());
        }
        let (reservations, next) = cut_instances(page, reservations);
        Ok(Output { reservations: Reservations::new(reservations, notes), next })
    }
}

/// A page of instances, in the order of launch. A reservation may go on on the next one.
fn cut_instances(
    page: Option<Page>,
    reservations: Vec<Reservation>,
) -> (Vec<Reservation>, Option<String>) {
    if page.is_none() {
        return (reservations, None);
    }
    let mut each = Vec::new();
    for mut reservation in reservations {
        for instance in std::mem::take(&mut reservation.instances) {
            each.push(Reservation { instances: vec![instance], ..reservation.clone() });
        }
    }
    let key = |one: &Reservation| {
        let of = |it: &Instance| {
            format!("{:015} {} {:06}", it.launch_time.millis(), it.reservation, it.launch_index)
        };
        one.instances.first().map(of).unwrap_or_default()
    };
    let (each, next) = cut(page, each, key);
    let mut together: Vec<Reservation> = Vec::new();
    for one in each {
        match together.last_mut().filter(|last| last.id == one.id) {
            Some(last) => last.instances.extend(one.instances),
            None => together.push(one),
        }
    }
    (together, next)
}

/// The instances with these ids that the caller may see, all of them when none is named.
///
/// # Errors
/// `InvalidInstanceID.NotFound` naming each id that the caller does not see.
pub(super) async fn visible(
    call: &Call<'_>,
    mut ids: Vec<InstanceId>,
) -> Result<Vec<Reservation>, Error> {
    ids.sort();
    ids.dedup();
    let filter = InstanceFilter { account: call.scope(), ids, states: Vec::new() };
    let found = call.state().describe_instances(&filter, call.now).await.map_err(refuse)?;
    let has = |id: &&InstanceId| {
        found.iter().any(|reservation| reservation.instances.iter().any(|i| i.id == **id))
    };
    let missing: Vec<_> =
        filter.ids.iter().filter(|id| !has(id)).map(|id| id.to_string()).collect();
    match missing.as_slice() {
        [] => Ok(found),
        [one] => Err(not_found(format!("The instance ID '{one}' does not exist"))),
        _ => Err(not_found(format!("The instance IDs '{}' do not exist", missing.join(", ")))),
    }
}

/// The instance with this id, and the groups of its launch.
///
/// # Errors
/// `InvalidInstanceID.NotFound` when the caller does not see it.
pub(super) async fn one(
    call: &Call<'_>,
    id: InstanceId,
) -> Result<(Instance, Vec<(GroupId, GroupName)>), Error> {
    let mut found = visible(call, vec![id]).await?;
    let one = found.pop().and_then(|mut found| Some((found.instances.pop()?, found.groups)));
    one.ok_or_else(|| Error::internal("a visible instance is not there"))
}

fn not_found(message: String) -> Error {
    Error::new(Code::InvalidInstanceIdNotFound, message)
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        (0..self.parts()).for_each(|part| self.encode_part(xml, part));
    }

    fn parts(&self) -> usize {
        self.reservations.parts()
    }

    fn encode_part(&self, xml: &mut Xml, part: usize) {
        self.reservations.encode_part(xml, part);
        if part + 1 == self.parts() {
            xml.maybe("nextToken", self.next.as_ref());
        }
    }
}
