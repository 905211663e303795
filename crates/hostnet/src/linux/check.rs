//! What somebody else's firewall does to instances.

mod chain;
mod legacy;
mod passage;
mod rules;

use super::devices::Devices;
use super::nft;
use crate::Passage;
use chain::{BaseChain, Firewall};
use serde_json::Value;

/// What can be seen often: chains whose policy is to drop, and whether packets are forwarded.
pub(super) async fn problems(passages: &[Passage]) -> Vec<String> {
    let mut problems = look(passages, Depth::Policies).await;
    if passages.contains(&Passage::Router) {
        problems.extend(forwarding_problem());
    }
    problems
}

/// The chains whose policy or rules drop what instances send. Reads every rule of every firewall.
pub(super) async fn hindrances(passages: &[Passage]) -> Vec<String> {
    look(passages, Depth::Rules).await
}

/// Whose rules are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Those of chains whose policy is to drop.
    Policies,
    /// Those of all.
    Rules,
}

async fn look(passages: &[Passage], depth: Depth) -> Vec<String> {
    if passages.is_empty() {
        return Vec::new();
    }
    let passages = &through_bridges(passages).await;
    let mut problems = of_nft(passages, depth).await.unwrap_or_else(|error| vec![error]);
    match legacy::tables().await {
        Ok(tables) => problems.extend(tables.iter().flat_map(|table| {
            let chains = chain::base_chains(table, Firewall::Legacy);
            let of = |chain: &BaseChain<'_>| found(chain, passages, table);
            chains.iter().filter(|it| is_of_interest(it, depth)).flat_map(of).collect::<Vec<_>>()
        })),
        Err(error) => problems.push(error),
    }
    problems
}

async fn of_nft(passages: &[Passage], depth: Depth) -> Result<Vec<String>, String> {
    let chains = nft::base_chains().await.map_err(|error| error.to_string())?;
    let mut problems = Vec::new();
    for chain in chain::base_chains(&chains, Firewall::Nft) {
        if !is_of_interest(&chain, depth) {
            continue;
        }
        // A table that is gone by now drops nothing.
        let Ok(table) = nft::show(chain.family, chain.table).await else { continue };
        let table: Value = serde_json::from_str(&table).unwrap_or_default();
        problems.extend(found(&chain, passages, &table));
    }
    Ok(problems)
}

fn is_of_interest(chain: &BaseChain<'_>, depth: Depth) -> bool {
    chain.drops || depth == Depth::Rules
}

fn found(chain: &BaseChain<'_>, passages: &[Passage], table: &Value) -> Vec<String> {
    let bridged_meet_rules = bridged_packets_meet_rules();
    passages.iter().filter_map(|it| chain.problem(it, bridged_meet_rules, table)).collect()
}

/// What comes by a port of a bridge comes in by the bridge.
async fn through_bridges(passages: &[Passage]) -> Vec<Passage> {
    let devices = async { Devices::open().ok()?.views().await.ok() };
    let devices = devices.await.unwrap_or_default();
    let bridge = |name: &String| devices.get(name).and_then(|device| device.bridge.clone());
    let through = |passage: &Passage| match passage {
        Passage::SiteDhcp(name) => Passage::SiteDhcp(bridge(name).unwrap_or_else(|| name.clone())),
        other => other.clone(),
    };
    passages.iter().map(through).collect()
}

/// Whether packets that only pass a bridge meet the rules for those that are routed (br_netfilter).
pub(super) fn bridged_packets_meet_rules() -> bool {
    let setting = std::fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables");
    setting.is_ok_and(|text| text.trim() == "1")
}

pub(super) fn forwards() -> bool {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward");
    setting.is_ok_and(|text| text.trim() != "0")
}

fn forwarding_problem() -> Option<String> {
    let problem = "IP forwarding is off, so instances reach nothing outside their network: \
                   sysctl -w net.ipv4.ip_forward=1";
    (!forwards()).then(|| problem.to_owned())
}

pub(super) fn objects(listing: &Value) -> impl Iterator<Item = &Value> {
    listing["nftables"].as_array().into_iter().flatten()
}
