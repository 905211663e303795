//! The group networks, for the administrator (see [`protocol::admin`]).

use crate::cluster::{Cc, Concern, State};
use crate::memory::Placement;
use crate::report::status;
use crate::sighting::Sighting;
use hostnet::Path;
use ipnet::Ipv4Net;
use netplan::{Trunk, chain_name};
use protocol::admin::{Lease, NetworkReport, NetworkStatus, NodePlace};
use protocol::{InstanceDesired, InstancePhase, NetworkDesired, NodeStatus};
use types::{InstanceId, NodeName};

impl Cc {
    /// The networks as they should be, and whether the rules still are.
    pub async fn networks(&self) -> NetworkReport {
        let peers = self.state().placements.machines.peers();
        let trunk = self.trunk(peers);
        let mut report = self.state().networks(trunk.as_ref());
        report.rules_hold = self.net.router_rules_hold().await;
        report
    }
}

impl State {
    fn networks(&self, trunk: Option<&Trunk>) -> NetworkReport {
        // Who asks looks at the host with their own eyes.
        let is_known_here_only = |(about, _): &(&Concern, _)| **about != Concern::Host;
        let of = |(_, problems): (&Concern, &Vec<String>)| problems.clone();
        let wanted = self.desired.iter().flat_map(|desired| &desired.networks);
        let mut networks: Vec<_> = wanted.filter_map(|it| self.network(it, trunk)).collect();
        networks.sort_by_key(|network| network.tag);
        NetworkReport {
            cluster: self.desired.as_ref().map(|desired| desired.cluster.clone()),
            networks,
            nodes: self.sightings.iter().map(|(name, it)| self.place_of(name, it)).collect(),
            rules_hold: None,
            problems: self.problems.iter().filter(is_known_here_only).flat_map(of).collect(),
        }
    }

    fn network(&self, network: &NetworkDesired, trunk: Option<&Trunk>) -> Option<NetworkStatus> {
        let instances = self.desired.iter().flat_map(|desired| &desired.instances);
        let here = instances.filter(|it| it.nic.tag() == Some(network.tag) && self.may_live(it));
        Some(NetworkStatus {
            tag: network.tag,
            user: network.user.clone(),
            group: network.group.clone(),
            group_id: network.group_id,
            chain: chain_name(&network.user, &network.group),
            gateway: Ipv4Net::new(network.router, network.subnet.prefix_len()).ok()?,
            trunk: trunk.map(|trunk| trunk.device(network.tag)),
            ingress: network.ingress.clone(),
            egress: network.egress.clone(),
            instances: here.filter_map(|instance| self.lease(instance)).collect(),
        })
    }

    fn lease(&self, instance: &InstanceDesired) -> Option<Lease> {
        let nic = &instance.nic;
        Some(Lease {
            instance: instance.id,
            mac: nic.mac,
            ip: nic.ip()?,
            public_ip: nic.public_ip(),
            node: self.home(instance.id).cloned(),
            running: self.runs(instance.id),
        })
    }

    fn home(&self, id: InstanceId) -> Option<&NodeName> {
        match self.placements.of.get(&id)? {
            Placement::On { node, .. } => Some(node),
            Placement::Ended { .. } => None,
        }
    }

    fn runs(&self, id: InstanceId) -> bool {
        let home = self.home(id);
        let sighting = self.sightings.iter().find(|(name, _)| Some(name) == home);
        let said = sighting.into_iter().flat_map(|(_, sighting)| sighting.instances());
        said.into_iter().any(|it| it.id == id && it.phase == InstancePhase::Running)
    }

    fn place_of(&self, name: &NodeName, sighting: &Sighting) -> NodePlace {
        let path = self.placements.machines.nodes.get(name);
        let NodeStatus { reachable, problems, .. } = status(name, sighting);
        NodePlace {
            name: name.clone(),
            reachable,
            is_here: path.map(|path| *path == Path::Here),
            address: path.and_then(|path| match path {
                Path::Here => None,
                Path::Elsewhere { theirs, .. } => Some(*theirs),
            }),
            problems,
        }
    }
}
