//! Questions that show whether something works. What they leave behind is nothing that the host
//! would not have by itself.

use super::devices::Devices;
use super::tool;
use crate::HostNetError;
use rtnetlink::packet_route::neighbour::NeighbourState;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};
use types::MacAddr;

/// The kernel asks three times, a second apart.
const ARP_PATIENCE: Duration = Duration::from_secs(4);
const ARP_LOOK: Duration = Duration::from_millis(100);
const DHCP_PATIENCE: Duration = Duration::from_secs(2);
const DHCP_ATTEMPTS: u32 = 2;
/// Marks our question, RFC 2131's transaction id.
const TRANSACTION: [u8; 4] = *b"euca";

/// Which of these addresses answer ARP on a device, now. Takes up to four seconds when one does
/// not.
///
/// # Errors
/// When the device is not there, or the kernel refuses.
pub async fn who_answers(
    device: &str,
    wanted: &BTreeSet<Ipv4Addr>,
) -> Result<BTreeSet<Ipv4Addr>, HostNetError> {
    let devices = Devices::open()?;
    let Some(index) = devices.index(device).await? else { return Ok(BTreeSet::new()) };
    let before = devices.neighbour_states(index).await?;
    for ip in wanted {
        devices.ask_neighbour(index, *ip, before.get(ip).copied()).await?;
    }
    let until = Instant::now() + ARP_PATIENCE;
    loop {
        let now = devices.neighbour_states(index).await?;
        let answers = |ip: &&Ipv4Addr| now.get(*ip) == Some(&NeighbourState::Reachable);
        let answering: BTreeSet<_> = wanted.iter().filter(answers).copied().collect();
        if answering.len() == wanted.len() || Instant::now() > until {
            return Ok(answering);
        }
        tokio::time::sleep(ARP_LOOK).await;
    }
}

/// Asks the DHCP server of a bridge what it tells the instance with this Ethernet address
/// (DHCPINFORM: nothing is lent). The gateway asks in its place.
///
/// # Errors
/// Why no answer was had, as a sentence part.
pub async fn dhcp_answers(
    bridge: &str,
    gateway: Ipv4Addr,
    instance: MacAddr,
) -> Result<(), String> {
    let socket = client(gateway).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            "port 68 is taken by a DHCP client of this machine, so it cannot be asked".to_owned()
        }
        _ => error.to_string(),
    })?;
    let question = inform(gateway, instance);
    for _ in 0..DHCP_ATTEMPTS {
        let server = (Ipv4Addr::BROADCAST, 67);
        socket.send_to(&question, server).await.map_err(|error| error.to_string())?;
        if timeout(DHCP_PATIENCE, answered(&socket)).await.is_ok_and(|heard| heard.is_ok()) {
            return Ok(());
        }
    }
    Err(format!("nobody answers DHCP on {bridge}"))
}

/// The processes that DHCP requests to this machine reach, each as `name (process 7)`.
///
/// # Errors
/// Why they cannot be listed.
pub async fn dhcp_servers() -> Result<BTreeSet<String>, HostNetError> {
    let output = tool::run("ss", &["-Hlunp", "sport = :67"], String::new()).await;
    let failed = |cause| HostNetError::Device { what: "listing sockets with ss".to_owned(), cause };
    let output = output.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(owners(&String::from_utf8_lossy(&output.stdout))),
        false => Err(failed(tool::complaint(&output))),
    }
}

/// Of sockets as ss lists them: `... users:(("dhcpd",pid=7,fd=6),("dhcpd",pid=8,fd=6))`.
fn owners(listing: &str) -> BTreeSet<String> {
    let owner = |text: &str| {
        let (name, rest) = text.split_once("\",pid=")?;
        Some(format!("{name} (process {})", rest.split(',').next()?))
    };
    listing.split("(\"").skip(1).filter_map(owner).collect()
}

/// What it broadcasts leaves by the device that has its address, and the kernel hands it to this
/// machine's own sockets, too. It is not bound to that device: dhcpd's answer to an address of this
/// machine does not come from there.
fn client(gateway: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((gateway, 68)).into())?;
    UdpSocket::from_std(socket.into())
}

async fn answered(socket: &UdpSocket) -> io::Result<()> {
    let mut packet = [0; 1500];
    loop {
        let (bytes, _) = socket.recv_from(&mut packet).await?;
        let is_reply = packet[0] == 2 && packet[4..8] == TRANSACTION;
        if bytes >= 240 && is_reply {
            return Ok(());
        }
    }
}

fn inform(gateway: Ipv4Addr, instance: MacAddr) -> Vec<u8> {
    let mut packet = vec![0; 240];
    packet[..4].copy_from_slice(&[1, 1, 6, 0]);
    packet[4..8].copy_from_slice(&TRANSACTION);
    packet[12..16].copy_from_slice(&gateway.octets());
    packet[28..34].copy_from_slice(&instance.0);
    packet[236..].copy_from_slice(&[99, 130, 83, 99]);
    packet.extend([53, 1, 8, 255]);
    packet.resize(300, 0);
    packet
}

/// What the kernel must be able to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Bridges.
    Bridge,
    /// VXLAN devices.
    Vxlan,
    /// 802.1Q devices.
    Vlan,
}

impl Feature {
    /// The kernel module that has it.
    pub const fn module(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Vxlan => "vxlan",
            Self::Vlan => "8021q",
        }
    }

    /// Makes such a device where nobody sees it: in a network namespace that ends with the command.
    const fn trial(self) -> &'static str {
        match self {
            Self::Bridge => "ip link add name trial0 type bridge",
            Self::Vxlan => "ip link add name trial0 type vxlan id 10 dstport 4789",
            Self::Vlan => {
                "ip link add name trial0 type bridge && \
                 ip link add link trial0 name trial0.10 type vlan id 10"
            }
        }
    }

    /// Tries it.
    ///
    /// # Errors
    /// What the kernel says.
    pub async fn try_out(self) -> Result<(), String> {
        let trial = ["--net", "sh", "-c", self.trial()];
        let output = tool::run("unshare", &trial, String::new()).await;
        let output = output.map_err(|error| format!("unshare: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(tool::complaint(&output)),
        }
    }
}

impl Devices {
    /// Makes the kernel ask for an address: of a neighbour that it knows, at that one's Ethernet
    /// address first.
    async fn ask_neighbour(
        &self,
        index: u32,
        ip: Ipv4Addr,
        known: Option<NeighbourState>,
    ) -> Result<(), HostNetError> {
        match known {
            Some(NeighbourState::Permanent | NeighbourState::Noarp) => Ok(()),
            Some(NeighbourState::Reachable | NeighbourState::Stale | NeighbourState::Delay) => {
                self.poke_neighbour(index, ip, NeighbourState::Probe).await
            }
            _ => self.poke_neighbour(index, ip, NeighbourState::None).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_of_sockets_are_named_once() {
        let line = |device, users| format!("UNCONN 0 0 0.0.0.0%{device}:67 0.0.0.0:*{users}\n");
        let ours = " users:((\"eucalyptus\",pid=12,fd=20))";
        let two = " users:((\"dhcpd\",pid=7,fd=6),(\"sh\",pid=8,fd=6))";
        for (listing, expect) in [
            (String::new(), ""),
            (line("eucabr10", ours) + &line("eucabr11", ours), "eucalyptus (process 12)"),
            (line("eth0", two), "dhcpd (process 7), sh (process 8)"),
            (line("eth0", ""), ""),
        ] {
            let found: Vec<_> = owners(&listing).into_iter().collect();
            assert_eq!(found.join(", "), expect, "{listing}");
        }
    }
}
