//! The variables of STATIC mode: the site's network, and who may have which of its addresses.

use crate::network::{address, base_and_prefix, name_server};
use crate::reader::Reader;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use types::{AddressPair, MacAddr};

/// The site's network as the administrator describes it (Administrator's Guide, "STATIC Mode").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticNetwork {
    /// VNET_SUBNET and VNET_NETMASK.
    pub subnet: Ipv4Net,
    /// VNET_BROADCAST.
    pub broadcast: Ipv4Addr,
    /// VNET_ROUTER: the site's gateway.
    pub router: Ipv4Addr,
    /// VNET_DNS: the name server that instances are told.
    pub dns: Ipv4Addr,
    /// VNET_MACMAP, in its order; no address stands in two of them.
    pub pairs: Vec<AddressPair>,
}

/// The most pairs of VNET_MACMAP.
const MOST_PAIRS: usize = 65_536;

/// Each is needed, and the guide says so.
const NEEDED: [&str; 6] =
    ["VNET_SUBNET", "VNET_NETMASK", "VNET_BROADCAST", "VNET_ROUTER", "VNET_DNS", "VNET_MACMAP"];

/// The site's network; none when something is missing or wrong, which is noted then.
pub(crate) fn static_network(reader: &mut Reader<'_>) -> Option<StaticNetwork> {
    for key in NEEDED {
        if reader.text(key).is_none() {
            reader.problem(key, "is missing; VNET_MODE=\"STATIC\" needs it");
        }
    }
    if reader.text("VNET_INTERFACE").is_none() && reader.text("VNET_BRIDGE").is_none() {
        let text = "is missing; in STATIC mode it names the device of this machine that is on the \
                    instances' network";
        reader.problem("VNET_INTERFACE", text);
    }
    let subnet = subnet(reader);
    let mut host = |key: &str, what: &str| {
        let inside = |ip: &Ipv4Addr| subnet.is_none_or(|subnet| subnet.contains(ip));
        let right = format!("{what}, an IPv4 address inside VNET_SUBNET");
        reader.optional(key, &right, |v| address(v).filter(inside))
    };
    let broadcast = host("VNET_BROADCAST", "the network's broadcast address");
    let router = host("VNET_ROUTER", "the network's gateway");
    let dns = name_server(reader);
    let pairs = reader.text("VNET_MACMAP").and_then(|text| {
        let reserved = [broadcast, router, dns].into_iter().flatten().collect::<Vec<_>>();
        match pairs(text, subnet?, &reserved) {
            Ok(pairs) => Some(pairs),
            Err(problem) => {
                reader.problem("VNET_MACMAP", &problem);
                None
            }
        }
    });
    let (broadcast, router, dns) = (broadcast?, router?, dns?);
    Some(StaticNetwork { subnet: subnet?, broadcast, router, dns, pairs: pairs? })
}

fn subnet(reader: &mut Reader<'_>) -> Option<Ipv4Net> {
    let (base, prefix) = base_and_prefix(reader);
    let subnet = Ipv4Net::new(base?, prefix?).ok()?;
    let first = subnet.network();
    if first == subnet.addr() && prefix != Some(0) {
        return Some(subnet);
    }
    let text = format!(
        "is {}, which is inside the network; write its first address, {first}",
        subnet.addr()
    );
    reader.problem("VNET_SUBNET", &text);
    None
}

/// Reads `MAC=IP MAC=IP …`; the first that is wrong is named with its place.
fn pairs(text: &str, subnet: Ipv4Net, reserved: &[Ipv4Addr]) -> Result<Vec<AddressPair>, String> {
    let mut pairs: Vec<AddressPair> = Vec::new();
    for (entry, place) in text.split_ascii_whitespace().zip(1..) {
        let wrong = |why: String| {
            let shown: String = entry.chars().take(64).collect();
            format!("is wrong at pair {place}, \"{shown}\": {why}")
        };
        let pair = pair(entry, subnet, reserved).map_err(wrong)?;
        let same = |known: &AddressPair| known.mac == pair.mac || known.ip == pair.ip;
        if let Some(other) = pairs.iter().position(same) {
            let what = if pairs[other].mac == pair.mac { "Ethernet" } else { "IPv4" };
            let first = other + 1;
            return Err(wrong(format!("its {what} address stands in pair {first} already")));
        }
        if place > MOST_PAIRS {
            return Err(wrong(format!("there can be {MOST_PAIRS} pairs")));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

fn pair(entry: &str, subnet: Ipv4Net, reserved: &[Ipv4Addr]) -> Result<AddressPair, String> {
    let form = "a pair is an Ethernet address, '=' and an IPv4 address, \
                AA:DD:11:CE:FF:ED=192.168.1.3";
    let (mac, ip) = entry.split_once('=').ok_or(form)?;
    let mac: MacAddr = mac.parse().map_err(|error| format!("{error}"))?;
    if mac.0[0] & 1 == 1 || mac.0 == [0; 6] {
        return Err(format!("{mac} is no address of a single network card"));
    }
    let ip = address(ip).ok_or(form)?;
    if !subnet.contains(&ip) || ip == subnet.network() || ip == subnet.broadcast() {
        return Err(format!("{ip} is no address of a host in {subnet} (VNET_SUBNET)"));
    }
    if reserved.contains(&ip) {
        return Err(format!("{ip} is that of the broadcast, the router or the name server"));
    }
    Ok(AddressPair { mac, ip })
}
