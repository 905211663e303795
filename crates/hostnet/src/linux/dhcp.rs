//! The DHCP server's sockets: one for each bridge with a gateway.

use super::Pass;
use super::devices::Bridge;
use crate::HostNetError;
use netplan::{DhcpNetwork, MOST_DHCP_BYTES, answer};
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

/// The servers that run, by network.
#[derive(Debug, Default)]
pub(super) struct DhcpServers(BTreeMap<NetworkTag, Server>);

#[derive(Debug)]
struct Server {
    /// The bridge that the socket is bound to; a bridge made anew has another index.
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
    /// Answers on these networks and no others. Where one cannot listen, the others still do.
    pub(super) fn serve(
        &mut self,
        networks: &BTreeMap<NetworkTag, DhcpNetwork>,
        bridges: &BTreeMap<NetworkTag, Bridge>,
        pass: &mut Pass,
    ) {
        let alive = |tag: &NetworkTag, server: &Server| {
            networks.contains_key(tag)
                && bridges.get(tag).is_some_and(|bridge| bridge.index == server.index)
                && !server.task.is_finished()
        };
        self.0.retain(|tag, server| alive(tag, server));
        for (tag, network) in networks {
            let Some(bridge) = bridges.get(tag) else { continue };
            if let Some(server) = self.0.get(tag) {
                server.network.send_if_modified(|kept| replace(kept, network));
                continue;
            }
            let started = start(*tag, bridge.index, network.clone()).map(|server| {
                self.0.insert(*tag, server);
                Some(format!("DHCP started on {}", tag.bridge()))
            });
            pass.attempt(started.map_err(|error| HostNetError::Dhcp {
                bridge: tag.bridge(),
                cause: error.to_string(),
            }));
        }
    }
}

fn replace(kept: &mut DhcpNetwork, network: &DhcpNetwork) -> bool {
    let differs = kept != network;
    if differs {
        kept.clone_from(network);
    }
    differs
}

fn start(tag: NetworkTag, index: u32, network: DhcpNetwork) -> io::Result<Server> {
    let socket = listen(&tag.bridge())?;
    let (network, reader) = watch::channel(network);
    let task = tokio::spawn(async move {
        if let Err(error) = run(&socket, &reader).await {
            warn!(bridge = tag.bridge(), %error, "dhcp socket lost; the next pass opens it again");
        }
    });
    Ok(Server { index, network, task })
}

fn listen(bridge: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(bridge.as_bytes()))?;
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
