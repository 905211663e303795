//! The cluster controller's parts and how they are put together.

use crate::measure::Measures;
use crate::memory::{Files, Placements, Seen};
use crate::settings::Settings;
use crate::sighting::Sighting;
use durable::DurableError;
use hostnet::HostNet;
use netplan::RouterPlan;
use placement::Room;
use protocol::{ClusterDesired, ClusterObserved, NodeApi};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedMutexGuard, watch};
use types::{Clock, InstanceId, NodeName, Timestamp};

/// Why a cluster controller could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum CcError {
    /// Its memory cannot be read.
    #[error("the cluster controller's memory: {0}")]
    Memory(#[from] DurableError),
}

/// A cluster controller.
pub struct Cc {
    pub(crate) settings: Settings,
    /// In the order of NODES.
    pub(crate) nodes: Vec<Node>,
    pub(crate) net: Arc<dyn HostNet>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: Files,
    /// What is reported; every change of it wakes those who wait.
    pub(crate) observed: watch::Sender<ClusterObserved>,
    /// Something may have changed: placing is due.
    pub(crate) poke: Notify,
    /// Decisions are made, and written, one after the other.
    deciding: Arc<tokio::sync::Mutex<()>>,
    /// The plan that was applied last. One is applied at a time, so that an older one never
    /// replaces a newer one.
    pub(crate) router: tokio::sync::Mutex<RouterPlan>,
    /// The router's plan may have changed.
    pub(crate) router_poke: Notify,
    pub(crate) passing: tokio::sync::Mutex<()>,
    pub(crate) measures: Measures,
    state: Mutex<State>,
}

/// Held by whoever decides, and by the thread that writes what was decided: a caller may hang up
/// meanwhile.
pub(crate) type Turn = Arc<OwnedMutexGuard<()>>;

/// A node controller and the way to it.
pub(crate) struct Node {
    pub(crate) name: NodeName,
    pub(crate) api: Arc<dyn NodeApi>,
    /// Its part of the desired state may have changed.
    pub(crate) poke: Notify,
}

/// Whom a problem belongs to: each part clears its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    Memory,
    Router,
    Host,
}

/// What the cluster controller has in memory.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// As the cloud sent it last; none before the first.
    pub(crate) desired: Option<ClusterDesired>,
    pub(crate) placements: Placements,
    /// One for each node, in the order of NODES.
    pub(crate) sightings: Vec<(NodeName, Sighting)>,
    /// Since when instances have been waiting for a node.
    pub(crate) waiting: BTreeMap<InstanceId, Timestamp>,
    pub(crate) problems: BTreeMap<Concern, Vec<String>>,
}

impl Cc {
    /// A cluster controller that continues where the last one with this memory ended.
    ///
    /// `nodes` are in the order of NODES.
    ///
    /// # Errors
    /// When its memory cannot be read.
    pub fn open(
        settings: Settings,
        nodes: Vec<(NodeName, Arc<dyn NodeApi>)>,
        net: Arc<dyn HostNet>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CcError> {
        let files = Files::under(&settings.state_path);
        let (desired, placements) = files.load()?;
        let sighting = |name: &NodeName| {
            let seen = placements.seen.get(name).copied();
            (name.clone(), Sighting { seen, ..Sighting::default() })
        };
        let sightings = nodes.iter().map(|(name, _)| sighting(name)).collect();
        let state = State { desired, placements, sightings, ..State::default() };
        let nodes = nodes.into_iter().map(|(name, api)| Node { name, api, poke: Notify::new() });
        Ok(Self {
            settings,
            nodes: nodes.collect(),
            net,
            clock,
            files,
            observed: watch::Sender::new(state.observed()),
            poke: Notify::new(),
            deciding: Arc::default(),
            router: tokio::sync::Mutex::default(),
            router_poke: Notify::new(),
            passing: tokio::sync::Mutex::new(()),
            measures: Measures::begin(),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes those who wait for what is reported, if that has changed.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let new = state.observed();
        self.observed.send_if_modified(|old| {
            let differs = old.revision != new.revision;
            *old = new;
            differs
        });
        result
    }

    /// Replaces the problems of one part, and logs new ones.
    pub(crate) fn concern(&self, about: Concern, problems: Vec<String>) {
        if self.state().problems.get(&about).map_or(&[][..], |old| old) == problems {
            return;
        }
        if problems.is_empty() {
            tracing::info!(?about, "problems are over");
        } else {
            tracing::warn!(?about, ?problems, "problems");
        }
        self.change(|state| state.problems.insert(about, problems));
    }

    /// Waits for one's turn to decide.
    pub(crate) async fn turn(&self) -> Turn {
        Arc::new(Arc::clone(&self.deciding).lock_owned().await)
    }

    /// Decides: changes the placements, on disk before in memory. Nobody else decides meanwhile.
    ///
    /// # Errors
    /// When the disk refuses; then nothing is decided, and the problem is reported.
    pub(crate) async fn decide(
        &self,
        decide: impl FnOnce(&mut State, &mut Placements),
    ) -> Result<(), String> {
        let turn = self.turn().await;
        let (before, after) = {
            let mut state = self.state();
            let before = state.placements.clone();
            let mut after = before.clone();
            decide(&mut state, &mut after);
            after.count_change(&before);
            after.seen = state.seen();
            (before, after)
        };
        if (&after.of, after.sequence) != (&before.of, before.sequence) {
            let copy = after.clone();
            self.write(&turn, move |files| files.store_placements(&copy)).await?;
        }
        self.change(|state| state.placements = after);
        Ok(())
    }

    /// Keeps on disk when each node was seen last; otherwise that is written with decisions.
    pub(crate) async fn keep_sights(&self) {
        let turn = self.turn().await;
        let placements = {
            let state = self.state();
            Placements { seen: state.seen(), ..state.placements.clone() }
        };
        // Only the times are lost when this fails.
        let _ = self.write(&turn, move |files| files.store_placements(&placements)).await;
    }

    /// Writes the memory on a thread that may block.
    ///
    /// # Errors
    /// With what is wrong, for a person; it is also noted as a problem of the cluster.
    pub(crate) async fn write(
        &self,
        turn: &Turn,
        write: impl FnOnce(&Files) -> Result<(), DurableError> + Send + 'static,
    ) -> Result<(), String> {
        let (files, turn) = (self.files.clone(), Arc::clone(turn));
        let write = move || {
            let _turn = turn;
            write(&files)
        };
        let written = match tokio::task::spawn_blocking(write).await {
            Ok(written) => written.map_err(|error| format!("nothing new can be kept: {error}")),
            Err(died) => Err(format!("writing the memory was broken off: {died}")),
        };
        self.concern(Concern::Memory, written.as_ref().err().cloned().into_iter().collect());
        written
    }
}

impl State {
    pub(crate) fn sighting(&mut self, node: &NodeName) -> Option<&mut Sighting> {
        self.sightings.iter_mut().find(|(name, _)| name == node).map(|(_, sighting)| sighting)
    }

    /// The nodes that answer, in the order of NODES.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let room = |(name, sighting): &(NodeName, Sighting)| {
            let Seen { capacity, overhead, .. } = sighting.seen.filter(|_| sighting.reachable)?;
            Some(Room::empty(name.clone(), capacity, overhead))
        };
        let mut rooms: Vec<_> = self.sightings.iter().filter_map(room).collect();
        self.placements.fill(&mut rooms);
        rooms
    }

    pub(crate) fn seen(&self) -> BTreeMap<NodeName, Seen> {
        let seen = self.sightings.iter();
        seen.filter_map(|(name, sighting)| Some((name.clone(), sighting.seen?))).collect()
    }
}
