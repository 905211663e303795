//! TerminateInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::reservation::encode_state;
use ec2_wire::{Action, Error, OneOrMore, Response, Xml, parameters};
use state::StateChange;
use types::InstanceId;

pub(super) struct TerminateInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to terminate: all of them, or none if one does not exist.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
    }
}

pub(super) struct Output(Vec<StateChange>);

impl Action for TerminateInstances {
    const NAME: &'static str = "TerminateInstances";
    const DOC: &'static str = "Ends instances. Their disks are gone.";
    type Input = Input;
    type Output = Output;
}

impl Run for TerminateInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Output, Error> {
        let OneOrMore(mut ids) = input.ids;
        ids.sort();
        ids.dedup();
        let changes = call.state().terminate_instances(call.scope(), ids, call.now).await;
        let changes = changes.map_err(refuse)?;
        call.cloud.poke();
        Ok(Output(changes))
    }
}

impl Response for Output {
    fn encode(&self, xml: &mut Xml) {
        xml.list("instancesSet", &self.0, |xml, change| {
            xml.text("instanceId", change.id);
            // EC2 renamed it when instances could be stopped.
            let current = if xml.since(2009, 10, 31) { "currentState" } else { "shutdownState" };
            xml.element(current, |xml| encode_state(xml, change.current));
            xml.element("previousState", |xml| encode_state(xml, change.previous));
        });
    }
}
