//! Puts the cloud controller together.

use super::watching::watch;
use super::{Failure, Ready, Stop, admin_socket, policy};
use axum::Router;
use cloud::{Cloud, ClusterFactory, Settings};
use conf::{Conf, is_here};
use console::Console;
use protocol::{CallError, ClusterApi, Networks};
use state::ClusterConfig;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use transport::{ClusterClient, Identity, Limits, Listener, Role, WebKeys, image_routes, pki};
use types::{ClusterName, SystemClock, VnetMode};

pub(super) async fn serve(conf: Conf, stop: Stop, ready: Ready) -> Result<(), Failure> {
    let keys = conf.layout.keys();
    pki::prepare(&keys, &public_hosts(&conf), &roles(&conf))?;
    let identity = Identity::load(&keys, &Role::Cloud)?;
    tokio::spawn(identity.clone().keep_fresh());
    // the port first: a second cloud controller must not touch the database
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.cloud).into();
    let listener = Listener::bind(address, &identity, Limits::default()).await?;
    let walrus = match conf.ports.walrus {
        Some(port) => Some(walrus_listener(port, &identity).await?),
        None => None,
    };

    let web = WebKeys::prepare(&keys, &public_hosts(&conf))?;
    tokio::spawn(web.clone().keep_fresh());
    let address = (Ipv4Addr::UNSPECIFIED, conf.ports.cloud_ssl).into();
    let web = Listener::bind(address, &web, Limits::default()).await?;

    let clusters = Arc::new(MutualTls(identity));
    let cloud = Cloud::open(settings(&conf)?, Arc::new(SystemClock), clusters).await?;

    let console = Console::open(cloud.clone(), console_settings(&conf)).await?;

    let admin = axum::serve(admin_socket(&conf.layout.cloud_socket())?, cloud.admin_router());
    let admin = admin.with_graceful_shutdown(stop.clone().wanted());
    let (public, internal) = (cloud.router(), image_routes(cloud.clone()));
    let (at_root, stopped) = (cloud.walrus_router(), stop.clone().wanted());
    let walrus = async {
        if let Some(listener) = walrus {
            // a component has nothing to ask here
            listener.serve(Some(at_root), Router::new(), stopped).await;
        }
    };
    let _held = ready()?;
    let watched = watch(conf.ports.metrics.map(|it| it.cloud), cloud.clone(), stop.clone());
    let ((), (), (), (), (), admin, ()) = tokio::join!(
        listener.serve(Some(public), internal, stop.clone().wanted()),
        walrus,
        web.serve(Some(console.router()), Router::new(), stop.clone().wanted()),
        console.clone().run(stop.receiver()),
        cloud.run(stop.receiver()),
        admin,
        watched,
    );
    Ok(admin?)
}

async fn walrus_listener(port: u16, identity: &Identity) -> Result<Listener, Failure> {
    let address = (Ipv4Addr::UNSPECIFIED, port).into();
    let bound = Listener::bind(address, identity, Limits::default()).await;
    bound.map_err(|error| format!("{error} (WALRUS_PORT; 0 for none)").into())
}

/// Reaches cluster controllers with the cloud controller's identity. Each must prove its name.
struct MutualTls(Identity);

impl ClusterFactory for MutualTls {
    fn cluster(
        &self,
        name: &ClusterName,
        endpoint: &str,
    ) -> Result<Arc<dyn ClusterApi>, CallError> {
        let peer = Role::Cluster(name.clone());
        match ClusterClient::new(&self.0, &peer, endpoint.to_owned()) {
            Ok(client) => Ok(Arc::new(client)),
            Err(error) => Err(CallError::Failed(error.to_string())),
        }
    }
}

/// The components whose keys this cloud controller makes at its start: itself and those of this
/// machine.
fn roles(conf: &Conf) -> Vec<Role> {
    let mut roles = vec![Role::Cloud];
    if conf.start.cc {
        roles.push(Role::Cluster(conf.cluster_name.clone()));
    }
    if conf.start.nc {
        roles.extend(conf.nodes.iter().find(|node| is_here(node)).cloned().map(Role::Node));
    }
    roles
}

/// The names and addresses under which users reach the cloud over HTTPS.
fn public_hosts(conf: &Conf) -> Vec<String> {
    let mut hosts = vec![conf.cloud_host.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    if conf.ports.walrus.is_some() {
        for domain in &conf.walrus_domains {
            hosts.push(domain.clone());
            // no client takes a wildcard for all of a top-level domain
            if domain.contains('.') {
                hosts.push(format!("*.{domain}"));
            }
        }
    }
    hosts
}

fn settings(conf: &Conf) -> Result<Settings, Failure> {
    Ok(Settings {
        layout: conf.layout.clone(),
        database_url: conf.database_url.clone(),
        public_url: format!("http://{}:{}", conf.cloud_host, conf.ports.cloud),
        walrus_url: conf.ports.walrus.map(|port| format!("http://{}:{port}", conf.cloud_host)),
        walrus_domains: conf.walrus_domains.clone(),
        image_source: format!("{}:{}", conf.cloud_host, conf.ports.cloud),
        signature_v1: conf.ec2_signature_v1,
        cluster: if conf.start.cc { Some(cluster(conf)?) } else { None },
    })
}

fn console_settings(conf: &Conf) -> console::Settings {
    let configuration = conf.path.parent().map_or_else(Default::default, Path::to_owned);
    console::Settings {
        url: format!("https://{}:{}", conf.cloud_host, conf.ports.cloud_ssl),
        configuration,
        smtp_server: conf.smtp_server.clone(),
    }
}

/// The cluster of this machine.
fn cluster(conf: &Conf) -> Result<ClusterConfig, Failure> {
    Ok(ClusterConfig {
        name: conf.cluster_name.clone(),
        endpoint: format!("127.0.0.1:{}", conf.ports.cc),
        networks: networks(conf)?,
        policy: policy(conf.sched_policy),
        public_addresses: conf.public_addresses.clone(),
    })
}

/// How instances of this machine's cluster are connected.
fn networks(conf: &Conf) -> Result<Networks, Failure> {
    Ok(match conf.vnet_mode {
        VnetMode::Managed => {
            let space = conf.address_space;
            let space = space.ok_or("VNET_SUBNET is missing; run: euca_conf --setup")?;
            Networks::Managed { subnet: space.subnet, addrs_per_net: space.addrs_per_net }
        }
        VnetMode::Static => {
            let site = conf.static_network.clone().ok_or("VNET_MACMAP is missing")?;
            Networks::Static { subnet: site.subnet, pairs: site.pairs }
        }
        VnetMode::System => Networks::System,
    })
}
