//! Which cluster takes a launch: the one that was asked for, else the least full one that can
//! take the whole of it (FACTS 3.6).

use crate::clusters::{self, ClusterConfig};
use crate::database::Connection;
use crate::error::{Error, Result};
use crate::run::RunRequest;
use crate::{admission, modes, networks};
use protocol::Networks;
use std::cmp::Reverse;
use std::net::Ipv4Addr;
use types::{AddressPair, GroupId, GroupName, NetworkTag, Timestamp, VmType};

/// Where a launch goes.
pub(crate) struct Site {
    pub(crate) cluster: ClusterConfig,
    /// One for each instance.
    pub(crate) seats: Vec<Seat>,
}

/// An instance's place in the network of its cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seat {
    /// An address of its group's network.
    Group { tag: NetworkTag, ip: Ipv4Addr },
    /// A pair of the administrator's list.
    Pair(AddressPair),
    /// Whatever the site's DHCP server gives it.
    Open,
}

/// A cluster that may take the launch.
struct Candidate {
    cluster: ClusterConfig,
    answers: bool,
    /// How many instances of the type fit into it now.
    fits: u64,
}

/// Chooses the cluster and the seats of a launch. `group` is the one that has the network.
pub(crate) async fn choose(
    db: &mut Connection,
    request: &RunRequest,
    vm_type: &VmType,
    group: &(GroupId, GroupName),
    now: Timestamp,
) -> Result<Site> {
    let mut candidates = candidates(db, request, now).await?;
    let alone = candidates.len() == 1;
    for candidate in candidates.iter_mut().filter(|_| !alone) {
        let rooms = admission::rooms_with_waiting(db, &candidate.cluster.name).await?;
        candidate.fits = placement::availability(&rooms, &vm_type.figures).free;
    }
    // of two that are equally full, the first by name
    candidates.sort_by_key(|candidate| (!candidate.answers, Reverse(candidate.fits)));
    let mut refusal = Error::NoCluster;
    for (at, Candidate { cluster, .. }) in candidates.into_iter().enumerate() {
        match site(db, request, vm_type, group, cluster).await {
            Ok(site) => return Ok(site),
            Err(error @ (Error::Database(_) | Error::Corrupt { .. })) => return Err(error),
            // that of the least full one tells most
            Err(error) if at == 0 => refusal = error,
            Err(_) => {}
        }
    }
    Err(refusal)
}

/// The clusters that take launches, or the one of them that was asked for; by name.
async fn candidates(
    db: &mut Connection,
    request: &RunRequest,
    now: Timestamp,
) -> Result<Vec<Candidate>> {
    let mut known = clusters::without_nodes(db).await?;
    if let Some(wanted) = &request.cluster {
        known.retain(|cluster| cluster.config.name == *wanted);
        match known.first() {
            None => return Err(Error::ClusterNotFound(wanted.clone())),
            Some(asked) if asked.launchable(now).is_none() => {
                return Err(Error::ClusterUnreachable(wanted.clone()));
            }
            Some(_) => {}
        }
    }
    let candidate = |known: &clusters::Cluster| {
        let cluster = known.launchable(now)?.clone();
        Some(Candidate { cluster, answers: known.reachable, fits: 0 })
    };
    Ok(known.iter().filter_map(candidate).collect())
}

/// What a cluster gives to the launch: room, and addresses in the group's network, for as many
/// instances as are wanted at least.
async fn site(
    db: &mut Connection,
    request: &RunRequest,
    vm_type: &VmType,
    group: &(GroupId, GroupName),
    cluster: ClusterConfig,
) -> Result<Site> {
    let least = request.min_count as usize;
    let room = admission::admissible(db, &cluster, &vm_type.figures, request.max_count).await?;
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if room < least {
        return Err(Error::NoCapacity {
            vm_type: vm_type.name.clone(),
            wanted: request.min_count,
            available: room as u64,
            place: match &request.cluster {
                Some(name) => format!("availability zone {name}"),
                None => "any availability zone".to_owned(),
            },
        });
    }
    let seats = match &cluster.networks {
        Networks::Managed { .. } => in_group(db, request, group, &cluster).await?,
        Networks::Static { pairs, .. } => {
            let free = modes::free_pairs(db, &cluster.name, pairs).await?;
            if free.len() < least {
                return Err(Error::PairsExhausted {
                    cluster: cluster.name,
                    wanted: request.min_count,
                    available: free.len(),
                    pairs: pairs.len(),
                });
            }
            free.into_iter().map(Seat::Pair).collect()
        }
        Networks::System => vec![Seat::Open; room],
    };
    Ok(Site { cluster, seats: seats.into_iter().take(room).collect() })
}

/// The free addresses of the group's network.
async fn in_group(
    db: &mut Connection,
    request: &RunRequest,
    (group, group_name): &(GroupId, GroupName),
    cluster: &ClusterConfig,
) -> Result<Vec<Seat>> {
    let network = networks::of_group(db, cluster, *group).await?;
    let addresses = networks::free_addresses(db, &cluster.name, &network).await?;
    if addresses.len() < request.min_count as usize {
        // a network that was only tried must not stay
        networks::release_empty(db, &cluster.name).await?;
        return Err(Error::AddressesExhausted {
            group: group_name.clone(),
            wanted: request.min_count,
            available: addresses.len(),
        });
    }
    let tag = network.tag;
    Ok(addresses.into_iter().map(|ip| Seat::Group { tag, ip }).collect())
}
