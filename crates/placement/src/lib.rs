//! Which node takes an instance, and how many instances fit. Pure.
//!
//! The cloud controller admits launches with the very functions with which the cluster controller
//! places them, over what each of them knows of the nodes.

use std::str::FromStr;
use types::{Figures, NodeName};

mod shortage;

pub use shortage::shortage;

/// A node that may take instances, with what it has and what it has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The node.
    pub node: NodeName,
    /// What it can give to instances altogether.
    pub capacity: Figures,
    /// What the instances that were placed on it hold.
    pub used: Figures,
}

impl Room {
    /// What is left; zero in every dimension that is used up or over-used.
    pub const fn free(&self) -> Figures {
        self.capacity.less(&self.used)
    }

    /// Counts an instance with these figures as placed here.
    pub const fn take(&mut self, ask: &Figures) {
        self.used = self.used.plus(ask);
    }
}

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
    /// Its word in `eucalyptus.conf`.
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
    let fits = |&at: &usize| nodes[at].free().holds(ask);
    match policy {
        Policy::Greedy => (0..nodes.len()).find(fits),
        Policy::RoundRobin => {
            let at_last = last.and_then(|last| nodes.iter().position(|room| room.node == *last));
            let first = at_last.map_or(0, |at| at + 1);
            (0..nodes.len()).map(|step| (first + step) % nodes.len()).find(fits)
        }
        Policy::BestFit => {
            (0..nodes.len()).filter(fits).min_by_key(|&at| left_over(&nodes[at], ask))
        }
    }
}

/// What a node is left with after `ask`, as the sum of the shares of its capacity in per mille.
fn left_over(room: &Room, ask: &Figures) -> u64 {
    let left = room.free().less(ask);
    let share = |left: u64, of: u64| left.saturating_mul(1000).checked_div(of).unwrap_or(0);
    share(left.cores.into(), room.capacity.cores.into())
        + share(left.memory_mb, room.capacity.memory_mb)
        + share(left.disk_gb, room.capacity.disk_gb)
}

/// How many of `asks`, taken in order, can be placed one after the other before one finds no room.
///
/// RunInstances admits its MaxCount with it: the asks of instances that wait for a node come
/// first, those of the new request after them.
pub fn admit(
    policy: Policy,
    nodes: &[Room],
    last: Option<&NodeName>,
    asks: impl IntoIterator<Item = Figures>,
) -> usize {
    let mut nodes = nodes.to_vec();
    let mut last = last.cloned();
    let mut place = |ask: &Figures| {
        let at = choose(policy, &nodes, last.as_ref(), ask)?;
        nodes[at].take(ask);
        last = Some(nodes[at].node.clone());
        Some(())
    };
    asks.into_iter().map_while(|ask| place(&ask)).count()
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
        free: sum.free.saturating_add(room.free().count_of(vm_type)),
        max: sum.max.saturating_add(room.capacity.count_of(vm_type)),
    })
}

#[cfg(test)]
mod tests;
