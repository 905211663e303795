//! Where another machine is.

use crate::{HostNetError, Path};
use netplan::VXLAN_PORT;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::net::{UdpSocket, lookup_host};

pub(super) async fn find(host: &str) -> Result<Path, HostNetError> {
    look(host)
        .await
        .map_err(|cause| HostNetError::Path { host: host.to_owned(), cause: cause.to_string() })
}

async fn look(host: &str) -> io::Result<Path> {
    let mut found: Vec<IpAddr> = lookup_host((host, VXLAN_PORT)).await?.map(|it| it.ip()).collect();
    // IPv4 first, and of several the same one every time, in whichever order a server names them.
    found.sort();
    let theirs = found.into_iter().next().ok_or(io::ErrorKind::NotFound)?;
    match (theirs, source_towards(theirs).await?) {
        (theirs, ours) if theirs == ours || theirs.is_loopback() => Ok(Path::Here),
        (IpAddr::V4(theirs), IpAddr::V4(ours)) => Ok(Path::Elsewhere { ours, theirs }),
        (theirs, _) => Err(io::Error::other(format!("{theirs} is no IPv4 address"))),
    }
}

/// The address that the kernel would send from. Nothing is sent.
async fn source_towards(theirs: IpAddr) -> io::Result<IpAddr> {
    let any = match theirs {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(SocketAddr::new(theirs, VXLAN_PORT)).await?;
    Ok(socket.local_addr()?.ip())
}
