//! DescribeInstanceStatus.

use super::call::{Call, Run};
use super::describe_availability_zones::zone_id;
use super::describe_instances::visible;
use super::page::{Page, Token, cut};
use super::reservation::encode_state;
use ec2_wire::{
    Action, Error, Filter, Filterable, Response, Version, Xml, check_filters, filterable,
    parameters, passes,
};
use protocol::reason;
use state::Instance;
use types::{InstanceId, InstanceState};

pub(super) struct DescribeInstanceStatus;

parameters! {
    pub(super) struct Input {
        /// The instances to show; all when none is named.
        ids: Vec<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId", since (2011, 11, 1);
        /// Shows instances in every state, not only running ones.
        all: Option<bool> = "IncludeAllInstances", "includeAllInstances", since (2012, 7, 20);
        /// Shows only instances with these attributes.
        filters: Vec<Filter> = "Filter.N", "filterSet/item", since (2011, 11, 1);
        /// The most instances of one answer, 1 to 1000.
        most: Option<u32> = "MaxResults", "maxResults", since (2011, 11, 1);
        /// Where the answer before has ended.
        token: Option<Token> = "NextToken", "nextToken", since (2011, 11, 1);
    }
}

pub(super) struct Output(Vec<Instance>, Option<String>);

/// A status in EC2's words: the summary, and the one check that it is made of.
struct Status {
    summary: &'static str,
    reachability: Option<&'static str>,
}

const NOT_APPLICABLE: Status = Status { summary: "not-applicable", reachability: None };
const IMPAIRED: Status = Status { summary: "impaired", reachability: Some("failed") };
const OK: Status = Status { summary: "ok", reachability: Some("passed") };

/// Whether the instance's node answers.
fn system(instance: &Instance) -> Status {
    match (instance.state, instance.impaired) {
        (InstanceState::Running, false) => OK,
        (InstanceState::Running, true) => IMPAIRED,
        _ => NOT_APPLICABLE,
    }
}

/// Whether its virtual machine runs and does not stand still, as far as its node says so.
fn machine(instance: &Instance) -> Status {
    let stands_still = instance.reason.as_deref().is_some_and(reason::is_standstill);
    match (instance.state, instance.impaired) {
        (InstanceState::Running, false) if stands_still => IMPAIRED,
        (InstanceState::Running, false) => OK,
        (InstanceState::Running, true) => {
            Status { summary: "insufficient-data", reachability: Some("insufficient-data") }
        }
        _ => NOT_APPLICABLE,
    }
}

/// An instance, to be filtered. No events are ever planned for one.
struct Shown<'a>(&'a Instance);

filterable! {
    Shown<'_>: |shown, values| {
        "availability-zone" => values.add(&shown.0.cluster),
        "availability-zone-id" => values.add(zone_id(&shown.0.cluster)),
        "event.code" => (),
        "event.description" => (),
        "event.instance-event-id" => (),
        "event.not-after" => (),
        "event.not-before" => (),
        "event.not-before-deadline" => (),
        "instance-state-code" => values.add(shown.0.state.code()),
        "instance-state-name" => values.add(shown.0.state.as_str()),
        "instance-status.reachability" => values.all(machine(shown.0).reachability),
        "instance-status.status" => values.add(machine(shown.0).summary),
        "system-status.reachability" => values.all(system(shown.0).reachability),
        "system-status.status" => values.add(system(shown.0).summary),
    }
}

impl Action for DescribeInstanceStatus {
    const NAME: &'static str = "DescribeInstanceStatus";
    const DOC: &'static str = "Shows whether the node of each running instance answers, and whether its guest has crashed or stands still for want of disk space.";
    const SINCE: Version = Version::new(2011, 11, 1);
    const FILTERS: &'static [&'static str] = Shown::ATTRIBUTES;
    type Input = Input;
    type Output = Output;
}

impl Run for DescribeInstanceStatus {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        check_filters::<Shown<'_>>(&input.filters)?;
        let page = Page::of(input.most, input.token.as_ref())?;
        let all = input.all.unwrap_or(false);
        let reservations = visible(call, input.ids).await?;
        let mut instances: Vec<_> =
            reservations.into_iter().flat_map(|reservation| reservation.instances).collect();
        instances.retain(|instance| {
            (all || instance.state == InstanceState::Running)
                && passes(&Shown(instance), &input.filters)
        });
        let (instances, next) = cut(page, instances, |instance| instance.id.to_string());
        Ok(Output(instances, next))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("instanceStatusSet", &self.0, |xml, instance| {
            xml.text("instanceId", instance.id);
            xml.text("availabilityZone", &instance.cluster);
            xml.element("instanceState", |xml| encode_state(xml, instance.state));
            encode_status(xml, "systemStatus", &system(instance));
            encode_status(xml, "instanceStatus", &machine(instance));
        });
        xml.maybe("nextToken", self.1.as_ref());
    }
}

fn encode_status(xml: &mut Xml, name: &'static str, status: &Status) {
    xml.element(name, |xml| {
        xml.text("status", status.summary);
        if let Some(reachability) = status.reachability {
            xml.list("details", [reachability], |xml, reachability| {
                xml.text("name", "reachability");
                xml.text("status", reachability);
            });
        }
    });
}
