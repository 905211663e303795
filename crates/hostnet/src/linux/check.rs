//! What somebody else's firewall does to instances.

mod rules;

use super::nft;
use netplan::{NodePlan, RouterPlan};
use rules::Fate;
use serde_json::Value;

/// The hooks that packets of instances pass, and what fails where they are dropped.
const HOOKS: [(&str, &str); 2] = [
    ("forward", "instances reach neither the outside nor each other"),
    ("input", "instances reach neither DHCP nor their metadata"),
];

/// What can be seen often: chains whose policy is to drop, and whether packets are forwarded.
pub(super) async fn problems() -> Vec<String> {
    let mut problems = look(Depth::Policies).await;
    problems.extend(forwarding_problem());
    problems
}

/// The chains whose policy or rules drop what instances send. Reads every rule of every firewall.
pub(super) async fn hindrances() -> Vec<String> {
    look(Depth::Rules).await
}

/// Whose rules are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Those of chains whose policy is to drop.
    Policies,
    /// Those of all.
    Rules,
}

async fn look(depth: Depth) -> Vec<String> {
    let chains = match nft::base_chains().await {
        Ok(chains) => chains,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    let is_of_interest = |chain: &&BaseChain<'_>| chain.drops || depth == Depth::Rules;
    for chain in base_chains(&chains).iter().filter(is_of_interest) {
        // A table that is gone by now drops nothing.
        let Ok(table) = nft::show(chain.family, chain.table).await else { continue };
        let table: Value = serde_json::from_str(&table).unwrap_or_default();
        problems.extend(chain.problem(&table));
    }
    problems
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

/// A chain of somebody else's that packets of instances pass.
#[derive(Debug, PartialEq, Eq)]
struct BaseChain<'a> {
    family: &'a str,
    table: &'a str,
    chain: &'a str,
    hook: &'static str,
    effect: &'static str,
    /// Whether it drops what no rule of it accepts.
    drops: bool,
}

pub(super) fn objects(listing: &Value) -> impl Iterator<Item = &Value> {
    listing["nftables"].as_array().into_iter().flatten()
}

fn base_chains(listing: &Value) -> Vec<BaseChain<'_>> {
    objects(listing).filter_map(|object| base_chain(&object["chain"])).collect()
}

fn base_chain(chain: &Value) -> Option<BaseChain<'_>> {
    let text = |key: &str| chain[key].as_str();
    let (hook, effect) = HOOKS.into_iter().find(|(hook, _)| text("hook") == Some(hook))?;
    let (family, table) = (text("family")?, text("table")?);
    let mut ours = RouterPlan::TABLES.iter().chain(NodePlan::TABLES);
    let is_ours = ours.any(|it| (it.family.as_str(), it.name) == (family, table));
    let is_foreign = matches!(family, "ip" | "inet") && !is_ours;
    let drops = text("policy") == Some("drop");
    let chain = text("name")?;
    is_foreign.then_some(BaseChain { family, table, chain, hook, effect, drops })
}

impl BaseChain<'_> {
    /// What it does to instances, with the remedy; none when it lets them pass, as far as can be
    /// told.
    fn problem(&self, table: &Value) -> Option<String> {
        let Self { family, table: name, chain, effect, .. } = self;
        match rules::fate(table, self.chain) {
            Fate::Named { chain, handle } => Some(format!(
                "table {family} {name} drops what bridges of instances send or get, by a rule of \
                 its chain {chain}, so {effect}: \
                 nft delete rule {family} {name} {chain} handle {handle}"
            )),
            Fate::Dropped { chain: where_, handle } => Some(format!(
                "table {family} {name} drops everything that comes as far as the rule with handle \
                 {handle} of its chain {where_}, so {effect}: {}",
                self.remedy(table)
            )),
            Fate::Passes if self.drops => Some(format!(
                "table {family} {name} drops what its chain {chain} does not accept, so {effect}: {}",
                self.remedy(table)
            )),
            Fate::Passes | Fate::Accepted => None,
        }
    }

    /// Accepting here does not open anything: the rules of table `inet eucalyptus` still decide.
    fn remedy(&self, table: &Value) -> String {
        let has = |name: &str| objects(table).any(|object| object["chain"]["name"] == name);
        let forward = self.hook == "forward";
        if (self.family, self.table) != ("ip", "filter") {
            return self.native_remedy();
        }
        match forward {
            true if has("DOCKER-USER") => accept_both("iptables -I DOCKER-USER"),
            true if has("ufw-user-forward") => {
                "ufw route allow in on eucabr+; ufw route allow out on eucabr+".to_owned()
            }
            true => accept_both("iptables -I FORWARD"),
            false if has("ufw-user-input") => "ufw allow in on eucabr+".to_owned(),
            false => "iptables -I INPUT -i eucabr+ -j ACCEPT".to_owned(),
        }
    }

    fn native_remedy(&self) -> String {
        let Self { family, table, chain, .. } = self;
        let rule = |device: &str| {
            format!("nft insert rule {family} {table} {chain} {device} \"eucabr*\" accept")
        };
        match self.hook {
            "forward" => format!("{}; {}", rule("iifname"), rule("oifname")),
            _ => rule("iifname"),
        }
    }
}

fn accept_both(insert: &str) -> String {
    format!("{insert} -i eucabr+ -j ACCEPT; {insert} -o eucabr+ -j ACCEPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn base(family: &str, table: &str, name: &str, hook: &str, policy: &str) -> Value {
        json!({"chain": {
            "family": family, "table": table, "name": name, "hook": hook, "policy": policy
        }})
    }

    fn found(objects: &[Value]) -> Vec<String> {
        let listing = json!({ "nftables": objects });
        let chains = base_chains(&listing);
        chains.iter().filter_map(|it| it.problem(&listing)).collect()
    }

    #[test]
    fn only_chains_that_drop_packets_of_instances_are_found() {
        for harmless in [
            base("ip", "filter", "FORWARD", "forward", "accept"),
            base("ip", "filter", "OUTPUT", "output", "drop"),
            base("inet", "eucalyptus", "forward", "forward", "drop"),
            base("ip6", "filter", "FORWARD", "forward", "drop"),
            json!({"chain": {"family": "ip", "table": "filter", "name": "FORWARD"}}),
            json!({"metainfo": {"version": "1.0.6"}}),
        ] {
            assert_eq!(found(std::slice::from_ref(&harmless)), [""; 0], "{harmless}");
        }
    }

    #[test]
    fn the_remedy_is_in_the_words_of_the_tool_that_made_the_chain() {
        let forward = || base("ip", "filter", "FORWARD", "forward", "drop");
        let input = || base("ip", "filter", "INPUT", "input", "drop");
        let chain = |name: &str| json!({"chain": {"name": name}});
        for (objects, expect) in [
            (vec![forward()], "iptables -I FORWARD -i eucabr+ "),
            (vec![forward(), chain("DOCKER-USER")], "iptables -I DOCKER-USER -i eucabr+ "),
            (vec![forward(), chain("ufw-user-forward")], "ufw route allow in on eucabr+; "),
            (vec![input()], "iptables -I INPUT -i eucabr+ "),
            (vec![input(), chain("ufw-user-input")], "ufw allow in on eucabr+"),
            (
                vec![base("inet", "firewalld", "filter_INPUT", "input", "drop")],
                "nft insert rule inet firewalld filter_INPUT iifname ",
            ),
        ] {
            let remedies = found(&objects);
            assert!(
                remedies.len() == 1 && remedies[0].contains(&format!(": {expect}")),
                "{remedies:?}"
            );
        }
    }
}
