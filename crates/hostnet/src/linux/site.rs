//! The way of metadata's answers to instances on the site's own network: a routing table of ours,
//! which only what is marked looks into, and the Ethernet addresses of these instances. The
//! administrator's bridge keeps its addresses and its routes.

use super::devices::{Devices, SiteRoute};
use super::{Pass, sysctl};
use crate::HostNetError;
use netplan::SitePlan;

/// Makes the table lead to just these instances, or not exist.
pub(super) async fn ensure(devices: &Devices, plan: &SitePlan, pass: &mut Pass) {
    let done = lead(devices, plan, pass).await;
    pass.attempt(done.map(|()| None));
}

async fn lead(devices: &Devices, plan: &SitePlan, pass: &mut Pass) -> Result<(), HostNetError> {
    let bridge = match &plan.bridge {
        Some(name) => devices.index_of(name).await?.map(|index| (index, name)),
        None => None,
    };
    let mut rules = devices.site_rules().await?;
    let Some((index, name)) = bridge else {
        if rules.is_empty() {
            return Ok(());
        }
        for route in devices.site_routes().await?.into_values() {
            leave(devices, route, pass).await;
        }
        for rule in rules {
            let done = devices.remove_rule(rule).await;
            pass.attempt(done.map(|()| Some("marked packets are routed like all".to_owned())));
        }
        return Ok(());
    };
    if rules.pop().is_none() {
        let done = devices.add_site_rule().await;
        pass.attempt(done.map(|()| Some("marked packets have a routing table".to_owned())));
    }
    for more in rules {
        pass.attempt(devices.remove_rule(more).await.map(|()| None));
    }
    pass.attempt(accept_unrouted(name));
    let known = devices.neighbours().await?.remove(&index).unwrap_or_default();
    let mut routes = devices.site_routes().await?;
    if routes.remove(&netplan::METADATA_ADDRESS).is_none() {
        let done = devices.add_metadata_route().await;
        pass.attempt(done.map(|()| Some("marked requests for metadata are for here".to_owned())));
    }
    for (ip, mac) in &plan.neighbours {
        let is_led = routes.get(ip).is_some_and(|route| route.device == index);
        if is_led && known.get(ip) == Some(mac) {
            routes.remove(ip);
            continue;
        }
        if let Some(other) = routes.remove(ip) {
            leave(devices, other, pass).await;
        }
        // The route is there as long as the neighbour, so that one that was left is found.
        let routed = devices.add_site_route(index, *ip).await;
        pass.attempt(routed.map(|()| Some(format!("marked packets for {ip} go over {name}"))));
        let done = devices.add_neighbour(index, *ip, *mac).await;
        pass.attempt(done.map(|()| Some(format!("{ip} is {mac} on {name}"))));
    }
    for route in routes.into_values() {
        leave(devices, route, pass).await;
    }
    Ok(())
}

/// Where the source of packets is checked against routes, the marked ones are checked against
/// those of our table.
fn accept_unrouted(bridge: &str) -> Result<Option<String>, HostNetError> {
    let checks = |of: &str| {
        let setting = std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"));
        setting.is_ok_and(|text| text.trim() != "0")
    };
    if !checks("all") && !checks(bridge) {
        return Ok(None);
    }
    sysctl::ensure(&format!("ipv4/conf/{bridge}/src_valid_mark"), "1")
}

async fn leave(devices: &Devices, route: SiteRoute, pass: &mut Pass) {
    let SiteRoute { ip, device, message } = route;
    if ip != netplan::METADATA_ADDRESS {
        pass.attempt(devices.remove_neighbour(device, ip).await.map(|()| None));
    }
    let done = devices.remove_route(message).await;
    pass.attempt(done.map(|()| Some(format!("marked packets for {ip} go nowhere"))));
}
