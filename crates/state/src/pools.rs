//! Which public addresses there are, and which of them instances have by themselves.

use crate::clusters::ClusterConfig;
use crate::database::Connection;
use crate::error::Result;
use crate::fields::Fields;
use std::net::Ipv4Addr;
use types::{AddressPool, ClusterName, InstanceId};

/// What of its VNET_PUBLICIPS a cluster gets, and what is wrong with the rest: an address that two
/// clusters claim stays with the one that has it.
pub(crate) async fn grant(
    db: &mut Connection,
    cluster: &ClusterName,
    wanted: &AddressPool,
) -> Result<(AddressPool, Vec<String>)> {
    let (mut granted, mut problems) = (wanted.clone(), Vec::new());
    if wanted.is_empty() {
        return Ok((granted, problems));
    }
    for (other, pool) in pools(db).await?.iter().filter(|(other, _)| other != cluster) {
        let both = granted.shared_with(pool);
        if !both.is_empty() {
            granted = granted.without(&both);
            problems.push(format!(
                "its VNET_PUBLICIPS has {both}, which cluster \"{other}\" has too and keeps: take \
                 that out of one of the two"
            ));
        }
    }
    Ok((granted, problems))
}

/// The pools of all clusters that have one.
async fn pools(db: &mut Connection) -> Result<Vec<(ClusterName, AddressPool)>> {
    let rows = sqlx::query(
        "SELECT name, public_addresses FROM clusters WHERE public_addresses <> '' ORDER BY name",
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((row.parsed("name")?, row.parsed("public_addresses")?))).collect()
}

/// Makes the addresses of a cluster those of its pool, which was stored before.
pub(crate) async fn configure(db: &mut Connection, config: &ClusterConfig) -> Result<()> {
    sqlx::query("UPDATE addresses SET configured = 0 WHERE cluster = $1")
        .bind(config.name.as_str())
        .execute(&mut *db)
        .await?;
    for ip in config.public_addresses.iter() {
        sqlx::query(
            "INSERT INTO addresses (ip, cluster, configured, number) VALUES ($1, $2, 1, $3)
             ON CONFLICT (ip) DO UPDATE SET configured = 1, number = excluded.number
             WHERE addresses.cluster = excluded.cluster",
        )
        .bind(ip.to_string())
        .bind(config.name.as_str())
        .bind(i64::from(u32::from(ip)))
        .execute(&mut *db)
        .await?;
    }
    settle(db).await
}

/// Decides what becomes of addresses that lead nowhere and are in the pool of no cluster, or not
/// in that of their own: one that another cluster has is that one's from now on; of the others
/// those that are nobody's are forgotten.
pub(crate) async fn settle(db: &mut Connection) -> Result<()> {
    let rows =
        sqlx::query("SELECT ip, account FROM addresses WHERE configured = 0 AND instance IS NULL")
            .fetch_all(&mut *db)
            .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let pools = pools(db).await?;
    for row in &rows {
        let ip: Ipv4Addr = row.parsed("ip")?;
        if let Some((cluster, _)) = pools.iter().find(|(_, pool)| pool.contains(ip)) {
            sqlx::query(
                "UPDATE addresses SET cluster = $1, configured = 1, number = $2 WHERE ip = $3",
            )
            .bind(cluster.as_str())
            .bind(i64::from(u32::from(ip)))
            .bind(ip.to_string())
            .execute(&mut *db)
            .await?;
        } else if row.maybe_text("account")?.is_none() {
            sqlx::query("DELETE FROM addresses WHERE ip = $1")
                .bind(ip.to_string())
                .execute(&mut *db)
                .await?;
        }
    }
    Ok(())
}

/// Gives an instance the lowest free address of its cluster, if it is to have one by itself, lives
/// and has none. The caller makes the new generation of the cluster.
pub(crate) async fn give(db: &mut Connection, instance: InstanceId) -> Result<()> {
    sqlx::query(
        "UPDATE addresses SET instance = $1 WHERE ip =
             (SELECT ip FROM addresses WHERE account IS NULL AND instance IS NULL
              AND configured = 1 AND cluster =
                  (SELECT cluster FROM instances WHERE id = $1 AND public = 1
                   AND state NOT IN ('shutting-down', 'terminated'))
              ORDER BY number LIMIT 1)
         AND NOT EXISTS (SELECT 1 FROM addresses has WHERE has.instance = $1)",
    )
    .bind(instance.to_string())
    .execute(db)
    .await?;
    Ok(())
}
