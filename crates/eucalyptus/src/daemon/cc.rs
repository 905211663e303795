//! Puts a cluster controller together.

use super::watching::watch;
use super::{Failure, Ready, Stop, identity, policy};
use cc::{Cc, RouterSettings, Settings};
use conf::Conf;
use hostnet::LinuxNet;
use protocol::NodeApi;
use std::net::Ipv4Addr;
use std::sync::Arc;
use transport::{Identity, Limits, Listener, NodeClient, Role, TransportError, cluster_routes};
use types::{NodeName, SystemClock};

/// Long enough for a node that is being restarted, short enough for a user who waits.
const PLACEMENT_GRACE_MS: u64 = 30_000;
/// Bridges on one machine carry whole Ethernet frames.
const MTU: u16 = 1500;

pub(super) async fn serve(conf: Conf, stop: Stop, ready: Ready) -> Result<(), Failure> {
    let role = Role::Cluster(conf.cluster_name.clone());
    let (_, identity) = identity(&conf, || Ok(role.clone())).await?;
    let nodes = conf.nodes.iter().map(|name| node(&identity, name, conf.ports.nc));
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let net = Arc::new(LinuxNet::default());
    let cc = Arc::new(Cc::open(settings(&conf)?, nodes, net, Arc::new(SystemClock))?);
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.cc).into();
    let listener = Listener::bind(address, &identity, Limits::default()).await?;
    let _held = ready()?;
    let routes = cluster_routes(cc.clone());
    let watched = watch(conf.ports.metrics.map(|it| it.cc), cc.clone(), stop.clone());
    let served = listener.serve(None, routes, stop.clone().wanted());
    tokio::join!(served, cc.run(stop.wanted()), watched);
    Ok(())
}

/// The way to the node controller at NODE:NC_PORT, which must prove to be that node's.
fn node(
    identity: &Identity,
    name: &NodeName,
    port: u16,
) -> Result<(NodeName, Arc<dyn NodeApi>), TransportError> {
    let peer = Role::Node(name.clone());
    let client = NodeClient::new(identity, &peer, format!("{name}:{port}"))?;
    Ok((name.clone(), Arc::new(client)))
}

fn settings(conf: &Conf) -> Result<Settings, Failure> {
    let space = conf.address_space.ok_or("VNET_SUBNET is missing; run: euca_conf --setup")?;
    Ok(Settings {
        state_path: conf.layout.cc(),
        policy: policy(conf.sched_policy),
        placement_grace_ms: PLACEMENT_GRACE_MS,
        router: RouterSettings {
            vnet_subnet: space.subnet,
            dns: vec![space.dns],
            public_ports: vec![conf.ports.cloud, conf.ports.cloud_ssl],
            mtu: MTU,
        },
    })
}
