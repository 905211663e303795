//! What is done for one instance, in a task of its own.

mod launch;
mod network;
mod reboot;
mod record;
mod remove;
mod stop;

use crate::node::{Nc, Node};
use disks::DiskError;
use hypervisor::HypervisorError;
use std::sync::{Arc, PoisonError};
use tracing::Instrument;
use types::InstanceId;

/// What a task is for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Launch,
    /// With the reason to note.
    Remove(Option<String>),
    AskToShutDown,
    PowerOff,
    /// The domain, once its guest has, has been rebooted this often.
    AskToReboot(u32),
    /// The domain then has been rebooted this often.
    Reset(u32),
}

/// Why a step was not taken to its end.
#[derive(Debug)]
pub(crate) enum Setback {
    /// Nothing is known, or trying again may help: nothing changes, the next pass tries again.
    Wait(String),
    /// It will not work.
    Fail(String),
}

impl Setback {
    fn of_hypervisor(doing: &str) -> impl FnOnce(HypervisorError) -> Self {
        move |error| match error {
            HypervisorError::Unreachable(_) | HypervisorError::NotNow(_) => {
                Self::Wait(format!("{doing}: {error}"))
            }
            HypervisorError::Failed(_) => Self::Fail(format!("{doing}: {error}")),
        }
    }

    fn of_disks(error: &DiskError) -> Self {
        Self::Fail(format!("its disks could not be made: {error}"))
    }

    fn of_network(problem: String) -> Self {
        Self::Fail(format!("its network could not be set up: {problem}"))
    }

    fn into_text(self) -> String {
        match self {
            Self::Wait(text) | Self::Fail(text) => text,
        }
    }
}

impl Nc {
    /// Begins to work on an instance, and leaves a note when that does not come to its end.
    pub(crate) fn begin(&self, id: InstanceId, work: Work) {
        let at_work = AtWork::begin(&self.node, id);
        let span = tracing::info_span!("for", request = self.node.request(id));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        let task = async move {
            let result = at_work.node.work(id, work).await;
            at_work.node.note(id, result.as_ref().err().cloned());
            if let Err(text) = &result {
                tracing::warn!(%id, problem = text, "will be tried again");
            }
            let node = Arc::clone(&at_work.node);
            drop(at_work);
            if result.is_ok() {
                node.poke.notify_one();
            }
        };
        tasks.spawn(task.instrument(span));
    }
}

/// An instance is busy for as long as this lives, however its task ends.
struct AtWork {
    node: Arc<Node>,
    id: InstanceId,
}

impl AtWork {
    fn begin(node: &Arc<Node>, id: InstanceId) -> Self {
        node.set_busy(id, true);
        node.at_work.send_modify(|tasks| *tasks += 1);
        Self { node: Arc::clone(node), id }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.node.set_busy(self.id, false);
        self.node.at_work.send_modify(|tasks| *tasks -= 1);
    }
}

impl Node {
    async fn work(&self, id: InstanceId, work: Work) -> Result<(), String> {
        let done = match work {
            Work::Launch => self.launch(id).await,
            Work::Remove(reason) => self.remove(id, reason).await,
            Work::AskToShutDown => self.ask_to_shut_down(id).await,
            Work::PowerOff => self.power_off(id).await,
            Work::AskToReboot(count) => self.ask_to_reboot(id, count).await,
            Work::Reset(count) => self.reset(id, count).await,
        };
        done.map_err(Setback::into_text)
    }

    fn set_busy(&self, id: InstanceId, busy: bool) {
        if let Some(slot) = self.state().slots.get_mut(&id) {
            slot.busy = busy;
        }
    }

    /// Tells what is being waited for.
    fn note(&self, id: InstanceId, text: Option<String>) {
        self.change(|state| {
            if let Some(slot) = state.slots.get_mut(&id) {
                slot.note = text;
            }
        });
    }
}
