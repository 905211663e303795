//! How many leases the built-in server gives in a second: each an offer that is asked for and a
//! lease that is acknowledged, to clients of their own Ethernet addresses.

use crate::cloud::Cloud;
use crate::world::World;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};
use types::{MacAddr, NetworkTag};

const CLIENTS: u32 = 5000;
/// So many clients talk at once.
const AT_ONCE: usize = 64;
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

pub(crate) fn measure() {
    let cloud = Cloud::of_one_group(CLIENTS);
    let world = World::new();
    let guest = world.guest(1, NetworkTag::FIRST, "10.77.2.2");
    world.controller.router(&cloud.router());
    world.plug(&[&guest]);
    guest.namespace.sh("ip addr add 0.0.0.0/32 dev eth0 2>/dev/null || true");
    guest.namespace.sh("ip route add default dev eth0");
    let macs = cloud.macs();
    let taken = guest.namespace.run(move || all_get_one(&macs));
    let rate = f64::from(CLIENTS) / taken.as_secs_f64();
    println!("DHCP leases a second, one network (at least 1,000): {rate:.0}");
}

fn all_get_one(macs: &[MacAddr]) -> Duration {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68)).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let send = |packet: &[u8]| _ = socket.send_to(packet, (Ipv4Addr::BROADCAST, 67)).unwrap();
    let begun = Instant::now();
    let mut waiting: Vec<usize> = (0..macs.len()).rev().collect();
    let mut talking: HashMap<u32, Vec<u8>> = HashMap::new();
    let mut packet = [0; 1500];
    let mut done = 0;
    while done < macs.len() {
        while talking.len() < AT_ONCE
            && let Some(at) = waiting.pop()
        {
            let message = packet_of(at as u32, macs[at], DISCOVER, &[]);
            send(&message);
            talking.insert(at as u32, message);
        }
        let bytes = match socket.recv(&mut packet) {
            Ok(bytes) => bytes,
            // Lost packets are sent again, as clients do.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                talking.values().for_each(|message| send(message));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let id = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        if !talking.contains_key(&id) {
            continue;
        }
        match option(&packet[..bytes], 53) {
            Some([OFFER]) => {
                let server = option(&packet[..bytes], 54).unwrap().to_vec();
                let wanted = [&[50, 4], &packet[16..20], &[54, 4], &server].concat();
                let message = packet_of(id, macs[id as usize], REQUEST, &wanted);
                send(&message);
                talking.insert(id, message);
            }
            Some([ACK]) => {
                talking.remove(&id);
                done += 1;
            }
            other => panic!("an answer of kind {other:?}"),
        }
    }
    begun.elapsed()
}

/// A client's message (RFC 2131) that asks to be answered by broadcast.
fn packet_of(id: u32, mac: MacAddr, kind: u8, options: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 236];
    packet[..3].copy_from_slice(&[1, 1, 6]);
    packet[4..8].copy_from_slice(&id.to_be_bytes());
    packet[10] = 0x80;
    packet[28..34].copy_from_slice(&mac.0);
    packet.extend([99, 130, 83, 99, 53, 1, kind]);
    packet.extend(options);
    packet.push(255);
    packet.resize(300.max(packet.len()), 0);
    packet
}

fn option(packet: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = packet.get(240..)?;
    loop {
        match rest {
            [0, tail @ ..] => rest = tail,
            [255, ..] | [] | [_] => return None,
            [code, length, tail @ ..] => {
                let value = tail.get(..usize::from(*length))?;
                if *code == wanted {
                    return Some(value);
                }
                rest = &tail[value.len()..];
            }
        }
    }
}
