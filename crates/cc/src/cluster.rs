//! The cluster controller's parts and how they are put together.

use crate::measure::Measures;
use crate::memory::{Files, Placements, Seen};
use crate::mode;
use crate::roster::{Node, NodeEntry, Ways};
use crate::route::Routed;
use crate::settings::Settings;
use crate::sighting::Sighting;
use durable::DurableError;
use hostnet::{HostNet, Path};
use placement::{Policy, Room};
use protocol::{ClusterDesired, ClusterObserved, Networks, Standing};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, OwnedMutexGuard, watch};
use types::{AddressPool, Clock, ClusterName, InstanceId, NodeName, Timestamp, VnetMode};

/// Why a cluster controller could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum CcError {
    /// Its memory cannot be read.
    #[error("the cluster controller's memory: {0}")]
    Memory(#[from] DurableError),
    /// VNET_MODE was changed while there are instances of the mode before.
    #[error(
        "VNET_MODE is {now}, and {count} instances have a network of {then} mode ({}{}): set \
         VNET_MODE=\"{then}\" again, start the cluster controller, terminate them, and change the \
         mode then",
        instances.join(" "), if instances.len() < *count { " …" } else { "" }
    )]
    ModeChanged {
        /// The mode of the configuration.
        now: VnetMode,
        /// That of the instances.
        then: VnetMode,
        /// How many there are.
        count: usize,
        /// The first of them.
        instances: Vec<String>,
    },
    /// No way to a node can be made.
    #[error("no way to node {node} can be made: {cause}")]
    NoWay {
        /// The node.
        node: NodeName,
        /// Why.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A cluster controller.
pub struct Cc {
    pub(crate) settings: Settings,
    pub(crate) ways: Arc<dyn Ways>,
    /// Those that are followed; changes as NODES and placements do.
    pub(crate) following: watch::Sender<Vec<Arc<Node>>>,
    pub(crate) net: Arc<dyn HostNet>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: Files,
    /// What is reported; every change of it wakes those who wait.
    pub(crate) observed: watch::Sender<ClusterObserved>,
    /// Something may have changed: placing is due.
    pub(crate) poke: Notify,
    /// There may be machines that were not looked for yet.
    pub(crate) find_poke: Notify,
    /// Decisions are made, and written, one after the other.
    deciding: Arc<tokio::sync::Mutex<()>>,
    /// What was applied last. One plan is applied at a time, so that an older one never replaces a
    /// newer one.
    pub(crate) router: tokio::sync::Mutex<Routed>,
    /// The router's plan may have changed.
    pub(crate) router_poke: Notify,
    pub(crate) passing: tokio::sync::Mutex<()>,
    pub(crate) measures: Measures,
    state: Mutex<State>,
}

/// Held by whoever decides, and by the thread that writes what was decided: a caller may hang up
/// meanwhile.
pub(crate) type Turn = Arc<OwnedMutexGuard<()>>;

/// Whom a problem belongs to: each part clears its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    Configuration,
    Memory,
    Machines,
    OwnRules,
    Addresses,
    Router,
    Host,
}

/// What the cluster controller has in memory.
#[derive(Debug)]
pub(crate) struct State {
    /// What the configuration says of networks.
    pub(crate) networks: Networks,
    /// SCHEDPOLICY.
    pub(crate) policy: Policy,
    /// VNET_PUBLICIPS.
    pub(crate) public_addresses: AddressPool,
    /// Whether nodes on other machines can be given networks.
    pub(crate) has_transport: bool,
    /// NODES.
    pub(crate) roster: Vec<NodeEntry>,
    /// As the cloud sent it last; none before the first.
    pub(crate) desired: Option<ClusterDesired>,
    pub(crate) placements: Placements,
    /// One for each node: in the order of NODES, after them those that are leaving.
    pub(crate) sightings: Vec<(NodeName, Sighting)>,
    /// Since when instances have been waiting for a node.
    pub(crate) waiting: BTreeMap<InstanceId, Timestamp>,
    pub(crate) problems: BTreeMap<Concern, Vec<String>>,
}

impl Cc {
    /// A cluster controller that continues where the last one with this memory ended.
    ///
    /// `nodes` are in the order of NODES; [`set_nodes`](Self::set_nodes) changes them.
    ///
    /// # Errors
    /// When its memory cannot be read, there is no way to a node, or the mode was changed under
    /// instances.
    pub fn open(
        settings: Settings,
        nodes: Vec<NodeEntry>,
        ways: Arc<dyn Ways>,
        net: Arc<dyn HostNet>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CcError> {
        let files = Files::under(&settings.state_path);
        let (desired, placements) = files.load()?;
        let networks = settings.network.reported();
        mode::check_instances(networks.mode(), desired.as_ref(), &placements)?;
        let state = State {
            networks,
            policy: settings.policy,
            public_addresses: settings.public_addresses.clone(),
            has_transport: settings.network.carrier().is_some(),
            roster: nodes,
            desired,
            placements,
            sightings: Vec::new(),
            waiting: BTreeMap::new(),
            problems: BTreeMap::new(),
        };
        let cc = Self {
            settings,
            ways,
            following: watch::Sender::new(Vec::new()),
            net,
            clock,
            files,
            observed: watch::Sender::new(state.observed()),
            poke: Notify::new(),
            find_poke: Notify::new(),
            deciding: Arc::default(),
            router: tokio::sync::Mutex::default(),
            router_poke: Notify::new(),
            passing: tokio::sync::Mutex::new(()),
            measures: Measures::begin(),
            state: Mutex::new(state),
        };
        cc.muster()?;
        Ok(cc)
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

    /// Notes what keeps a changed configuration from being taken over, with the remedy; none when
    /// nothing does.
    pub fn note_configuration(&self, problem: Option<String>) {
        self.concern(Concern::Configuration, problem.into_iter().collect());
    }

    /// Notes which of the administrator's own rules were not loaded, with the remedy.
    pub fn note_own_rules(&self, problems: Vec<String>) {
        self.concern(Concern::OwnRules, problems);
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
            types::crash_point("cc.decided");
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

    /// Whether instances on a node would have a network: its machine was found, and is this one or
    /// one that is joined with it. The site's own network is for the site to join.
    pub(crate) fn is_joined(&self, node: &NodeName) -> bool {
        if self.mode() != VnetMode::Managed {
            return true;
        }
        let path = self.placements.machines.nodes.get(node);
        path.is_some_and(|path| *path == Path::Here || self.has_transport)
    }

    /// The other cluster that has instances on a node.
    pub(crate) fn holder<'a>(&self, sighting: &'a Sighting) -> Option<&'a ClusterName> {
        sighting.holder(&self.desired.as_ref()?.cluster)
    }

    /// Whether a node can be given new instances, now or when it answers again.
    pub(crate) fn is_usable(&self, name: &NodeName, sighting: &Sighting) -> bool {
        sighting.standing == Standing::Accepting
            && self.is_joined(name)
            && self.holder(sighting).is_none()
            && self.other_mode(sighting).is_none()
    }

    /// The nodes that answer and are given new instances, in the order of NODES.
    pub(crate) fn rooms(&self) -> Vec<Room> {
        let room = |(name, sighting): &(NodeName, Sighting)| {
            let usable = sighting.reachable && self.is_usable(name, sighting);
            let Seen { capacity, overhead, .. } = sighting.seen.filter(|_| usable)?;
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
