//! StartInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::state_changes::{StateChanges, each_once};
use ec2_wire::{Action, Error, OneOrMore, Version, parameters};
use types::InstanceId;

pub(super) struct StartInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to start: all of them, or none if one is not stopped.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
    }
}

impl Action for StartInstances {
    const NAME: &'static str = "StartInstances";
    const DOC: &'static str = "Starts stopped instances, on the node and from the disks that they \
                               have, with the address that they had.";
    const SINCE: Version = Version::new(2009, 10, 31);
    type Input = Input;
    type Output = StateChanges;
}

impl Run for StartInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<StateChanges, Error> {
        let ids = each_once(input.ids.0);
        let changes = call.state().start_instances(call.scope(), ids, call.now).await;
        let changes = changes.map_err(refuse)?;
        types::crash_point("cloud.start.committed");
        call.cloud.poke();
        Ok(StateChanges(changes))
    }
}
