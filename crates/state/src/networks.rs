//! Group networks: a tag and a subnet for each security group that has a live instance.

use crate::clusters::{self, ClusterConfig};
use crate::database::{Connection, Row};
use crate::error::{Error, Result};
use crate::fields::{Fields, corrupt};
use crate::instances::tag;
use ipnet::Ipv4Net;
use netplan::GroupSubnet;
use protocol::Networks;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{ClusterName, GroupId, NetworkTag};

/// The network of a group: the one it has, or a new one.
pub(crate) async fn of_group(
    db: &mut Connection,
    cluster: &ClusterConfig,
    group: GroupId,
) -> Result<GroupSubnet> {
    let row = sqlx::query("SELECT tag, subnet FROM networks WHERE cluster = $1 AND group_id = $2")
        .bind(cluster.name.as_str())
        .bind(group.to_string())
        .fetch_optional(&mut *db)
        .await?;
    match row {
        Some(row) => stored(&row),
        None => allocate(db, cluster, group).await,
    }
}

/// A network as it was stored, whatever VNET_SUBNET says by now.
fn stored(row: &Row) -> Result<GroupSubnet> {
    let subnet: Ipv4Net = row.parsed("subnet")?;
    Ok(GroupSubnet { tag: tag(row)?, subnet, router: router(subnet) })
}

/// The gateway of a network's subnet: its first host.
pub(crate) fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()) + 1)
}

async fn allocate(
    db: &mut Connection,
    cluster: &ClusterConfig,
    group: GroupId,
) -> Result<GroupSubnet> {
    let rows = sqlx::query("SELECT cluster, tag, subnet FROM networks").fetch_all(&mut *db).await?;
    let (mut tags, mut here) = (BTreeSet::new(), Vec::new());
    for row in &rows {
        tags.insert(tag(row)?);
        if row.text("cluster")? == cluster.name.as_str() {
            here.push(stored(row)?.subnet);
        }
    }
    let network = lowest_free(cluster, &tags, &here).ok_or_else(|| Error::NetworksExhausted {
        cluster: cluster.name.clone(),
        in_use: here.len(),
        in_cloud: tags.len(),
    })?;
    sqlx::query("INSERT INTO networks (cluster, tag, group_id, subnet) VALUES ($1, $2, $3, $4)")
        .bind(cluster.name.as_str())
        .bind(i64::from(network.tag.get()))
        .bind(group.to_string())
        .bind(network.subnet.to_string())
        .execute(db)
        .await?;
    Ok(network)
}

/// The lowest free subnet with the lowest free tag: in the order of tags, as it was in 1.4 where
/// no other cluster takes any (FACTS 4.1).
///
/// A tag is given once in the whole cloud: clusters may share a switch, and there a tag is all
/// that keeps two groups apart. Subnets are kept apart within a cluster only, whose router knows
/// no other's, so that no cluster uses up another's; there, those that were made when VNET_SUBNET
/// was another must not be overlapped either.
fn lowest_free(
    cluster: &ClusterConfig,
    tags: &BTreeSet<NetworkTag>,
    here: &[Ipv4Net],
) -> Option<GroupSubnet> {
    let overlaps = |a: &Ipv4Net, b: &Ipv4Net| a.contains(b) || b.contains(a);
    let all = || {
        (NetworkTag::FIRST.get()..=NetworkTag::LAST.get())
            .filter_map(|tag| NetworkTag::try_from(tag).ok())
    };
    let &Networks::Managed { subnet, addrs_per_net } = &cluster.networks else { return None };
    let place = all()
        .map_while(|tag| netplan::subnet_of(tag, subnet, addrs_per_net))
        .find(|new| here.iter().all(|subnet| !overlaps(subnet, &new.subnet)))?;
    let tag = all().find(|tag| !tags.contains(tag))?;
    Some(GroupSubnet { tag, ..place })
}

/// The free addresses of a network, lowest first.
pub(crate) async fn free_addresses(
    db: &mut Connection,
    cluster: &ClusterName,
    network: &GroupSubnet,
) -> Result<Vec<Ipv4Addr>> {
    // in one row: a launch should not take longer the more there were before it
    let row = sqlx::query(
        "SELECT string_agg(ip, ' ') AS ips FROM instances
         WHERE cluster = $1 AND tag = $2 AND state <> 'terminated'",
    )
    .bind(cluster.as_str())
    .bind(i64::from(network.tag.get()))
    .fetch_one(db)
    .await?;
    let taken = row.maybe_text("ips")?.unwrap_or_default();
    let taken = taken.split_ascii_whitespace().map(str::parse).collect::<Result<BTreeSet<_>, _>>();
    let taken: BTreeSet<Ipv4Addr> = taken.map_err(|problem| corrupt("ip", problem))?;
    Ok(network.hosts().filter(|ip| !taken.contains(ip)).collect())
}

/// Gives back the cluster's networks that have no live instance any more.
pub(crate) async fn release_empty(db: &mut Connection, cluster: &ClusterName) -> Result<()> {
    sqlx::query(
        "DELETE FROM networks WHERE cluster = $1 AND NOT EXISTS
             (SELECT 1 FROM instances WHERE instances.cluster = networks.cluster
              AND instances.tag = networks.tag AND instances.state <> 'terminated')",
    )
    .bind(cluster.as_str())
    .execute(db)
    .await?;
    Ok(())
}

/// Makes a new generation of every cluster in which the group has a network: its rules changed.
pub(crate) async fn rules_changed(db: &mut Connection, group: GroupId) -> Result<()> {
    let rows = sqlx::query("SELECT cluster FROM networks WHERE group_id = $1")
        .bind(group.to_string())
        .fetch_all(&mut *db)
        .await?;
    for row in &rows {
        clusters::bump(db, &row.parsed("cluster")?).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use placement::Policy;
    use types::AddressPool;

    #[test]
    fn a_subnet_without_a_tag_is_no_network() {
        let subnet = "10.0.0.0/8".parse().unwrap();
        let cluster = ClusterConfig {
            name: "far".parse().unwrap(),
            endpoint: "far:8774".to_owned(),
            networks: Networks::Managed { subnet, addrs_per_net: 64 },
            policy: Policy::Greedy,
            public_addresses: AddressPool::default(),
        };
        let all = NetworkTag::FIRST.get()..=NetworkTag::LAST.get();
        let mut tags: BTreeSet<_> = all.map(|tag| NetworkTag::try_from(tag).unwrap()).collect();
        assert_eq!(tags.len(), 4085);
        assert_eq!(lowest_free(&cluster, &tags, &[]), None, "other clusters have all of them");
        tags.remove(&NetworkTag::LAST);
        let last = lowest_free(&cluster, &tags, &[]).unwrap();
        let first = "10.0.2.0/26".parse().unwrap();
        assert_eq!((last.tag, last.subnet), (NetworkTag::LAST, first));
    }
}
