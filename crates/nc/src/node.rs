//! The node controller's parts and how they are put together.

use crate::entry::Entry;
use crate::host::Host;
use crate::journal::Journal;
use crate::measure::Measures;
use crate::metadata::MetadataKeeper;
use crate::settings::Settings;
use crate::state::{Concern, Slot, State};
use disks::Disks;
use durable::DurableError;
use hostnet::HostNet;
use hypervisor::Hypervisor;
use netplan::NodePlan;
use protocol::{ImageSource, NodeObserved};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::field::DisplayValue;
use types::{Clock, InstanceId, RequestId};

/// Between two looks when nothing calls for one.
const PASS_EVERY: Duration = Duration::from_secs(2);

/// Between two looks at the host's firewalls.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How many instances are being ended at once.
const CONCURRENT_ENDS: usize = 8;

/// Why a node controller could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum NcError {
    /// Its journal cannot be read.
    #[error("the node controller's journal under INSTANCE_PATH: {0}")]
    Journal(#[from] DurableError),
}

/// All that the node controller acts through.
#[derive(Clone)]
pub struct Adapters {
    /// Where domains run.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Where disks are made.
    pub disks: Arc<dyn Disks>,
    /// The host's network devices and rules.
    pub net: Arc<dyn HostNet>,
    /// Where images come from.
    pub images: Arc<dyn ImageSource>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What keeps the metadata service running.
    pub metadata: Arc<dyn MetadataKeeper>,
    /// The machine itself.
    pub host: Arc<dyn Host>,
}

/// A node controller.
///
/// Dropping it ends its work at once, as `kill -9` does; the next one opened over the same
/// directory continues.
pub struct Nc {
    pub(crate) node: Arc<Node>,
    pub(crate) tasks: Mutex<JoinSet<()>>,
    passing: tokio::sync::Mutex<()>,
}

/// What the tasks of a node controller share.
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) adapters: Adapters,
    pub(crate) journal: Arc<Journal>,
    /// What is reported; every change of it wakes those who wait.
    pub(crate) observed: watch::Sender<NodeObserved>,
    /// Counts the desired states that came in.
    pub(crate) told: watch::Sender<u64>,
    /// How many instances are being worked on.
    pub(crate) at_work: watch::Sender<usize>,
    /// Something may have changed: a pass is due.
    pub(crate) poke: Notify,
    /// Desired states are taken in one after the other. Held by the thread that writes one, too,
    /// for a caller may hang up meanwhile.
    pub(crate) syncing: Arc<tokio::sync::Mutex<()>>,
    /// The plan that was applied last. One is applied at a time, so that an older one never
    /// replaces a newer one.
    pub(crate) network: tokio::sync::Mutex<NodePlan>,
    /// One look at the hypervisor at a time; one that hangs is not joined by others.
    pub(crate) survey: Arc<Semaphore>,
    pub(crate) launches: Semaphore,
    pub(crate) ends: Semaphore,
    pub(crate) measures: Measures,
    state: Mutex<State>,
}

impl Nc {
    /// A node controller that continues where the last one over this INSTANCE_PATH ended.
    ///
    /// # Errors
    /// When the journal as a whole cannot be read. A single broken entry is reported in
    /// [`NodeObserved::problems`] instead.
    pub fn open(settings: Settings, adapters: Adapters) -> Result<Self, NcError> {
        let journal = Journal::new(settings.instance_path.clone());
        let recalled = journal.recall()?;
        let slot = |entry: Entry| (entry.desired.id, Slot::new(entry, false));
        let state = State {
            told: recalled.told,
            slots: recalled.entries.into_iter().map(slot).collect(),
            unreadable: recalled.unreadable.into_iter().collect(),
            mode: Some(settings.mode),
            overhead: settings.overhead,
            ..State::default()
        };
        let node = Node {
            observed: watch::Sender::new(state.observed(&settings.name)),
            told: watch::Sender::new(0),
            at_work: watch::Sender::new(0),
            poke: Notify::new(),
            syncing: Arc::default(),
            network: tokio::sync::Mutex::default(),
            survey: Arc::new(Semaphore::new(1)),
            launches: Semaphore::new(settings.concurrent_launches.max(1)),
            ends: Semaphore::new(CONCURRENT_ENDS),
            measures: Measures::begin(),
            state: Mutex::new(state),
            settings,
            adapters,
            journal: Arc::new(journal),
        };
        let passing = tokio::sync::Mutex::new(());
        Ok(Self { node: Arc::new(node), tasks: Mutex::new(JoinSet::new()), passing })
    }

    /// Looks at everything once and begins what is to be done. Launches and ends go on in tasks
    /// of their own after this returns; [`settle`](Self::settle) waits for them.
    pub async fn pass(&self) {
        let _one_at_a_time = self.passing.lock().await;
        let begun = Instant::now();
        self.pass_alone().await;
        self.node.measures.passed(begun);
    }

    /// Waits until no instance is being worked on.
    pub async fn settle(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.node.at_work.subscribe().wait_for(|tasks| *tasks == 0).await;
    }

    /// Passes at once, whenever something may have changed, and every two seconds, until
    /// `shutdown` completes; looks at the host's firewalls less often. Instances run on after that.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let mut seen = self.node.adapters.net.sightings();
        let work = async {
            loop {
                self.pass().await;
                tokio::select! {
                    () = self.node.poke.notified() => {}
                    Ok(()) = seen.changed() => {}
                    () = tokio::time::sleep(PASS_EVERY) => {}
                }
            }
        };
        let look = async {
            loop {
                self.node.look_at_firewalls().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = look => {}
            () = shutdown => {}
        }
    }
}

impl Drop for Nc {
    fn drop(&mut self) {
        self.node.journal.close();
    }
}

impl Node {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes those who wait for what is reported, if that has changed.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let new = state.observed(&self.settings.name);
        self.observed.send_if_modified(|old| {
            let differs = old.revision != new.revision;
            *old = new;
            differs
        });
        result
    }

    /// Notes or clears the problem of one part of the node, and logs a new one.
    pub(crate) fn concern(&self, about: Concern, problem: Option<String>) {
        self.change(|state| {
            if state.problems.get(&about) == problem.as_ref() {
                return;
            }
            match problem {
                None => {
                    tracing::info!(?about, "problem is over");
                    state.problems.remove(&about);
                }
                Some(text) => {
                    tracing::warn!(?about, problem = text, "problem");
                    state.problems.insert(about, text);
                }
            }
        });
    }

    /// The call that changed last what should be of an instance, for a line of the log.
    pub(crate) fn request(&self, id: InstanceId) -> Option<DisplayValue<RequestId>> {
        let request = self.state().slots.get(&id).and_then(|slot| slot.entry.desired.request);
        request.map(tracing::field::display)
    }

    /// The entry of an instance; none after it was forgotten.
    pub(crate) fn entry(&self, id: InstanceId) -> Option<Entry> {
        self.state().slots.get(&id).map(|slot| slot.entry.clone())
    }
}
