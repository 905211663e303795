//! How many instances of a launch the nodes can take, as far as the cloud knows.
//!
//! The cluster controller really chooses the node, with the same functions of `placement`.

use crate::clusters::ClusterConfig;
use crate::database::{Connection, Row};
use crate::error::Result;
use crate::fields::Fields;
use placement::{Policy, Room};
use protocol::Standing;
use std::collections::HashMap;
use types::{ClusterName, Figures, NodeName};

/// What a cluster's usable nodes have, and what waits for a node.
struct Load {
    rooms: Vec<Room>,
    waiting: Vec<Figures>,
}

/// How many instances of `ask` can be admitted now, `most` at most.
pub(crate) async fn admissible(
    db: &mut Connection,
    cluster: &ClusterConfig,
    ask: &Figures,
    most: u32,
) -> Result<u64> {
    let Load { rooms, waiting } = load(db, &cluster.name).await?;
    let before = waiting.len();
    let asks = waiting.into_iter().chain(std::iter::repeat_n(*ask, most as usize));
    let admitted = placement::admit(cluster.policy, &rooms, None, asks);
    Ok(admitted.saturating_sub(before) as u64)
}

/// The nodes with what waits for a node counted where it would go.
pub(crate) async fn rooms_with_waiting(
    db: &mut Connection,
    cluster: &ClusterName,
) -> Result<Vec<Room>> {
    let Load { mut rooms, waiting } = load(db, cluster).await?;
    for ask in waiting {
        if let Some(at) = placement::choose(Policy::Greedy, &rooms, None, &ask) {
            rooms[at].take(&ask);
        }
    }
    Ok(rooms)
}

async fn load(db: &mut Connection, cluster: &ClusterName) -> Result<Load> {
    let used = used_by_node(db, cluster).await?;
    let rows = sqlx::query(
        "SELECT name, standing, cores, memory_mb, disk_gb FROM nodes
         WHERE cluster = $1 AND reachable = 1 AND certificate_ok = 1 ORDER BY position",
    )
    .bind(cluster.as_str())
    .fetch_all(&mut *db)
    .await?;
    let room = |row: &Row| {
        let (node, capacity): (NodeName, _) = (row.parsed("name")?, row.figures()?);
        let used = match row.parsed("standing")? {
            Standing::Accepting => used.get(node.as_str()).copied().unwrap_or_default(),
            // nothing new goes there, so all of it is as good as used
            Standing::Draining | Standing::Leaving => capacity,
        };
        Ok(Room { node, capacity, used })
    };
    let rooms = rows.iter().map(room).collect::<Result<_>>()?;
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
