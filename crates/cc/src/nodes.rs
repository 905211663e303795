//! Talking to one node.

use crate::cluster::{Cc, State};
use crate::memory::{Placement, Placements};
use crate::roster::Node;
use crate::share::share;
use crate::sighting::{Report, absorb};
use protocol::{CallError, NodeDesired, NodeObserved, Revision};
use std::time::Duration;
use types::NodeName;

/// How long a node may take to answer, on top of what it was allowed to wait.
const PATIENCE: Duration = Duration::from_secs(5);

impl Cc {
    /// Hears what a node reports, as [`protocol::NodeApi::observe`] does, and draws the
    /// consequences. True when it answered.
    pub(crate) async fn hear(&self, node: &Node, since: Option<Revision>, wait_ms: u32) -> bool {
        let wait = PATIENCE + Duration::from_millis(wait_ms.into());
        match limited(wait, node.api.observe(since, wait_ms)).await {
            Ok(observed) => {
                self.heard(node, observed).await;
                true
            }
            Err(error) => {
                self.silent(&node.name, &error).await;
                false
            }
        }
    }

    async fn heard(&self, node: &Node, observed: NodeObserved) {
        let name = &node.name;
        if observed.node != *name {
            let text = format!("it says that it is {}: check NODES", observed.node);
            self.silent(name, &CallError::Failed(text)).await;
            return;
        }
        let now = self.clock.now();
        let is_member = self.change(|state| {
            let Some(sighting) = state.sighting(name) else { return false };
            if !sighting.reachable {
                tracing::info!(node = %name, "the node answers");
            }
            sighting.hear(observed.clone(), now);
            true
        });
        if !is_member {
            return;
        }
        // When it cannot be kept, the node's next report says it again.
        let _ = self
            .decide(|state, placements| {
                let acknowledged = state.sighting(name).and_then(|it| it.acknowledged.clone());
                let report = Report {
                    observed: &observed,
                    acknowledged: acknowledged.as_ref(),
                    desired: state.desired.as_ref(),
                    now,
                };
                absorb(placements, &report);
            })
            .await;
    }

    /// Notes that a node does not answer. All else that is known of it stays.
    async fn silent(&self, name: &NodeName, error: &CallError) {
        let was_reachable = self.change(|state| {
            let Some(sighting) = state.sighting(name) else { return false };
            let was_reachable = sighting.reachable;
            if sighting.miss(name, error) {
                tracing::warn!(node = %name, %error, "no answer; its instances keep their state");
            }
            was_reachable
        });
        if was_reachable {
            self.keep_sights().await;
        }
    }

    /// Hands a node its part of the desired state, unless it has it. False when that failed.
    ///
    /// A node that does not answer is not told: what is placed there can still go elsewhere.
    pub(crate) async fn push(&self, node: &Node) -> bool {
        let wanted = self.wanted(&node.name).await;
        self.measures.lacks(&node.name, wanted.is_some(), self.clock.now());
        let Some(wanted) = wanted else { return true };
        match limited(PATIENCE, node.api.sync(wanted.clone())).await {
            Ok(()) => {
                self.measures.told(&wanted, self.clock.now());
                self.change(|state| {
                    let Some(sighting) = state.sighting(&node.name) else { return };
                    sighting.refusal = None;
                    if let Some(observed) = &mut sighting.observed {
                        observed.generation = wanted.generation;
                        observed.sequence = wanted.sequence;
                        observed.cluster = Some(wanted.cluster.clone());
                    }
                    sighting.acknowledged = Some(wanted);
                });
                true
            }
            Err(error @ (CallError::Unreachable(_) | CallError::NotTrusted(_))) => {
                self.silent(&node.name, &error).await;
                false
            }
            Err(error) => {
                self.refused(&node.name, &error);
                false
            }
        }
    }

    fn refused(&self, name: &NodeName, error: &CallError) {
        let text = match error {
            CallError::Stale { .. } => format!(
                "node {name} has seen a later state of the cloud than this cluster controller; \
                 it is told again when the cloud has brought this controller up to date: {error}"
            ),
            _ => format!("node {name} did not take in its desired state: {error}"),
        };
        self.change(|state| {
            let Some(sighting) = state.sighting(name) else { return };
            if sighting.refusal.as_ref() != Some(&text) {
                tracing::warn!(node = %name, %error, "the node refused its desired state");
            }
            sighting.refusal = Some(text);
        });
    }

    /// What a reachable node should take in and has not; what is in it counts as told from now on.
    /// One whose machine was not found yet is told nothing: whether the router is there decides
    /// how the node guards itself. One that was another cluster's is told when it gets an instance.
    async fn wanted(&self, name: &NodeName) -> Option<NodeDesired> {
        let reachable = self.state().sighting(name).is_some_and(|sighting| sighting.reachable);
        let routed = self.settings.network.router().is_some();
        let is_found = self.state().placements.machines.nodes.contains_key(name);
        if !reachable || (routed && !is_found) {
            return None;
        }
        if self.state().placements.of.values().any(|placement| is_untold(placement, name)) {
            // One that is given nothing new is not told: what was placed there goes elsewhere.
            let tell = |state: &mut State, placements: &mut Placements| {
                if state.accepts(name) {
                    mark_told(placements, name);
                }
            };
            self.decide(tell).await.ok()?;
            types::crash_point("cc.telling");
        }
        let mut state = self.state();
        let carrier = self.settings.network.carrier();
        let mut wanted = share(state.desired.as_ref()?, &state.placements, name, carrier);
        // On the site's own network nothing is to be guarded.
        wanted.fabric.take_if(|_| !routed);
        let sighting = state.sighting(name)?;
        // Two clusters that name one node would take it from each other for ever.
        let is_of_another = sighting.other_cluster(&wanted.cluster).is_some();
        if is_of_another && wanted.instances.is_empty() {
            return None;
        }
        sighting.lacks(&wanted).then_some(wanted)
    }
}

fn is_untold(placement: &Placement, name: &NodeName) -> bool {
    matches!(placement, Placement::On { node, told: false, .. } if node == name)
}

fn mark_told(placements: &mut Placements, name: &NodeName) {
    for placement in placements.of.values_mut() {
        if let Placement::On { node, told, .. } = placement
            && node == name
        {
            *told = true;
        }
    }
}

pub(crate) async fn limited<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let silence = || CallError::Unreachable(format!("no answer within {} s", limit.as_secs()));
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(silence()))
}
