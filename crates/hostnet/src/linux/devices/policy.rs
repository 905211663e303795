//! The routing table for answers to the site's own network, and the rule that leads to it.

use super::{Devices, netlink, unless};
use crate::HostNetError;
use futures_util::TryStreamExt;
use netplan::{METADATA_ADDRESS, SITE_MARK};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteScope, RouteType,
};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{IpVersion, RouteMessageBuilder};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The number of the table; it says whose it is as the mark does.
const TABLE: u32 = SITE_MARK;
/// Before that of the main table.
const PRIORITY: u32 = 1000;
/// The loopback device is always the first.
const LOOPBACK: u32 = 1;

/// A route to one address in our table.
#[derive(Debug)]
pub(in crate::linux) struct SiteRoute {
    pub(in crate::linux) ip: Ipv4Addr,
    /// The index of the device that it leads over.
    pub(in crate::linux) device: u32,
    pub(in crate::linux) message: RouteMessage,
}

impl Devices {
    /// The rules by which marked packets look into our table.
    pub(in crate::linux) async fn site_rules(&self) -> Result<Vec<RuleMessage>, HostNetError> {
        let listing = self.handle.rule().get(IpVersion::V4).execute().try_collect().await;
        let mut rules: Vec<RuleMessage> = listing.map_err(netlink("listing routing rules"))?;
        rules.retain(|rule| {
            let has = |wanted| rule.attributes.contains(&wanted);
            has(RuleAttribute::FwMark(SITE_MARK)) && has(RuleAttribute::Table(TABLE))
        });
        Ok(rules)
    }

    pub(in crate::linux) async fn add_site_rule(&self) -> Result<(), HostNetError> {
        let rule = self.handle.rule().add().fw_mark(SITE_MARK).table_id(TABLE);
        let rule = rule.priority(PRIORITY).action(RuleAction::ToTable).v4();
        unless(Errno::EXIST, rule.execute().await, "adding a routing rule")
    }

    pub(in crate::linux) async fn remove_rule(
        &self,
        rule: RuleMessage,
    ) -> Result<(), HostNetError> {
        let gone = self.handle.rule().del(rule).execute().await;
        unless(Errno::NOENT, gone, "removing a routing rule")
    }

    /// The routes of our table.
    pub(in crate::linux) async fn site_routes(
        &self,
    ) -> Result<BTreeMap<Ipv4Addr, SiteRoute>, HostNetError> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let listing = self.handle.route().get(all).execute().try_collect().await;
        let listed: Vec<RouteMessage> = listing.map_err(netlink("listing routes"))?;
        let ours = listed.into_iter().filter_map(site_route);
        Ok(ours.map(|route| (route.ip, route)).collect())
    }

    /// Makes an instance reached over a bridge.
    pub(in crate::linux) async fn add_site_route(
        &self,
        bridge: u32,
        ip: Ipv4Addr,
    ) -> Result<(), HostNetError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .table_id(TABLE)
            .destination_prefix(ip, 32)
            .output_interface(bridge)
            .scope(RouteScope::Link);
        let added = self.handle.route().add(route.build()).execute().await;
        unless(Errno::EXIST, added, &format!("adding a route to {ip}"))
    }

    /// Makes what asks for metadata be for this host.
    pub(in crate::linux) async fn add_metadata_route(&self) -> Result<(), HostNetError> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .table_id(TABLE)
            .destination_prefix(METADATA_ADDRESS, 32)
            .output_interface(LOOPBACK)
            .kind(RouteType::Local)
            .scope(RouteScope::Host);
        let added = self.handle.route().add(route.build()).execute().await;
        unless(Errno::EXIST, added, &format!("adding a route to {METADATA_ADDRESS}"))
    }
}

fn site_route(message: RouteMessage) -> Option<SiteRoute> {
    let (mut device, mut ip, mut is_ours) = (None, None, false);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(table) => is_ours = *table == TABLE,
            RouteAttribute::Oif(index) => device = Some(*index),
            RouteAttribute::Destination(RouteAddress::Inet(to)) => ip = Some(*to),
            _ => {}
        }
    }
    let (ip, device) = ip.zip(device).filter(|_| is_ours)?;
    Some(SiteRoute { ip, device, message })
}
