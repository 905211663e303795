//! Puts a cluster controller together.

mod edits;

use super::watching::watch;
use super::{Failure, Ready, Stop, admin_socket, identity, policy};
use cc::{Cc, Network, NodeEntry, RouterSettings, Settings, StaticSettings, Ways};
use conf::{Conf, Layout, VnetTransport};
use edits::{Edits, Found};
use hostnet::{DhcpdFiles, DhcpdProgram, LinuxNet};
use protocol::{Carrier, NodeApi};
use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use transport::{Identity, Limits, Listener, NodeClient, Role, cluster_routes};
use types::{NodeName, SystemClock, VnetMode};

/// Long enough for a node that is being restarted, short enough for a user who waits.
const PLACEMENT_GRACE_MS: u64 = 30_000;
/// Bridges on one machine carry whole Ethernet frames.
const ETHERNET: u16 = 1500;
/// Between two looks at the configuration.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn serve(conf: Conf, stop: Stop, ready: Ready) -> Result<(), Failure> {
    let role = Role::Cluster(conf.cluster_name.clone());
    let (_, identity) = identity(&conf, || Ok(role.clone())).await?;
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.cc).into();
    let listener = Listener::bind(address, &identity, Limits::default()).await?;
    let ways = Arc::new(OverTls { identity, port: conf.ports.nc });
    let (net, clock) = (Arc::new(net(&conf)?), Arc::new(SystemClock));
    let kept = Arc::<LinuxNet>::clone(&net);
    let cc = Arc::new(Cc::open(settings(&conf)?, entries(&conf), ways, kept, clock)?);
    cc.note_own_rules(load_own_rules(&conf.layout).await);
    let admin = axum::serve(admin_socket(&conf.layout.cluster_socket())?, cc.admin_router());
    let admin = admin.with_graceful_shutdown(stop.clone().wanted());
    let _held = ready()?;
    let routes = cluster_routes(cc.clone());
    let ended = stop.clone().wanted();
    let watched = watch(conf.ports.metrics.map(|it| it.cc), cc.clone(), stop.clone());
    let running = stop.clone().wanted();
    let ((), ended_dhcp, (), (), admin) = tokio::join!(
        listener.serve(None, routes, stop.wanted()),
        async {
            cc.run(running).await;
            // Bridges and rules stay; DHCP ends, by dhcpd as by the built-in server.
            net.end_dhcp().await
        },
        watched,
        async {
            tokio::select! {
                () = follow(&cc, &conf) => {}
                () = ended => {}
            }
        },
        admin,
    );
    ended_dhcp?;
    Ok(admin?)
}

/// The network of this machine, with VNET_DHCPDAEMON and VNET_DHCPUSER.
fn net(conf: &Conf) -> Result<LinuxNet, Failure> {
    let files = DhcpdFiles { directory: conf.layout.net(), log: conf.layout.dhcpd_log() };
    let daemon = conf.dhcp_daemon.as_ref();
    let program = daemon.map(|it| DhcpdProgram::find(&it.path, it.user.as_deref())).transpose()?;
    Ok(LinuxNet::with_dhcpd(files, program))
}

/// Adds the administrator's own iptables rules; what keeps them from being loaded.
async fn load_own_rules(layout: &Layout) -> Vec<String> {
    let mut problems = Vec::new();
    for file in layout.iptables_preloads() {
        match hostnet::preload(&file).await {
            Ok(added) if added.is_empty() => {}
            Ok(added) => tracing::info!(file = %file.display(), ?added, "iptables rules loaded"),
            Err(error) => problems.push(error.to_string()),
        }
    }
    problems
}

/// The way to the node controller at NODE:NC_PORT, which must prove to be that node's.
struct OverTls {
    identity: Identity,
    port: u16,
}

impl Ways for OverTls {
    fn to(&self, node: &NodeName) -> Result<Arc<dyn NodeApi>, Box<dyn Error + Send + Sync>> {
        let peer = Role::Node(node.clone());
        let client = NodeClient::new(&self.identity, &peer, format!("{node}:{}", self.port))?;
        Ok(Arc::new(client))
    }
}

/// Takes over, for ever, what changes in the configuration and can be taken over without a
/// restart. One that is wrong changes nothing, and is reported.
async fn follow(cc: &Cc, conf: &Conf) {
    let mut edits = Edits::since(conf);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let problem = match edits.look().await {
            Found::Nothing => continue,
            Found::Wrong(problem) => Some(problem),
            Found::Conf(conf) => {
                cc.set_policy(policy(conf.sched_policy));
                cc.set_public_addresses(conf.public_addresses.clone());
                cc.set_nodes(entries(&conf)).err().map(|error| error.to_string())
            }
        };
        cc.note_configuration(problem);
    }
}

fn entries(conf: &Conf) -> Vec<NodeEntry> {
    let drained = |name: &NodeName| conf.drained_nodes.contains(name);
    let entry = |name: &NodeName| NodeEntry { name: name.clone(), drained: drained(name) };
    conf.nodes.iter().map(entry).collect()
}

fn settings(conf: &Conf) -> Result<Settings, Failure> {
    Ok(Settings {
        state_path: conf.layout.cc(),
        policy: policy(conf.sched_policy),
        placement_grace_ms: PLACEMENT_GRACE_MS,
        public_addresses: conf.public_addresses.clone(),
        network: match conf.vnet_mode {
            VnetMode::Managed => Network::Managed(router_settings(conf)?),
            VnetMode::Static => Network::Static(static_settings(conf)?),
            VnetMode::System => Network::System,
        },
    })
}

fn router_settings(conf: &Conf) -> Result<RouterSettings, Failure> {
    let space = conf.address_space.ok_or("VNET_SUBNET is missing; run: euca_conf --setup")?;
    let (carrier, mtu) = match conf.vnet_transport {
        VnetTransport::None => (None, ETHERNET),
        VnetTransport::Vlan => (Some(Carrier::Vlan), netplan::vlan_mtu(underlay_mtu(conf))),
        VnetTransport::Vxlan => (Some(Carrier::Vxlan), netplan::overlay_mtu(underlay_mtu(conf))),
    };
    Ok(RouterSettings {
        addrs_per_net: space.addrs_per_net,
        vnet_subnet: space.subnet,
        dns: vec![space.dns],
        public_ports: [conf.ports.cloud, conf.ports.cloud_ssl]
            .into_iter()
            .chain(conf.ports.walrus)
            .collect(),
        mtu,
        carrier,
        interface: conf.vnet_interface.clone(),
    })
}

/// DHCP is answered on VNET_INTERFACE; where that is not named, on the bridge of the instances.
fn static_settings(conf: &Conf) -> Result<StaticSettings, Failure> {
    let site = conf.static_network.clone().ok_or("VNET_MACMAP is missing")?;
    let device = conf.vnet_interface.clone().or_else(|| conf.vnet_bridge.clone());
    Ok(StaticSettings {
        device: device.ok_or("VNET_INTERFACE is missing")?,
        subnet: site.subnet,
        broadcast: site.broadcast,
        router: site.router,
        dns: vec![site.dns],
        mtu: u16::try_from(underlay_mtu(conf)).unwrap_or(u16::MAX).min(ETHERNET),
        pairs: site.pairs,
    })
}

/// The largest packet that leaves VNET_INTERFACE, bytes.
fn underlay_mtu(conf: &Conf) -> u32 {
    let Some(device) = &conf.vnet_interface else { return ETHERNET.into() };
    let path = format!("/sys/class/net/{device}/mtu");
    let text = std::fs::read_to_string(&path);
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or_else(|| {
        tracing::warn!(path, "VNET_INTERFACE has no MTU that could be read; taking it for 1500");
        ETHERNET.into()
    })
}
