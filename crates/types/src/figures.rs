//! What instances need and machines have.

use serde::{Deserialize, Serialize};

/// An amount of cores, memory and disk: what a VM type asks for, or what a node has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Figures {
    /// Virtual processors.
    pub cores: u32,
    /// Memory in MB (2^20 bytes).
    pub memory_mb: u64,
    /// Disk in GB (2^30 bytes).
    pub disk_gb: u64,
}

impl Figures {
    /// Whether `ask` fits into this amount in every dimension.
    pub const fn holds(&self, ask: &Self) -> bool {
        self.cores >= ask.cores && self.memory_mb >= ask.memory_mb && self.disk_gb >= ask.disk_gb
    }

    /// The sum in every dimension.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            cores: self.cores.saturating_add(other.cores),
            memory_mb: self.memory_mb.saturating_add(other.memory_mb),
            disk_gb: self.disk_gb.saturating_add(other.disk_gb),
        }
    }

    /// The difference in every dimension, zero where `other` is larger.
    #[must_use]
    pub const fn less(&self, other: &Self) -> Self {
        Self {
            cores: self.cores.saturating_sub(other.cores),
            memory_mb: self.memory_mb.saturating_sub(other.memory_mb),
            disk_gb: self.disk_gb.saturating_sub(other.disk_gb),
        }
    }

    /// This amount so many times.
    #[must_use]
    pub fn times(&self, count: u64) -> Self {
        let cores = u64::from(self.cores).saturating_mul(count);
        Self {
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
            memory_mb: self.memory_mb.saturating_mul(count),
            disk_gb: self.disk_gb.saturating_mul(count),
        }
    }

    /// How many instances of `ask` fit into this amount.
    pub fn count_of(&self, ask: &Self) -> u64 {
        let by = |have: u64, want: u64| have.checked_div(want).unwrap_or(u64::MAX);
        by(self.cores.into(), ask.cores.into())
            .min(by(self.memory_mb, ask.memory_mb))
            .min(by(self.disk_gb, ask.disk_gb))
    }
}

/// A VM type (instance type) and its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmType {
    /// Its name, such as `m1.small`.
    pub name: String,
    /// What an instance of it gets.
    pub figures: Figures,
}

impl VmType {
    /// The type of a launch that names none.
    pub const DEFAULT: &'static str = "m1.small";

    /// The five types of 1.4 with their figures, in ascending order.
    pub fn of_1_4() -> Vec<Self> {
        [
            ("m1.small", 1, 128, 10),
            ("c1.medium", 1, 256, 10),
            ("m1.large", 2, 512, 10),
            ("m1.xlarge", 2, 1024, 20),
            ("c1.xlarge", 4, 2048, 20),
        ]
        .map(|(name, cores, memory_mb, disk_gb)| Self {
            name: name.to_owned(),
            figures: Figures { cores, memory_mb, disk_gb },
        })
        .to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_the_tightest_dimension() {
        let node = Figures { cores: 4, memory_mb: 1000, disk_gb: 100 };
        assert_eq!(node.count_of(&Figures { cores: 1, memory_mb: 300, disk_gb: 10 }), 3);
        assert_eq!(node.count_of(&Figures { cores: 8, memory_mb: 1, disk_gb: 1 }), 0);
        assert_eq!(node.count_of(&Figures { cores: 0, memory_mb: 100, disk_gb: 0 }), 10);
    }
}
