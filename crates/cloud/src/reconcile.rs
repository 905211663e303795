//! Carrying desired state to the cluster controllers and folding in what they report.

use crate::Cloud;
use crate::error::Result;
use crate::ways::Way;
use protocol::{CallError, ClusterObserved, Revision};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use types::ClusterName;

/// How long a cluster controller may hold an observation back while nothing changes.
const HOLD_MS: u32 = 20_000;
/// How long to wait before asking a silent cluster controller again.
const RETRY: Duration = Duration::from_secs(1);
/// After a piece of work a follower rests for as long as it took, but no longer than this: what it
/// does grows with the cloud, and must leave time for those who call it.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// How often old records and files are cleared away.
const HOUSEKEEPING: Duration = Duration::from_secs(600);

impl Cloud {
    /// Compares and acts once, for every cluster: folds in what it reports, then hands over
    /// desired state if it has kept another generation. A cluster that does not answer is
    /// flagged; the others go on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pass(&self) -> Result<()> {
        for way in self.ways.all().values() {
            match way.api.observe(None, 0).await {
                Ok(observed) => {
                    self.fold(way, observed).await?;
                    self.hand_over(way).await?;
                }
                Err(error) => self.silent(way, &error).await?,
            }
        }
        self.housekeeping().await
    }

    /// Keeps all clusters reconciled, and what Walrus has stored verified, until `stop` is true or
    /// its sender is gone. Clusters that come meanwhile are followed from then on, those that go no
    /// longer.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut followed: BTreeMap<ClusterName, Followed> = BTreeMap::new();
        let mut changes = self.ways.changes();
        let mut tidying = tokio::time::interval(HOUSEKEEPING);
        let walrus = Arc::clone(&self.walrus);
        let scrubbing = tokio::spawn(async move { walrus.keep_scrubbing().await });
        loop {
            self.follow_those(&mut followed, self.ways.all()).await;
            let is_time_to_tidy = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                _ = changes.changed() => false,
                _ = tidying.tick() => true,
            };
            if is_time_to_tidy && let Err(error) = self.housekeeping().await {
                tracing::error!(%error, "old records could not be cleared away");
            }
        }
        end(scrubbing).await;
        for (_, Followed { task, .. }) in followed {
            end(task).await;
        }
    }

    /// Starts and ends tasks so that there is one for each of these ways.
    async fn follow_those(
        self: &Arc<Self>,
        followed: &mut BTreeMap<ClusterName, Followed>,
        mut ways: BTreeMap<ClusterName, Arc<Way>>,
    ) {
        let stays = |name: &ClusterName, Followed { way, .. }: &mut Followed| {
            ways.get(name).is_some_and(|wanted| Arc::ptr_eq(wanted, way))
        };
        let ended: Vec<_> = followed.extract_if(.., |name, it| !stays(name, it)).collect();
        for (_, Followed { task, .. }) in ended {
            end(task).await;
        }
        ways.retain(|name, _| !followed.contains_key(name));
        for (name, way) in ways {
            let (cloud, led) = (Arc::clone(self), Arc::clone(&way));
            let task = tokio::spawn(async move { cloud.follow(&led).await });
            followed.insert(name, Followed { way, task });
        }
    }

    /// Deletes old records of terminated instances, and files of images that nothing needs.
    ///
    /// # Errors
    /// When the database or the directory of images fails.
    pub async fn housekeeping(&self) -> Result<()> {
        self.state.purge_terminated(self.now()).await?;
        self.remove_unused_images().await
    }

    /// Follows one cluster for ever: a long poll is always open, and a poke hands desired state
    /// over without waiting for it.
    async fn follow(&self, way: &Way) {
        let mut changes = self.changes.subscribe();
        let mut since: Option<Revision> = None;
        loop {
            let mut observing = way.api.observe(since, HOLD_MS);
            let observed = loop {
                tokio::select! {
                    observed = &mut observing => break observed,
                    _ = changes.changed() => {
                        let begun = Instant::now();
                        self.follow_up(way).await;
                        self.measures.passed(begun.into_std());
                        rest(begun).await;
                    }
                }
            };
            match observed {
                Ok(observed) => {
                    let begun = Instant::now();
                    since = Some(observed.revision);
                    if let Err(error) = self.fold(way, observed).await {
                        let cluster = way.name().as_str();
                        tracing::error!(cluster, %error, "a report could not be stored");
                    }
                    self.follow_up(way).await;
                    self.measures.passed(begun.into_std());
                    rest(begun).await;
                }
                Err(error) => {
                    since = None;
                    way.set_kept(None);
                    if let Err(error) = self.silent(way, &error).await {
                        let cluster = way.name().as_str();
                        tracing::error!(cluster, %error, "silence could not be stored");
                    }
                    self.measures.beat.beat();
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn follow_up(&self, way: &Way) {
        if let Err(error) = self.hand_over(way).await {
            tracing::error!(cluster = way.name().as_str(), %error, "cannot read desired state");
        }
    }

    /// Folds in a report, and remembers the generation that the cluster has kept.
    async fn fold(&self, way: &Way, observed: ClusterObserved) -> Result<()> {
        way.set_kept(Some(observed.generation));
        let now = self.now();
        let running = self.state.record_observed(way.name().clone(), observed, now).await?;
        self.measures.running(&running, now);
        Ok(())
    }

    async fn silent(&self, way: &Way, error: &CallError) -> Result<()> {
        let (name, now) = (way.name().clone(), self.now());
        let error = match error {
            CallError::NotTrusted(cause) => &CallError::NotTrusted(format!(
                "{cause}; give that machine its keys again: euca_sync_key --cluster {name} HOST"
            )),
            other => other,
        };
        if self.state.record_silent(name, error, now).await? {
            let cluster = way.name().as_str();
            tracing::warn!(cluster, %error, "cluster controller does not answer");
        }
        Ok(())
    }

    /// Hands desired state over if it is known that the cluster has kept another generation. A
    /// refusal is told and tried again at the next occasion.
    async fn hand_over(&self, way: &Way) -> Result<()> {
        let Some(kept) = way.kept() else { return Ok(()) };
        let name = way.name();
        let newest = self.state.cluster_generation(name).await?;
        self.measures.kept(name, kept, newest, self.now());
        if newest == kept {
            return Ok(());
        }
        let desired = self.state.cluster_desired(name, &self.settings.image_source).await?;
        let generation = desired.generation;
        let launched = self.measures.new_launches(&desired);
        match way.api.sync(desired).await {
            Ok(()) => {
                types::crash_point("cloud.handed-over");
                let cluster = name.as_str();
                tracing::debug!(cluster, generation, "desired state handed over");
                way.set_kept(Some(generation));
                let now = self.now();
                self.measures.kept(name, generation, generation, now);
                self.measures.handed_over(name, &launched, now);
            }
            Err(error) => {
                let cluster = name.as_str();
                tracing::warn!(cluster, generation, %error, "desired state refused");
            }
        }
        Ok(())
    }
}

/// A cluster with the task that follows it.
struct Followed {
    way: Arc<Way>,
    task: JoinHandle<()>,
}

/// Ends a task wherever it waits: what it has given to the database is done or not, as a whole.
async fn end(task: JoinHandle<()>) {
    task.abort();
    match task.await {
        Err(error) if error.is_panic() => tracing::error!(%error, "following a cluster ended"),
        _ => {}
    }
}

async fn rest(begun: Instant) {
    tokio::time::sleep(begun.elapsed().min(LONGEST_REST)).await;
}
