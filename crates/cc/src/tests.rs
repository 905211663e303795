//! A cluster controller over nodes that do as they are told, or not.

mod fake_node;
mod joined;
mod loops;
mod modes;
mod networks;
mod nodes;
mod placing;
mod roster;
mod routing;

use crate::{Cc, CcError, Network, NodeEntry, RouterSettings, Settings, Ways};
use fake_node::FakeNode;
use hostnet::SimNet;
use placement::Policy;
use protocol::{
    Attachment, Carrier, ClusterApi, ClusterDesired, ClusterObserved, Digest, Goal, ImageRef,
    InstanceDesired, InstanceObserved, InstancePhase, NetworkDesired, Nic, NodeApi,
};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use types::{
    AccountId, Clock, Figures, GroupId, ImageId, ImageKind, InstanceId, MacAddr, NodeName,
    Timestamp, UserName,
};

const ONE: &str = "i-00000001";
const TWO: &str = "i-00000002";
const THREE: &str = "i-00000003";
const GRACE_MS: u64 = 30_000;
/// Room for two instances.
const NODE: Figures = Figures { cores: 2, memory_mb: 512, disk_gb: 20 };

/// A cluster whose nodes outlive its controllers.
struct World {
    home: TempDir,
    nodes: Vec<Arc<FakeNode>>,
    /// NODES.
    listed: String,
    net: Arc<SimNet>,
    clock: Arc<ManualClock>,
    generation: u64,
    /// Whether VXLAN is configured.
    carrier: Option<Carrier>,
    /// VNET_MODE SYSTEM or STATIC; none for MANAGED.
    site: Option<Network>,
    cc: Option<Cc>,
}

impl World {
    /// A cluster of nodes named a, b, c…
    fn new(nodes: usize) -> Self {
        let name = |at: usize| char::from(b'a' + at as u8).to_string();
        let listed: Vec<_> = (0..nodes).map(name).collect();
        let mut world = Self {
            home: tempfile::tempdir().unwrap(),
            nodes: (0..nodes).map(|at| Arc::new(FakeNode::new(&name(at), NODE))).collect(),
            listed: listed.join(" "),
            net: Arc::default(),
            clock: Arc::default(),
            generation: 0,
            carrier: None,
            site: None,
            cc: None,
        };
        world.restart();
        world
    }

    /// Kills the cluster controller and starts another.
    fn restart(&mut self) {
        self.cc = None;
        self.cc = Some(self.open().unwrap());
    }

    fn open(&self) -> Result<Cc, CcError> {
        let router = RouterSettings {
            addrs_per_net: 64,
            vnet_subnet: "192.168.0.0/16".parse().unwrap(),
            dns: vec!["192.0.2.1".parse().unwrap()],
            public_ports: vec![8773],
            mtu: 1500,
            carrier: self.carrier,
            interface: Some("eth0".to_owned()),
        };
        let settings = Settings {
            state_path: self.home.path().to_owned(),
            policy: Policy::Greedy,
            placement_grace_ms: GRACE_MS,
            public_addresses: "203.0.113.1-203.0.113.9".parse().unwrap(),
            network: self.site.clone().unwrap_or(Network::Managed(router)),
        };
        let (nodes, ways) = (entries(&self.listed), Arc::new(Switchboard(self.nodes.clone())));
        let (net, clock) = (self.net.clone(), self.clock.clone());
        Cc::open(settings, nodes, ways, net, clock)
    }

    /// Edits NODES, in which a node that is drained has an exclamation mark.
    fn list(&mut self, nodes: &str) {
        self.listed = nodes.to_owned();
        self.cc().set_nodes(entries(nodes)).unwrap();
    }

    /// Kills the cluster controller, loses its disk and starts another.
    fn restart_with_an_empty_disk(&mut self) {
        self.cc = None;
        self.home = tempfile::tempdir().unwrap();
        self.restart();
    }

    fn cc(&self) -> &Cc {
        self.cc.as_ref().unwrap()
    }

    fn desired(&mut self, instances: Vec<InstanceDesired>) -> ClusterDesired {
        self.generation += 1;
        desired(self.generation, instances)
    }

    async fn tell(&mut self, instances: Vec<InstanceDesired>) {
        let desired = self.desired(instances);
        self.cc().sync(desired).await.unwrap();
    }

    /// Tells the cluster what should be and lets everybody do what they can.
    async fn bring_about(&mut self, instances: Vec<InstanceDesired>) {
        self.tell(instances).await;
        self.settle().await;
    }

    /// A round trip in which nodes are told, and one in which their reports are heard.
    async fn settle(&self) {
        for _ in 0..2 {
            self.cc().pass().await;
        }
    }

    async fn observed(&self) -> ClusterObserved {
        self.cc().observe(None, 0).await.unwrap()
    }

    async fn instance(&self, id: &str) -> Option<InstanceObserved> {
        let id: InstanceId = id.parse().unwrap();
        self.observed().await.instances.into_iter().find(|instance| instance.id == id)
    }

    /// The node and phase that are reported of an instance.
    async fn place_of(&self, id: &str) -> Option<(String, InstancePhase)> {
        let instance = self.instance(id).await?;
        Some((instance.node.map(String::from).unwrap_or_default(), instance.phase))
    }

    async fn reason(&self, id: &str) -> String {
        self.instance(id).await.unwrap().reason.unwrap_or_default()
    }

    /// The instances that each node has, as the nodes say.
    fn held(&self) -> Vec<Vec<String>> {
        self.nodes.iter().map(|node| node.live()).collect()
    }
}

fn entries(nodes: &str) -> Vec<NodeEntry> {
    let entry = |word: &str| NodeEntry {
        name: word.trim_end_matches('!').parse().unwrap(),
        drained: word.ends_with('!'),
    };
    nodes.split_whitespace().map(entry).collect()
}

/// The ways to the nodes of the world.
struct Switchboard(Vec<Arc<FakeNode>>);

impl Ways for Switchboard {
    fn to(&self, name: &NodeName) -> Result<Arc<dyn NodeApi>, Box<dyn Error + Send + Sync>> {
        let node = self.0.iter().find(|node| node.name == *name);
        Ok(Arc::clone(node.ok_or("no such machine")?) as Arc<dyn NodeApi>)
    }
}

fn on(node: &str, phase: InstancePhase) -> Option<(String, InstancePhase)> {
    Some((node.to_owned(), phase))
}

fn user() -> UserName {
    "alice".parse().unwrap()
}

fn desired(generation: u64, instances: Vec<InstanceDesired>) -> ClusterDesired {
    let networks = if instances.is_empty() { vec![] } else { vec![network()] };
    ClusterDesired {
        generation,
        cluster: "zone".parse().unwrap(),
        image_source: "head:8773".to_owned(),
        instances,
        networks,
    }
}

fn network() -> NetworkDesired {
    NetworkDesired {
        tag: 10.try_into().unwrap(),
        account: AccountId::preferred(&user()),
        user: user(),
        group: "default".parse().unwrap(),
        group_id: GroupId::from_bits(1),
        subnet: "192.168.2.0/26".parse().unwrap(),
        router: "192.168.2.1".parse().unwrap(),
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}

/// An instance that takes half of a node.
fn instance(id: &str) -> InstanceDesired {
    let id: InstanceId = id.parse().unwrap();
    let image = ImageId::from_bits(ImageKind::Machine, 1);
    InstanceDesired {
        id,
        goal: Goal::Run,
        reboots: 0,
        turn: 0,
        forced: false,
        reservation: "r-00000009".parse().unwrap(),
        launch_index: 0,
        launch_time: Timestamp::from_millis(0),
        account: AccountId::preferred(&user()),
        user: user(),
        groups: vec!["default".parse().unwrap()],
        vm_type: "m1.small".to_owned(),
        figures: Figures { cores: 1, memory_mb: 256, disk_gb: 10 },
        root: ImageRef {
            id: image,
            location: String::new(),
            digest: Digest([1; 32]),
            size: 1,
            format: types::ImageFormat::Raw,
            boot: types::Boot::Kernel,
        },
        kernel: None,
        ramdisk: None,
        key: None,
        user_data: Vec::new(),
        metadata: protocol::MetadataOptions::default(),
        nic: Nic {
            mac: MacAddr::of_instance(id),
            attachment: Attachment::Group {
                ip: std::net::Ipv4Addr::new(192, 168, 2, id.bits() as u8 + 1),
                tag: 10.try_into().unwrap(),
                public_ip: None,
            },
        },
        request: None,
    }
}

fn ended(id: &str) -> InstanceDesired {
    InstanceDesired { goal: Goal::Terminate, ..instance(id) }
}

#[derive(Default)]
struct ManualClock(AtomicI64);

impl ManualClock {
    fn advance(&self, millis: u64) {
        self.0.fetch_add(millis as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
