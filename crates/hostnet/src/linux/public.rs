//! Which public addresses this host has. Those that somebody else put on a device stay.

use super::arp::Wire;
use super::devices::{Devices, Port};
use super::{Pass, check};
use crate::HostNetError;
use netplan::PublicPlan;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The routes of IPv4, as this network namespace has them.
const ROUTES: &str = "/proc/thread-self/net/route";

/// Those that this host must not take, and why.
pub(super) async fn refused(
    devices: &Devices,
    wanted: &BTreeSet<Ipv4Addr>,
    interface: Option<&str>,
) -> Result<BTreeMap<Ipv4Addr, String>, HostNetError> {
    let here = devices.host_addresses().await?;
    let (mut refused, mut unknown) = (BTreeMap::new(), Vec::new());
    for ip in wanted {
        match here.iter().find(|address| address.ip == *ip) {
            Some(address) if address.ours => {}
            Some(_) => _ = refused.insert(*ip, OWN.to_owned()),
            None => unknown.push(*ip),
        }
    }
    if unknown.is_empty() {
        return Ok(refused);
    }
    let port = port(devices, interface).await?;
    let others = match Wire::of(&port.name)? {
        Some(wire) => wire.owners(unknown).await?,
        None => BTreeMap::new(),
    };
    let taken = |(ip, mac)| {
        let why = format!(
            "the machine with Ethernet address {mac} has it on {}; take it out of VNET_PUBLICIPS, \
             or from that machine",
            port.name
        );
        (ip, why)
    };
    refused.extend(others.into_iter().map(taken));
    Ok(refused)
}

const OWN: &str = "it is an address of this machine itself; take it out of VNET_PUBLICIPS";

/// What keeps members of a group from each other's public addresses, with the remedy. A bridge
/// sends nothing back out of the port that it came from, and where this is set it is the bridge
/// that translates.
pub(super) async fn obstacle() -> Option<String> {
    let here = Devices::open().ok()?.host_addresses().await.ok()?;
    let problem = "bridged packets meet the rules for routed ones (as Docker wants it), so an \
                   instance does not reach its own public address, nor, on another machine, those \
                   of its group: sysctl -w net.bridge.bridge-nf-call-iptables=0";
    (check::bridged_packets_meet_rules() && here.iter().any(|it| it.ours))
        .then(|| problem.to_owned())
}

/// Gives up all addresses but the wanted ones.
pub(super) async fn leave(devices: &Devices, plan: &PublicPlan, pass: &mut Pass) {
    let here = match devices.host_addresses().await {
        Ok(here) => here,
        Err(error) => return pass.attempt(Err(error)),
    };
    for address in here.iter().filter(|it| it.ours && !plan.leads.contains_key(&it.ip)) {
        let done = devices.remove_public(address).await;
        pass.attempt(done.map(|()| Some(format!("public address {} removed", address.ip))));
    }
}

/// Makes the device have the wanted addresses, and tells its neighbours of new ones.
pub(super) async fn ensure(devices: &Devices, plan: &PublicPlan, pass: &mut Pass) {
    if !plan.leads.is_empty()
        && let Err(error) = add(devices, plan, pass).await
    {
        pass.attempt(Err(error));
    }
}

async fn add(devices: &Devices, plan: &PublicPlan, pass: &mut Pass) -> Result<(), HostNetError> {
    let port = port(devices, plan.interface.as_deref()).await?;
    let here = devices.host_addresses().await?;
    let mut new = Vec::new();
    for ip in plan.leads.keys() {
        let (right, wrong): (Vec<_>, Vec<_>) =
            here.iter().filter(|it| it.ip == *ip).partition(|it| it.device == port.index);
        for address in wrong.into_iter().filter(|it| it.ours) {
            pass.attempt(devices.remove_public(address).await.map(|()| None));
        }
        match right.first() {
            Some(address) if address.ours => {}
            Some(_) => pass.attempt(Err(HostNetError::Device {
                what: format!("taking public address {ip}"),
                cause: OWN.to_owned(),
            })),
            None => {
                let done = devices.add_public(&port, *ip).await;
                new.extend(done.is_ok().then_some(*ip));
                let change = format!("public address {ip} added to {}", port.name);
                pass.attempt(done.map(|()| Some(change)));
            }
        }
    }
    if !new.is_empty()
        && let Some(wire) = Wire::of(&port.name)?
    {
        new.into_iter().for_each(|ip| pass.attempt(wire.announce(ip).map(|()| None)));
    }
    Ok(())
}

/// The device that public addresses are on.
async fn port(devices: &Devices, interface: Option<&str>) -> Result<Port, HostNetError> {
    let name = match interface {
        Some(name) => name.to_owned(),
        None => {
            let routes = std::fs::read_to_string(ROUTES).unwrap_or_default();
            let found = default_device(&routes).map(str::to_owned);
            found.ok_or_else(|| HostNetError::NoInterface("there is no default route".into()))?
        }
    };
    let found = devices.port(&name).await?;
    found.ok_or_else(|| HostNetError::NoInterface(format!("there is no device {name}")))
}

/// The device of the default route, of several that of the best; from the kernel's table: device,
/// destination, gateway, flags, references, use, metric, mask, all but the first in hexadecimal or
/// decimal digits.
fn default_device(routes: &str) -> Option<&str> {
    let best = routes.lines().filter_map(default_route).min_by_key(|(metric, _)| *metric);
    best.map(|(_, device)| device)
}

fn default_route(line: &str) -> Option<(u32, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [device, "00000000", _, _, _, _, metric, "00000000", ..] = words[..] else { return None };
    // One that drops has no device.
    Some((metric.parse().ok()?, device)).filter(|_| device != "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_default_routes_the_best_tells_the_device() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n";
        let route = |device: &str, to: &str, metric: u32, mask: &str| {
            format!("{device}\t{to}\t010200C0\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n")
        };
        let table = [
            head.to_owned(),
            route("wlan0", "00000000", 600, "00000000"),
            route("eth0", "00000000", 100, "00000000"),
            route("eth1", "000200C0", 0, "00FFFFFF"),
            route("tun0", "00000000", 0, "00000080"),
            route("*", "00000000", 0, "00000000"),
        ]
        .concat();
        assert_eq!(default_device(&table), Some("eth0"));
        assert_eq!(default_device(head), None);
        assert_eq!(default_device(""), None);
    }
}
