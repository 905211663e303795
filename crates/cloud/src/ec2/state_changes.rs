//! What terminating, stopping and starting answer: each instance with its state before and now.

use super::reservation::encode_state;
use ec2_wire::{Response, Xml};
use state::StateChange;
use types::InstanceId;

/// The changes, one for each instance that was named.
pub(super) struct StateChanges(pub(super) Vec<StateChange>);

impl Response for StateChanges {
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

/// Each id once: an instance that is named twice changes once.
pub(super) fn each_once(mut ids: Vec<InstanceId>) -> Vec<InstanceId> {
    ids.sort();
    ids.dedup();
    ids
}
