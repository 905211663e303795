//! Taking in what clusters report.

use crate::clusters::{self, bump};
use crate::database::{Connection, Row, State};
use crate::error::Result;
use crate::fields::{Fields, column, json};
use crate::fold::{Address, Known, fold};
use crate::{addresses, images, instances, networks, nic, power, registration, tags, tokens};
use protocol::{CallError, ClusterObserved, InstanceObserved, NodeStatus};
use std::collections::HashMap;
use std::sync::Arc;
use types::{ClusterName, InstanceId, InstanceState, NodeName, Timestamp};

/// A time of last sight is stored anew only when it is older than this: an idle cloud should not
/// write to its disk at every report.
const SIGHT_STEP_MS: u64 = 10_000;

/// So many instances of a report are written in one transaction: a long report must not hold up
/// those who wait for a launch. What of it is not written is found again in the next report.
const PIECE: usize = 16;

const LIVE: &str = "
    SELECT id, goal, state, turn, reason, node, reboots_done, impaired, metadata_enabled,
        metadata_tokens, metadata_hops, metadata_pending, ip, found_ip
    FROM instances WHERE cluster = $1 AND state <> 'terminated'";

impl State {
    /// Folds a cluster's report into the state. Terminated instances give back their address,
    /// and the last one of a group its network; desired state gets a new generation then. Answers
    /// when those were launched that have begun to run for the first time.
    ///
    /// # Errors
    /// [`Error::ClusterNotFound`](crate::Error::ClusterNotFound).
    pub async fn record_observed(
        &self,
        cluster: ClusterName,
        observed: ClusterObserved,
        now: Timestamp,
    ) -> Result<Vec<Timestamp>> {
        // Most reports change nothing: find that out without holding up the writer.
        let mut snapshot = self.snapshot().await?;
        let changed = changed(&mut snapshot, &cluster, &observed).await?;
        drop(snapshot);
        let observed = Arc::new(observed);
        let mut started = Vec::new();
        for piece in changed.chunks(PIECE) {
            let (cluster, observed, piece) = (cluster.clone(), observed.clone(), piece.to_vec());
            let recorded =
                self.write(move |db| Box::pin(record(db, cluster, observed, piece, now)));
            started.extend(recorded.await?);
            types::crash_point("cloud.report-stored");
        }
        // what ended by this report counts already
        if is_stale(&mut *self.snapshot().await?, &cluster, &observed, now).await? {
            self.write(move |db| Box::pin(record_cluster(db, cluster, observed, now))).await?;
        }
        Ok(started)
    }

    /// Records that a cluster's controller did not answer: its instances are flagged impaired.
    /// Nothing else changes; silence proves nothing, and only one that was reached has shown a
    /// certificate that is not accepted. Answers whether this is news.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn record_silent(
        &self,
        cluster: ClusterName,
        error: &CallError,
        now: Timestamp,
    ) -> Result<bool> {
        let clusters = self.clusters().await?;
        let problems = [error.to_string()];
        let distrusted = matches!(error, CallError::NotTrusted(_));
        let known = clusters.iter().find(|known| known.config.name == cluster);
        let news = known.is_some_and(|known| {
            known.is_followed() && (known.reachable || known.problems != problems)
        });
        if news {
            self.write(move |db| Box::pin(silence(db, cluster, problems, distrusted, now))).await?;
        }
        Ok(news)
    }

    /// Deletes the records of instances that are no longer shown, and of launches of which none is
    /// left and whose client token is forgotten.
    ///
    /// # Errors
    /// Only when the database fails.
    pub async fn purge_terminated(&self, now: Timestamp) -> Result<()> {
        let hidden = now.plus_millis(-instances::SHOWN_AFTER_END_MS).millis();
        let forgotten = tokens::known_since(now).millis();
        let old = sqlx::query(
            "SELECT id FROM instances WHERE state = 'terminated' AND terminated_ms <= $1
             UNION ALL
             SELECT id FROM reservations WHERE (client_token IS NULL OR created_ms <= $2)
                 AND NOT EXISTS (SELECT 1 FROM instances WHERE reservation = reservations.id)
             LIMIT 1",
        )
        .bind(hidden)
        .bind(forgotten)
        .fetch_optional(&mut *self.snapshot().await?)
        .await?;
        if old.is_some() {
            self.write(move |db| Box::pin(purge(db, hidden, forgotten))).await?;
        }
        if registration::is_any_empty(&mut *self.snapshot().await?).await? {
            self.write(|db| Box::pin(registration::forget_empty(db))).await?;
        }
        Ok(())
    }
}

fn known(row: &Row) -> Result<Known> {
    Ok(Known {
        goal: instances::goal(row)?,
        state: instances::state(row)?,
        turn: row.number("turn")?,
        reason: row.maybe_text("reason")?,
        node: row.maybe("node")?,
        reboots_done: row.number("reboots_done")?,
        impaired: row.flag("impaired")?,
        metadata: power::metadata(row)?,
        metadata_pending: row.flag("metadata_pending")?,
        address: match nic::own_ip(row)? {
            Some(_) => Address::Given,
            None => Address::Found(row.maybe("found_ip")?),
        },
    })
}

/// The nodes that a report calls silent.
fn is_silent(observed: &ClusterObserved, node: Option<&NodeName>) -> bool {
    node.is_some_and(|node| {
        observed.nodes.iter().any(|status| status.name == *node && !status.reachable)
    })
}

/// The reports that change what is known of their instance.
async fn changed(
    db: &mut Connection,
    cluster: &ClusterName,
    observed: &ClusterObserved,
) -> Result<Vec<InstanceObserved>> {
    let rows = sqlx::query(LIVE).bind(cluster.as_str()).fetch_all(db).await?;
    let live = rows
        .iter()
        .map(|row| Ok((row.parsed("id")?, known(row)?)))
        .collect::<Result<HashMap<InstanceId, Known>>>()?;
    let differs = |report: &&InstanceObserved| {
        live.get(&report.id).is_some_and(|known| {
            fold(known, report, is_silent(observed, report.node.as_ref())) != *known
        })
    };
    Ok(observed.instances.iter().filter(differs).cloned().collect())
}

/// Whether what is stored of the cluster and its nodes must be written anew.
async fn is_stale(
    db: &mut Connection,
    cluster: &ClusterName,
    observed: &ClusterObserved,
    now: Timestamp,
) -> Result<bool> {
    clusters::generation(db, cluster).await?;
    let clusters = clusters::all(db).await?;
    let known = clusters.iter().find(|it| it.config.name == *cluster && it.is_followed());
    let Some(known) = known else { return Ok(false) };
    let seen_lately = known.last_seen.is_some_and(|seen| now.millis_since(seen) < SIGHT_STEP_MS);
    let same_nodes = known.nodes.len() == observed.nodes.len()
        && known.nodes.iter().zip(&observed.nodes).all(|(known, status)| same(known, status));
    let as_before = registration::judge(db, known, observed).await?
        == (known.settings.clone(), known.problems.clone());
    let ahead = clusters::is_ahead(observed.generation, known.generation);
    Ok(!(known.reachable && seen_lately && same_nodes && as_before) || ahead)
}

/// Whether two reports of a node say the same, but for a sight that is hardly newer.
fn same(known: &NodeStatus, status: &NodeStatus) -> bool {
    let newer = match (known.last_seen, status.last_seen) {
        (Some(known), Some(seen)) => seen.millis_since(known) >= SIGHT_STEP_MS,
        (known, seen) => known != seen,
    };
    !newer && NodeStatus { last_seen: known.last_seen, ..status.clone() } == *known
}

async fn record(
    db: &mut Connection,
    cluster: ClusterName,
    observed: Arc<ClusterObserved>,
    changed: Vec<InstanceObserved>,
    now: Timestamp,
) -> Result<Vec<Timestamp>> {
    let (mut ended, mut started) = (false, Vec::new());
    for report in &changed {
        match record_instance(db, &observed, report, now).await? {
            Change::Ended => ended = true,
            Change::Started(launched) => started.push(launched),
            Change::Other => {}
        }
    }
    if ended {
        networks::release_empty(db, &cluster).await?;
        addresses::leave_terminated(db, &cluster).await?;
        bump(db, &cluster).await?;
    }
    Ok(started)
}

/// What a report means for its instance.
enum Change {
    /// It has ended.
    Ended,
    /// It runs for the first time; it was launched at this time.
    Started(Timestamp),
    Other,
}

/// Folds one report into the row as it is now.
async fn record_instance(
    db: &mut Connection,
    observed: &ClusterObserved,
    report: &InstanceObserved,
    now: Timestamp,
) -> Result<Change> {
    let row = sqlx::query(
        "SELECT launch_ms, goal, state, turn, reason, node, reboots_done, impaired, metadata_enabled,
             metadata_tokens, metadata_hops, metadata_pending, ip, found_ip
         FROM instances WHERE id = $1",
    )
    .bind(report.id.to_string())
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(Change::Other) };
    let before = known(&row)?;
    let after = fold(&before, report, is_silent(observed, report.node.as_ref()));
    let ended = before.state.is_live() && !after.state.is_live();
    sqlx::query(
        "UPDATE instances SET state = $1, reason = $2, node = $3, reboots_done = $4,
             impaired = $5, metadata_pending = $6, terminated_ms = COALESCE(terminated_ms, $7),
             found_ip = $8
         WHERE id = $9",
    )
    .bind(after.state.as_str())
    .bind(&after.reason)
    .bind(after.node.as_ref().map(NodeName::as_str))
    .bind(i64::from(after.reboots_done))
    .bind(i64::from(after.impaired))
    .bind(i64::from(after.metadata_pending))
    .bind(ended.then_some(now.millis()))
    .bind(after.address.found().map(|ip| ip.to_string()))
    .bind(report.id.to_string())
    .execute(db)
    .await?;
    let starts = after.turn == 0
        && before.state == InstanceState::Pending
        && after.state == InstanceState::Running;
    Ok(match ended {
        true => Change::Ended,
        false if starts => Change::Started(row.time("launch_ms")?),
        false => Change::Other,
    })
}

async fn record_cluster(
    db: &mut Connection,
    cluster: ClusterName,
    observed: Arc<ClusterObserved>,
    now: Timestamp,
) -> Result<()> {
    let clusters = clusters::without_nodes(db).await?;
    // it may have been deregistered since it reported
    let known = clusters.iter().find(|it| it.config.name == cluster && it.is_followed());
    let Some(known) = known else { return Ok(()) };
    let judged = registration::judge(db, known, &observed).await?;
    registration::answered(db, &cluster, &judged, now).await?;
    if clusters::is_ahead(observed.generation, known.generation) {
        clusters::overtake(db, &cluster, observed.generation).await?;
    }
    sqlx::query("DELETE FROM nodes WHERE cluster = $1")
        .bind(cluster.as_str())
        .execute(&mut *db)
        .await?;
    for (position, node) in (0i64..).zip(&observed.nodes) {
        insert_node(db, &cluster, position, node).await?;
    }
    Ok(())
}

async fn insert_node(
    db: &mut Connection,
    cluster: &ClusterName,
    position: i64,
    node: &NodeStatus,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO nodes (cluster, name, position, reachable, certificate_ok, last_seen_ms,
             cores, memory_mb, disk_gb, overhead_cores, overhead_memory_mb, overhead_disk_gb,
             orphans, problems, standing)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
         ON CONFLICT (cluster, name) DO NOTHING",
    )
    .bind(cluster.as_str())
    .bind(node.name.as_str())
    .bind(position)
    .bind(i64::from(node.reachable))
    .bind(i64::from(node.certificate_ok))
    .bind(node.last_seen.map(Timestamp::millis))
    .bind(i64::from(node.capacity.cores))
    .bind(column(node.capacity.memory_mb))
    .bind(column(node.capacity.disk_gb))
    .bind(i64::from(node.overhead.cores))
    .bind(column(node.overhead.memory_mb))
    .bind(column(node.overhead.disk_gb))
    .bind(json(&node.orphans))
    .bind(json(&node.problems))
    .bind(node.standing.as_str())
    .execute(db)
    .await?;
    Ok(())
}

async fn silence(
    db: &mut Connection,
    cluster: ClusterName,
    problems: [String; 1],
    distrusted: bool,
    now: Timestamp,
) -> Result<()> {
    registration::silent(db, &cluster, &problems, distrusted, now).await?;
    sqlx::query("UPDATE instances SET impaired = 1 WHERE cluster = $1 AND state <> 'terminated'")
        .bind(cluster.as_str())
        .execute(db)
        .await?;
    Ok(())
}

async fn purge(db: &mut Connection, hidden: i64, forgotten: i64) -> Result<()> {
    sqlx::query("DELETE FROM instances WHERE state = 'terminated' AND terminated_ms <= $1")
        .bind(hidden)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM reservation_groups WHERE NOT EXISTS
             (SELECT 1 FROM instances WHERE instances.reservation = reservation_groups.reservation)",
    )
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "DELETE FROM reservations WHERE (client_token IS NULL OR created_ms <= $1) AND NOT EXISTS
             (SELECT 1 FROM instances WHERE instances.reservation = reservations.id)",
    )
    .bind(forgotten)
    .execute(&mut *db)
    .await?;
    tags::forget_purged_instances(db).await?;
    images::purge_unreferenced(db).await
}
