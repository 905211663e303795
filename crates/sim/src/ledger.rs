//! What users asked for and were promised.

use std::collections::{BTreeMap, BTreeSet};
use types::{ClusterName, InstanceId, InstanceState, NodeName};

/// What users asked for and were promised, and how far each instance was seen to be.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The instances of every answered RunInstances, in the order of the answers.
    pub instances: Vec<InstanceId>,
    /// What was asked of each of them.
    pub asked: BTreeMap<InstanceId, Asked>,
    /// The latest turn, and the furthest state of it, in which an instance was seen.
    pub furthest: BTreeMap<InstanceId, (u32, InstanceState)>,
    /// Guests that powered themselves off.
    pub powered_off: BTreeSet<InstanceId>,
    /// How often a running instance had been started and rebooted when its last reboot was promised.
    pub before_reboot: BTreeMap<InstanceId, (u32, u32)>,
    /// The nodes that were given nothing new when they were looked at last, and what was placed
    /// on each then.
    pub closed: BTreeMap<NodeName, BTreeSet<InstanceId>>,
    /// What the administrator was promised last of each cluster: where the cloud looks for it, or
    /// that it is none of the cloud. Of those that are missing nobody knows.
    pub clusters: BTreeMap<ClusterName, Option<String>>,
    /// Words with one of which an instance may end that nobody asked to end.
    pub excuses: Vec<String>,
}

/// What a user asked of an instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The user's place in the list of users.
    pub by: usize,
    /// The availability zone that was asked for, or else the one that the launch's answer named.
    pub zone: Option<ClusterName>,
    /// Whether the cloud promised to terminate it.
    pub terminate: bool,
    /// Whether it was asked to terminate it, and nobody waited for the answer.
    pub perhaps_terminate: bool,
    /// How many reboots the cloud promised.
    pub reboots: u32,
    /// How many more it was asked for while nobody waited for the answer.
    pub perhaps_reboots: u32,
    /// What the cloud promised last: whether it is stopped. None when nobody waited for the answer
    /// since.
    pub stopped: Option<bool>,
}

impl Ledger {
    /// Notes the answer of a launch, all of which went to this zone.
    pub fn launched(&mut self, by: usize, ids: &[InstanceId], zone: &ClusterName) {
        for id in ids {
            self.instances.push(*id);
            let new = || Asked { by, stopped: Some(false), ..Asked::default() };
            self.asked.entry(*id).or_insert_with(new).zone = Some(zone.clone());
        }
    }

    /// The instances that this user launched.
    pub fn of(&self, user: usize) -> Vec<InstanceId> {
        let theirs = |id: &&InstanceId| self.asked.get(id).is_some_and(|asked| asked.by == user);
        self.instances.iter().filter(theirs).copied().collect()
    }
}
