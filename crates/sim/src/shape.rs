//! How large a simulated cloud is.

use crate::machine::OVERHEAD;
use crate::rng::Rng;
use ipnet::Ipv4Net;
use placement::Policy;
use types::Figures;

/// The size and the settings of a simulated cloud.
#[derive(Debug, Clone)]
pub struct Shape {
    /// What each node has; as many as there are nodes.
    pub nodes: Vec<Figures>,
    /// How many users there are besides the administrator.
    pub users: usize,
    /// SCHEDPOLICY.
    pub policy: Policy,
    /// VNET_SUBNET and VNET_NETMASK.
    pub subnet: Ipv4Net,
    /// VNET_ADDRSPERNET.
    pub addrs_per_net: u32,
    /// How many launches a node works on at once.
    pub concurrent_launches: usize,
}

impl Shape {
    /// So many equal nodes, with room for so many m1.small each, and one user.
    pub fn of(nodes: usize, smalls: u32) -> Self {
        let each = Figures {
            cores: smalls,
            memory_mb: 128 * u64::from(smalls),
            disk_gb: (10 + OVERHEAD.disk_gb) * u64::from(smalls),
        };
        Self {
            nodes: vec![each; nodes],
            users: 1,
            policy: Policy::Greedy,
            subnet: "10.0.0.0/8".parse().expect("a network"),
            addrs_per_net: 1024,
            concurrent_launches: 4,
        }
    }

    /// A small cloud: one to five unequal nodes, two or three users, and at times networks that
    /// are smaller than what the nodes could hold.
    pub fn drawn(rng: &mut Rng) -> Self {
        let node = |rng: &mut Rng| Figures {
            cores: rng.between(2, 8) as u32,
            memory_mb: 128 * rng.between(4, 24) as u64,
            disk_gb: 11 * rng.between(3, 12) as u64,
        };
        Self {
            nodes: (0..rng.between(1, 5)).map(|_| node(rng)).collect(),
            users: rng.between(2, 3),
            policy: *rng.pick(&[Policy::Greedy, Policy::RoundRobin, Policy::BestFit]),
            subnet: "172.19.0.0/16".parse().expect("a network"),
            addrs_per_net: *rng.pick(&[8, 16, 64]),
            concurrent_launches: rng.between(1, 4),
        }
    }
}
