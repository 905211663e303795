//! Looks at the machine and asks who should answer.

use super::scene::{Heard, Report, Scene};
use crate::cluster;
use crate::error::ToolError;
use crate::socket::{self, Method};
use conf::{Components, Conf, HostFacts, VnetTransport};
use hostnet::probe::{self, Feature};
use hostnet::{HostView, Passage};
use protocol::admin::{CLUSTERS, ClusterStatus, NETWORKS, NetworkReport, NetworkStatus};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use types::{NetworkTag, VnetMode};

/// How long a component of this machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many networks are asked at once: each may take seconds to be silent.
const AT_ONCE: usize = 32;

pub(crate) fn runtime() -> Result<Runtime, ToolError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

pub(crate) fn gather(file: &Path) -> Result<Scene, ToolError> {
    let conf = conf::load(file)?.conf;
    let doubts = conf::doubts(&conf, &HostFacts::probe()?);
    let report = match conf.start.cc {
        false => Report::NotHere,
        true => match cluster::ask::<NetworkReport>(file, NETWORKS) {
            Ok(report) => Report::Told(report),
            Err(error) => Report::Silent(error.to_string()),
        },
    };
    let cloud = conf.layout.cloud_socket();
    let clusters: Option<Vec<ClusterStatus>> = match conf.start.cloud {
        // That it does not answer is another step's to tell.
        true => socket::json(&cloud, Method::GET, CLUSTERS, None).ok(),
        false => None,
    };
    let components = components(&conf);
    let (host, mut heard) = runtime()?.block_on(async {
        let host = HostView::take(&passages(&conf)).await?;
        let heard = listen(&conf, &host, &report).await?;
        Ok::<_, ToolError>((host, heard))
    })?;
    heard.components = components;
    Ok(Scene { conf, doubts, host, report, clusters, heard })
}

/// What this machine does for instances. The router's machine passes on what nodes do, too.
fn passages(conf: &Conf) -> Vec<Passage> {
    let Components { cc, nc, .. } = conf.start;
    let device = conf.vnet_interface.clone().filter(|_| cc && conf.dhcp_daemon.is_none());
    let bridge = conf.vnet_bridge.clone().filter(|_| nc).map(Passage::SiteNode);
    match conf.vnet_mode {
        VnetMode::Managed if cc => vec![Passage::Router],
        VnetMode::Managed if nc => vec![Passage::GroupNode],
        VnetMode::Managed => Vec::new(),
        VnetMode::System => bridge.into_iter().collect(),
        VnetMode::Static => device.map(Passage::SiteDhcp).into_iter().chain(bridge).collect(),
    }
}

/// The components of this machine, and whether each accepts connections.
fn components(conf: &Conf) -> Vec<(&'static str, u16, bool)> {
    let Components { cloud, cc, nc } = conf.start;
    let ports = &conf.ports;
    let all = [
        ("cloud controller", cloud, ports.cloud),
        ("cluster controller", cc, ports.cc),
        ("node controller", nc, ports.nc),
        ("metadata service", nc, ports.metadata),
    ];
    let here = all.into_iter().filter(|(_, starts, _)| *starts);
    here.map(|(name, _, port)| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        (name, port, TcpStream::connect_timeout(&address, PATIENCE).is_ok())
    })
    .collect()
}

async fn listen(conf: &Conf, host: &HostView, report: &Report) -> Result<Heard, ToolError> {
    let mut heard = Heard::default();
    for feature in features(conf) {
        heard.features.insert(feature, feature.try_out().await);
    }
    let Report::Told(report) = report else { return Ok(heard) };
    heard.dhcp_servers = probe::dhcp_servers().await?;
    let is_there = |network: &&NetworkStatus| host.devices.contains_key(&network.tag.bridge());
    let askable: Vec<_> = report.networks.iter().filter(is_there).collect();
    for some in askable.chunks(AT_ONCE) {
        let mut asked = JoinSet::new();
        some.iter().for_each(|network| drop(asked.spawn(ask((*network).clone()))));
        while let Some(answer) = asked.join_next().await {
            let answer = answer.map_err(std::io::Error::other)?;
            let Some((tag, dhcp, answering)) = answer? else { continue };
            heard.dhcp.insert(tag, dhcp);
            heard.answering.extend(answering);
        }
    }
    Ok(heard)
}

type Answers = (NetworkTag, Result<(), String>, BTreeSet<Ipv4Addr>);

/// What is answered on a network; none when it has no instance that could be asked about.
async fn ask(network: NetworkStatus) -> Result<Option<Answers>, ToolError> {
    let Some(first) = network.instances.first() else { return Ok(None) };
    let bridge = network.tag.bridge();
    let dhcp = probe::dhcp_answers(&bridge, network.gateway.addr(), first.mac).await;
    let running = network.instances.iter().filter(|lease| lease.running);
    let instances = running.map(|lease| lease.ip).collect();
    let answering = probe::who_answers(&bridge, &instances).await?;
    Ok(Some((network.tag, dhcp, answering)))
}

fn features(conf: &Conf) -> Vec<Feature> {
    let mut features = vec![Feature::Bridge];
    match conf.vnet_transport {
        _ if conf.vnet_mode != VnetMode::Managed => {}
        VnetTransport::None => {}
        // The default: on one machine nothing is carried anywhere.
        VnetTransport::Vlan if conf.nodes.iter().all(conf::is_here) => {}
        VnetTransport::Vlan => features.push(Feature::Vlan),
        VnetTransport::Vxlan => features.push(Feature::Vxlan),
    }
    features
}
