//! The cluster controller as the cloud sees it.

use crate::cluster::Cc;
use crate::memory::{Placement, generation};
use crate::nodes::limited;
use async_trait::async_trait;
use protocol::{CallError, ClusterApi, ClusterDesired, ClusterObserved, ConsoleOutput, Revision};
use std::sync::Arc;
use std::time::Duration;
use types::{InstanceId, NodeName};

/// Nobody waits longer than this for a change.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// How long a node may take to read a console.
const CONSOLE_WAIT: Duration = Duration::from_secs(10);

#[async_trait]
impl ClusterApi for Cc {
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError> {
        let turn = self.turn().await;
        let unchanged = {
            let state = self.state();
            let seen = generation(state.desired.as_ref());
            if desired.generation < seen {
                return Err(CallError::Stale { given: desired.generation, seen });
            }
            state.desired.as_ref() == Some(&desired)
        };
        if !unchanged {
            let copy = desired.clone();
            let written = self.write(&turn, move |files| files.store_desired(&copy)).await;
            written.map_err(CallError::Failed)?;
            types::crash_point("cc.told");
            let now = self.clock.now();
            self.change(|state| {
                let is_new = |id| !state.placements.of.contains_key(&id);
                self.measures.received(&desired, is_new, now);
                state.desired = Some(desired);
            });
        }
        self.poke.notify_one();
        Ok(())
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<ClusterObserved, CallError> {
        let mut observed = self.observed.subscribe();
        let wait = Duration::from_millis(wait_ms.into()).min(MOST_WAIT);
        let changed = observed.wait_for(|now| Some(now.revision) != since);
        // Over time: the answer is that nothing has changed.
        let _ = tokio::time::timeout(wait, changed).await;
        let now = observed.borrow().clone();
        Ok(now)
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        let name = self.node_of(id).ok_or_else(|| CallError::NotFound(id.to_string()))?;
        // It may have left since: it keeps its consoles all the same.
        let way = match self.followed().into_iter().find(|node| node.name == name) {
            Some(node) => Arc::clone(&node.api),
            None => self.ways.to(&name).map_err(|cause| {
                CallError::Unreachable(format!("node {name}, which has {id}: {cause}"))
            })?,
        };
        limited(CONSOLE_WAIT, way.console_output(id)).await
    }
}

impl Cc {
    fn node_of(&self, id: InstanceId) -> Option<NodeName> {
        match self.state().placements.of.get(&id)? {
            Placement::On { node, .. } => Some(node.clone()),
            Placement::Ended { node, .. } => node.clone(),
        }
    }
}
