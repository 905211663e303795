//! The cloud controller as a whole: what it is made of, and its first start.

use crate::admin;
use crate::error::Result;
use crate::ignored::Ignored;
use crate::images::ImageFiles;
use crate::keys::ImageKeys;
use crate::measure::Measures;
use crate::ways::{ClusterFactory, Ways};
use conf::Layout;
use protocol::{CallError, ConsoleOutput};
use state::{ClusterConfig, Instance, State};
use std::sync::Arc;
use tokio::sync::watch;
use types::{Clock, Timestamp};
use walrus::Walrus;

/// What the configuration says of the cloud.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where things lie.
    pub layout: Layout,
    /// DATABASE_URL.
    pub database_url: String,
    /// `http://HOST:PORT` or `https://HOST:PORT` at which users reach the cloud, until an
    /// administrator sets another one.
    pub public_url: String,
    /// `http://HOST:PORT` at whose root users reach Walrus, if it has a port of its own.
    pub walrus_url: Option<String>,
    /// The names, in lower case, below which a host on that port names a bucket.
    pub walrus_domains: Vec<String>,
    /// `HOST:PORT` at which nodes fetch images.
    pub image_source: String,
    /// Whether EC2 takes signature version 1, which can be forged (EC2_SIGNATURE_V1).
    pub signature_v1: bool,
    /// The cluster of this machine, if it has one.
    pub cluster: Option<ClusterConfig>,
}

/// The cloud controller.
pub struct Cloud {
    pub(crate) state: State,
    pub(crate) walrus: Arc<Walrus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) ways: Ways,
    /// Whose turn it is to change the ways.
    pub(crate) taking_in: tokio::sync::Mutex<()>,
    /// Whose turn it is to change the limits of Walrus.
    pub(crate) limiting: tokio::sync::Mutex<()>,
    /// Whose turn it is to use the authority.
    pub(crate) issuing: tokio::sync::Mutex<()>,
    pub(crate) keys: ImageKeys,
    pub(crate) files: ImageFiles,
    pub(crate) ignored: Ignored,
    pub(crate) measures: Measures,
    /// Counts what was changed, so that the loops see that something was.
    pub(crate) changes: watch::Sender<u64>,
}

impl Cloud {
    /// Opens the state and all that belongs to it. At the first start this makes the image key
    /// pair, the VM types, the cluster of this machine and the user `admin`. `factory` makes the
    /// ways to the clusters.
    ///
    /// # Errors
    /// When a file, the database or Walrus cannot be opened.
    pub async fn open(
        settings: Settings,
        clock: Arc<dyn Clock>,
        factory: Arc<dyn ClusterFactory>,
    ) -> Result<Arc<Self>> {
        let state = State::open(&settings.database_url).await?;
        state.seed_vm_types().await?;
        if let Some(cluster) = settings.cluster.clone() {
            state.configure_cluster(cluster).await?;
        }
        let here = settings.cluster.iter().map(|cluster| cluster.name.clone());
        state.retire_other_clusters(here.collect()).await?;
        let keys = ImageKeys::prepare(settings.layout.keys(), clock.now()).await?;
        let files = ImageFiles::open(settings.layout.images()).await?;
        let walrus = open_walrus(&settings, Arc::clone(&clock)).await?;
        walrus.set_quotas(admin::quotas(state.settings().await?.walrus_limits));
        let (ignored, changes) = (Ignored::default(), watch::Sender::new(0));
        let cloud = Self {
            state,
            walrus,
            clock,
            settings,
            ways: Ways::new(factory),
            taking_in: tokio::sync::Mutex::default(),
            limiting: tokio::sync::Mutex::default(),
            issuing: tokio::sync::Mutex::default(),
            keys,
            files,
            ignored,
            measures: Measures::begin(),
            changes,
        };
        cloud.ensure_administrator().await?;
        cloud.take_in_clusters().await?;
        Ok(Arc::new(cloud))
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Says that desired state was changed, so that its cluster is told at once.
    pub fn poke(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The newest console output of an instance.
    ///
    /// # Errors
    /// When its cluster controller or node does not answer, or has none.
    pub async fn console_output(&self, instance: &Instance) -> Result<ConsoleOutput, CallError> {
        let way = self.ways.get(&instance.cluster).ok_or_else(|| {
            CallError::Failed(format!("cluster {} is not registered any more", instance.cluster))
        })?;
        way.api.console_output(instance.id).await
    }
}

async fn open_walrus(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Arc<Walrus>> {
    let directory = settings.layout.bukkits();
    let domains = settings.walrus_domains.clone();
    let settings = walrus::Settings { domains, ..walrus::Settings::default() };
    let open = move || Walrus::open(&directory, settings, clock);
    Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
}
