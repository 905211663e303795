//! Clusters and their nodes as they were last seen, and how much room they have.

use crate::admission;
use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, column, corrupt};
use crate::{pools, settings};
use placement::{Availability, Policy, Room};
use protocol::{Generation, Networks, NodeStatus};
use types::{AddressPool, ClusterName, Timestamp, VmType, VnetMode};

/// A cluster controller that is silent for no longer than this may only be restarted: launches
/// wait for it.
const RESTART_MS: u64 = 30_000;

/// What is configured of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Its name, which is its availability zone.
    pub name: ClusterName,
    /// `host:port` of its controller.
    pub endpoint: String,
    /// VNET_MODE, and the addresses that its instances are given.
    pub networks: Networks,
    /// SCHEDPOLICY: how its controller chooses nodes.
    pub policy: Policy,
    /// VNET_PUBLICIPS: the public addresses that can lead to its instances.
    pub public_addresses: AddressPool,
}

/// Where a cluster is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name, which is its availability zone.
    pub name: ClusterName,
    /// `host:port` of its controller.
    pub endpoint: String,
}

/// Why a cluster is part of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The configuration of the cloud controller's machine names it.
    Here,
    /// The administrator registered it.
    Registered,
    /// Nobody names it any more, and it has instances.
    Left,
}

/// A cluster and its nodes as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Where it is found.
    pub config: Registration,
    /// Why it is part of the cloud.
    pub standing: Standing,
    /// What is configured of it; none until its controller has told. It takes no launches then.
    pub settings: Option<ClusterConfig>,
    /// The generation of its desired state.
    pub generation: Generation,
    /// Whether its controller answered the last call.
    pub reachable: bool,
    /// Whether the certificate of its controller was accepted when that was reached last.
    pub certificate_ok: bool,
    /// When its controller began to answer, or ceased to; none before the first time.
    pub changed: Option<Timestamp>,
    /// When its controller answered last, give or take ten seconds.
    pub last_seen: Option<Timestamp>,
    /// What keeps it from working, as it reports, or why it cannot be reached.
    pub problems: Vec<String>,
    /// Its nodes as its controller last reported them, in the order of NODES.
    pub nodes: Vec<NodeStatus>,
}

impl Cluster {
    /// Whether it is called at all.
    pub fn is_followed(&self) -> bool {
        matches!(self.standing, Standing::Here | Standing::Registered)
    }

    /// What launches in it go by. None when it takes none: it has not told yet, it left, or it is
    /// silent for longer than a restart takes.
    pub(crate) fn launchable(&self, now: Timestamp) -> Option<&ClusterConfig> {
        let restarts = self.changed.is_none_or(|changed| now.millis_since(changed) <= RESTART_MS);
        let answers = self.reachable || restarts;
        self.settings.as_ref().filter(|_| self.is_followed() && answers)
    }
}

/// How many instances of a VM type a cluster can take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeCapacity {
    /// The VM type.
    pub vm_type: VmType,
    /// How many fit now, and how many if nothing ran.
    pub room: Availability,
}

impl State {
    /// All clusters by name, with their nodes.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn clusters(&self) -> Result<Vec<Cluster>> {
        all(&mut *self.snapshot().await?).await
    }

    /// The generation of a cluster's desired state.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`].
    pub async fn cluster_generation(&self, name: &ClusterName) -> Result<Generation> {
        generation(&mut *self.snapshot().await?, name).await
    }

    /// What the nodes of a cluster that may take instances have and have given. What waits for a
    /// node is counted where it would go.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn rooms(&self, name: &ClusterName) -> Result<Vec<Room>> {
        admission::rooms_with_waiting(&mut *self.snapshot().await?, name).await
    }

    /// How many instances of each VM type a cluster can take, in the order of the types.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn type_capacities(&self, name: &ClusterName) -> Result<Vec<TypeCapacity>> {
        let mut snapshot = self.snapshot().await?;
        let rooms = admission::rooms_with_waiting(&mut snapshot, name).await?;
        let types = settings::vm_types(&mut snapshot).await?;
        let capacity = |vm_type: VmType| TypeCapacity {
            room: placement::availability(&rooms, &vm_type.figures),
            vm_type,
        };
        Ok(types.into_iter().map(capacity).collect())
    }
}

/// All clusters with their nodes, within a transaction.
pub(crate) async fn all(db: &mut Connection) -> Result<Vec<Cluster>> {
    let mut clusters = without_nodes(db).await?;
    for cluster in &mut clusters {
        cluster.nodes = nodes(db, &cluster.config.name).await?;
    }
    Ok(clusters)
}

/// All clusters by name with no nodes, within a transaction.
pub(crate) async fn without_nodes(db: &mut Connection) -> Result<Vec<Cluster>> {
    let rows = sqlx::query("SELECT * FROM clusters WHERE standing <> 'gone' ORDER BY name")
        .fetch_all(db)
        .await?;
    rows.iter().map(cluster).collect()
}

/// The nodes of a cluster in the order of NODES, within a transaction.
pub(crate) async fn nodes(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<NodeStatus>> {
    let rows = sqlx::query("SELECT * FROM nodes WHERE cluster = $1 ORDER BY position")
        .bind(cluster.as_str())
        .fetch_all(db)
        .await?;
    rows.iter().map(node).collect()
}

/// The generation of a cluster's desired state, within a transaction.
pub(crate) async fn generation(db: &mut Connection, name: &ClusterName) -> Result<Generation> {
    let row = sqlx::query("SELECT generation FROM clusters WHERE name = $1")
        .bind(name.as_str())
        .fetch_optional(db)
        .await?;
    row.ok_or_else(|| Error::ClusterNotFound(name.clone()))?.number("generation")
}

/// Makes a new generation of a cluster's desired state. It also takes the row's lock, behind
/// which all changes of one cluster stand in line.
pub(crate) async fn bump(db: &mut Connection, name: &ClusterName) -> Result<Generation> {
    let row = sqlx::query(
        "UPDATE clusters SET generation = generation + 1 WHERE name = $1 RETURNING generation",
    )
    .bind(name.as_str())
    .fetch_optional(db)
    .await?;
    row.ok_or_else(|| Error::ClusterNotFound(name.clone()))?.number("generation")
}

/// Whether a cluster has kept a later generation than there is: it was registered again after its
/// record was forgotten, or the database is an older copy. A number near the end of all numbers is
/// no generation, and believing it would leave none for what follows.
pub(crate) const fn is_ahead(kept: Generation, known: Generation) -> bool {
    const LAST: Generation = 1 << 62;
    known < kept && kept < LAST
}

/// Makes the desired state of a cluster later than the generation that it has kept: it would
/// refuse it for ever otherwise.
pub(crate) async fn overtake(
    db: &mut Connection,
    name: &ClusterName,
    kept: Generation,
) -> Result<()> {
    let cluster = name.as_str();
    tracing::warn!(cluster, kept, "the cluster has kept a later state than there is; overtaken");
    sqlx::query("UPDATE clusters SET generation = $1 WHERE name = $2 AND generation < $1")
        .bind(column(kept + 1))
        .bind(cluster)
        .execute(db)
        .await?;
    Ok(())
}

/// Stores what launches go by.
pub(crate) async fn store_settings(db: &mut Connection, config: &ClusterConfig) -> Result<()> {
    let pool = config.public_addresses.to_string();
    let before: Option<String> =
        sqlx::query_scalar("SELECT public_addresses FROM clusters WHERE name = $1")
            .bind(config.name.as_str())
            .fetch_optional(&mut *db)
            .await?;
    let networks = &config.networks;
    let (addrs_per_net, pairs) = match networks {
        Networks::Managed { addrs_per_net, .. } => (*addrs_per_net, &[][..]),
        Networks::Static { pairs, .. } => (0, &pairs[..]),
        Networks::System => (0, &[][..]),
    };
    sqlx::query(
        "UPDATE clusters SET mode = $1, subnet = $2, addrs_per_net = $3, pairs = $4, policy = $5,
             public_addresses = $6
         WHERE name = $7",
    )
    .bind(networks.mode().as_str())
    .bind(networks.subnet().map(|subnet| subnet.trunc().to_string()).unwrap_or_default())
    .bind(column(addrs_per_net.into()))
    .bind(serde_json::json!(pairs).to_string())
    .bind(config.policy.as_str())
    .bind(&pool)
    .bind(config.name.as_str())
    .execute(&mut *db)
    .await?;
    if before.is_some_and(|before| before != pool) {
        pools::configure(db, config).await
    } else {
        Ok(())
    }
}

fn cluster(row: &Row) -> Result<Cluster> {
    let config = Registration { name: row.parsed("name")?, endpoint: row.text("endpoint")? };
    Ok(Cluster {
        settings: settings_of(row, &config)?,
        config,
        standing: match row.text("standing")?.as_str() {
            "here" => Standing::Here,
            "registered" => Standing::Registered,
            "left" => Standing::Left,
            other => return Err(corrupt("standing", format!("\"{other}\""))),
        },
        generation: row.number("generation")?,
        reachable: row.flag("reachable")?,
        certificate_ok: row.flag("certificate_ok")?,
        changed: row.maybe_time("changed_ms")?,
        last_seen: row.maybe_time("last_seen_ms")?,
        problems: row.texts("problems")?,
        nodes: Vec::new(),
    })
}

fn settings_of(row: &Row, registered: &Registration) -> Result<Option<ClusterConfig>> {
    if row.text("policy")?.is_empty() {
        return Ok(None);
    }
    let Registration { name, endpoint } = registered.clone();
    Ok(Some(ClusterConfig {
        name,
        endpoint,
        networks: networks_of(row)?,
        policy: row.parsed("policy")?,
        public_addresses: row.parsed("public_addresses")?,
    }))
}

fn networks_of(row: &Row) -> Result<Networks> {
    Ok(match row.parsed("mode")? {
        VnetMode::Managed => Networks::Managed {
            subnet: row.parsed("subnet")?,
            addrs_per_net: row.number("addrs_per_net")?,
        },
        VnetMode::Static => Networks::Static {
            subnet: row.parsed("subnet")?,
            pairs: serde_json::from_str(&row.text("pairs")?)
                .map_err(|problem| corrupt("pairs", problem))?,
        },
        VnetMode::System => Networks::System,
    })
}

fn node(row: &Row) -> Result<NodeStatus> {
    Ok(NodeStatus {
        name: row.parsed("name")?,
        reachable: row.flag("reachable")?,
        standing: row.parsed("standing")?,
        certificate_ok: row.flag("certificate_ok")?,
        last_seen: row.maybe_time("last_seen_ms")?,
        capacity: row.figures()?,
        overhead: admission::overhead(row)?,
        orphans: row.texts("orphans")?,
        problems: row.texts("problems")?,
    })
}
