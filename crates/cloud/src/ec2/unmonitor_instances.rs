//! UnmonitorInstances.

use super::call::{Call, Run};
use super::monitor_instances::{Input, Monitored, note};
use ec2_wire::{Action, Error, Version};

pub(super) struct UnmonitorInstances;

impl Action for UnmonitorInstances {
    const NAME: &'static str = "UnmonitorInstances";
    const DOC: &'static str = "Notes that instances are not to be monitored.";
    const SINCE: Version = Version::new(2009, 4, 4);
    type Input = Input;
    type Output = Monitored;
}

impl Run for UnmonitorInstances {
    async fn run(call: &Call<'_>, input: Input) -> Result<Monitored, Error> {
        note(call, input, false).await
    }
}
