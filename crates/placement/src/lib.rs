//! Which node takes an instance, and how many instances fit. Pure.
//!
//! The cloud controller admits launches with the very functions with which the cluster controller
//! places them, over what each of them knows of the nodes.

use std::str::FromStr;
use types::{Figures, NodeName};

mod room;
mod shortage;

pub use room::Room;
pub use shortage::shortage;

/// How a node is chosen among those that have room: SCHEDPOLICY in `eucalyptus.conf`
/// (Administrator's Guide, "Configuring").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The first in the order of NODES.
    #[default]
    Greedy,
    /// The next after the one that was chosen last, in the order of NODES.
    RoundRobin,
    /// The one that is left with the least.
    BestFit,
}

impl Policy {
    /// Its word in SCHEDPOLICY.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greedy => "GREEDY",
            Self::RoundRobin => "ROUNDROBIN",
            Self::BestFit => "BESTFIT",
        }
    }
}

/// A word that names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a policy; use GREEDY, ROUNDROBIN or BESTFIT")]
pub struct UnknownPolicy(pub String);

impl FromStr for Policy {
    type Err = UnknownPolicy;
    fn from_str(word: &str) -> Result<Self, UnknownPolicy> {
        match word.to_ascii_uppercase().as_str() {
            "GREEDY" => Ok(Self::Greedy),
            "ROUNDROBIN" => Ok(Self::RoundRobin),
            "BESTFIT" => Ok(Self::BestFit),
            _ => Err(UnknownPolicy(word.chars().take(40).collect())),
        }
    }
}

/// The node that takes an instance: its index in `nodes`, which are in the order of NODES.
///
/// `last` is the node that was chosen last, for [`Policy::RoundRobin`]. None when no node has room.
pub fn choose(
    policy: Policy,
    nodes: &[Room],
    last: Option<&NodeName>,
    ask: &Figures,
) -> Option<usize> {
    let last = last.and_then(|last| nodes.iter().position(|room| room.node == *last));
    let used: Vec<_> = nodes.iter().map(|room| room.used).collect();
    Round { policy, nodes, used, last }.choose(ask)
}

/// Nodes that are being filled, in thought.
struct Round<'a> {
    policy: Policy,
    nodes: &'a [Room],
    /// What is used of each by now.
    used: Vec<Figures>,
    /// The node that was chosen last.
    last: Option<usize>,
}

impl<'a> Round<'a> {
    fn new(policy: Policy, nodes: &'a [Room], last: Option<usize>) -> Self {
        Self { policy, nodes, used: nodes.iter().map(|room| room.used).collect(), last }
    }

    fn free(&self, at: usize) -> Figures {
        self.nodes[at].capacity.less(&self.used[at])
    }

    fn choose(&self, ask: &Figures) -> Option<usize> {
        let count = self.nodes.len();
        let fits = |&at: &usize| self.free(at).holds(&self.nodes[at].cost(ask));
        match self.policy {
            Policy::Greedy => (0..count).find(fits),
            Policy::RoundRobin => {
                let first = self.last.map_or(0, |at| at + 1);
                (0..count).map(|step| (first + step) % count).find(fits)
            }
            Policy::BestFit => (0..count).filter(fits).min_by_key(|&at| self.left_over(at, ask)),
        }
    }

    /// What a node is left with after `ask`, as the sum of the shares of its capacity in per mille.
    fn left_over(&self, at: usize, ask: &Figures) -> u64 {
        let room = &self.nodes[at];
        let left = self.free(at).less(&room.cost(ask));
        let share = |left: u64, of: u64| left.saturating_mul(1000).checked_div(of).unwrap_or(0);
        share(left.cores.into(), room.capacity.cores.into())
            .saturating_add(share(left.memory_mb, room.capacity.memory_mb))
            .saturating_add(share(left.disk_gb, room.capacity.disk_gb))
    }

    /// Places one; false when no node has room.
    fn place(&mut self, ask: &Figures) -> bool {
        let Some(at) = self.choose(ask) else { return false };
        self.used[at] = self.used[at].plus(&self.nodes[at].cost(ask));
        self.last = Some(at);
        true
    }

    /// Places what waits, in its order. What fits nowhere goes on waiting and holds up nobody.
    fn place_all(&mut self, waiting: &[Figures]) {
        for ask in waiting {
            self.place(ask);
        }
    }
}

/// How many instances of `ask` can be placed once those that wait for a node have been placed
/// before them, `most` at most. RunInstances admits with it.
///
/// Which node [`Policy::RoundRobin`] chose last is known to the cluster controller alone, so with
/// it the answer is what can be placed whichever it was.
pub fn admit(policy: Policy, nodes: &[Room], waiting: &[Figures], ask: &Figures, most: u64) -> u64 {
    let after = |last: Option<usize>| {
        let mut round = Round::new(policy, nodes, last);
        round.place_all(waiting);
        (0..most).take_while(|_| round.place(ask)).count() as u64
    };
    // Instances of one kind find as many places in any order.
    let any_order = waiting.iter().all(|other| other == ask);
    match policy {
        Policy::RoundRobin if !any_order => {
            (0..nodes.len()).map(|last| after(Some(last))).min().unwrap_or(0)
        }
        _ => after(None),
    }
}

/// The nodes with what waits for one counted where it would go.
pub fn with_waiting(policy: Policy, mut nodes: Vec<Room>, waiting: &[Figures]) -> Vec<Room> {
    let mut round = Round::new(policy, &nodes, None);
    round.place_all(waiting);
    let used = round.used;
    for (room, used) in nodes.iter_mut().zip(used) {
        room.used = used;
    }
    nodes
}

/// How many instances of one VM type the nodes can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Availability {
    /// As things are.
    pub free: u64,
    /// If nothing ran.
    pub max: u64,
}

/// The `free / max` of one VM type in `describe-availability-zones verbose`: the sum over the
/// nodes of how many instances of it each can take.
pub fn availability(nodes: &[Room], vm_type: &Figures) -> Availability {
    nodes.iter().fold(Availability::default(), |sum, room| Availability {
        free: sum.free.saturating_add(room.free().count_of(&room.cost(vm_type))),
        max: sum.max.saturating_add(room.capacity.count_of(&room.cost(vm_type))),
    })
}

#[cfg(test)]
mod tests;
