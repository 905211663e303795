//! What a node has and what it has given.

use types::{Figures, NodeName};

/// A node that may take instances, with what it has and what it has given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The node.
    pub node: NodeName,
    /// What it can give to instances altogether.
    pub capacity: Figures,
    /// What it spends on each instance beside what the VM type gives, such as the disk of its
    /// swap partition.
    pub overhead: Figures,
    /// What the instances that were placed on it hold, overhead included.
    pub used: Figures,
}

impl Room {
    /// A node that has no instances.
    pub const fn empty(node: NodeName, capacity: Figures, overhead: Figures) -> Self {
        let used = Figures { cores: 0, memory_mb: 0, disk_gb: 0 };
        Self { node, capacity, overhead, used }
    }

    /// What is left; zero in every dimension that is used up or over-used.
    pub const fn free(&self) -> Figures {
        self.capacity.less(&self.used)
    }

    /// What an instance with these figures takes from the node.
    pub const fn cost(&self, ask: &Figures) -> Figures {
        ask.plus(&self.overhead)
    }

    /// Counts an instance with these figures as placed here.
    pub const fn take(&mut self, ask: &Figures) {
        self.used = self.used.plus(&self.cost(ask));
    }

    /// Counts so many instances, with these figures all together, as placed here.
    pub fn take_all(&mut self, count: u64, sum: &Figures) {
        self.used = self.used.plus(sum).plus(&self.overhead.times(count));
    }

    /// Counts an instance that was placed here as gone.
    pub const fn give_back(&mut self, ask: &Figures) {
        self.used = self.used.less(&self.cost(ask));
    }
}
