//! Who has an IPv4 address on a network, and saying that one is here (RFC 826, RFC 5227).

use crate::HostNetError;
use nix::sys::socket::LinkAddr;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};
use types::MacAddr;

/// How often it is asked, and how long an answer is waited for each time. Who has an address
/// answers within milliseconds. RFC 5227 asks for seconds, for networks where ports open slowly;
/// this host has been on its own for long.
const PROBES: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(150);

const ARPHRD_ETHER: u16 = 1;
const ETH_P_ARP: u16 = 0x0806;
const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Ethernet, 6 bytes; IPv4, 4 bytes.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const EVERYBODY: MacAddr = MacAddr([0xff; 6]);

/// A device's end of an Ethernet.
pub(super) struct Wire {
    socket: Socket,
    device: String,
    mac: MacAddr,
}

impl Wire {
    /// That of a device; none when it is no Ethernet and has no neighbours to ask.
    pub(super) fn of(device: &str) -> Result<Option<Self>, HostNetError> {
        Self::open(device).map_err(|error| trouble("opening a socket for ARP on", device, &error))
    }

    fn open(device: &str) -> io::Result<Option<Self>> {
        let is_here = |it: &nix::ifaddrs::InterfaceAddress| it.interface_name == device;
        let link = nix::ifaddrs::getifaddrs()?.filter(is_here).find_map(|it| {
            it.address?.as_link_addr().copied().filter(|link| link.hatype() == ARPHRD_ETHER)
        });
        let Some(mac) = link.as_ref().and_then(LinkAddr::addr) else { return Ok(None) };
        let protocol = Protocol::from(i32::from(ETH_P_ARP.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        if let Some(link) = link {
            nix::sys::socket::bind(socket.as_raw_fd(), &link)?;
        }
        Ok(Some(Self { socket, device: device.to_owned(), mac: MacAddr(mac) }))
    }

    /// Which of these addresses others have, and who.
    pub(super) async fn owners(
        self,
        wanted: Vec<Ipv4Addr>,
    ) -> Result<BTreeMap<Ipv4Addr, MacAddr>, HostNetError> {
        let device = self.device.clone();
        let asked = tokio::task::spawn_blocking(move || self.ask(&wanted)).await;
        let asked = asked.map_err(io::Error::other).and_then(|asked| asked);
        asked.map_err(|error| trouble("asking for addresses on", &device, &error))
    }

    fn ask(&self, wanted: &[Ipv4Addr]) -> io::Result<BTreeMap<Ipv4Addr, MacAddr>> {
        let mut owners = BTreeMap::new();
        for _ in 0..PROBES {
            for ip in wanted {
                // Without a sender's address nobody learns from it that the address is here.
                self.send(REQUEST, Ipv4Addr::UNSPECIFIED, *ip)?;
            }
            let until = Instant::now() + PATIENCE;
            while let Some(frame) = self.hear(until)? {
                if let Some((ip, mac)) = sender(&frame)
                    && wanted.contains(&ip)
                    && mac != self.mac
                {
                    owners.insert(ip, mac);
                }
            }
        }
        Ok(owners)
    }

    /// Tells everybody that an address is here now. Some learn from requests, some from answers.
    pub(super) fn announce(&self, ip: Ipv4Addr) -> Result<(), HostNetError> {
        let told = self.send(REQUEST, ip, ip).and_then(|()| self.send(REPLY, ip, ip));
        told.map_err(|error| trouble("announcing an address on", &self.device, &error))
    }

    fn send(&self, operation: u16, sender: Ipv4Addr, target: Ipv4Addr) -> io::Result<()> {
        let frame = frame(operation, (self.mac, sender), target);
        match (&self.socket).write(&frame) {
            // A queue that is full: as good as lost on the way.
            Err(error) if is_late(&error) => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// The next ARP packet; none when none has come until then.
    fn hear(&self, until: Instant) -> io::Result<Option<Vec<u8>>> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        self.socket.set_read_timeout(Some(left))?;
        let mut bytes = [0; 64];
        match (&self.socket).read(&mut bytes) {
            Ok(read) => Ok(Some(bytes[..read].to_vec())),
            Err(error) if is_late(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn trouble(what: &str, device: &str, cause: &io::Error) -> HostNetError {
    HostNetError::Device { what: format!("{what} {device}"), cause: cause.to_string() }
}

fn frame(operation: u16, sender: (MacAddr, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    let (mac, ip) = sender;
    let unknown = if operation == REPLY { EVERYBODY } else { MacAddr([0; 6]) };
    [
        &EVERYBODY.0[..],
        &mac.0,
        &ETH_P_ARP.to_be_bytes(),
        &KIND,
        &operation.to_be_bytes(),
        &mac.0,
        &ip.octets(),
        &unknown.0,
        &target.octets(),
    ]
    .concat()
}

/// Who says in an ARP packet that an address is theirs. A probe says nothing.
fn sender(frame: &[u8]) -> Option<(Ipv4Addr, MacAddr)> {
    let kind = frame.get(12..20)?;
    let is_arp = kind[..2] == ETH_P_ARP.to_be_bytes() && kind[2..] == KIND;
    let mac: [u8; 6] = frame.get(22..28)?.try_into().ok()?;
    let ip: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
    let ip = Ipv4Addr::from(ip);
    (is_arp && !ip.is_unspecified()).then_some((ip, MacAddr(mac)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);
    const IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

    #[test]
    fn an_announcement_says_whose_the_address_is_and_a_probe_does_not() {
        for operation in [REQUEST, REPLY] {
            assert_eq!(sender(&frame(operation, (MAC, IP), IP)), Some((IP, MAC)));
        }
        assert_eq!(sender(&frame(REQUEST, (MAC, Ipv4Addr::UNSPECIFIED), IP)), None);
    }

    #[test]
    fn what_is_cut_short_or_no_arp_for_ipv4_says_nothing() {
        let whole = frame(REPLY, (MAC, IP), IP);
        for length in 0..32 {
            assert_eq!(sender(&whole[..length]), None);
        }
        for at in 12..20 {
            let mut other = whole.clone();
            other[at] ^= 0xff;
            assert_eq!(sender(&other), None, "byte {at}");
        }
    }
}
