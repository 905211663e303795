//! Who answers DHCP: a socket on each bridge with a gateway, or one on the site's network; or dhcpd
//! on the same devices.

use super::Pass;
use super::devices::{Bridge, Devices};
use super::dhcpd::Dhcpd;
use crate::HostNetError;
use netplan::{DhcpNetwork, MOST_DHCP_BYTES, RouterPlan, SiteDhcp, answer};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, warn};
use types::NetworkTag;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// What is to be answered, by the name of the device: its index, one made anew has another, and
/// what is said there.
pub(super) type Wanted = BTreeMap<String, (u32, DhcpNetwork)>;

/// Who answers DHCP: the built-in servers, by the name of their device, or dhcpd.
#[derive(Debug, Default)]
pub(super) struct DhcpServers {
    built_in: BTreeMap<String, Server>,
    dhcpd: Option<Dhcpd>,
}

#[derive(Debug)]
struct Server {
    index: u32,
    network: watch::Sender<DhcpNetwork>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DhcpServers {
    pub(super) fn with(dhcpd: Dhcpd) -> Self {
        Self { dhcpd: Some(dhcpd), ..Self::default() }
    }

    /// Whether dhcpd answers.
    pub(super) fn is_dhcpd(&self) -> bool {
        self.dhcpd.as_ref().is_some_and(Dhcpd::is_configured)
    }

    /// Answers on the plan's networks and no others. Where one cannot listen, the others still do.
    pub(super) async fn serve(
        &mut self,
        devices: &Devices,
        plan: &RouterPlan,
        bridges: &BTreeMap<NetworkTag, Bridge>,
        pass: &mut Pass,
    ) {
        let mut wanted = wanted(devices, plan, bridges, pass).await;
        if let Some(dhcpd) = &mut self.dhcpd {
            let mut by_dhcpd = Wanted::new();
            if dhcpd.is_configured() {
                by_dhcpd = std::mem::take(&mut wanted);
                pass.attempt(keep_addressed(devices, &mut by_dhcpd).await.map(|()| None));
            }
            pass.attempt(dhcpd.serve(&by_dhcpd).await);
        }
        self.serve_built_in(wanted, pass);
    }

    /// Answers nobody any more.
    pub(super) async fn end(&mut self) -> Result<(), HostNetError> {
        self.built_in.clear();
        match &mut self.dhcpd {
            Some(dhcpd) => dhcpd.serve(&Wanted::new()).await.map(|_| ()),
            None => Ok(()),
        }
    }

    fn serve_built_in(&mut self, wanted: Wanted, pass: &mut Pass) {
        self.built_in.retain(|device, server| {
            let index = wanted.get(device).map(|(index, _)| *index);
            index == Some(server.index) && !server.task.is_finished()
        });
        for (device, (index, network)) in wanted {
            if let Some(server) = self.built_in.get(&device) {
                server.network.send_if_modified(|kept| replace(kept, &network));
                continue;
            }
            let started = start(&device, index, network).map(|server| {
                self.built_in.insert(device.clone(), server);
                Some(format!("DHCP started on {device}"))
            });
            pass.attempt(
                started.map_err(|error| HostNetError::Dhcp {
                    bridge: device,
                    cause: error.to_string(),
                }),
            );
        }
    }
}

/// dhcpd serves only devices that have their address when it starts.
async fn keep_addressed(devices: &Devices, wanted: &mut Wanted) -> Result<(), HostNetError> {
    let bridges = devices.bridges().await?.into_iter();
    let bridges: BTreeMap<_, _> = bridges.map(|(tag, bridge)| (tag.bridge(), bridge)).collect();
    wanted.retain(|device, (_, network)| {
        let has = |bridge: &Bridge| {
            bridge.addresses.iter().any(|(address, _)| address.addr() == network.server)
        };
        bridges.get(device).is_none_or(has)
    });
    Ok(())
}

async fn wanted(
    devices: &Devices,
    plan: &RouterPlan,
    bridges: &BTreeMap<NetworkTag, Bridge>,
    pass: &mut Pass,
) -> Wanted {
    let group = |(tag, network): (&NetworkTag, &DhcpNetwork)| {
        Some((tag.bridge(), (bridges.get(tag)?.index, network.clone())))
    };
    let mut wanted: Wanted = plan.dhcp.iter().filter_map(group).collect();
    if let Some(site) = &plan.site {
        match on_site(devices, site).await {
            Ok((device, network)) => _ = wanted.insert(device, network),
            Err(error) => pass.attempt(Err(error)),
        }
    }
    wanted
}

/// The device on which the site's network is answered, and what.
async fn on_site(
    devices: &Devices,
    site: &SiteDhcp,
) -> Result<(String, (u32, DhcpNetwork)), HostNetError> {
    let none = |cause: String| HostNetError::SiteDhcp { device: site.device.clone(), cause };
    let place = devices.place(&site.device).await?;
    let place = place.ok_or_else(|| none("there is no such device".to_owned()))?;
    // one of the network itself, where the device has others too
    let inside = place.addresses.iter().find(|ip| site.subnet.contains(*ip));
    let server = inside.or(place.addresses.first());
    let server =
        server.ok_or_else(|| none(format!("{} has no IPv4 address to answer from", place.name)))?;
    Ok((place.name, (place.index, site.served_from(*server))))
}

fn replace(kept: &mut DhcpNetwork, network: &DhcpNetwork) -> bool {
    let differs = kept != network;
    if differs {
        kept.clone_from(network);
    }
    differs
}

fn start(device: &str, index: u32, network: DhcpNetwork) -> io::Result<Server> {
    let socket = listen(device)?;
    let (network, reader) = watch::channel(network);
    let device = device.to_owned();
    let task = tokio::spawn(async move {
        if let Err(error) = run(&socket, &reader).await {
            warn!(device, %error, "dhcp socket lost; the next pass opens it again");
        }
    });
    Ok(Server { index, network, task })
}

fn listen(device: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(device.as_bytes()))?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, SERVER_PORT)).into())?;
    UdpSocket::from_std(socket.into())
}

async fn run(socket: &UdpSocket, network: &watch::Receiver<DhcpNetwork>) -> io::Result<()> {
    // One byte more than the limit, so that what is over it is seen to be.
    let mut packet = vec![0; MOST_DHCP_BYTES + 1];
    loop {
        let (bytes, _) = socket.recv_from(&mut packet).await?;
        let Some(reply) = answer(&packet[..bytes], &network.borrow()) else { continue };
        // A reply that cannot be sent is lost, as any packet may be: the client asks again.
        if let Err(error) = socket.send_to(&reply.bytes, (reply.to, CLIENT_PORT)).await {
            debug!(to = %reply.to, %error, "dhcp reply not sent");
        }
    }
}
