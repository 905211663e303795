//! StopInstances.

use super::call::{Call, Run};
use super::refusal::refuse;
use super::state_changes::{StateChanges, each_once};
use ec2_wire::{Action, Code, Error, OneOrMore, Version, parameters};
use types::InstanceId;

pub(super) struct StopInstances;

parameters! {
    pub(super) struct Input {
        /// The instances to stop: all of them, or none if one cannot be stopped.
        ids: OneOrMore<InstanceId> = "InstanceId.N", "instancesSet/item/instanceId";
        /// Turns them off at once; else their guests are asked to shut down and have a minute.
        force: Option<bool> = "Force", "force";
        /// The same.
        skip: Option<bool> = "SkipOsShutdown", "skipOsShutdown", since (2016, 11, 15);
        /// Not offered: what is in memory is lost.
        hibernate: Option<bool> = "Hibernate", "", since (2016, 11, 15);
    }
}

impl Action for StopInstances {
    const NAME: &'static str = "StopInstances";
    const DOC: &'static str = "Stops instances. They keep their disks, addresses, node and \
                               capacity, and can be started again.";
    const SINCE: Version = Version::new(2009, 10, 31);
    type Input = Input;
    type Output = StateChanges;
}

impl Run for StopInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<StateChanges, Error> {
        if input.hibernate == Some(true) {
            let message = "this cloud stops instances, but cannot hibernate them";
            return Err(Error::new(Code::UnsupportedOperation, message));
        }
        let (ids, forced) =
            (each_once(input.ids.0), input.force == Some(true) || input.skip == Some(true));
        let changes = call.state().stop_instances(call.scope(), ids, forced, call.now).await;
        let changes = changes.map_err(refuse)?;
        types::crash_point("cloud.stop.committed");
        call.cloud.poke();
        Ok(StateChanges(changes))
    }
}
