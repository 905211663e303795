//! What the network mode of a cluster has and has not: pairs of addresses, elastic addresses.

use crate::clusters::{self, ClusterConfig};
use crate::database::Connection;
use crate::error::{Error, Result};
use crate::fields::Fields;
use protocol::Networks;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{AddressPair, ClusterName, MacAddr, VnetMode};

/// The pairs of VNET_MACMAP of which no live instance has either address, in their order.
pub(crate) async fn free_pairs(
    db: &mut Connection,
    cluster: &ClusterName,
    pairs: &[AddressPair],
) -> Result<Vec<AddressPair>> {
    let rows = sqlx::query(
        "SELECT mac, ip FROM instances
         WHERE cluster = $1 AND state <> 'terminated' AND mac IS NOT NULL",
    )
    .bind(cluster.as_str())
    .fetch_all(db)
    .await?;
    let (mut macs, mut ips) = (BTreeSet::new(), BTreeSet::new());
    for row in &rows {
        macs.insert(row.parsed::<MacAddr>("mac")?);
        ips.insert(row.parsed::<Ipv4Addr>("ip")?);
    }
    let is_free = |pair: &&AddressPair| !macs.contains(&pair.mac) && !ips.contains(&pair.ip);
    Ok(pairs.iter().filter(is_free).copied().collect())
}

/// Refuses where no cluster of the cloud has elastic addresses. One that has not told its mode may
/// have.
pub(crate) async fn check_elastic_somewhere(db: &mut Connection) -> Result<()> {
    let known = clusters::without_nodes(db).await?;
    let modes: Vec<_> = known.iter().filter(|it| it.is_followed()).map(mode_of).collect();
    match modes.first() {
        Some(Some(mode)) if modes.iter().all(|mode| is_without(*mode)) => {
            Err(Error::NoElasticAddresses { place: "this cloud".to_owned(), mode: *mode })
        }
        _ => Ok(()),
    }
}

/// Refuses where a cluster has no elastic addresses.
pub(crate) async fn check_elastic_in(db: &mut Connection, cluster: &ClusterName) -> Result<()> {
    let known = clusters::without_nodes(db).await?;
    let mode = known.iter().find(|it| it.config.name == *cluster).and_then(mode_of);
    match mode.filter(|mode| is_without(Some(*mode))) {
        Some(mode) => {
            let place = format!("the availability zone \"{cluster}\"");
            Err(Error::NoElasticAddresses { place, mode })
        }
        None => Ok(()),
    }
}

fn mode_of(cluster: &clusters::Cluster) -> Option<VnetMode> {
    cluster.settings.as_ref().map(|settings| settings.networks.mode())
}

const fn is_without(mode: Option<VnetMode>) -> bool {
    matches!(mode, Some(VnetMode::System | VnetMode::Static))
}

/// Whether instances that were launched by the first settings can stay under the others.
pub(crate) fn can_follow(now: &Networks, told: &Networks) -> bool {
    match now {
        Networks::Managed { .. } => now == told,
        // a pair stays with its instance, whether it is still listed or not
        Networks::Static { .. } | Networks::System => now.mode() == told.mode(),
    }
}

/// What a cluster goes by that cannot take over the networks that it is told to have.
pub(crate) fn kept(now: &ClusterConfig, told: ClusterConfig) -> (ClusterConfig, String) {
    let problem = match (&now.networks, &told.networks) {
        (
            Networks::Managed { subnet, addrs_per_net },
            Networks::Managed { subnet: told, addrs_per_net: told_per_net },
        ) => format!(
            "its VNET_SUBNET is {told} with VNET_ADDRSPERNET {told_per_net} now, but its instances \
             have addresses of {subnet} with {addrs_per_net}: terminate them, or put the old values \
             back and restart its controller"
        ),
        (now, told) => format!(
            "its VNET_MODE is {} now, but its instances have networks of {} mode: terminate them, \
             or put the old value back and restart its controller",
            told.mode(),
            now.mode()
        ),
    };
    (ClusterConfig { networks: now.networks.clone(), ..told }, problem)
}
