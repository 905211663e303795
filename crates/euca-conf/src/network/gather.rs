//! Looks at the machine and asks who should answer.

use super::scene::{Heard, Report, Scene};
use crate::cluster;
use crate::error::ToolError;
use conf::{Components, Conf, HostFacts, VnetTransport};
use hostnet::HostView;
use hostnet::probe::{self, Feature};
use protocol::admin::{NETWORKS, NetworkReport, NetworkStatus};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a component of this machine may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(3);

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
    let components = components(&conf);
    let (host, mut heard) = runtime()?.block_on(async {
        let host = HostView::take().await?;
        let heard = listen(&conf, &host, &report).await?;
        Ok::<_, ToolError>((host, heard))
    })?;
    heard.components = components;
    Ok(Scene { conf, doubts, host, report, heard })
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
    let is_there = |network: &&NetworkStatus| host.devices.contains_key(&network.tag.bridge());
    for network in report.networks.iter().filter(is_there) {
        let bridge = network.tag.bridge();
        let Some(first) = network.instances.first() else { continue };
        let asked = probe::dhcp_answers(&bridge, network.gateway.addr(), first.mac).await;
        heard.dhcp.insert(network.tag, asked);
        let instances = network.instances.iter().map(|lease| lease.ip).collect();
        heard.answering.extend(probe::who_answers(&bridge, &instances).await?);
    }
    Ok(heard)
}

fn features(conf: &Conf) -> Vec<Feature> {
    let mut features = vec![Feature::Bridge];
    match conf.vnet_transport {
        VnetTransport::None => {}
        VnetTransport::Vxlan => features.push(Feature::Vxlan),
    }
    features
}
