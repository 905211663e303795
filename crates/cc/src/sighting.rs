//! What a node said last, and what that means for its placements. Pure.

use crate::memory::{Placement, Placements, Seen};
use protocol::{
    CallError, ClusterDesired, InstanceDesired, InstanceObserved, InstancePhase, NodeDesired,
    NodeObserved, Standing,
};
use types::{ClusterName, Figures, InstanceId, NodeName, RequestId, Timestamp};

/// What is known of one node since this process runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sighting {
    /// Whether it is given new instances.
    pub(crate) standing: Standing,
    /// What it said last; kept while it is silent.
    pub(crate) observed: Option<NodeObserved>,
    /// Whether it answered the last call.
    pub(crate) reachable: bool,
    /// When it answered last, and what it can give; also from before this process.
    pub(crate) seen: Option<Seen>,
    /// Whether the certificate that it presented last is accepted; none before it was reached.
    pub(crate) certificate: Option<bool>,
    /// What it has taken in last.
    pub(crate) acknowledged: Option<NodeDesired>,
    /// Why it does not answer.
    pub(crate) silence: Option<String>,
    /// Why it did not take in its desired state.
    pub(crate) refusal: Option<String>,
}

impl Sighting {
    /// Of a node that this process has not heard yet.
    pub(crate) fn remembered(seen: Option<Seen>) -> Self {
        // it answered over mutual TLS or not at all
        Self { seen, certificate: seen.map(|_| true), ..Self::default() }
    }

    /// What the node says of its instances.
    pub(crate) fn instances(&self) -> &[InstanceObserved] {
        self.observed.as_ref().map_or(&[], |observed| &observed.instances)
    }

    /// The other cluster than this one whose desired state the node has.
    pub(crate) fn other_cluster(&self, own: &ClusterName) -> Option<&ClusterName> {
        self.observed.as_ref()?.cluster.as_ref().filter(|cluster| *cluster != own)
    }

    /// The other cluster that has instances on the node, so that it takes none of this one.
    pub(crate) fn holder(&self, own: &ClusterName) -> Option<&ClusterName> {
        let held = self.observed.as_ref().is_some_and(|observed| observed.held);
        self.other_cluster(own).filter(|_| held)
    }

    /// Takes in a report. Capacity that the node does not know yet stays as it was.
    pub(crate) fn hear(&mut self, observed: NodeObserved, now: Timestamp) {
        let before = self.seen.unwrap_or_default();
        let is_known = observed.capacity != Figures::default();
        let capacity = if is_known { observed.capacity } else { before.capacity };
        self.seen = Some(Seen { at: now, capacity, overhead: observed.overhead });
        self.observed = Some(observed);
        self.reachable = true;
        self.certificate = Some(true);
        self.silence = None;
    }

    /// Takes in that it does not answer, and why; true when that is news. All else that is known
    /// of it stays.
    pub(crate) fn miss(&mut self, name: &NodeName, error: &CallError) -> bool {
        let mut news = self.silence.is_none();
        let text = match error {
            CallError::NotTrusted(cause) => {
                news |= self.certificate.replace(false) != Some(false);
                format!(
                    "node {name} has not the keys that this cloud gave it: {cause}; copy them \
                     there: euca_sync_key {name}"
                )
            }
            other => format!("node {name} does not answer: {other}"),
        };
        self.reachable = false;
        self.silence = Some(text);
        news
    }

    /// Whether the node has not yet taken in what it should.
    pub(crate) fn lacks(&self, wanted: &NodeDesired) -> bool {
        let (Some(has), Some(observed)) = (&self.acknowledged, &self.observed) else {
            return true;
        };
        let other_order =
            (observed.generation, observed.sequence) != (has.generation, has.sequence);
        let other_content = (&has.cluster, &has.image_source, &has.instances, &has.networks)
            != (&wanted.cluster, &wanted.image_source, &wanted.instances, &wanted.networks);
        other_order || other_content || has.fabric != wanted.fabric
    }
}

/// Draws the consequences of a node's report for the placements.
pub(crate) fn absorb(placements: &mut Placements, here: &Report<'_>) {
    let observed = here.observed;
    for (id, placement) in &mut placements.of {
        if let Some(ended) = here.ended(*id, placement) {
            let request = here.request(*id).map(tracing::field::display);
            tracing::info!(%id, node = %observed.node, request, "the node has released the instance");
            *placement = ended;
        }
    }
    for instance in &observed.instances {
        if let Some(adopted) = here.adopted(instance) {
            placements.of.entry(instance.id).or_insert(adopted);
        }
    }
    // The node took in placements that this controller has no record of any more.
    let same_generation = here.desired.is_some_and(|it| {
        let ours = observed.cluster.as_ref().is_none_or(|cluster| *cluster == it.cluster);
        ours && it.generation == observed.generation
    });
    if same_generation && observed.sequence > placements.sequence {
        placements.sequence = observed.sequence + 1;
    }
}

/// A node's report, and what is needed to understand it.
pub(crate) struct Report<'a> {
    pub(crate) observed: &'a NodeObserved,
    /// What the node is known to have taken in.
    pub(crate) acknowledged: Option<&'a NodeDesired>,
    pub(crate) desired: Option<&'a ClusterDesired>,
    pub(crate) now: Timestamp,
}

impl Report<'_> {
    /// The end of a placement on this node, when the node says so: by its word, or, for an
    /// instance that nobody wants, by naming it neither as an instance nor as an orphan.
    fn ended(&self, id: InstanceId, placement: &Placement) -> Option<Placement> {
        let Placement::On { node, told: true, .. } = placement else { return None };
        let observed = self.observed;
        if *node != observed.node {
            return None;
        }
        let said = observed.instances.iter().find(|instance| instance.id == id);
        let gone = match said {
            Some(said) => said.phase == InstancePhase::Terminated,
            None => self.is_withdrawn(id) && !observed.orphans.contains(&id.to_string()),
        };
        gone.then(|| Placement::Ended {
            node: Some(node.clone()),
            at: self.now,
            reason: said.and_then(|said| said.reason.clone()),
            reboots: said.map_or(0, |said| said.reboots),
        })
    }

    /// The call that changed last what should be of an instance.
    fn request(&self, id: InstanceId) -> Option<RequestId> {
        self.desired?.instances.iter().find(|it| it.id == id)?.request
    }

    /// The placement of a live instance of which the node knows and this controller does not: its
    /// own memory was lost.
    fn adopted(&self, instance: &InstanceObserved) -> Option<Placement> {
        let live = instance.phase != InstancePhase::Terminated;
        let wanted = self.desired?.instances.iter().find(|it| live && it.id == instance.id)?;
        let node = self.observed.node.clone();
        Some(Placement::On { node, figures: wanted.figures, told: true })
    }

    /// Whether nobody wants the instance, and the node had been told so when it reported.
    fn is_withdrawn(&self, id: InstanceId) -> bool {
        let observed = self.observed;
        let names = |instances: &[InstanceDesired]| instances.iter().any(|it| it.id == id);
        let desired = self.desired.is_some_and(|desired| names(&desired.instances));
        let told = self.acknowledged.is_some_and(|has| {
            let order = (has.generation, has.sequence);
            order == (observed.generation, observed.sequence) && !names(&has.instances)
        });
        told && !desired
    }
}
