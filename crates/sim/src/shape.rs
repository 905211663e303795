//! How large a simulated cloud is.

use crate::machine::OVERHEAD;
use crate::rng::Rng;
use placement::Policy;
use protocol::Networks;
use types::{AddressPool, Figures};

/// None, few, and one that overlaps it.
const POOLS: [&str; 3] = ["", "203.0.113.1-203.0.113.3", "203.0.113.3-203.0.113.9"];

/// The size and the settings of a simulated cloud.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its clusters, one or two; the first is that of the cloud controller's machine.
    pub clusters: Vec<ClusterShape>,
    /// How many users there are besides the administrator.
    pub users: usize,
    /// How many launches a node works on at once.
    pub concurrent_launches: usize,
}

/// The size and the settings of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterShape {
    /// What each node has; as many as there are nodes.
    pub nodes: Vec<Figures>,
    /// SCHEDPOLICY.
    pub policy: Policy,
    /// VNET_MODE, and the addresses that instances are given.
    pub networks: Networks,
    /// VNET_PUBLICIPS.
    pub public_addresses: AddressPool,
}

impl Shape {
    /// One cluster of so many equal nodes, with room for so many m1.small each, and one user.
    pub fn of(nodes: usize, smalls: u32) -> Self {
        let clusters = vec![ClusterShape::of(nodes, smalls)];
        Self { clusters, users: 1, concurrent_launches: 4 }
    }

    /// A small cloud: one or two clusters, and two or three users.
    pub fn drawn(rng: &mut Rng) -> Self {
        let clusters = if rng.chance(60) { 2 } else { 1 };
        Self {
            clusters: (0..clusters).map(|_| ClusterShape::drawn(rng, 5 - clusters)).collect(),
            users: rng.between(2, 3),
            concurrent_launches: rng.between(1, 4),
        }
    }
}

impl ClusterShape {
    /// So many equal nodes, with room for so many m1.small each.
    pub fn of(nodes: usize, smalls: u32) -> Self {
        let each = Figures {
            cores: smalls,
            memory_mb: 128 * u64::from(smalls),
            disk_gb: (10 + OVERHEAD.disk_gb) * u64::from(smalls),
        };
        Self {
            nodes: vec![each; nodes],
            policy: Policy::Greedy,
            networks: managed("10.0.0.0/8", 1024),
            public_addresses: AddressPool::default(),
        }
    }

    /// One to so many unequal nodes, and at times networks that are smaller than what the nodes
    /// could hold. Two clusters may or may not have the same subnet, or claim the same public
    /// addresses.
    fn drawn(rng: &mut Rng, most: usize) -> Self {
        let node = |rng: &mut Rng| Figures {
            cores: rng.between(2, 8) as u32,
            memory_mb: 128 * rng.between(4, 24) as u64,
            disk_gb: 11 * rng.between(3, 12) as u64,
        };
        Self {
            nodes: (0..rng.between(1, most)).map(|_| node(rng)).collect(),
            policy: *rng.pick(&[Policy::Greedy, Policy::RoundRobin, Policy::BestFit]),
            networks: {
                let subnet = *rng.pick(&["172.19.0.0/16", "10.0.0.0/8"]);
                managed(subnet, *rng.pick(&[8, 16, 64]))
            },
            public_addresses: rng.pick(&POOLS).parse().expect("a pool"),
        }
    }
}

fn managed(subnet: &str, addrs_per_net: u32) -> Networks {
    Networks::Managed { subnet: subnet.parse().expect("a network"), addrs_per_net }
}
