//! MonitorInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::reservation::encode_monitoring;
use ec2_wire::{Action, Error, OneOrMore, Response, Version, Xml, parameters};
use types::InstanceId;

pub(super) struct MonitorInstances;

parameters! {
    pub(super) struct Input {
        /// The instances: all of them, or none if one does not exist.
        ids: OneOrMore<InstanceId> =
            "InstanceId.N", "instancesSet/item/instanceId", since (2009, 4, 4);
    }
}

/// Instances with what is noted of them from now on.
pub(super) struct Monitored {
    ids: Vec<InstanceId>,
    monitoring: bool,
}

impl Action for MonitorInstances {
    const NAME: &'static str = "MonitorInstances";
    const DOC: &'static str = "Notes that instances are to be monitored, which DescribeInstances \
                               shows. Nothing is measured.";
    const SINCE: Version = Version::new(2009, 4, 4);
    type Input = Input;
    type Output = Monitored;
}

impl Run for MonitorInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Monitored, Error> {
        note(call, input, true).await
    }
}

/// Notes whether the instances are to be monitored.
pub(super) async fn note(
    call: &Call<'_>,
    input: Input,
    monitoring: bool,
) -> Result<Monitored, Error> {
    let OneOrMore(mut ids) = input.ids;
    ids.sort();
    ids.dedup();
    let noted = call.state().monitor_instances(call.scope(), ids.clone(), monitoring, call.now);
    noted.await.map_err(refuse)?;
    Ok(Monitored { ids, monitoring })
}

impl Response for Monitored {
    fn encode(&self, xml: &mut Xml) {
        xml.list("instancesSet", &self.ids, |xml, id| {
            xml.text("instanceId", id);
            encode_monitoring(xml, self.monitoring);
        });
    }
}
