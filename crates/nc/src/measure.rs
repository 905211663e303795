//! What a node controller measures (docs/metrics.md).

use crate::node::Nc;
use async_trait::async_trait;
use metrics::{Beat, Book, Gauge, Histogram, Laps, Rooms, Watched};
use protocol::InstancePhase;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use types::{InstanceId, Timestamp};

/// A pass is begun every two seconds, and waits a minute at most for the hypervisor.
const LONGEST_PASS: Duration = Duration::from_secs(90);

/// The handles of a node controller.
pub(crate) struct Measures {
    book: Book,
    phases: Histogram,
    passes: Histogram,
    instances: Gauge,
    rooms: Rooms,
    launches: Laps<InstanceId>,
    beat: Beat,
}

impl Measures {
    pub(crate) fn begin() -> Self {
        let book = Book::default();
        Self {
            phases: book.launch_phases(),
            passes: book.passes(),
            instances: book.gauge("node_instances", "Instances on this node", &["phase"]),
            rooms: Rooms::of(&book, &["node"]),
            launches: Laps::default(),
            beat: Beat::within(LONGEST_PASS),
            book,
        }
    }

    /// The node has been told of an instance.
    pub(crate) fn told(&self, id: InstanceId, now: Timestamp) {
        self.launches.begin(id, now);
    }

    /// An instance's disks are there.
    pub(crate) fn disks_ready(&self, id: InstanceId, now: Timestamp) {
        if let Some(seconds) = self.launches.lap(&id, now) {
            self.phases.observe(&["told_to_disks_ready"], seconds);
        }
    }

    /// An instance's domain was started.
    pub(crate) fn domain_started(&self, id: InstanceId, now: Timestamp) {
        if let Some(seconds) = self.launches.end(&id, now) {
            self.phases.observe(&["disks_ready_to_domain_started"], seconds);
        }
    }

    /// A pass is over.
    pub(crate) fn passed(&self, begun: Instant) {
        self.passes.observe(&["pass"], begun.elapsed().as_secs_f64());
        self.beat.beat();
    }
}

const fn word(phase: InstancePhase) -> &'static str {
    match phase {
        InstancePhase::Pending => "pending",
        InstancePhase::Running => "running",
        InstancePhase::Stopping => "stopping",
        InstancePhase::Stopped => "stopped",
        InstancePhase::ShuttingDown => "shutting-down",
        InstancePhase::Terminated => "terminated",
    }
}

#[async_trait]
impl Watched for Nc {
    fn books(&self) -> Vec<&Book> {
        let node = &self.node;
        std::iter::once(&node.measures.book).chain(node.adapters.disks.book()).collect()
    }

    async fn measure(&self) {
        let (node, state) = (&self.node, self.node.state());
        let measures = &node.measures;
        measures.launches.retain(|id| state.slots.contains_key(id));
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for slot in state.slots.values() {
            *counts.entry(word(slot.entry.reported_phase())).or_default() += 1;
        }
        measures.instances.clear();
        for (phase, count) in counts {
            measures.instances.set(&[phase], count.into());
        }
        measures.rooms.room(&[node.settings.name.as_str()], &state.capacity, &state.used());
    }

    async fn problems(&self) -> Vec<String> {
        let problems = self.node.observed.borrow().problems.clone();
        problems
            .into_iter()
            .chain(self.node.measures.beat.problem("a look at everything"))
            .collect()
    }
}
