//! A cluster of the simulated cloud: its controller, and how the cloud reaches it.

use super::GRACE_MS;
use crate::adapters::FusedNet;
use crate::clock::SimClock;
use crate::fuse::Fuse;
use crate::machine::Machine;
use crate::rng::Rng;
use crate::shape::ClusterShape;
use crate::wire::{Caller, Wire, Wires};
use async_trait::async_trait;
use cc::{Cc, Network, NodeEntry, RouterSettings, StaticSettings};
use cloud::ClusterFactory;
use hostnet::SimNet;
use protocol::{
    CallError, ClusterApi, ClusterDesired, ClusterObserved, ConsoleOutput, Networks, Revision,
};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use types::{ClusterName, InstanceId, NodeName};

/// A cluster and its controller, which comes and goes.
pub(crate) struct Site {
    pub(crate) name: ClusterName,
    pub(crate) shape: ClusterShape,
    /// NODES and DRAINED_NODES of its controller's configuration.
    pub(crate) roster: Vec<NodeEntry>,
    /// The network of the machine that the controller runs on, and its first node.
    pub(crate) head: Arc<SimNet>,
    pub(crate) wire: Arc<Wire<Cc, ClusterDesired>>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) state_path: PathBuf,
    address: Address,
    moves: u32,
}

/// `HOST:PORT` where a controller listens now.
type Address = Arc<Mutex<String>>;

fn read(address: &Address) -> String {
    address.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

impl Site {
    pub(crate) fn new(
        (name, shape): (ClusterName, ClusterShape),
        state_path: PathBuf,
        rng: Rng,
    ) -> Self {
        Self {
            address: Arc::new(Mutex::new(format!("{name}.sim:8774"))),
            name,
            shape,
            roster: Vec::new(),
            head: Arc::default(),
            wire: Wire::new(rng),
            fuse: Arc::default(),
            state_path,
            moves: 0,
        }
    }

    /// Where its controller listens.
    pub(crate) fn address(&self) -> String {
        read(&self.address)
    }

    /// Its controller listens somewhere else from now on, with all that it remembers.
    pub(crate) fn relocate(&mut self) {
        self.moves += 1;
        let moved = format!("{}-{}.sim:8774", self.name, self.moves);
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = moved;
    }

    /// Starts a controller over what the last one left.
    pub(crate) fn open<'a>(
        &mut self,
        machines: impl Iterator<Item = &'a Machine>,
        clock: &Arc<SimClock>,
    ) {
        self.fuse = Arc::default();
        let wire = |machine: &Machine| (machine.name.clone(), Arc::clone(&machine.wire));
        let ways = Wires { wires: machines.map(wire).collect(), fuse: Arc::clone(&self.fuse) };
        let net = Arc::new(FusedNet(Arc::clone(&self.head), Arc::clone(&self.fuse)));
        let clock = Arc::<SimClock>::clone(clock);
        let cc = Cc::open(self.settings(), self.roster.clone(), Arc::new(ways), net, clock);
        self.wire.plug(Arc::new(cc.expect("the cluster controller's memory is readable")));
    }

    pub(crate) fn settings(&self) -> cc::Settings {
        cc::Settings {
            state_path: self.state_path.clone(),
            policy: self.shape.policy,
            placement_grace_ms: GRACE_MS,
            public_addresses: self.shape.public_addresses.clone(),
            network: self.network(),
        }
    }

    pub(crate) fn network(&self) -> Network {
        match &self.shape.networks {
            Networks::Managed { subnet, addrs_per_net } => Network::Managed(RouterSettings {
                addrs_per_net: *addrs_per_net,
                vnet_subnet: *subnet,
                dns: vec![],
                public_ports: vec![8773],
                mtu: 1500,
                carrier: None,
                interface: None,
            }),
            Networks::Static { subnet, pairs } => Network::Static(StaticSettings {
                device: "eth0".to_owned(),
                subnet: *subnet,
                broadcast: subnet.broadcast(),
                router: subnet.network(),
                dns: vec![],
                mtu: 1500,
                pairs: pairs.clone(),
            }),
            Networks::System => Network::System,
        }
    }

    /// NODES is edited: a controller that lives takes it over at once, a dead one when it starts.
    pub(crate) fn edit_nodes(&mut self, edit: impl FnOnce(&mut Vec<NodeEntry>)) {
        edit(&mut self.roster);
        if let Some(cc) = self.wire.target() {
            cc.set_nodes(self.roster.clone()).expect("there is a way to every machine");
        }
    }

    /// Whether a machine is given new instances.
    pub(crate) fn takes(&self, name: &NodeName) -> bool {
        self.roster.iter().any(|it| it.name == *name && !it.drained)
    }
}

/// The cloud's ways to whoever listens at an endpoint.
pub(crate) fn factory(sites: &[Site], fuse: &Arc<Fuse>) -> Arc<dyn ClusterFactory> {
    let line = |site: &Site| Line {
        name: site.name.clone(),
        address: Arc::clone(&site.address),
        wire: Arc::clone(&site.wire),
    };
    let lines: Arc<[Line]> = sites.iter().map(line).collect();
    let fuse = Arc::clone(fuse);
    Arc::new(move |name: &ClusterName, endpoint: &str| {
        Ok::<Arc<dyn ClusterApi>, CallError>(Arc::new(Dialer {
            name: name.clone(),
            endpoint: endpoint.to_owned(),
            lines: Arc::clone(&lines),
            fuse: Arc::clone(&fuse),
        }))
    })
}

struct Line {
    name: ClusterName,
    address: Address,
    wire: Arc<Wire<Cc, ClusterDesired>>,
}

/// A way to the controller of one cluster at one endpoint, whoever listens there.
struct Dialer {
    name: ClusterName,
    endpoint: String,
    lines: Arc<[Line]>,
    fuse: Arc<Fuse>,
}

impl Dialer {
    fn dial(&self) -> Result<Caller<Cc, ClusterDesired>, CallError> {
        let line = self.lines.iter().find(|line| read(&line.address) == self.endpoint);
        let line = line
            .ok_or_else(|| CallError::Unreachable("simulated: nobody listens there".to_owned()))?;
        if line.name != self.name {
            let answers = format!("simulated: {} answers", line.name);
            return Err(CallError::NotTrusted(answers));
        }
        Ok(Caller { wire: Arc::clone(&line.wire), fuse: Arc::clone(&self.fuse) })
    }
}

#[async_trait]
impl ClusterApi for Dialer {
    async fn sync(&self, desired: ClusterDesired) -> Result<(), CallError> {
        self.dial()?.sync(desired).await
    }

    async fn observe(
        &self,
        since: Option<Revision>,
        wait_ms: u32,
    ) -> Result<ClusterObserved, CallError> {
        self.dial()?.observe(since, wait_ms).await
    }

    async fn console_output(&self, id: InstanceId) -> Result<ConsoleOutput, CallError> {
        self.dial()?.console_output(id).await
    }
}
