//! What joins the networks of this machine with the others.

use super::scene::{Report, Scene, named};
use super::step::{Fault, Step};
use hostnet::DeviceView;
use protocol::admin::{Lease, NetworkStatus, NodePlace};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const MAKER: &str = "the cluster controller makes it right within seconds while it runs; when it \
                     does not, cc.log says why";

/// The devices of the networks that span machines.
pub(crate) fn devices(scene: &Scene) -> Step {
    const ABOUT: &str = "trunk devices";
    if let Report::Silent(_) = scene.report {
        return Step::unknown(ABOUT, "which ones there should be, the cluster controller knows");
    }
    let mut names = Vec::new();
    let mut faults = Vec::new();
    for network in scene.networks() {
        let Some(name) = &network.trunk else { continue };
        names.push(name.as_str());
        faults.extend(device(scene, network, name));
    }
    if scene.report().is_none() {
        let joined = joined(scene);
        names.extend(joined.values().flatten().copied());
        faults.extend(joined.iter().filter(|(_, ports)| ports.is_empty()).map(parted));
    }
    let right = match names.is_empty() {
        true => "no network spans machines".to_owned(),
        false => names.join(", "),
    };
    Step::of(ABOUT, faults, right)
}

/// The networks' bridges on a machine without their router, each with the devices that join it
/// with other machines: the ports that are up and no instance's.
fn joined(scene: &Scene) -> BTreeMap<&str, Vec<&str>> {
    let devices = || scene.host.devices.iter();
    let bridges = devices().filter(|(name, _)| name.starts_with("eucabr"));
    let ports = |bridge: &str| {
        let is_port = |(name, device): &(&String, &DeviceView)| {
            device.bridge.as_deref() == Some(bridge) && device.up && !name.starts_with("tap")
        };
        devices().filter(is_port).map(|(name, _)| name.as_str()).collect()
    };
    bridges.map(|(bridge, _)| (bridge.as_str(), ports(bridge))).collect()
}

fn parted((bridge, _): (&&str, &Vec<&str>)) -> Fault {
    let what = format!("{bridge} leads to no other machine, so its instances have no router");
    let remedy = "set VNET_TRANSPORT on the cluster controller's machine; when it is set, nc.log \
                  says why the device is not made";
    Fault::new(what, remedy)
}

fn device(scene: &Scene, network: &NetworkStatus, name: &str) -> Option<Fault> {
    let whose = named(network);
    let bridge = network.tag.bridge();
    let Some(device) = scene.host.devices.get(name) else {
        return Some(Fault::new(format!("{name} of {whose} is not there"), MAKER));
    };
    if !device.up {
        return Some(Fault::new(format!("{name} of {whose} is down"), MAKER));
    }
    if device.bridge.as_deref() != Some(bridge.as_str()) {
        return Some(Fault::new(format!("{name} of {whose} is not in {bridge}"), MAKER));
    }
    let missing = |(_, address): &(&NodePlace, Ipv4Addr)| {
        device.kind == "vxlan" && !device.peers.contains(address)
    };
    let (node, address) = scene.away().find(missing)?;
    let what = format!("{name} of {whose} does not lead to node {} ({address})", node.name);
    Some(Fault::new(what, MAKER))
}

/// Whether frames pass between here and each node on another machine: an instance there that
/// answers ARP proves both directions.
pub(crate) fn ways(scene: &Scene) -> Vec<Step> {
    scene.away().map(|(node, address)| way(scene, node, address)).collect()
}

fn way(scene: &Scene, node: &NodePlace, address: Ipv4Addr) -> Step {
    const ABOUT: &str = "trunk";
    let (mut faults, mut answers) = (Vec::new(), Vec::new());
    for network in scene.networks() {
        let is_there = |it: &&Lease| it.running && it.node.as_ref() == Some(&node.name);
        let there: Vec<_> = network.instances.iter().filter(is_there).collect();
        let answering = there.iter().find(|it| scene.heard.answering.contains(&it.ip));
        match (answering, there.first()) {
            (Some(it), _) => answers.push(format!("{} on network {}", it.ip, network.tag)),
            (None, Some(first)) => {
                let what = format!(
                    "no instance of {} on node {} answers: no frame passes between this machine \
                     and {address}, or {} has not booted (euca-get-console-output)",
                    named(network),
                    node.name,
                    first.instance,
                );
                faults.push(Fault::new(what, remedy(network, node, address)));
            }
            (None, None) => {}
        }
    }
    if faults.is_empty() && answers.is_empty() {
        let why = format!("to node {}: no instance runs there, so it cannot be told", node.name);
        return Step::unknown(ABOUT, why);
    }
    Step::of(ABOUT, faults, format!("node {} is reached: {}", node.name, answers.join(", ")))
}

fn remedy(network: &NetworkStatus, node: &NodePlace, address: Ipv4Addr) -> String {
    let way = match network.trunk.as_deref() {
        None => return "set VNET_TRANSPORT, and restart the cluster controller".to_owned(),
        Some(vxlan) if vxlan.starts_with("euvx") => {
            format!("let UDP port 4789 pass between this machine and {address}, both ways")
        }
        Some(_) => {
            let tag = network.tag;
            format!("let the switch pass frames with tag {tag} on the ports of both machines")
        }
    };
    format!("{way}; then on node {}: euca_conf --check network", node.name)
}
