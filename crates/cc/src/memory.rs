//! What the cluster controller keeps on disk: `desired.json`, as the cloud sent it last, and
//! `placements.json`, its own decisions.

use crate::fabric::Machines;
use durable::DurableError;
use placement::Room;
use protocol::{ClusterDesired, Generation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use types::{Figures, InstanceId, NodeName, Timestamp};

/// The cluster controller's own decisions, and when it saw its nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placements {
    /// Where each instance is, or why it is nowhere.
    pub of: BTreeMap<InstanceId, Placement>,
    /// Grows with every change of [`of`](Self::of) and [`machines`](Self::machines).
    pub sequence: u64,
    /// The node that was chosen last.
    pub last_chosen: Option<NodeName>,
    /// What each node said last.
    pub seen: BTreeMap<NodeName, Seen>,
    /// Where the machines of the cloud are.
    #[serde(default)]
    pub machines: Machines,
}

/// What was decided about an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// A node has it. It holds these figures of the node's capacity.
    On {
        /// The node.
        node: NodeName,
        /// What the instance holds.
        figures: Figures,
        /// Whether the node may have heard of it. Until then it can be placed elsewhere; from
        /// then on only the node's own word releases it (DESIGN, "Unknown is not dead").
        told: bool,
    },
    /// It is gone, or never was.
    Ended {
        /// The node that had it and keeps its console; none when no node had it.
        node: Option<NodeName>,
        /// When that became known.
        at: Timestamp,
        /// Why, for a person.
        reason: Option<String>,
        /// How many of the wanted reboots were done.
        reboots: u32,
    },
}

/// The last sight of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When it was.
    pub at: Timestamp,
    /// What the node said that it can give.
    pub capacity: Figures,
    /// What it said that each instance costs it beside its figures.
    #[serde(default)]
    pub overhead: Figures,
}

impl Placements {
    /// Counts in each of these nodes what the instances on it hold.
    pub(crate) fn fill(&self, rooms: &mut [Room]) {
        let mut at: BTreeMap<NodeName, &mut Room> =
            rooms.iter_mut().map(|room| (room.node.clone(), room)).collect();
        for placement in self.of.values() {
            if let Placement::On { node, figures, .. } = placement
                && let Some(room) = at.get_mut(node)
            {
                room.take(figures);
            }
        }
    }

    /// The nodes that have instances, or may have; one for each instance.
    pub(crate) fn homes(&self) -> impl Iterator<Item = &NodeName> {
        self.of.values().filter_map(|placement| match placement {
            Placement::On { node, .. } => Some(node),
            Placement::Ended { .. } => None,
        })
    }

    /// Raises the sequence when decisions differ from `before`.
    pub(crate) fn count_change(&mut self, before: &Self) {
        if self.of != before.of && self.sequence == before.sequence {
            self.sequence += 1;
        }
    }
}

/// Where the two files are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(crate) fn under(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    pub(crate) fn load(&self) -> Result<(Option<ClusterDesired>, Placements), DurableError> {
        let placements = durable::load(&self.placements())?.unwrap_or_default();
        Ok((durable::load(&self.desired())?, placements))
    }

    pub(crate) fn store_desired(&self, desired: &ClusterDesired) -> Result<(), DurableError> {
        durable::store(&self.desired(), desired)
    }

    pub(crate) fn store_placements(&self, placements: &Placements) -> Result<(), DurableError> {
        durable::store(&self.placements(), placements)
    }

    fn desired(&self) -> PathBuf {
        self.directory.join("desired.json")
    }

    fn placements(&self) -> PathBuf {
        self.directory.join("placements.json")
    }
}

/// The generation of a desired state; 0 before the first.
pub(crate) fn generation(desired: Option<&ClusterDesired>) -> Generation {
    desired.map_or(0, |desired| desired.generation)
}
