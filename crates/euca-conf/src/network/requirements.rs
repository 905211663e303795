//! What must be there at all.

use super::scene::{Report, Scene};
use super::step::{Fault, Step};
use protocol::admin::ClusterStatus;

/// That the addresses of instances are nobody else's.
pub(crate) fn configuration(scene: &Scene) -> Step {
    let faults = scene.doubts.iter().map(|doubt| Fault::told(doubt)).collect();
    let mode = scene.conf.vnet_mode.as_str();
    let right = match &scene.conf.address_space {
        Some(space) => format!(
            "VNET_MODE is {mode}; instances have addresses of {}, {} for each group",
            space.subnet, space.addrs_per_net
        ),
        None => format!("VNET_MODE is {mode}"),
    };
    Step::of("configuration", faults, right)
}

/// The administrator's bridge, which instances are plugged into in the modes SYSTEM and STATIC.
pub(crate) fn site_bridge(scene: &Scene) -> Step {
    const ABOUT: &str = "VNET_BRIDGE";
    let name = scene.conf.vnet_bridge.as_deref().unwrap_or_default();
    let fault = match scene.host.devices.get(name) {
        Some(device) if device.up => None,
        Some(_) => Some(Fault::new(format!("{name} is down"), format!("ip link set {name} up"))),
        None => {
            let remedy = "make it, and let it have the device that leads to the instances' network \
                          (docs/networks.md), or name another one";
            Some(Fault::new(format!("there is no bridge \"{name}\""), remedy))
        }
    };
    Step::of(ABOUT, fault.into_iter().collect(), format!("{name} is up"))
}

/// The device that leads to the other machines, and has the public addresses.
pub(crate) fn interface(scene: &Scene) -> Step {
    const ABOUT: &str = "VNET_INTERFACE";
    let start = scene.conf.start;
    let is_needed = scene.away().next().is_some() || (start.nc && !start.cc);
    let Some(name) = &scene.conf.vnet_interface else {
        let remedy = "set it to the device that leads to the other machines; ip link shows them";
        let fault = Fault::new("it is not set, and there are other machines", remedy);
        let faults = if is_needed { vec![fault] } else { Vec::new() };
        return Step::of(ABOUT, faults, "not set; nothing needs it");
    };
    let fault = match scene.host.devices.get(name) {
        None => {
            let plain = |(name, device): &(&String, &hostnet::DeviceView)| {
                device.bridge.is_none() && *name != "lo" && !name.starts_with("eu")
            };
            let others: Vec<_> =
                scene.host.devices.iter().filter(plain).map(|(name, _)| name.as_str()).collect();
            let remedy = format!("set it to one that is there: {}", others.join(", "));
            Some(Fault::new(format!("it is {name}, and there is no such device"), remedy))
        }
        Some(device) if !device.up => {
            Some(Fault::new(format!("{name} is down"), format!("ip link set {name} up")))
        }
        Some(device) if !device.carrier => {
            let remedy = "look at its cable and at the switch";
            Some(Fault::new(format!("nothing is at the other end of {name}"), remedy))
        }
        Some(_) => None,
    };
    Step::of(ABOUT, fault.into_iter().collect(), format!("{name} is up"))
}

/// The devices that the networks are made of.
pub(crate) fn kernel(scene: &Scene) -> Step {
    let mut faults = Vec::new();
    faults.extend(scene.host.unreadable.as_deref().map(Fault::told));
    for (feature, tried) in &scene.heard.features {
        if let Err(said) = tried {
            let module = feature.module();
            let what = format!("the kernel makes no devices of module {module}: {said}");
            faults
                .push(Fault::new(what, format!("modprobe {module}, or boot a kernel that has it")));
        }
    }
    let modules: Vec<_> = scene.heard.features.keys().map(|feature| feature.module()).collect();
    Step::of("kernel", faults, format!("it has nftables, {}", modules.join(", ")))
}

/// The processes of this machine.
pub(crate) fn components(scene: &Scene) -> Step {
    let components = &scene.heard.components;
    let silent = components.iter().filter(|(_, _, answers)| !answers);
    let fault = |(name, port, _): &(&str, u16, bool)| {
        let remedy = "eucalyptus start, which says what keeps it from starting";
        Fault::new(format!("the {name} does not answer at port {port}"), remedy)
    };
    let names: Vec<_> = components.iter().map(|(name, ..)| *name).collect();
    let right = format!("here are and answer: {}", names.join(", "));
    Step::of("components", silent.map(fault).collect(), right)
}

/// That packets pass this machine.
pub(crate) fn forwarding(scene: &Scene) -> Step {
    let fault = || {
        let what = "net.ipv4.ip_forward is 0, so instances reach nothing outside their network";
        Fault::new(what, "sysctl -w net.ipv4.ip_forward=1; look for who sets it in /etc/sysctl.d")
    };
    let faults = if scene.host.forwards { Vec::new() } else { vec![fault()] };
    Step::of("forwarding", faults, "net.ipv4.ip_forward is on")
}

/// That the cloud controller reaches the controllers of all clusters.
pub(crate) fn clusters(scene: &Scene) -> Step {
    const ABOUT: &str = "clusters";
    let Some(clusters) = &scene.clusters else {
        return Step::unknown(ABOUT, "the cloud controller, which knows them, does not tell");
    };
    let silent = clusters.iter().filter(|cluster| !cluster.reachable);
    let fault = |ClusterStatus { name, endpoint, .. }: &ClusterStatus| {
        let remedy = "on its machine: eucalyptus start, then euca_conf --check network";
        Fault::new(
            format!("the controller of cluster {name} does not answer at {endpoint}"),
            remedy,
        )
    };
    let names: Vec<_> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let right = format!("their controllers answer: {}", names.join(", "));
    Step::of(ABOUT, silent.map(fault).collect(), right)
}

/// What the cluster controller knows of itself and its nodes.
pub(crate) fn cluster(scene: &Scene) -> Step {
    const ABOUT: &str = "cluster";
    let report = match &scene.report {
        Report::Told(report) => report,
        Report::Silent(why) => {
            return Step::of(ABOUT, vec![Fault::told(why)], "");
        }
        Report::NotHere => return Step::unknown(ABOUT, "its controller is on another machine"),
    };
    let mut faults: Vec<_> = report.problems.iter().map(|it| Fault::told(it)).collect();
    for node in &report.nodes {
        faults.extend(
            node.problems.iter().map(|it| Fault::told(&format!("node {}: {it}", node.name))),
        );
        if !node.reachable && node.problems.is_empty() {
            let remedy = "start it there: eucalyptus start; see cc.log";
            faults.push(Fault::new(format!("node {} does not answer", node.name), remedy));
        }
    }
    let nodes: Vec<_> = report.nodes.iter().map(|node| node.name.as_str()).collect();
    Step::of(ABOUT, faults, format!("its nodes answer: {}", nodes.join(", ")))
}
