//! DescribeInstances.

use super::call::{Call, Run};
use super::image_attribute::PRODUCT_TYPE;
use super::refusal::refuse;
use super::reservation::{self, HYPERVISOR, ROOT_DEVICE, monitoring_state, state_reason_code};
use ec2_wire::{
    Action, Code, Error, Filter, Filterable, Response, Xml, check_filters, filterable, parameters,
    passes,
};
use state::{Instance, InstanceFilter, Reservation};
use types::{GroupId, GroupName, InstanceId};

pub(super) struct DescribeInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to show; all when none is named.
        ids: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// Shows only instances with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2010, 8, 31);
    }
}

pub(super) struct Output(Vec<Reservation>);

/// An instance with the groups of its reservation.
struct Shown<'a> {
    instance: &'a Instance,
    groups: &'a [(GroupId, GroupName)],
}

filterable! {
    Shown<'_>: |shown, values| {
        "architecture" => values.add(&shown.instance.architecture),
        "availability-zone" => values.add(&shown.instance.cluster),
        "client-token" => values.all(&shown.instance.client_token),
        "dns-name" => values.all(shown.instance.state.is_live().then_some(shown.instance.ip)),
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
        "ip-address" => values.all(shown.instance.state.is_live().then_some(shown.instance.ip)),
        "kernel-id" => values.all(shown.instance.kernel),
        "key-name" => values.all(&shown.instance.key_name),
        "launch-index" => values.add(shown.instance.launch_index),
        "launch-time" => values.add(shown.instance.launch_time),
        "monitoring-state" => values.add(monitoring_state(shown.instance.monitoring)),
        "owner-id" => values.add(shown.instance.account),
        "private-dns-name" =>
            values.all(shown.instance.state.is_live().then_some(shown.instance.ip)),
        "private-ip-address" =>
            values.all(shown.instance.state.is_live().then_some(shown.instance.ip)),
        "product-code" => values.all(&shown.instance.products),
        "product-code.type" =>
            values.all(shown.instance.products.first().map(|_| PRODUCT_TYPE)),
        "ramdisk-id" => values.all(shown.instance.ramdisk),
        "reason" => values.all(&shown.instance.reason),
        "reservation-id" => values.add(shown.instance.reservation),
        "root-device-name" => values.add(ROOT_DEVICE),
        "root-device-type" => values.add("instance-store"),
        "source-dest-check" => values.add(true),
        "state-reason-code" => values.add(state_reason_code(shown.instance)),
        "state-reason-message" => values.all(&shown.instance.reason),
        "tenancy" => values.add("default"),
        "virtualization-type" => values.add("hvm"),
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
        let mut reservations = visible(call, input.ids).await?;
        if input.filters.is_empty() {
            return Ok(Output(reservations));
        }
        for Reservation { instances, groups, .. } in &mut reservations {
            instances.retain(|instance| passes(&Shown { instance, groups }, &input.filters));
        }
        reservations.retain(|reservation| !reservation.instances.is_empty());
        Ok(Output(reservations))
    }
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
        xml.list("reservationSet", &self.0, reservation::encode);
    }
}
