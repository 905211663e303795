//! What cloud, cluster controllers and node controllers say to each other.
//!
//! Desired state goes down, observed state comes up (DESIGN: level-triggered). Every message may
//! be lost, repeated or late: each carries the whole state of its receiver, never a change.
//! The traits are implemented by the roles themselves, by a client over mutual TLS (`transport`)
//! and, in the simulated world, by a direct call.

pub mod admin;
mod desired;
mod image;
mod metadata;
mod networks;
mod nic;
mod observed;
pub mod reason;

pub use desired::{
    Carrier, ClusterDesired, Fabric, Goal, GroupRule, InstanceDesired, InstanceKey, NetworkDesired,
    NodeDesired, Peer,
};
pub use image::{Digest, ImageRef, ImageSource, MalformedDigest};
pub use metadata::MetadataOptions;
pub use networks::Networks;
pub use nic::{Attachment, Nic};
pub use observed::{
    ClusterObserved, ClusterSettings, ConsoleOutput, InstanceObserved, InstancePhase, NodeObserved,
    NodeStatus, Revision, Standing, UnknownStanding,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use types::InstanceId;

/// A number that grows with every change of desired state; an older one is refused.
pub type Generation = u64;

/// Why a call between components failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum CallError {
    /// The receiver has already seen a later state (it is fenced).
    #[error("a state of generation {given} is refused: a later one, of {seen}, was seen before")]
    Stale {
        /// The generation of the refused message.
        given: Generation,
        /// The newest generation that the receiver has kept.
        seen: Generation,
    },
    /// The receiver does not have the named thing.
    #[error("not found: {0}")]
    NotFound(String),
    /// The receiver could not be reached, or the answer was lost. Whether it acted is unknown.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The receiver was reached, and one side does not accept the certificate of the other. Only
    /// the caller itself can know: nobody can send it, and it is never sent on.
    #[error("{0}")]
    #[serde(skip)]
    NotTrusted(String),
    /// The receiver tried and failed.
    #[error("{0}")]
    Failed(String),
}

/// A cluster controller as the cloud controller sees it.
#[async_trait]
pub trait ClusterApi: Send + Sync {
    /// Hands over the whole desired state. The receiver has it on disk before it answers.
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError>;

    /// The observed state: at once when its revision is not `since`, else when it changes or
    /// after `wait_ms`, whichever is first.
    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<ClusterObserved, CallError>;

    /// The newest console output of an instance.
    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError>;
}

/// A node controller as its cluster controller sees it.
#[async_trait]
pub trait NodeApi: Send + Sync {
    /// Hands over the whole desired state. The receiver has it on disk before it answers.
    async fn sync(&self, desired: NodeDesired) -> Result<(), CallError>;

    /// The observed state; waits as [`ClusterApi::observe`] does.
    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<NodeObserved, CallError>;

    /// The newest console output of an instance.
    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError>;
}
