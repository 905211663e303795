//! What a cluster controller measures (docs/metrics.md).

use crate::cluster::Cc;
use async_trait::async_trait;
use metrics::{Beat, Book, Gauge, Histogram, Laps, Rooms, Watched};
use protocol::{ClusterDesired, Goal, NodeDesired};
use std::time::{Duration, Instant};
use types::{InstanceId, NodeName, Timestamp};

/// Placing is looked at every five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The handles of a cluster controller.
pub(crate) struct Measures {
    book: Book,
    phases: Histogram,
    passes: Histogram,
    rooms: Rooms,
    lag: Gauge,
    launches: Laps<InstanceId>,
    /// Since when each node has not taken in what it should.
    behind: Laps<NodeName>,
    beat: Beat,
}

impl Measures {
    pub(crate) fn begin() -> Self {
        let book = Book::default();
        Self {
            phases: book.launch_phases(),
            passes: book.passes(),
            rooms: Rooms::of(&book, &["node"]),
            lag: book.gauge(
                "node_lag_seconds",
                "For how long a node that answers has not kept what it should",
                &["node"],
            ),
            launches: Laps::default(),
            behind: Laps::default(),
            beat: Beat::within(LONGEST_PAUSE),
            book,
        }
    }

    /// A desired state was kept; those of its instances that `is_new` names are to be launched.
    pub(crate) fn received(
        &self,
        desired: &ClusterDesired,
        is_new: impl Fn(InstanceId) -> bool,
        now: Timestamp,
    ) {
        self.launches.retain(|id| desired.instances.iter().any(|it| it.id == *id));
        for instance in desired.instances.iter().filter(|it| it.goal == Goal::Run) {
            if is_new(instance.id) {
                self.launches.begin(instance.id, now);
            }
        }
    }

    /// A node should take this in, or has all that it should.
    pub(crate) fn lacks(&self, node: &NodeName, wanted: bool, now: Timestamp) {
        if wanted {
            self.behind.begin(node.clone(), now);
        } else {
            self.behind.end(node, now);
        }
    }

    /// A node has kept its part of the desired state.
    pub(crate) fn told(&self, wanted: &NodeDesired, now: Timestamp) {
        self.behind.end(&wanted.node, now);
        for instance in &wanted.instances {
            if let Some(seconds) = self.launches.end(&instance.id, now) {
                self.phases.observe(&["received_to_told"], seconds);
            }
        }
    }

    /// What waits was placed, or is left waiting.
    pub(crate) fn placed(&self, begun: Instant) {
        self.passes.observe(&["placing"], begun.elapsed().as_secs_f64());
        self.beat.beat();
    }
}

#[async_trait]
impl Watched for Cc {
    fn books(&self) -> Vec<&Book> {
        vec![&self.measures.book]
    }

    async fn measure(&self) {
        let (measures, now) = (&self.measures, self.clock.now());
        let state = self.state();
        measures.rooms.clear();
        measures.lag.clear();
        for (name, sighting) in &state.sightings {
            measures.rooms.reachable(&[name.as_str()], sighting.reachable);
            measures.lag.set(&[name.as_str()], measures.behind.age(name, now));
        }
        for room in state.rooms() {
            measures.rooms.room(&[room.node.as_str()], &room.capacity, &room.used);
        }
    }

    async fn problems(&self) -> Vec<String> {
        let problems = self.observed.borrow().problems.clone();
        problems.into_iter().chain(self.measures.beat.problem("placing")).collect()
    }
}
