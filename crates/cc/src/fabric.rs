//! How the machines of the cluster are joined: where each is, and who listens to whom. Pure.

use hostnet::Path;
use protocol::{Carrier, Fabric};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::NodeName;

/// Where the machines of the cloud are, seen from the one with the router. What was found last
/// stays while it cannot be found again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machines {
    /// Those of the nodes.
    pub nodes: BTreeMap<NodeName, Path>,
    /// That of the cloud controller.
    pub cloud: Option<Path>,
}

impl Machines {
    /// The nodes on other machines.
    pub(crate) fn away(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.iter().filter(|(_, path)| **path != Path::Here).map(|(name, _)| name)
    }

    /// The addresses of the nodes on other machines.
    pub(crate) fn peers(&self) -> BTreeSet<Ipv4Addr> {
        self.nodes.values().filter_map(address).collect()
    }

    /// The addresses of all other machines.
    pub(crate) fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.nodes.values().chain(&self.cloud).filter_map(address).collect()
    }

    /// A node's place among the others; none for one on this machine. Without a transport between
    /// machines it has no peers.
    pub(crate) fn fabric(&self, node: &NodeName, carrier: Option<Carrier>) -> Option<Fabric> {
        let Path::Elsewhere { ours, theirs } = *self.nodes.get(node)? else { return None };
        let mut peers = BTreeSet::new();
        if carrier.is_some() {
            peers = self.peers();
            peers.insert(ours);
            peers.remove(&theirs);
        }
        Some(Fabric { own: theirs, peers, carrier: carrier.unwrap_or_default() })
    }

    /// Takes in what was found of these nodes and the cloud, and forgets other nodes.
    pub(crate) fn learn(&mut self, nodes: Vec<(NodeName, Option<Path>)>, cloud: Option<Path>) {
        self.nodes.retain(|name, _| nodes.iter().any(|(found, _)| found == name));
        let found = nodes.into_iter().filter_map(|(name, path)| Some((name, path?)));
        self.nodes.extend(found);
        self.cloud = cloud.or(self.cloud);
    }
}

fn address(path: &Path) -> Option<Ipv4Addr> {
    match path {
        Path::Here => None,
        Path::Elsewhere { theirs, .. } => Some(*theirs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; 4] = [192, 0, 2, 1];

    fn away(last: u8) -> Path {
        Path::Elsewhere { ours: OURS.into(), theirs: [192, 0, 2, last].into() }
    }

    fn machines(nodes: &[(&str, Path)]) -> Machines {
        let named = |(name, path): &(&str, Path)| (name.parse().unwrap(), *path);
        Machines { nodes: nodes.iter().map(named).collect(), cloud: None }
    }

    fn peers_of(machines: &Machines, node: &str) -> Option<Vec<u8>> {
        let fabric = machines.fabric(&node.parse().unwrap(), Some(Carrier::Vlan))?;
        assert!(!fabric.peers.contains(&fabric.own));
        Some(fabric.peers.iter().map(|peer| peer.octets()[3]).collect())
    }

    #[test]
    fn every_machine_hears_every_other_and_not_itself() {
        let known = machines(&[("a", Path::Here), ("b", away(2)), ("c", away(3))]);
        assert_eq!(known.peers(), [[192, 0, 2, 2].into(), [192, 0, 2, 3].into()].into());
        for (node, peers) in
            [("a", None), ("b", Some(vec![1, 3])), ("c", Some(vec![1, 2])), ("never found", None)]
        {
            let node = node.replace(' ', "-");
            assert_eq!(peers_of(&known, &node), peers, "{node}");
        }
        assert_eq!(known.away().map(NodeName::as_str).collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn two_names_of_one_machine_are_one_peer_and_not_its_own() {
        let known = machines(&[("b", away(2)), ("b.example.org", away(2)), ("c", away(3))]);
        assert_eq!(peers_of(&known, "b"), Some(vec![1, 3]));
        assert_eq!(peers_of(&known, "c"), Some(vec![1, 2]));
    }

    #[test]
    fn a_machine_with_several_addresses_is_known_to_each_node_by_the_one_that_it_sees() {
        let other = Path::Elsewhere { ours: [10, 9, 0, 1].into(), theirs: [10, 9, 0, 3].into() };
        let known = machines(&[("b", away(2)), ("c", other)]);
        let fabric =
            |node: &str| known.fabric(&node.parse().unwrap(), Some(Carrier::Vlan)).unwrap().peers;
        assert_eq!(fabric("b"), [[10, 9, 0, 3].into(), OURS.into()].into());
        assert_eq!(fabric("c"), [[10, 9, 0, 1].into(), [192, 0, 2, 2].into()].into());
    }

    #[test]
    fn without_a_transport_a_node_elsewhere_has_no_peers_but_knows_that_it_is_elsewhere() {
        let known = machines(&[("a", Path::Here), ("b", away(2)), ("c", away(3))]);
        let alone = Fabric {
            own: [192, 0, 2, 2].into(),
            peers: BTreeSet::new(),
            carrier: Carrier::default(),
        };
        assert_eq!(known.fabric(&"b".parse().unwrap(), None), Some(alone));
        assert_eq!(known.fabric(&"a".parse().unwrap(), None), None);
    }

    #[test]
    fn the_cloud_is_guarded_but_is_no_peer() {
        let known = Machines { cloud: Some(away(9)), ..machines(&[("b", away(2))]) };
        assert_eq!(known.addresses(), [[192, 0, 2, 2].into(), [192, 0, 2, 9].into()].into());
        assert_eq!(known.peers(), [[192, 0, 2, 2].into()].into());
    }

    #[test]
    fn what_is_not_found_again_stays_and_what_is_no_node_any_more_goes() {
        let mut known = machines(&[("a", away(1)), ("b", away(2)), ("c", away(3))]);
        known.cloud = Some(away(9));
        let found = [("a", None), ("b", Some(away(5))), ("d", Some(Path::Here)), ("e", None)];
        let found = found.map(|(name, path)| (name.parse().unwrap(), path)).to_vec();
        known.learn(found, None);
        let expect = machines(&[("a", away(1)), ("b", away(5)), ("d", Path::Here)]);
        assert_eq!(known, Machines { cloud: Some(away(9)), ..expect });
    }
}
