//! Public addresses: each leads to one instance, and is the source of what that instance sends to
//! the world.
//!
//! The groups' rules see the private addresses of both ends, before the source is changed and
//! after the destination is: a rule that names a group means its members by whichever address they
//! call, and nobody else.

use super::RouterInput;
use super::rules::{OURS, TABLE};
use crate::nft::{self, concat, ct, ct_of, drop, field, has, is, is_not, jump, meta, translate};
use ipnet::Ipv4Net;
use protocol::NetworkDesired;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use types::AddressPool;

/// The chain that ends connections whose public address has come to lead elsewhere.
pub(super) const CHECK: &str = "public";

/// What is known of public addresses.
#[derive(Debug, Clone, Copy)]
pub struct PublicInput<'a> {
    /// VNET_PUBLICIPS.
    pub pool: &'a AddressPool,
    /// VNET_INTERFACE, the device that has the addresses; none for that of the default route.
    pub interface: Option<&'a str>,
    /// Public addresses that this host may have, each with the private address of the instance
    /// that it is to lead to.
    pub associations: &'a [(Ipv4Addr, Ipv4Addr)],
}

/// The public addresses of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicPlan {
    /// VNET_INTERFACE, the device that has the addresses; none for that of the default route.
    pub interface: Option<String>,
    /// Each address, and the private address of the instance that it leads to.
    pub leads: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

impl PublicPlan {
    /// Of several associations of one address the first counts. One that leads outside of the
    /// networks is left out, and so is a public address that is of the networks or of a machine.
    pub(super) fn of(input: &RouterInput<'_>, networks: &[&NetworkDesired]) -> Self {
        let mut leads: BTreeMap<Ipv4Addr, Ipv4Addr> = BTreeMap::new();
        let mut led_to = BTreeSet::new();
        for (public, private) in input.public.associations {
            let is_inside = networks.iter().any(|network| network.subnet.contains(private));
            let is_public = !input.vnet_subnet.contains(public) && !input.machines.contains(public);
            let is_new = !leads.contains_key(public) && !led_to.contains(private);
            if is_inside && is_public && is_new {
                led_to.insert(*private);
                leads.insert(*public, *private);
            }
        }
        Self { interface: input.public.interface.map(str::to_owned), leads }
    }

    /// The public address of an instance.
    pub(super) fn of_instance(&self, private: Ipv4Addr) -> Option<Ipv4Addr> {
        self.leads.iter().find(|(_, it)| **it == private).map(|(public, _)| *public)
    }
}

/// The addresses, in the forms in which the rules look them up. `public_pool` has those too that
/// lead nowhere now.
pub(super) fn sets(plan: &PublicPlan, pool: &AddressPool) -> [Value; 5] {
    let each = |made: fn(&Ipv4Addr, &Ipv4Addr) -> Value| -> Vec<Value> {
        plan.leads.iter().map(|(public, private)| made(public, private)).collect()
    };
    let known = pool.with(&plan.leads.keys().copied().collect());
    let range = |(first, last)| match first == last {
        true => json!(first),
        false => json!({"range": [first, last]}),
    };
    let address = || json!("ipv4_addr");
    [
        TABLE.address_map("public_to_private", each(|public, private| json!([public, private]))),
        TABLE.address_map("private_to_public", each(|public, private| json!([private, public]))),
        TABLE.set("public_addresses", address(), false, each(|public, _| json!(public))),
        TABLE.set(
            "public_pairs",
            json!(["ipv4_addr", "ipv4_addr"]),
            false,
            each(|public, private| concat(json!([public, private]))),
        ),
        TABLE.set("public_pool", address(), true, known.ranges().map(range).collect()),
    ]
}

/// Ends connections through an address that does not lead to their instance any more: conntrack
/// goes on translating them as when they were opened. In both directions, so that nothing leaves
/// with an address that is another's by now.
pub(super) fn checks() -> [Value; 6] {
    let stale = |translated: &str, public: Value, private: Value| {
        let pair = concat(vec![public.clone(), private]);
        let parts = vec![
            has(ct("status"), translated),
            is(public, "@public_pool"),
            is_not(pair, "@public_pairs"),
            drop(),
        ];
        TABLE.rule(CHECK, parts)
    };
    // A shorter way between members of a group does not lead by the router, which translates.
    let redirect = vec![is(meta("oifname"), OURS), is(field("icmp", "type"), "redirect"), drop()];
    [
        TABLE.chain(CHECK),
        stale("dnat", ct_of("original", "ip daddr"), ct_of("reply", "ip saddr")),
        stale("snat", ct_of("reply", "ip daddr"), ct_of("original", "ip saddr")),
        TABLE.hook("output", "filter", "output", 0),
        // What this host sends is translated so late that its device is still another one here.
        TABLE.rule("output", vec![jump(CHECK)]),
        TABLE.rule("output", redirect),
    ]
}

/// Public addresses lead to their instances: for those outside, for instances and for this host.
pub(super) fn translation() -> [Value; 4] {
    let lead = || vec![translate("dnat", field("ip", "daddr"), "@public_to_private")];
    [
        TABLE.hook("prerouting", "nat", "prerouting", -100),
        TABLE.rule("prerouting", lead()),
        TABLE.hook("nat_output", "nat", "output", -100),
        TABLE.rule("nat_output", lead()),
    ]
}

/// The sources that are not those of the senders.
pub(super) fn sources(vnet: Ipv4Net) -> [Value; 6] {
    let (source, destination) = (|| field("ip", "saddr"), || field("ip", "daddr"));
    let from_instance = || is(source(), nft::net(vnet));
    let to_public = || has(ct("status"), "dnat");
    let own = || translate("snat", source(), "@private_to_public");
    let sender = concat(vec![meta("oifname"), source()]);
    let rule = |parts: Vec<Value>| TABLE.rule("postrouting", parts);
    [
        TABLE.hook("postrouting", "nat", "postrouting", 100),
        // The cloud's machines know the way to this host, and perhaps none to public addresses.
        rule(vec![from_instance(), is(destination(), "@machines"), nft::masquerade()]),
        rule(vec![from_instance(), is_not(destination(), nft::net(vnet)), own()]),
        // Who calls a public address is seen by their own.
        rule(vec![from_instance(), to_public(), own()]),
        // Answers between members of a group must come back to the router.
        rule(vec![to_public(), is(sender, "@members"), nft::masquerade()]),
        // This host calls its own address by that address.
        rule(vec![is(meta("oifname"), OURS), is(source(), "@public_addresses"), nft::masquerade()]),
    ]
}

#[cfg(test)]
mod tests;
