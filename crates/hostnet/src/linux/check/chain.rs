//! A chain of somebody else's that packets of instances pass.

use super::objects;
use super::passage::{Packets, TAPS};
use super::rules::{self, Fate};
use crate::Passage;
use netplan::{NodePlan, RouterPlan, SITE_MARK};
use serde_json::Value;

/// Where in the kernel a chain is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Forward,
    Input,
}

/// By which of the kernel's two interfaces for firewalls a chain was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Firewall {
    Nft,
    /// That of `iptables-legacy`, which nft does not see.
    Legacy,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BaseChain<'a> {
    pub(super) firewall: Firewall,
    pub(super) family: &'a str,
    pub(super) table: &'a str,
    chain: &'a str,
    hook: Hook,
    /// Whether it drops what no rule of it accepts.
    pub(super) drops: bool,
}

/// The chains of a listing that packets of instances may pass, without our own.
pub(super) fn base_chains(listing: &Value, firewall: Firewall) -> Vec<BaseChain<'_>> {
    objects(listing).filter_map(|object| base_chain(&object["chain"], firewall)).collect()
}

fn base_chain(chain: &Value, firewall: Firewall) -> Option<BaseChain<'_>> {
    let text = |key: &str| chain[key].as_str();
    let hook = match text("hook")? {
        "forward" => Hook::Forward,
        "input" => Hook::Input,
        _ => return None,
    };
    let (family, table) = (text("family")?, text("table")?);
    let mut ours = RouterPlan::TABLES.iter().chain(NodePlan::TABLES);
    let is_ours = ours.any(|it| (it.family.as_str(), it.name) == (family, table));
    let is_foreign = matches!(family, "ip" | "inet" | "bridge") && !is_ours;
    let drops = text("policy") == Some("drop");
    let chain = text("name")?;
    is_foreign.then_some(BaseChain { firewall, family, table, chain, hook, drops })
}

impl BaseChain<'_> {
    /// What it does to instances, with the remedy; none when it lets them pass, as far as can be
    /// told.
    pub(super) fn problem(
        &self,
        passage: &Passage,
        bridged_meet_rules: bool,
        table: &Value,
    ) -> Option<String> {
        let effect = passage.effect(self.hook, self.is_of_bridges(), bridged_meet_rules)?;
        let (name, chain) = (self.table_name(), self.chain);
        let packets = Packets { passage, by_ports: self.is_of_bridges() };
        match rules::fate(table, self.chain, packets) {
            Fate::Named { chain, handle } => Some(format!(
                "{name} drops what bridges of instances send or get, by a rule of its chain \
                 {chain}, so {effect}: {}",
                self.removal(&chain, handle)
            )),
            Fate::Dropped { chain: where_, handle } => Some(format!(
                "{name} drops everything that comes as far as the rule with handle {handle} of its \
                 chain {where_}, so {effect}: {}",
                self.remedy(passage, table)
            )),
            Fate::Passes if self.drops => Some(format!(
                "{name} drops what its chain {chain} does not accept, so {effect}: {}",
                self.remedy(passage, table)
            )),
            Fate::Passes | Fate::Accepted => None,
        }
    }

    fn is_of_bridges(&self) -> bool {
        self.family == "bridge"
    }

    fn table_name(&self) -> String {
        match self.firewall {
            Firewall::Nft => format!("table {} {}", self.family, self.table),
            Firewall::Legacy => format!("table {} of iptables-legacy", self.table),
        }
    }

    /// The command that takes a rule away.
    fn removal(&self, chain: &str, handle: u64) -> String {
        let Self { family, table, .. } = self;
        match self.firewall {
            Firewall::Nft => format!("nft delete rule {family} {table} {chain} handle {handle}"),
            Firewall::Legacy => format!("iptables-legacy -t {table} -D {chain} {handle}"),
        }
    }

    /// Accepting here does not open the machine to instances of group networks: the rules of table
    /// `inet eucalyptus` still decide. On the site's network no more is accepted than is needed.
    fn remedy(&self, passage: &Passage, table: &Value) -> String {
        let has = |name: &str| objects(table).any(|object| object["chain"]["name"] == name);
        let iptables = match self.firewall {
            Firewall::Legacy => format!("iptables-legacy -t {} -I", self.table),
            Firewall::Nft if (self.family, self.table) == ("ip", "filter") => {
                "iptables -I".to_owned()
            }
            Firewall::Nft => return self.native_remedy(passage),
        };
        let device = passage.iptables_device();
        match (self.hook, passage) {
            (Hook::Forward, Passage::Router) => {
                if has("ufw-user-forward") && !has("DOCKER-USER") {
                    return format!(
                        "ufw route allow in on {device}; ufw route allow out on {device}"
                    );
                }
                let chain = if has("DOCKER-USER") { "DOCKER-USER" } else { self.chain };
                let insert = format!("{iptables} {chain}");
                format!("{insert} -i {device} -j ACCEPT; {insert} -o {device} -j ACCEPT")
            }
            (Hook::Forward, _) if has("ufw-user-forward") && !has("DOCKER-USER") => {
                format!("ufw route allow in on {device} out on {device}")
            }
            (Hook::Forward, _) => {
                let chain = if has("DOCKER-USER") { "DOCKER-USER" } else { self.chain };
                format!("{iptables} {chain} -i {device} -o {device} -j ACCEPT")
            }
            // ufw has no word for a mark
            (Hook::Input, Passage::SiteNode(_)) => {
                format!("{iptables} {} -m mark --mark {SITE_MARK:#x} -j ACCEPT", self.chain)
            }
            (Hook::Input, Passage::SiteDhcp(_)) if has("ufw-user-input") => {
                "ufw allow 67/udp".to_owned()
            }
            (Hook::Input, Passage::SiteDhcp(_)) => {
                format!("{iptables} {} -p udp --dport 67 -j ACCEPT", self.chain)
            }
            (Hook::Input, _) if has("ufw-user-input") => format!("ufw allow in on {device}"),
            (Hook::Input, _) => format!("{iptables} {} -i {device} -j ACCEPT", self.chain),
        }
    }

    fn native_remedy(&self, passage: &Passage) -> String {
        let Self { family, table, chain, .. } = self;
        let device = passage.nft_device();
        let rule = |what: String| format!("nft insert rule {family} {table} {chain} {what} accept");
        let both = |device: &str| {
            let [from, to] = ["iifname", "oifname"].map(|key| rule(format!("{key} \"{device}\"")));
            format!("{from}; {to}")
        };
        match (self.hook, passage) {
            (Hook::Input, Passage::SiteNode(_)) => rule(format!("meta mark {SITE_MARK:#x}")),
            (Hook::Input, Passage::SiteDhcp(_)) => rule("udp dport 67".to_owned()),
            (Hook::Forward, _) if self.is_of_bridges() => both(&format!("{TAPS}*")),
            (Hook::Input, _) if self.is_of_bridges() => rule(format!("iifname \"{TAPS}*\"")),
            (Hook::Forward, Passage::Router) => both(device),
            (Hook::Forward, _) => rule(format!("iifname \"{device}\" oifname \"{device}\"")),
            (Hook::Input, _) => rule(format!("iifname \"{device}\"")),
        }
    }
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

    fn found(objects: &[Value], passage: &Passage, bridged_meet_rules: bool) -> Vec<String> {
        let listing = json!({ "nftables": objects });
        let chains = base_chains(&listing, Firewall::Nft);
        chains.iter().filter_map(|it| it.problem(passage, bridged_meet_rules, &listing)).collect()
    }

    #[test]
    fn only_chains_that_drop_packets_of_instances_are_found() {
        for harmless in [
            base("ip", "filter", "FORWARD", "forward", "accept"),
            base("ip", "filter", "OUTPUT", "output", "drop"),
            base("inet", "eucalyptus", "forward", "forward", "drop"),
            base("bridge", "eucalyptus", "forward", "forward", "drop"),
            base("ip6", "filter", "FORWARD", "forward", "drop"),
            json!({"chain": {"family": "ip", "table": "filter", "name": "FORWARD"}}),
            json!({"metainfo": {"version": "1.0.6"}}),
        ] {
            let found = found(std::slice::from_ref(&harmless), &Passage::Router, true);
            assert_eq!(found, [""; 0], "{harmless}");
        }
    }

    #[test]
    fn a_bridge_is_stopped_by_rules_for_routed_packets_only_where_they_meet_them() {
        let site = Passage::SiteNode("br0".to_owned());
        let dhcp = Passage::SiteDhcp("br0".to_owned());
        let chain = |family: &str, hook: &str| [base(family, "filter", "c", hook, "drop")];
        for (passage, family, hook, bridged_meet_rules, is_found) in [
            (&site, "ip", "forward", true, true),
            (&site, "ip", "forward", false, false),
            (&site, "bridge", "forward", false, true),
            (&site, "ip", "input", false, true),
            (&dhcp, "ip", "forward", true, false),
            (&dhcp, "ip", "input", false, true),
            (&Passage::GroupNode, "inet", "forward", false, false),
            (&Passage::GroupNode, "inet", "forward", true, true),
            (&Passage::Router, "inet", "forward", false, true),
        ] {
            let found = found(&chain(family, hook), passage, bridged_meet_rules);
            assert_eq!(!found.is_empty(), is_found, "{passage:?} {family} {hook} {found:?}");
        }
    }

    #[test]
    fn the_remedy_is_in_the_words_of_the_tool_that_made_the_chain() {
        let forward = || base("ip", "filter", "FORWARD", "forward", "drop");
        let input = || base("ip", "filter", "INPUT", "input", "drop");
        let chain = |name: &str| json!({"chain": {"name": name}});
        let site = || Passage::SiteNode("br0".to_owned());
        let dhcp = || Passage::SiteDhcp("br0".to_owned());
        let router = || Passage::Router;
        for (passage, objects, expect) in [
            (router(), vec![forward()], "iptables -I FORWARD -i eucabr+ "),
            (
                router(),
                vec![forward(), chain("DOCKER-USER")],
                "iptables -I DOCKER-USER -i eucabr+ ",
            ),
            (
                router(),
                vec![forward(), chain("ufw-user-forward")],
                "ufw route allow in on eucabr+; ",
            ),
            (router(), vec![input()], "iptables -I INPUT -i eucabr+ "),
            (router(), vec![input(), chain("ufw-user-input")], "ufw allow in on eucabr+"),
            (
                router(),
                vec![base("inet", "firewalld", "filter_INPUT", "input", "drop")],
                "nft insert rule inet firewalld filter_INPUT iifname ",
            ),
            (site(), vec![forward()], "iptables -I FORWARD -i br0 -o br0 -j ACCEPT"),
            (site(), vec![input()], "iptables -I INPUT -m mark --mark 0xe0ca -j ACCEPT"),
            (
                site(),
                vec![base("bridge", "mine", "f", "forward", "drop")],
                "nft insert rule bridge mine f iifname \"tap*\" accept; nft insert rule bridge mine \
                 f oifname",
            ),
            (
                site(),
                vec![base("inet", "mine", "f", "forward", "drop")],
                "nft insert rule inet mine f iifname \"br0\" oifname \"br0\" accept",
            ),
            (dhcp(), vec![input()], "iptables -I INPUT -p udp --dport 67 -j ACCEPT"),
        ] {
            let remedies = found(&objects, &passage, true);
            assert!(
                remedies.len() == 1 && remedies[0].contains(&format!(": {expect}")),
                "{remedies:?}"
            );
        }
    }

    #[test]
    fn a_rule_that_lets_packets_of_the_passage_in_is_enough() {
        let rule = |condition: Value| json!({"rule": {"chain": "in", "expr": [condition, {"accept": null}]}});
        let matching = |left: Value, right: Value| json!({"match": {"left": left, "right": right}});
        let set = json!({"set": [22, 67]});
        for (passage, condition) in [
            (
                Passage::SiteNode("br0".to_owned()),
                matching(json!({"meta": {"key": "mark"}}), json!(0xe0ca)),
            ),
            (Passage::SiteDhcp("br0".to_owned()), matching(json!({"payload": {}}), set)),
            (
                Passage::SiteDhcp("br0".to_owned()),
                matching(json!({"meta": {"key": "iifname"}}), json!("br*")),
            ),
        ] {
            let chain = base("inet", "mine", "in", "input", "drop");
            assert_eq!(found(&[chain.clone(), rule(condition)], &passage, false), [""; 0]);
            let other = matching(json!({"payload": {}}), json!(22));
            assert_eq!(found(&[chain, rule(other)], &passage, false).len(), 1);
        }
    }
}
