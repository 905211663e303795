//! The node controller as its cluster controller sees it.

use crate::console;
use crate::node::Nc;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use protocol::{CallError, ConsoleOutput, Goal, NodeApi, NodeDesired, NodeObserved, Revision};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedMutexGuard;
use types::{InstanceId, Timestamp, UserName, crash_point};

/// Held while a desired state is taken in, and written.
type Turn = Arc<OwnedMutexGuard<()>>;

/// Nobody waits longer than this for a change.
const MOST_WAIT: Duration = Duration::from_secs(60);

#[async_trait]
impl NodeApi for Nc {
    async fn sync(&self, desired: NodeDesired) -> Result<(), CallError> {
        let node = &self.node;
        let turn = Arc::new(Arc::clone(&node.syncing).lock_owned().await);
        node.state().admit(&node.settings.name, &desired)?;
        if node.state().desired() != Some(&desired) {
            self.keep(desired, Arc::clone(&turn)).await?;
        }
        crash_point("nc.told");
        node.told.send_modify(|count| *count = count.wrapping_add(1));
        node.poke.notify_one();
        Ok(())
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<NodeObserved, CallError> {
        let mut observed = self.node.observed.subscribe();
        let wait = Duration::from_millis(wait_ms.into()).min(MOST_WAIT);
        let changed = observed.wait_for(|now| Some(now.revision) != since);
        // Over time: the answer is that nothing has changed.
        let _ = tokio::time::timeout(wait, changed).await;
        let now = observed.borrow().clone();
        Ok(now)
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        let (user, launched) = self.owner(id).ok_or_else(|| CallError::NotFound(id.to_string()))?;
        let path = self.node.journal.console_path(&user, id);
        let read = tokio::task::spawn_blocking(move || console::read(&path)).await;
        let console = read
            .map_err(|died| CallError::Failed(died.to_string()))?
            .map_err(|error| CallError::Failed(format!("the console of {id}: {error}")))?;
        Ok(match console {
            None => ConsoleOutput { at: launched, output_base64: String::new() },
            Some((at, text)) => {
                ConsoleOutput { at: in_millis(at), output_base64: STANDARD.encode(text) }
            }
        })
    }
}

impl Nc {
    /// Keeps a desired state on disk, then in memory.
    ///
    /// When the disk is full the state is refused, but what it wants removed is removed: nothing
    /// else makes room.
    async fn keep(&self, desired: NodeDesired, turn: Turn) -> Result<(), CallError> {
        let node = &self.node;
        let told = node.state().after(desired.clone());
        let copy = told.clone();
        let stored = node
            .write(move |journal| {
                let _turn = turn;
                journal.store_told(&copy)
            })
            .await;
        node.change(|state| match &stored {
            Ok(()) => {
                let now = node.adapters.clock.now();
                let runs = desired.instances.iter().filter(|it| it.goal == Goal::Run);
                for new in runs.filter(|it| !state.slots.contains_key(&it.id)) {
                    node.measures.told(new.id, now);
                }
                state.told = Some(told);
                state.take_in_desired();
            }
            Err(_) => state.take_in_ends(&desired),
        });
        if stored.is_err() {
            node.poke.notify_one();
        }
        stored.map_err(CallError::Failed)
    }

    /// Whose instance it is, and when it was launched.
    fn owner(&self, id: InstanceId) -> Option<(UserName, Timestamp)> {
        let state = self.node.state();
        let known = state.slots.get(&id).map(|slot| &slot.entry.desired);
        let instance = known.or_else(|| state.desired_instance(id))?;
        Some((instance.user.clone(), instance.launch_time))
    }
}

fn in_millis(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
