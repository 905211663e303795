//! What the cloud controller measures (docs/metrics.md).

use crate::Cloud;
use ::metrics::{Beat, Book, Counter, Gauge, Histogram, Laps, Rooms, Watched};
use async_trait::async_trait;
use protocol::{ClusterDesired, Generation, Goal};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use types::{ClusterName, Timestamp};

/// Every cluster is listened to more often than this, be it only to hear that nothing has changed.
const LONGEST_SILENCE: Duration = Duration::from_secs(120);

/// The handles of the cloud controller.
pub(crate) struct Measures {
    book: Book,
    requests: Counter,
    durations: Histogram,
    walrus: Counter,
    walrus_durations: Histogram,
    scrubbed: Gauge,
    damaged: Gauge,
    phases: Histogram,
    passes: Histogram,
    instances: Gauge,
    reachable: Gauge,
    lag: Gauge,
    rooms: Rooms,
    /// Since when each cluster has not kept the newest generation.
    behind: Laps<ClusterName>,
    handed: Mutex<BTreeMap<ClusterName, Handed>>,
    pub(crate) beat: Beat,
}

/// What a cluster is known to have kept.
#[derive(Debug, Clone, Copy)]
struct Handed {
    generation: Generation,
    /// What was launched until then is in it.
    until: Timestamp,
}

impl Measures {
    pub(crate) fn begin() -> Self {
        let book = Book::default();
        let ec2 = &["service", "action"];
        Self {
            requests: book.counter(
                "requests",
                "Answered requests to EC2, STS and IAM; the code of a success is OK",
                &["service", "action", "code"],
            ),
            durations: book.histogram(
                "request_duration_seconds",
                "From the request's head to its answer's first byte",
                ec2,
            ),
            walrus: book.counter(
                "walrus_requests",
                "Answered requests to Walrus",
                &["method", "status"],
            ),
            walrus_durations: book.histogram(
                "walrus_request_duration_seconds",
                "From the request's head to its answer's first byte",
                &["method"],
            ),
            scrubbed: book.gauge(
                "walrus_scrubbed_bytes",
                "Stored bytes that were verified in this round, or in the last one until the next",
                &[],
            ),
            damaged: book.gauge(
                "walrus_damaged_objects",
                "Objects and parts of which the round has found the bytes altered or lost",
                &[],
            ),
            phases: book.launch_phases(),
            passes: book.passes(),
            instances: book.gauge("instances", "Instances that are shown", &["state"]),
            reachable: book.gauge(
                "cluster_reachable",
                "1 for a cluster controller that answers, else 0",
                &["cluster"],
            ),
            lag: book.gauge(
                "cluster_lag_seconds",
                "For how long a cluster controller has not kept the newest generation",
                &["cluster"],
            ),
            rooms: Rooms::of(&book, &["cluster", "node"]),
            behind: Laps::default(),
            handed: Mutex::default(),
            beat: Beat::within(LONGEST_SILENCE),
            book,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to eight petabytes")]
    fn scrubbed(&self, round: &walrus::Round) {
        self.scrubbed.set(&[], round.bytes as f64);
        self.damaged.set(&[], round.damaged as f64);
    }

    /// Counts an answered call of EC2, STS or IAM.
    pub(crate) fn answered(&self, service: &str, action: &str, code: &str, begun: Instant) {
        self.requests.add(&[service, action, code], 1);
        self.durations.observe(&[service, action], begun.elapsed().as_secs_f64());
    }

    /// Counts an answered call of Walrus.
    pub(crate) fn walrus(&self, method: &http::Method, status: u16, begun: Instant) {
        let method = match method.as_str() {
            known @ ("GET" | "PUT" | "POST" | "DELETE" | "HEAD" | "OPTIONS") => known,
            _ => "other",
        };
        self.walrus.add(&[method, &status.to_string()], 1);
        self.walrus_durations.observe(&[method], begun.elapsed().as_secs_f64());
    }

    /// Instances that were launched at these times have begun to run.
    pub(crate) fn running(&self, launched: &[Timestamp], now: Timestamp) {
        for at in launched {
            self.phases.observe(&["accepted_to_running"], seconds(*at, now));
        }
    }

    /// Counts a look of the loop that follows a cluster.
    pub(crate) fn passed(&self, begun: Instant) {
        self.passes.observe(&["clusters"], begun.elapsed().as_secs_f64());
        self.beat.beat();
    }

    /// A cluster has kept a generation, and the newest one is this.
    pub(crate) fn kept(
        &self,
        cluster: &ClusterName,
        kept: Generation,
        newest: Generation,
        now: Timestamp,
    ) {
        if kept == newest {
            self.behind.end(cluster, now);
        } else {
            self.behind.begin(cluster.clone(), now);
        }
        let mut handed = self.handed();
        match handed.get_mut(cluster) {
            Some(known) => known.generation = kept,
            None => {
                handed.insert(cluster.clone(), Handed { generation: kept, until: now });
            }
        }
    }

    /// The launches in a desired state that were in none that the cluster has kept.
    pub(crate) fn new_launches(&self, desired: &ClusterDesired) -> Vec<Timestamp> {
        let until = self.handed().get(&desired.cluster).map(|handed| handed.until);
        let is_new = |at: &Timestamp| until.is_some_and(|until| *at > until);
        let launched = desired.instances.iter().filter(|it| it.goal == Goal::Run && it.turn == 0);
        launched.map(|instance| instance.launch_time).filter(is_new).collect()
    }

    /// A cluster has kept a desired state with these launches.
    pub(crate) fn handed_over(
        &self,
        cluster: &ClusterName,
        launched: &[Timestamp],
        now: Timestamp,
    ) {
        for at in launched {
            self.phases.observe(&["accepted_to_handed_over"], seconds(*at, now));
        }
        if let (Some(newest), Some(handed)) =
            (launched.iter().max(), self.handed().get_mut(cluster))
        {
            handed.until = *newest;
        }
    }

    fn handed(&self) -> MutexGuard<'_, BTreeMap<ClusterName, Handed>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few milliseconds in three hundred years")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.millis_since(from) as f64 / 1000.0
}

#[async_trait]
impl Watched for Cloud {
    fn books(&self) -> Vec<&Book> {
        vec![&self.measures.book]
    }

    async fn measure(&self) {
        if let Err(error) = self.read_numbers().await {
            tracing::warn!(%error, "the database cannot be read for /metrics");
        }
        match self.walrus.scrubbed().await {
            Ok(round) => self.measures.scrubbed(&round),
            Err(error) => tracing::warn!(%error, "walrus cannot be read for /metrics"),
        }
    }

    async fn problems(&self) -> Vec<String> {
        let unwritable = self.state.check_writable(self.now()).await.err();
        let unwritable = unwritable.map(|error| {
            format!("the database cannot be written ({error}); look at the disk's space")
        });
        unwritable.into_iter().chain(self.measures.beat.problem("following the clusters")).collect()
    }
}

impl Cloud {
    async fn read_numbers(&self) -> state::Result<()> {
        let (measures, now) = (&self.measures, self.now());
        let counts = self.state.count_instances(now).await?;
        let clusters = self.state.clusters().await?;
        measures.instances.clear();
        for (state, count) in counts {
            measures.instances.set(&[&state], f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        }
        measures.reachable.clear();
        measures.lag.clear();
        measures.rooms.clear();
        for cluster in clusters {
            let name = &cluster.config.name;
            let zone = name.as_str();
            measures.reachable.set(&[zone], f64::from(u8::from(cluster.reachable)));
            let kept = measures.handed().get(name).map(|handed| handed.generation);
            // A loop that is stuck does not see that it is behind.
            if kept.is_some_and(|kept| kept != cluster.generation) {
                measures.behind.begin(name.clone(), now);
            }
            measures.lag.set(&[zone], measures.behind.age(name, now));
            for node in &cluster.nodes {
                let answers = cluster.reachable && node.reachable;
                measures.rooms.reachable(&[zone, node.name.as_str()], answers);
            }
            for room in self.state.rooms(name).await? {
                measures.rooms.room(&[zone, room.node.as_str()], &room.capacity, &room.used);
            }
        }
        Ok(())
    }
}
