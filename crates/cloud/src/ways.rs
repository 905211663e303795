//! The ways to the cluster controllers, which come and go while the cloud runs.

use crate::Cloud;
use crate::error::Result;
use protocol::{CallError, ClusterApi, Generation};
use state::Registration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use types::ClusterName;

/// Makes the way to a cluster controller.
pub trait ClusterFactory: Send + Sync {
    /// The controller of this cluster at `host:port`.
    ///
    /// # Errors
    /// When there can be no way to it. Whether it answers is seen later.
    fn cluster(&self, name: &ClusterName, endpoint: &str)
    -> Result<Arc<dyn ClusterApi>, CallError>;
}

impl<F> ClusterFactory for F
where
    F: Fn(&ClusterName, &str) -> Result<Arc<dyn ClusterApi>, CallError> + Send + Sync,
{
    fn cluster(
        &self,
        name: &ClusterName,
        endpoint: &str,
    ) -> Result<Arc<dyn ClusterApi>, CallError> {
        self(name, endpoint)
    }
}

/// The way to one cluster controller, at one address.
pub(crate) struct Way {
    pub(crate) at: Registration,
    pub(crate) api: Arc<dyn ClusterApi>,
    /// The generation that it has kept, as far as it has told since it was called first.
    kept: Mutex<Option<Generation>>,
}

impl Way {
    pub(crate) fn name(&self) -> &ClusterName {
        &self.at.name
    }

    pub(crate) fn kept(&self) -> Option<Generation> {
        *lock(&self.kept)
    }

    pub(crate) fn set_kept(&self, generation: Option<Generation>) {
        *lock(&self.kept) = generation;
    }
}

/// The ways to all clusters that are followed.
pub(crate) struct Ways {
    factory: Arc<dyn ClusterFactory>,
    known: Mutex<BTreeMap<ClusterName, Arc<Way>>>,
    /// Counts how often they changed.
    changes: watch::Sender<u64>,
}

impl Ways {
    pub(crate) fn new(factory: Arc<dyn ClusterFactory>) -> Self {
        Self { factory, known: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> BTreeMap<ClusterName, Arc<Way>> {
        lock(&self.known).clone()
    }

    pub(crate) fn get(&self, name: &ClusterName) -> Option<Arc<Way>> {
        lock(&self.known).get(name).cloned()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Makes them the ways to these clusters. A way that leads where it should stays as it is.
    fn set(&self, wanted: Vec<Registration>) {
        let mut known = lock(&self.known);
        let before = known.len();
        known.retain(|_, way| wanted.contains(&way.at));
        let mut changed = known.len() != before;
        for at in wanted {
            if known.contains_key(&at.name) {
                continue;
            }
            match self.factory.cluster(&at.name, &at.endpoint) {
                Ok(api) => {
                    let way = Way { at: at.clone(), api, kept: Mutex::default() };
                    known.insert(at.name, Arc::new(way));
                    changed = true;
                }
                Err(error) => {
                    tracing::error!(cluster = at.name.as_str(), %error, "cannot be called");
                }
            }
        }
        drop(known);
        if changed {
            self.changes.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

impl Cloud {
    /// Makes the ways to the clusters what the records say.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn take_in_clusters(&self) -> Result<()> {
        // in turn: of two who see different records, the later must not be overtaken
        let _turn = self.taking_in.lock().await;
        let clusters = self.state.clusters().await?;
        let followed = clusters.into_iter().filter(state::Cluster::is_followed);
        self.ways.set(followed.map(|cluster| cluster.config).collect());
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
