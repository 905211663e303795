//! The states of an instance as EC2 shows them.

use serde::{Deserialize, Serialize};

/// An instance's state. The order is that of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Accepted, not yet started by a node.
    Pending,
    /// Its domain runs.
    Running,
    /// Being removed by its node.
    ShuttingDown,
    /// Gone; shown for an hour.
    Terminated,
}

impl InstanceState {
    /// EC2's number for the state.
    pub const fn code(self) -> u32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
        }
    }

    /// EC2's name for the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::ShuttingDown, Self::Terminated]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Whether the instance holds capacity, an address and a place in its network.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Terminated)
    }
}
