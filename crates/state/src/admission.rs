//! How many instances of a launch the nodes can take, as far as the cloud knows.
//!
//! The cluster controller really chooses the node, with the same functions of `placement`. All
//! of it happens in the transaction that inserts the instances, and transactions that write come
//! one after the other: what one launch was admitted for, the next one finds taken.

use crate::clusters::ClusterConfig;
use crate::database::{Connection, Row};
use crate::error::Result;
use crate::fields::Fields;
use placement::{Policy, Room};
use protocol::Standing;
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
    cluster: &ClusterConfig,
    ask: &Figures,
    most: u32,
) -> Result<u64> {
    let Load { rooms, waiting } = load(db, &cluster.name).await?;
    Ok(placement::admit(cluster.policy, &rooms, &waiting, ask, most.into()))
}

/// The nodes with what waits for a node counted where it would go.
pub(crate) async fn rooms_with_waiting(
    db: &mut Connection,
    cluster: &ClusterName,
) -> Result<Vec<Room>> {
    // a cluster that has not told its policy has no instances either
    let policy = sqlx::query("SELECT policy FROM clusters WHERE name = $1 AND policy <> ''")
        .bind(cluster.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let policy = policy.map_or(Ok(Policy::default()), |row| row.parsed("policy"))?;
    let Load { rooms, waiting } = load(db, cluster).await?;
    Ok(placement::with_waiting(policy, rooms, &waiting))
}

async fn load(db: &mut Connection, cluster: &ClusterName) -> Result<Load> {
    let held = held_by_node(db, cluster).await?;
    let rows = sqlx::query(
        "SELECT name, standing, cores, memory_mb, disk_gb, overhead_cores, overhead_memory_mb,
             overhead_disk_gb
         FROM nodes
         WHERE cluster = $1 AND reachable = 1 AND certificate_ok = 1 ORDER BY position",
    )
    .bind(cluster.as_str())
    .fetch_all(&mut *db)
    .await?;
    let room = |row: &Row| {
        let mut room = Room::empty(row.parsed("name")?, row.figures()?, overhead(row)?);
        match row.parsed("standing")? {
            Standing::Accepting => {
                if let Some((count, sum)) = held.get(room.node.as_str()) {
                    room.take_all(*count, sum);
                }
            }
            // nothing new goes there, so all of it is as good as used
            Standing::Draining | Standing::Leaving => room.used = room.capacity,
        }
        Ok(room)
    };
    let rooms = rows.iter().map(room).collect::<Result<_>>()?;
    Ok(Load { rooms, waiting: waiting(db, cluster).await? })
}

/// The columns of what each instance costs a node beside its figures.
pub(crate) fn overhead(row: &Row) -> Result<Figures> {
    Ok(Figures {
        cores: row.number("overhead_cores")?,
        memory_mb: row.number("overhead_memory_mb")?,
        disk_gb: row.number("overhead_disk_gb")?,
    })
}

/// How many instances each node has, and what they hold together.
async fn held_by_node(
    db: &mut Connection,
    cluster: &ClusterName,
) -> Result<HashMap<String, (u64, Figures)>> {
    let rows = sqlx::query(
        "SELECT node, COUNT(*) AS number, CAST(SUM(cores) AS BIGINT) AS cores,
             CAST(SUM(memory_mb) AS BIGINT) AS memory_mb, CAST(SUM(disk_gb) AS BIGINT) AS disk_gb
         FROM instances WHERE cluster = $1 AND state <> 'terminated' AND node IS NOT NULL
         GROUP BY node",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok((row.text("node")?, (row.number("number")?, row.figures()?))))
        .collect()
}

/// What waits for a node. One that is to be terminated may already be on a node that has not been
/// named yet, so it counts until it is known to be gone.
async fn waiting(db: &mut Connection, cluster: &ClusterName) -> Result<Vec<Figures>> {
    let rows = sqlx::query(
        "SELECT cores, memory_mb, disk_gb FROM instances
         WHERE cluster = $1 AND state <> 'terminated' AND node IS NULL
         ORDER BY admitted, launch_index",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(Fields::figures).collect()
}
