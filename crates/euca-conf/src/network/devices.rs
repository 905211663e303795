//! The networks on this machine.

use super::scene::{Report, Scene, named};
use super::step::{Fault, Step};
use ipnet::Ipv4Net;
use types::InstanceId;

const MAKER: &str = "the cluster controller makes it right within seconds while it runs \
                     (eucalyptus start); when it does not, cc.log says why";

/// A bridge that should be there.
struct Wanted {
    bridge: String,
    /// A network that has to have an address of it.
    gateway: Option<Ipv4Net>,
    whose: String,
}

/// The bridges of the active networks, and their gateways.
pub(crate) fn bridges(scene: &Scene) -> Step {
    let wanted = wanted(scene);
    let faults: Vec<_> = wanted.iter().filter_map(|it| bridge(scene, it)).collect();
    let right = match wanted.len() {
        0 => "no group has an instance here, so there is no bridge".to_owned(),
        _ => wanted.iter().map(|it| it.bridge.as_str()).collect::<Vec<_>>().join(", "),
    };
    Step::of("bridges", faults, right)
}

/// Those that the cluster controller reports; while it is silent, those that its rules name.
fn wanted(scene: &Scene) -> Vec<Wanted> {
    match &scene.report {
        Report::Told(report) => {
            let wanted = report.networks.iter().map(|network| Wanted {
                bridge: network.tag.bridge(),
                gateway: Some(network.gateway),
                whose: named(network),
            });
            wanted.collect()
        }
        Report::Silent(_) => {
            let ruled = scene.host.ruled.iter().map(|(bridge, subnet)| Wanted {
                bridge: bridge.clone(),
                gateway: Some(*subnet),
                whose: format!("{subnet}, which the rules name"),
            });
            ruled.collect()
        }
        Report::NotHere => {
            let devices = &scene.host.devices;
            let here = devices.keys().filter(|name| name.starts_with("eucabr"));
            let wanted = here.map(|bridge| Wanted {
                bridge: bridge.clone(),
                gateway: None,
                whose: "this node".to_owned(),
            });
            wanted.collect()
        }
    }
}

fn bridge(scene: &Scene, wanted: &Wanted) -> Option<Fault> {
    let Wanted { bridge, gateway, whose } = wanted;
    let Some(device) = scene.host.devices.get(bridge) else {
        let what = format!("{bridge} of {whose} is not there: its instances have no gateway");
        return Some(Fault::new(what, MAKER));
    };
    // The rules name the network only, not the gateway.
    let is_gateway = |net: &Ipv4Net, it: &Ipv4Net| match net.addr() == net.network() {
        true => net.contains(&it.addr()),
        false => net == it,
    };
    let in_reach = |net: &Ipv4Net| device.addresses.iter().any(|it| is_gateway(net, it));
    let what = match gateway {
        _ if device.kind != "bridge" => {
            let what = format!("{bridge} of {whose} is no bridge");
            return Some(Fault::new(what, format!("ip link set {bridge} name SOMETHING-ELSE")));
        }
        _ if !device.up => format!("{bridge} of {whose} is down"),
        Some(net) if !in_reach(net) => {
            format!("{bridge} of {whose} has not the gateway's address")
        }
        _ => return None,
    };
    Some(Fault::new(what, MAKER))
}

/// That each instance of this machine is plugged into a bridge. A bridge that was deleted lets go
/// of its instances, and does not take them again when it is made anew.
pub(crate) fn taps(scene: &Scene) -> Step {
    let (mut faults, mut plugged) = (Vec::new(), 0);
    for (name, device) in &scene.host.devices {
        let Some(id) = instance_of(name) else { continue };
        let bridge = device.bridge.as_deref().filter(|it| scene.host.devices.contains_key(*it));
        if bridge.is_some() && device.up {
            plugged += 1;
            continue;
        }
        let what = match bridge {
            Some(_) => format!("{name} of instance {id} is down"),
            None => format!("{name} of instance {id} is plugged into no bridge"),
        };
        let remedy = format!(
            "ip link set {name} master BRIDGE up, with the bridge that virsh domiflist {id} names"
        );
        faults.push(Fault::new(what, remedy));
    }
    let right = format!("{plugged} instances of this machine are plugged into bridges");
    Step::of("taps", faults, right)
}

/// The instance whose tap has this name (`netplan::tap_name`).
fn instance_of(tap: &str) -> Option<InstanceId> {
    let digits = tap.strip_prefix("tap").filter(|digits| digits.len() == 8)?;
    format!("i-{digits}").parse().ok()
}

/// DHCP on every network with instances.
pub(crate) fn dhcp(scene: &Scene) -> Step {
    const ABOUT: &str = "DHCP";
    if scene.report().is_none() {
        return Step::unknown(ABOUT, "the cluster controller answers DHCP, and is silent");
    }
    let servers: Vec<_> = scene.heard.dhcp_servers.iter().map(String::as_str).collect();
    let servers = if servers.is_empty() { "nobody".to_owned() } else { servers.join(", ") };
    let mut faults = Vec::new();
    for network in scene.networks() {
        if let Some(Err(why)) = scene.heard.dhcp.get(&network.tag) {
            let what = format!("{}: {why}; at port 67 listens {servers}", named(network));
            let remedy = "cc.log says why DHCP is not served; see also the last steps for a \
                          firewall that drops UDP port 67";
            faults.push(Fault::new(what, remedy));
        }
    }
    let count = scene.heard.dhcp.len();
    let by = if count == 0 { String::new() } else { format!(", by {servers}") };
    Step::of(ABOUT, faults, format!("it is answered on {count} networks with instances{by}"))
}

/// The instances of this machine. One that does not answer may be booting: nothing is wrong yet.
pub(crate) fn instances(scene: &Scene) -> Step {
    const ABOUT: &str = "instances";
    let leases = || scene.networks().iter().flat_map(|network| &network.instances);
    let here: Vec<_> = leases().filter(|it| it.running && scene.is_here(it)).collect();
    let silent: Vec<_> = here
        .iter()
        .filter(|lease| !scene.heard.answering.contains(&lease.ip))
        .map(|lease| format!("{} ({})", lease.instance, lease.ip))
        .collect();
    match silent.is_empty() {
        true => Step::right(ABOUT, format!("{} on this machine answer ARP", here.len())),
        false => Step::unknown(
            ABOUT,
            format!(
                "these on this machine do not answer ARP, so they have not booted, or have no \
                 address (euca-get-console-output): {}",
                silent.join(", ")
            ),
        ),
    }
}
