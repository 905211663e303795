//! The states of an instance as EC2 shows them.

use serde::{Deserialize, Serialize};

/// An instance's state. The order is that of its life between two stops or starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Accepted, not yet started by a node.
    Pending,
    /// Its domain runs.
    Running,
    /// Its domain is being ended; its disks stay.
    Stopping,
    /// Its domain is gone and its disks are there. It keeps its node and its capacity.
    Stopped,
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
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    /// EC2's name for the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
        }
    }

    /// The state with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        const ALL: [InstanceState; 6] = [
            InstanceState::Pending,
            InstanceState::Running,
            InstanceState::Stopping,
            InstanceState::Stopped,
            InstanceState::ShuttingDown,
            InstanceState::Terminated,
        ];
        ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the instance holds capacity, an address and a place in its network.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Terminated)
    }
}
