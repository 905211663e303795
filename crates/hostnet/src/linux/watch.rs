//! Watches the taps of instances that the site's DHCP server gives an address.
//!
//! Each has a packet socket of its own with a filter in the kernel, which lets by what a lease or a
//! claim can be, in its direction: what a guest sends cannot pass for an answer of the server.

use super::Pass;
use super::devices::Devices;
use crate::{HostNetError, Sightings};
use netplan::{Sighting, sight};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, bind};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::debug;
use types::MacAddr;

/// ETH_P_ALL: frames of all kinds, sent and received.
const EVERY_FRAME: u16 = 3;
/// A DHCP packet has at most an Ethernet frame's worth of bytes.
const MOST_BYTES: usize = 2048;

/// The taps that are watched, and what was seen last on each.
#[derive(Debug, Default)]
pub(super) struct Watchers(BTreeMap<String, Watcher>);

#[derive(Debug)]
struct Watcher {
    mac: MacAddr,
    /// The device that the socket is bound to; a tap made anew has another index.
    index: u32,
    task: JoinHandle<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watchers {
    /// Watches these taps, as far as they are there, and no others. What was seen on a tap that is
    /// gone is forgotten.
    pub(super) async fn ensure(
        &mut self,
        devices: &Devices,
        wanted: &BTreeMap<String, MacAddr>,
        seen: &watch::Sender<Sightings>,
        pass: &mut Pass,
    ) {
        if wanted.is_empty() && self.0.is_empty() {
            return;
        }
        let found = match devices.indexes().await {
            Ok(found) => found,
            Err(error) => return pass.attempt(Err(error)),
        };
        self.0.retain(|tap, watcher| {
            let is_there = found.get(tap) == Some(&watcher.index);
            is_there && wanted.get(tap) == Some(&watcher.mac) && !watcher.task.is_finished()
        });
        seen.send_if_modified(|seen| {
            let before = seen.len();
            seen.retain(|tap, _| self.0.contains_key(tap));
            seen.len() != before
        });
        for (tap, mac) in wanted.iter().filter(|(tap, _)| found.contains_key(*tap)) {
            if !self.0.contains_key(tap) {
                let started = start(tap, *mac, found[tap], seen.clone()).map(|watcher| {
                    self.0.insert(tap.clone(), watcher);
                    Some(format!("{tap} is watched for its address"))
                });
                pass.attempt(started.map_err(|cause| HostNetError::Device {
                    what: format!("watching {tap} for its address"),
                    cause: cause.to_string(),
                }));
            }
        }
    }
}

fn start(
    tap: &str,
    mac: MacAddr,
    index: u32,
    seen: watch::Sender<Sightings>,
) -> io::Result<Watcher> {
    let socket = open(index)?;
    let tap = tap.to_owned();
    let task = tokio::spawn(async move {
        if let Err(error) = run(&socket, &tap, mac, &seen).await {
            // As a rule it went with its instance; where it did not, the next pass watches it again.
            debug!(tap, %error, "a tap is no longer watched");
        }
    });
    Ok(Watcher { mac, index, task })
}

/// A socket that hears what [`filter`] lets by on one device. What it hears is received like any
/// datagram, which is all that its type in the end stands for.
fn open(index: u32) -> io::Result<UdpSocket> {
    let protocol = Protocol::from(i32::from(EVERY_FRAME.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.attach_filter(&filter())?;
    bind(socket.as_raw_fd(), &address_of(index)?)?;
    // What came before is of other devices. Binding has waited for those that were under way.
    while (&socket).read(&mut [0; MOST_BYTES]).is_ok() {}
    UdpSocket::from_std(socket.into())
}

fn address_of(index: u32) -> io::Result<LinkAddr> {
    let addresses = getifaddrs()?.filter_map(|device| device.address);
    let mut links = addresses.filter_map(|address| address.as_link_addr().copied());
    let link = links.find(|link| u32::try_from(link.ifindex()) == Ok(index));
    link.ok_or_else(|| io::ErrorKind::NotFound.into())
}

async fn run(
    socket: &UdpSocket,
    tap: &str,
    mac: MacAddr,
    seen: &watch::Sender<Sightings>,
) -> io::Result<()> {
    let mut frame = [0; MOST_BYTES];
    loop {
        let bytes = socket.recv(&mut frame).await?;
        if let Some(sighting) = sight(&frame[..bytes], mac) {
            seen.send_if_modified(|seen| note(seen, tap, sighting));
        }
    }
}

/// A claim tells nothing where a lease was seen.
fn note(seen: &mut Sightings, tap: &str, sighting: Sighting) -> bool {
    let last = seen.get(tap);
    let is_less = matches!((last, sighting), (Some(Sighting::Leased(_)), Sighting::Claimed(_)));
    if is_less || last == Some(&sighting) {
        return false;
    }
    seen.insert(tap.to_owned(), sighting);
    true
}

/// What the kernel's filter knows beside a frame's bytes (linux/filter.h).
const PACKET_TYPE: u32 = 0xffff_f004;
/// A frame that goes out of the device, to the guest (linux/if_packet.h).
const OUTGOING: u32 = 4;

/// Lets by IPv4 UDP from port 67 on its way to the guest, and ARP that comes from it.
fn filter() -> [SockFilter; 15] {
    const LOAD_4: u16 = 0x20;
    const LOAD_2: u16 = 0x28;
    const LOAD_1: u16 = 0x30;
    const LOAD_2_AFTER_HEADER: u16 = 0x48;
    const HEADER_LENGTH: u16 = 0xb1;
    const EQUALS: u16 = 0x15;
    const HAS_BITS: u16 = 0x45;
    const RETURN: u16 = 0x06;
    [
        SockFilter::new(LOAD_4, 0, 0, PACKET_TYPE),
        SockFilter::new(EQUALS, 2, 0, OUTGOING),
        // from the guest
        SockFilter::new(LOAD_2, 0, 0, 12),
        SockFilter::new(EQUALS, 9, 10, 0x0806),
        // to the guest
        SockFilter::new(LOAD_2, 0, 0, 12),
        SockFilter::new(EQUALS, 0, 8, 0x0800),
        SockFilter::new(LOAD_1, 0, 0, 23),
        SockFilter::new(EQUALS, 0, 6, 17),
        SockFilter::new(LOAD_2, 0, 0, 20),
        SockFilter::new(HAS_BITS, 4, 0, 0x1fff),
        SockFilter::new(HEADER_LENGTH, 0, 0, 14),
        SockFilter::new(LOAD_2_AFTER_HEADER, 0, 0, 14),
        SockFilter::new(EQUALS, 0, 1, 67),
        SockFilter::new(RETURN, 0, 0, MOST_BYTES as u32),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_last_counts_and_a_claim_less_than_a_lease() {
        let (one, two) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut seen = Sightings::new();
        for (sighting, is_news, then) in [
            (Sighting::Claimed(one), true, Sighting::Claimed(one)),
            (Sighting::Claimed(one), false, Sighting::Claimed(one)),
            (Sighting::Leased(one), true, Sighting::Leased(one)),
            (Sighting::Claimed(two), false, Sighting::Leased(one)),
            (Sighting::Leased(two), true, Sighting::Leased(two)),
        ] {
            assert_eq!(note(&mut seen, "tap", sighting), is_news, "{sighting:?}");
            assert_eq!(seen["tap"], then);
        }
    }
}
