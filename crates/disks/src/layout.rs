//! How an instance's disks are laid out. Node controllers keep this in their journals.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is on the root disk, and which disks there are beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The whole root disk is one filesystem: instances made before disks had partitions.
    #[default]
    Whole,
    /// The root disk has partitions: the root filesystem is the first of them.
    Partitions {
        /// Whether the second one is an ephemeral filesystem.
        ephemeral: bool,
        /// Whether the third one is swap space.
        swap: bool,
    },
    /// The root disk boots by itself; what else there is, is a disk of its own.
    Disks {
        /// A disk with an ephemeral filesystem, a qcow2 overlay.
        ephemeral: Option<PathBuf>,
        /// A disk of swap space, a qcow2 overlay.
        swap: Option<PathBuf>,
    },
}

impl Layout {
    /// The disks beside the root disk, in the order in which the guest has them.
    pub fn further_disks(&self) -> Vec<PathBuf> {
        match self {
            Self::Whole | Self::Partitions { .. } => Vec::new(),
            Self::Disks { ephemeral, swap } => ephemeral.iter().chain(swap).cloned().collect(),
        }
    }
}
