//! Which node gets which instance. Pure.

use crate::memory::{Placement, Placements};
use placement::{Policy, Room, choose, shortage};
use protocol::{ClusterDesired, Goal, InstanceDesired};
use std::collections::BTreeMap;
use types::{InstanceId, NodeName, Timestamp};

/// The console of an instance that is gone can be asked for this long, and a little longer than
/// its node keeps it.
const ENDED_KEPT_MS: u64 = 61 * 60 * 1000;

/// What placing depends on.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) policy: Policy,
    pub(crate) grace_ms: u64,
    pub(crate) now: Timestamp,
    /// The nodes that answer, in the order of NODES.
    pub(crate) rooms: Vec<Room>,
    /// Since when instances have been waiting for a node.
    pub(crate) waiting: &'a mut BTreeMap<InstanceId, Timestamp>,
}

impl Ground<'_> {
    /// Decides about every instance that has no node yet, in the order of admission, and forgets
    /// those that ended long ago.
    pub(crate) fn place(&mut self, desired: &ClusterDesired, placements: &mut Placements) {
        placements.of.retain(|id, placement| self.is_kept(*id, placement, desired));
        self.waiting.retain(|id, _| desired.instances.iter().any(|it| it.id == *id));
        for instance in &desired.instances {
            match placements.of.get(&instance.id) {
                Some(Placement::On { told: true, .. } | Placement::Ended { .. }) => {}
                Some(Placement::On { node, .. }) if self.can_stay(node, instance) => {}
                _ => self.decide(instance, placements),
            }
        }
    }

    fn is_kept(&self, id: InstanceId, placement: &Placement, desired: &ClusterDesired) -> bool {
        let Placement::Ended { node, at, .. } = placement else { return true };
        let recent = node.is_some() && self.now.millis_since(*at) < ENDED_KEPT_MS;
        recent || desired.instances.iter().any(|it| it.id == id)
    }

    fn can_stay(&self, node: &NodeName, instance: &InstanceDesired) -> bool {
        instance.goal == Goal::Run && self.rooms.iter().any(|room| room.node == *node)
    }

    /// Decides about an instance of which no node has heard.
    fn decide(&mut self, instance: &InstanceDesired, placements: &mut Placements) {
        let id = instance.id;
        self.give_back(placements.of.remove(&id));
        let decision = match instance.goal {
            Goal::Terminate => Some(self.ended(None)),
            Goal::Run => {
                self.choose(instance, placements).or_else(|| self.wait_or_give_up(instance))
            }
        };
        if let Some(decision) = decision {
            self.waiting.remove(&id);
            placements.of.insert(id, decision);
        }
    }

    fn give_back(&mut self, placement: Option<Placement>) {
        if let Some(Placement::On { node, figures, .. }) = placement
            && let Some(room) = self.rooms.iter_mut().find(|room| room.node == node)
        {
            room.give_back(&figures);
        }
    }

    fn choose(
        &mut self,
        instance: &InstanceDesired,
        placements: &mut Placements,
    ) -> Option<Placement> {
        let figures = instance.figures;
        let last = placements.last_chosen.as_ref();
        let at = choose(self.policy, &self.rooms, last, &figures)?;
        let room = &mut self.rooms[at];
        room.take(&figures);
        let request = instance.request.map(tracing::field::display);
        tracing::info!(id = %instance.id, node = %room.node, request, "placed");
        placements.last_chosen = Some(room.node.clone());
        Some(Placement::On { node: room.node.clone(), figures, told: false })
    }

    fn wait_or_give_up(&mut self, instance: &InstanceDesired) -> Option<Placement> {
        let since = *self.waiting.entry(instance.id).or_insert(self.now);
        // One that is to be stopped needs no node yet.
        let given_up =
            !instance.should_be_stopped() && self.now.millis_since(since) >= self.grace_ms;
        given_up.then(|| self.ended(Some(shortage(&self.rooms, &instance.figures))))
    }

    const fn ended(&self, reason: Option<String>) -> Placement {
        Placement::Ended { node: None, at: self.now, reason, reboots: 0 }
    }
}
