//! Carrying desired state to the cluster controllers and folding in what they report.

use crate::Cloud;
use crate::error::Result;
use protocol::{CallError, ClusterApi, ClusterObserved, Generation, Revision};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
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
        for (name, cluster) in &self.clusters {
            match cluster.observe(None, 0).await {
                Ok(observed) => {
                    let kept = self.fold(name, observed).await?;
                    self.hand_over(name, cluster.as_ref(), kept).await?;
                }
                Err(error) => self.silent(name, &error).await?,
            }
        }
        self.housekeeping().await
    }

    /// Keeps all clusters reconciled until `stop` is true or its sender is gone.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let loops = self.clusters.keys().cloned().map(|name| {
            let (cloud, mut stop) = (Arc::clone(&self), stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = cloud.follow(&name) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            })
        });
        let loops: Vec<_> = loops.collect();
        loop {
            if let Err(error) = self.housekeeping().await {
                tracing::error!(%error, "old records could not be cleared away");
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(HOUSEKEEPING) => {}
            }
        }
        for following in loops {
            if let Err(error) = following.await {
                tracing::error!(%error, "following a cluster ended");
            }
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
    async fn follow(&self, name: &ClusterName) {
        let Some(cluster) = self.clusters.get(name) else { return };
        let mut changes = self.changes.subscribe();
        let (mut since, mut kept): (Option<Revision>, Option<Generation>) = (None, None);
        loop {
            let mut observing = cluster.observe(since, HOLD_MS);
            let observed = loop {
                tokio::select! {
                    observed = &mut observing => break observed,
                    _ = changes.changed() => {
                        let begun = Instant::now();
                        self.follow_up(name, cluster.as_ref(), &mut kept).await;
                        self.measures.passed(begun.into_std());
                        rest(begun).await;
                    }
                }
            };
            match observed {
                Ok(observed) => {
                    let begun = Instant::now();
                    since = Some(observed.revision);
                    kept = Some(observed.generation);
                    self.record(name, observed).await;
                    self.follow_up(name, cluster.as_ref(), &mut kept).await;
                    self.measures.passed(begun.into_std());
                    rest(begun).await;
                }
                Err(error) => {
                    (since, kept) = (None, None);
                    self.record_silence(name, &error).await;
                    self.measures.beat.beat();
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Hands desired state over, once it is known what the cluster has kept.
    async fn follow_up(
        &self,
        name: &ClusterName,
        cluster: &dyn ClusterApi,
        kept: &mut Option<Generation>,
    ) {
        let Some(known) = *kept else { return };
        match self.hand_over(name, cluster, known).await {
            Ok(generation) => *kept = Some(generation),
            Err(error) => {
                tracing::error!(cluster = name.as_str(), %error, "cannot read desired state")
            }
        }
    }

    async fn record(&self, name: &ClusterName, observed: ClusterObserved) {
        if let Err(error) = self.fold(name, observed).await {
            tracing::error!(cluster = name.as_str(), %error, "a report could not be stored");
        }
    }

    async fn record_silence(&self, name: &ClusterName, error: &CallError) {
        if let Err(error) = self.silent(name, error).await {
            tracing::error!(cluster = name.as_str(), %error, "silence could not be stored");
        }
    }

    /// Folds in a report; returns the generation that the cluster has kept.
    async fn fold(&self, name: &ClusterName, observed: ClusterObserved) -> Result<Generation> {
        let kept = observed.generation;
        let now = self.now();
        let running = self.state.record_observed(name.clone(), observed, now).await?;
        self.measures.running(&running, now);
        Ok(kept)
    }

    async fn silent(&self, name: &ClusterName, error: &CallError) -> Result<()> {
        let error = match error {
            CallError::NotTrusted(cause) => &CallError::NotTrusted(format!(
                "{cause}; give that machine its keys again: euca_sync_key HOST"
            )),
            other => other,
        };
        if self.state.record_silent(name.clone(), error).await? {
            tracing::warn!(cluster = name.as_str(), %error, "cluster controller does not answer");
        }
        Ok(())
    }

    /// Hands desired state over if the cluster has kept another generation; returns the one it
    /// has kept then. A refusal is told and tried again at the next occasion.
    async fn hand_over(
        &self,
        name: &ClusterName,
        cluster: &dyn ClusterApi,
        kept: Generation,
    ) -> Result<Generation> {
        let newest = self.state.cluster_generation(name).await?;
        self.measures.kept(name, kept, newest, self.now());
        if newest == kept {
            return Ok(kept);
        }
        let desired = self.state.cluster_desired(name, &self.settings.image_source).await?;
        let generation = desired.generation;
        let launched = self.measures.new_launches(&desired);
        match cluster.sync(desired).await {
            Ok(()) => {
                tracing::debug!(cluster = name.as_str(), generation, "desired state handed over");
                let now = self.now();
                self.measures.kept(name, generation, generation, now);
                self.measures.handed_over(name, &launched, now);
                Ok(generation)
            }
            Err(error) => {
                tracing::warn!(cluster = name.as_str(), generation, %error, "desired state refused");
                Ok(kept)
            }
        }
    }
}

async fn rest(begun: Instant) {
    tokio::time::sleep(begun.elapsed().min(LONGEST_REST)).await;
}
