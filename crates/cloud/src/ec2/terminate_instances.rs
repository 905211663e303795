//! TerminateInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::state_changes::{StateChanges, each_once};
use ec2_wire::{Action, Error, OneOrMore, parameters};
use types::InstanceId;

pub(super) struct TerminateInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to terminate: all of them, or none if one does not exist.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
    }
}

impl Action for TerminateInstances {
    const NAME: &'static str = "TerminateInstances";
    const DOC: &'static str = "Ends instances. Their disks are gone.";
    type Input = Input;
    type Output = StateChanges;
}

impl Run for TerminateInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<StateChanges, Error> {
        let ids = each_once(input.ids.0);
        let changes = call.state().terminate_instances(call.scope(), ids, call.now).await;
        let changes = changes.map_err(refuse)?;
        types::crash_point("cloud.terminate.committed");
        call.cloud.poke();
        Ok(StateChanges(changes))
    }
}
