//! RebootInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use ec2_wire::{Action, Error, OneOrMore, Return, parameters};
use types::InstanceId;

pub(super) struct RebootInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to reboot: all of them, or none if one does not exist.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
    }
}

impl Action for RebootInstances {
    const NAME: &'static str = "RebootInstances";
    const DOC: &'static str = "Reboots instances. They keep their disks and addresses.";
    type Input = Input;
    type Output = Return;
}

impl Run for RebootInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Return, Error> {
        let OneOrMore(mut ids) = input.ids;
        ids.sort();
        ids.dedup();
        call.state().reboot_instances(call.scope(), ids, call.now).await.map_err(refuse)?;
        types::crash_point("cloud.reboot.committed");
        call.cloud.poke();
        Ok(Return(true))
    }
}
