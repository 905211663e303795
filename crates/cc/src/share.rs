//! One node's part of the cluster's desired state. Pure.

use crate::memory::{Placement, Placements};
use protocol::{Carrier, ClusterDesired, InstanceDesired, NodeDesired};
use types::NodeName;

/// What a node should run: the instances on it that it may be told of, and their networks.
pub(crate) fn share(
    desired: &ClusterDesired,
    placements: &Placements,
    name: &NodeName,
    carrier: Option<Carrier>,
) -> NodeDesired {
    let is_here = |instance: &&InstanceDesired| {
        let placement = placements.of.get(&instance.id);
        matches!(placement, Some(Placement::On { node, told: true, .. }) if node == name)
    };
    let instances: Vec<_> = desired.instances.iter().filter(is_here).cloned().collect();
    let used = |tag| instances.iter().any(|instance| instance.nic.tag() == Some(tag));
    let networks = desired.networks.iter().filter(|network| used(network.tag)).cloned().collect();
    NodeDesired {
        generation: desired.generation,
        sequence: placements.sequence,
        node: name.clone(),
        cluster: desired.cluster.clone(),
        image_source: desired.image_source.clone(),
        networks,
        instances,
        fabric: placements.machines.fabric(name, carrier),
    }
}
