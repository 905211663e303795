//! Public addresses.

use super::scene::Scene;
use super::step::{Fault, Step};
use std::net::Ipv4Addr;

/// That the public addresses of instances are on this machine, and the pool is nobody else's.
pub(crate) fn public(scene: &Scene) -> Step {
    const ABOUT: &str = "public addresses";
    if scene.report().is_none() {
        return Step::unknown(
            ABOUT,
            "which of them lead to instances, the cluster controller knows",
        );
    }
    let associated: Vec<_> = scene
        .networks()
        .iter()
        .flat_map(|network| &network.instances)
        .filter_map(|lease| Some((lease.public_ip?, lease)))
        .collect();
    let is_ours = |ip: Ipv4Addr| associated.iter().any(|(public, _)| *public == ip);
    let mut faults = Vec::new();
    for (public, lease) in &associated {
        if !is_on_a_device(scene, *public) {
            let what = format!(
                "{public} of instance {} is on no device, so nobody outside reaches it",
                lease.instance
            );
            let remedy = "the cluster controller puts it on VNET_INTERFACE; cc.log says why not";
            faults.push(Fault::new(what, remedy));
        }
    }
    let pool = &scene.conf.public_addresses;
    let subnet = scene.conf.address_space.map(|space| space.subnet);
    if let Some(inside) = pool.iter().find(|ip| subnet.is_some_and(|net| net.contains(ip))) {
        let what = format!("{inside} of VNET_PUBLICIPS is inside VNET_SUBNET");
        faults.push(Fault::new(what, "take it out: !ADDRESS in VNET_PUBLICIPS does that"));
    }
    if let Some(own) = pool.iter().find(|ip| !is_ours(*ip) && is_on_a_device(scene, *ip)) {
        let what = format!("{own} of VNET_PUBLICIPS is an address of this machine itself");
        faults.push(Fault::new(what, format!("write !{own} into VNET_PUBLICIPS")));
    }
    let right = match pool.len() {
        0 => "VNET_PUBLICIPS names none".to_owned(),
        all => format!("{} of {all} lead to instances, and are on this machine", associated.len()),
    };
    Step::of(ABOUT, faults, right)
}

fn is_on_a_device(scene: &Scene, ip: Ipv4Addr) -> bool {
    scene.host.devices.values().flat_map(|device| &device.addresses).any(|net| net.addr() == ip)
}
