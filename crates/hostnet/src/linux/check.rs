//! What somebody else's firewall does to instances.

use super::nft;
use serde_json::Value;
use std::collections::BTreeSet;

/// The hooks that packets of instances pass, and what fails where they are dropped.
const HOOKS: [(&str, &str); 2] = [
    ("forward", "instances reach neither the outside nor each other"),
    ("input", "instances reach neither DHCP nor their metadata"),
];

pub(super) async fn problems() -> Vec<String> {
    let chains = match nft::base_chains().await {
        Ok(chains) => chains,
        Err(error) => return vec![error.to_string()],
    };
    let mut problems = Vec::new();
    for chain in dropping_chains(&chains) {
        // A table that is gone by now drops nothing.
        let Ok(table) = nft::show(chain.family, chain.table).await else { continue };
        let table: Value = serde_json::from_str(&table).unwrap_or_default();
        if !chain.knows_us(&table) {
            problems.push(chain.problem(&table));
        }
    }
    problems.extend(forwarding_problem());
    problems
}

fn forwarding_problem() -> Option<String> {
    let setting = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").ok()?;
    let problem = "IP forwarding is off, so instances reach nothing outside their network: \
                   sysctl -w net.ipv4.ip_forward=1";
    (setting.trim() == "0").then(|| problem.to_owned())
}

/// A chain that drops what no rule of it accepts.
#[derive(Debug, PartialEq, Eq)]
struct DroppingChain<'a> {
    family: &'a str,
    table: &'a str,
    chain: &'a str,
    hook: &'static str,
    effect: &'static str,
}

fn objects(listing: &Value) -> impl Iterator<Item = &Value> {
    listing["nftables"].as_array().into_iter().flatten()
}

fn dropping_chains(listing: &Value) -> Vec<DroppingChain<'_>> {
    objects(listing).filter_map(|object| dropping_chain(&object["chain"])).collect()
}

fn dropping_chain(chain: &Value) -> Option<DroppingChain<'_>> {
    let text = |key: &str| chain[key].as_str();
    let (hook, effect) = HOOKS.into_iter().find(|(hook, _)| text("hook") == Some(hook))?;
    let (family, table) = (text("family")?, text("table")?);
    let drops = text("policy") == Some("drop") && matches!(family, "ip" | "inet");
    drops.then_some(DroppingChain { family, table, chain: text("name")?, hook, effect })
}

impl DroppingChain<'_> {
    /// Whether the chain, or one that it leads to, has a rule that names our bridges. It is taken
    /// for the remedy.
    fn knows_us(&self, table: &Value) -> bool {
        let mut seen = BTreeSet::new();
        let mut ahead = vec![self.chain];
        while let Some(chain) = ahead.pop() {
            if !seen.insert(chain) {
                continue;
            }
            let rules = objects(table).map(|object| &object["rule"]);
            for rule in rules.filter(|rule| rule["chain"] == chain) {
                if rule["expr"].to_string().contains("eucabr") {
                    return true;
                }
                ahead.extend(targets(rule));
            }
        }
        false
    }

    fn problem(&self, table: &Value) -> String {
        let Self { family, table: name, chain, effect, .. } = self;
        let remedy = self.remedy(table);
        format!(
            "table {family} {name} drops what its chain {chain} does not accept, so {effect}: {remedy}"
        )
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

/// The chains that a rule leads to.
fn targets(rule: &Value) -> impl Iterator<Item = &str> {
    let parts = rule["expr"].as_array().into_iter().flatten();
    parts.filter_map(|part| {
        part["jump"]["target"].as_str().or_else(|| part["goto"]["target"].as_str())
    })
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
        let chains = dropping_chains(&listing);
        chains
            .iter()
            .filter(|chain| !chain.knows_us(&listing))
            .map(|chain| chain.remedy(&listing))
            .collect()
    }

    #[test]
    fn only_chains_that_drop_packets_of_instances_are_found() {
        for harmless in [
            base("ip", "filter", "FORWARD", "forward", "accept"),
            base("ip", "filter", "OUTPUT", "output", "drop"),
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
            assert!(remedies.len() == 1 && remedies[0].starts_with(expect), "{remedies:?}");
        }
    }

    #[test]
    fn a_rule_for_our_bridges_counts_only_where_the_chain_leads_to_it() {
        let rule = |chain: &str, expr: Value| json!({"rule": {"chain": chain, "expr": [expr]}});
        let ours = json!({"match": {"left": {"meta": {"key": "iifname"}}, "right": "eucabr*"}});
        let jump = json!({"jump": {"target": "user"}});
        let base = || base("ip", "filter", "FORWARD", "forward", "drop");
        assert_eq!(found(&[base(), rule("FORWARD", ours.clone())]), [""; 0]);
        let far = [base(), rule("FORWARD", jump.clone()), rule("user", ours.clone())];
        assert_eq!(found(&far), [""; 0]);
        assert_eq!(found(&[base(), rule("user", ours)]).len(), 1);
        let circle = [base(), rule("FORWARD", jump.clone()), rule("user", jump)];
        assert_eq!(found(&circle).len(), 1);
    }
}
