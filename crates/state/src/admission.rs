//! How many instances of a launch the nodes can take, as far as the cloud knows.
//!
//! The cluster controller really chooses the node, with the same functions of `placement`.

use crate::clusters::{self, Cluster};
use crate::database::Connection;
use crate::error::Result;
use crate::fields::Fields;
use placement::{Policy, Room};
use protocol::NodeStatus;
use std::collections::HashMap;
use types::{ClusterName, Figures};

/// What a cluster's usable nodes have, and what waits for a node.
struct Load {
    rooms: Vec<Room>,
    waiting: Vec<Figures>,
}

/// How many instances of `ask` can be admitted now, `most` at most.
pub(crate) async fn admissible(
    db: &mut Connection,
    cluster: &Cluster,
    ask: &Figures,
    most: u32,
) -> Result<u64> {
    let Load { rooms, waiting } = load(db, &cluster.config.name, &cluster.nodes).await?;
    let before = waiting.len();
    let asks = waiting.into_iter().chain(std::iter::repeat_n(*ask, most as usize));
    let admitted = placement::admit(cluster.config.policy, &rooms, None, asks);
    Ok(admitted.saturating_sub(before) as u64)
}

/// The nodes with what waits for a node counted where it would go.
pub(crate) async fn rooms_with_waiting(
    db: &mut Connection,
    cluster: &ClusterName,
) -> Result<Vec<Room>> {
    let nodes = clusters::nodes(db, cluster).await?;
    let Load { mut rooms, waiting } = load(db, cluster, &nodes).await?;
    for ask in waiting {
        if let Some(at) = placement::choose(Policy::Greedy, &rooms, None, &ask) {
            rooms[at].take(&ask);
        }
    }
    Ok(rooms)
}

async fn load(db: &mut Connection, cluster: &ClusterName, nodes: &[NodeStatus]) -> Result<Load> {
    let used = used_by_node(db, cluster).await?;
    let room = |node: &NodeStatus| Room {
        used: used.get(node.name.as_str()).copied().unwrap_or_default(),
        node: node.name.clone(),
        capacity: node.capacity,
    };
    let usable = |node: &&NodeStatus| node.reachable && node.certificate_ok;
    let rooms = nodes.iter().filter(usable).map(room).collect();
    Ok(Load { rooms, waiting: waiting(db, cluster).await? })
}

async fn used_by_node(
    db: &mut Connection,
    cluster: &ClusterName,
) -> Result<HashMap<String, Figures>> {
    let rows = sqlx::query(
        "SELECT node, CAST(SUM(cores) AS BIGINT) AS cores,
             CAST(SUM(memory_mb) AS BIGINT) AS memory_mb, CAST(SUM(disk_gb) AS BIGINT) AS disk_gb
         FROM instances WHERE cluster = $1 AND state <> 'terminated' AND node IS NOT NULL
         GROUP BY node",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.text("node")?, row.figures()?))).collect()
}

async fn waiting(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<Figures>> {
    let rows = sqlx::query(
        "SELECT cores, memory_mb, disk_gb FROM instances
         WHERE cluster = $1 AND state <> 'terminated' AND node IS NULL AND goal = 'run'
         ORDER BY admitted, launch_index",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(Fields::figures).collect()
}
