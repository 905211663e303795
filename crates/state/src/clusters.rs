//! Clusters and their nodes as they were last seen, and how much room they have.

use crate::admission;
use crate::database::{Connection, Row, State};
use crate::error::{Error, Result};
use crate::fields::{Fields, column};
use crate::settings;
use ipnet::Ipv4Net;
use placement::{Availability, Policy, Room};
use protocol::{Generation, NodeStatus};
use types::{ClusterName, Timestamp, VmType};

/// What the configuration says of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Its name, which is its availability zone.
    pub name: ClusterName,
    /// `host:port` of its controller.
    pub endpoint: String,
    /// VNET_SUBNET and VNET_NETMASK: the addresses that its networks are cut from.
    pub subnet: Ipv4Net,
    /// VNET_ADDRSPERNET: addresses per group network, a power of two.
    pub addrs_per_net: u32,
    /// SCHEDPOLICY: how its controller chooses nodes.
    pub policy: Policy,
}

/// A cluster and its nodes as they were last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// What the configuration says of it.
    pub config: ClusterConfig,
    /// The generation of its desired state.
    pub generation: Generation,
    /// Whether its controller answered the last call.
    pub reachable: bool,
    /// Whether the certificate of its controller was accepted when that was reached last.
    pub certificate_ok: bool,
    /// When its controller answered last, give or take ten seconds.
    pub last_seen: Option<Timestamp>,
    /// What keeps it from working, as it reports, or why it cannot be reached.
    pub problems: Vec<String>,
    /// Its nodes as its controller last reported them, in the order of NODES.
    pub nodes: Vec<NodeStatus>,
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
    /// Registers a cluster, or takes over what the configuration says of a registered one.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn configure_cluster(&self, config: ClusterConfig) -> Result<()> {
        self.write(move |db| Box::pin(configure(db, config))).await
    }

    /// Takes no launches any more in clusters other than these: their nodes are forgotten, and
    /// they too where they never had an instance. Instances that they have are flagged impaired.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn retire_other_clusters(&self, keep: Vec<ClusterName>) -> Result<()> {
        self.write(move |db| Box::pin(retire_others(db, keep))).await
    }

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

/// All clusters, within a transaction.
pub(crate) async fn all(db: &mut Connection) -> Result<Vec<Cluster>> {
    let rows = sqlx::query("SELECT * FROM clusters ORDER BY name").fetch_all(&mut *db).await?;
    let mut clusters = Vec::new();
    for row in &rows {
        let mut cluster = cluster(row)?;
        cluster.nodes = nodes(db, &cluster.config.name).await?;
        clusters.push(cluster);
    }
    Ok(clusters)
}

/// What the configuration says of every cluster, by name, within a transaction.
pub(crate) async fn configs(db: &mut Connection) -> Result<Vec<ClusterConfig>> {
    let rows = sqlx::query("SELECT * FROM clusters ORDER BY name").fetch_all(db).await?;
    rows.iter().map(|row| Ok(cluster(row)?.config)).collect()
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

fn cluster(row: &Row) -> Result<Cluster> {
    Ok(Cluster {
        config: ClusterConfig {
            name: row.parsed("name")?,
            endpoint: row.text("endpoint")?,
            subnet: row.parsed("subnet")?,
            addrs_per_net: row.number("addrs_per_net")?,
            policy: row.parsed("policy")?,
        },
        generation: row.number("generation")?,
        reachable: row.flag("reachable")?,
        certificate_ok: row.flag("certificate_ok")?,
        last_seen: row.maybe_time("last_seen_ms")?,
        problems: row.texts("problems")?,
        nodes: Vec::new(),
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

async fn configure(db: &mut Connection, config: ClusterConfig) -> Result<()> {
    sqlx::query(
        "INSERT INTO clusters (name, endpoint, subnet, addrs_per_net, policy, generation,
             reachable, problems)
         VALUES ($1, $2, $3, $4, $5, 1, 0, '[]')
         ON CONFLICT (name) DO UPDATE SET endpoint = excluded.endpoint,
             subnet = excluded.subnet, addrs_per_net = excluded.addrs_per_net,
             policy = excluded.policy",
    )
    .bind(config.name.as_str())
    .bind(&config.endpoint)
    .bind(config.subnet.trunc().to_string())
    .bind(column(config.addrs_per_net.into()))
    .bind(config.policy.as_str())
    .execute(db)
    .await?;
    Ok(())
}

async fn retire_others(db: &mut Connection, keep: Vec<ClusterName>) -> Result<()> {
    const STATEMENTS: [&str; 6] = [
        "DELETE FROM nodes WHERE cluster = $1",
        "UPDATE clusters SET reachable = 0,
             problems = '[\"it is not in the configuration any more\"]' WHERE name = $1",
        "UPDATE instances SET impaired = 1 WHERE cluster = $1 AND state <> 'terminated'",
        "DELETE FROM addresses WHERE cluster = $1 AND account IS NULL",
        "UPDATE addresses SET configured = 0 WHERE cluster = $1",
        "DELETE FROM clusters WHERE name = $1
             AND NOT EXISTS (SELECT 1 FROM reservations WHERE cluster = $1)
             AND NOT EXISTS (SELECT 1 FROM addresses WHERE cluster = $1)",
    ];
    for Cluster { config, .. } in all(db).await? {
        if keep.contains(&config.name) {
            continue;
        }
        for statement in STATEMENTS {
            sqlx::query(statement).bind(config.name.as_str()).execute(&mut *db).await?;
        }
    }
    Ok(())
}
