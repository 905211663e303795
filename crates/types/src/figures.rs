//! What instances need and machines have.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

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

/// Why something is no VM type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("VM type \"{text}\" is not valid: {rule}")]
pub struct InvalidVmType {
    /// What was given, shortened to a length that can be shown.
    pub text: String,
    /// The rule, as a sentence part.
    pub rule: &'static str,
}

impl VmType {
    /// The type of a launch that names none.
    pub const DEFAULT: &'static str = "m1.small";
    /// So many types can there be.
    pub const MOST: usize = 64;

    /// Checks the name and that the figures are those of a machine.
    ///
    /// # Errors
    /// With the rule that is broken.
    pub fn check(&self) -> Result<(), InvalidVmType> {
        let Figures { cores, memory_mb, disk_gb } = self.figures;
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        let named = (1..=64).contains(&self.name.len())
            && self.name.as_bytes()[0].is_ascii_alphanumeric()
            && self.name.bytes().all(letter);
        let rule = if !named {
            "its name must have 1 to 64 letters, digits, '.' and '-', a letter or digit first"
        } else if !(1..=1024).contains(&cores) {
            "it must have 1 to 1024 cores"
        } else if !(1..=1 << 24).contains(&memory_mb) {
            "it must have 1 to 16777216 MB of memory"
        } else if !(1..=1 << 20).contains(&disk_gb) {
            "it must have 1 to 1048576 GB of disk"
        } else {
            return Ok(());
        };
        Err(invalid_vm_type(&self.name, rule))
    }

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

/// Reads `NAME=CORES,MB,GB`.
impl FromStr for VmType {
    type Err = InvalidVmType;
    fn from_str(text: &str) -> Result<Self, InvalidVmType> {
        let shape = || invalid_vm_type(text, "write NAME=CORES,MB,GB, such as m1.small=1,128,10");
        let (name, figures) = text.split_once('=').ok_or_else(shape)?;
        let figures: Vec<&str> = figures.split(',').map(str::trim).collect();
        let &[cores, memory_mb, disk_gb] = figures.as_slice() else { return Err(shape()) };
        let vm_type = Self {
            name: name.trim().to_owned(),
            figures: Figures {
                cores: cores.parse().map_err(|_| shape())?,
                memory_mb: memory_mb.parse().map_err(|_| shape())?,
                disk_gb: disk_gb.parse().map_err(|_| shape())?,
            },
        };
        vm_type.check()?;
        Ok(vm_type)
    }
}

fn invalid_vm_type(text: &str, rule: &'static str) -> InvalidVmType {
    InvalidVmType { text: text.chars().take(64).collect(), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_types_are_read_strictly() {
        let right: VmType = "m1.tiny=1, 64, 2".parse().unwrap();
        assert_eq!(right.figures, Figures { cores: 1, memory_mb: 64, disk_gb: 2 });
        for (wrong, rule) in [
            ("m1.small", "write NAME="),
            ("m1.small=1,128", "write NAME="),
            ("m1.small=1,128,10,4", "write NAME="),
            ("m1.small=1,-128,10", "write NAME="),
            ("m1.small=1,128,99999999999999999999", "write NAME="),
            ("m1 small=1,128,10", "its name"),
            ("-m=1,128,10", "its name"),
            ("=1,128,10", "its name"),
            ("m\u{e9}=1,128,10", "its name"),
            ("m1.small=0,128,10", "cores"),
            ("m1.small=1,0,10", "memory"),
            ("m1.small=1,128,0", "disk"),
            ("m1.small=1025,128,10", "cores"),
        ] {
            let error = wrong.parse::<VmType>().unwrap_err().to_string();
            assert!(error.contains(rule), "{wrong}: {error}");
        }
        assert!(VmType::of_1_4().iter().all(|known| known.check().is_ok()));
    }

    #[test]
    fn count_is_the_tightest_dimension() {
        let node = Figures { cores: 4, memory_mb: 1000, disk_gb: 100 };
        assert_eq!(node.count_of(&Figures { cores: 1, memory_mb: 300, disk_gb: 10 }), 3);
        assert_eq!(node.count_of(&Figures { cores: 8, memory_mb: 1, disk_gb: 1 }), 0);
        assert_eq!(node.count_of(&Figures { cores: 0, memory_mb: 100, disk_gb: 0 }), 10);
    }
}
