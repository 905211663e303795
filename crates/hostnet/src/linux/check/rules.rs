//! What a chain's rules do to packets of instances, as far as can be told without a packet. Pure.

use super::objects;
use super::passage::Packets;
use serde_json::Value;
use std::collections::BTreeSet;

/// What becomes of a packet of a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// A rule for the devices of the passage and nothing else drops it.
    Named {
        /// The rule's chain.
        chain: String,
        /// The rule's number, by which it can be deleted.
        handle: u64,
    },
    /// A rule without any condition drops it.
    Dropped {
        /// The rule's chain.
        chain: String,
        /// Its number.
        handle: u64,
    },
    /// It is accepted here, or a rule names the passage: that is taken for the remedy.
    Accepted,
    /// No rule decides.
    Passes,
}

/// The fate of packets in a chain of this table, and in those that it leads to.
pub(super) fn fate(table: &Value, chain: &str, packets: Packets<'_>) -> Fate {
    let reached = reached(table, chain);
    let rules = || reached.iter().flat_map(|chain| rules_of(table, chain));
    let named = || rules().filter(|rule| parts(rule).any(|part| packets.are_named_by(part)));
    let is_device = |condition| is_device_of(packets, condition);
    if let Some(rule) = named().find(|rule| drops(rule) && conditions(rule).all(is_device)) {
        return Fate::Named { chain: chain_of(rule), handle: handle_of(rule) };
    }
    if named().any(|rule| !drops(rule)) {
        return Fate::Accepted;
    }
    unconditional(table, chain, &mut BTreeSet::new())
}

/// What the rules without conditions do. A rule with one may be for others.
fn unconditional<'a>(table: &'a Value, chain: &'a str, seen: &mut BTreeSet<&'a str>) -> Fate {
    if !seen.insert(chain) {
        return Fate::Passes;
    }
    for rule in rules_of(table, chain).filter(|rule| conditions(rule).next().is_none()) {
        if drops(rule) {
            return Fate::Dropped { chain: chain_of(rule), handle: handle_of(rule) };
        }
        if has(rule, "accept") {
            return Fate::Accepted;
        }
        if has(rule, "return") {
            return Fate::Passes;
        }
        if let Some(to) = targets(rule).next() {
            let there = unconditional(table, to, seen);
            if there != Fate::Passes || has(rule, "goto") {
                return there;
            }
        }
    }
    Fate::Passes
}

fn reached<'a>(table: &'a Value, chain: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![chain];
    while let Some(chain) = ahead.pop() {
        if reached.insert(chain) {
            ahead.extend(rules_of(table, chain).flat_map(targets));
        }
    }
    reached
}

fn rules_of<'a>(table: &'a Value, chain: &'a str) -> impl Iterator<Item = &'a Value> {
    objects(table).map(|object| &object["rule"]).filter(move |rule| rule["chain"] == chain)
}

fn chain_of(rule: &Value) -> String {
    rule["chain"].as_str().unwrap_or_default().to_owned()
}

fn handle_of(rule: &Value) -> u64 {
    rule["handle"].as_u64().unwrap_or_default()
}

fn parts(rule: &Value) -> impl Iterator<Item = &Value> {
    rule["expr"].as_array().into_iter().flatten()
}

fn has(rule: &Value, verdict: &str) -> bool {
    parts(rule).any(|part| part.get(verdict).is_some())
}

/// What iptables has that nft has no word for stands as `xt`.
fn drops(rule: &Value) -> bool {
    let is_target = |part: &Value| part["xt"]["type"] == "target" && part["xt"]["name"] == "REJECT";
    has(rule, "drop") || has(rule, "reject") || parts(rule).any(is_target)
}

/// The chains that a rule leads to.
fn targets(rule: &Value) -> impl Iterator<Item = &str> {
    parts(rule).filter_map(|part| {
        part["jump"]["target"].as_str().or_else(|| part["goto"]["target"].as_str())
    })
}

/// What makes a rule one for some packets only.
fn conditions(rule: &Value) -> impl Iterator<Item = &Value> {
    const NONE: [&str; 8] =
        ["counter", "log", "accept", "drop", "reject", "return", "jump", "goto"];
    let is_comment = |part: &Value| part["xt"]["name"] == "comment";
    let is_target = |part: &Value| part["xt"]["type"] == "target";
    parts(rule).filter(move |part| {
        let is_plain = NONE.iter().any(|word| part.get(word).is_some());
        !is_plain && !is_comment(part) && !is_target(part)
    })
}

/// Whether a condition is that a packet comes from a device of the passage, or goes to one.
fn is_device_of(packets: Packets<'_>, condition: &Value) -> bool {
    let matched = &condition["match"];
    let key = matched["left"]["meta"]["key"].as_str();
    let is_device =
        matches!(key, Some("iifname" | "oifname" | "iif" | "oif" | "ibrname" | "obrname"));
    let is_ours = matched["right"].as_str().is_some_and(|name| packets.have_device(name));
    is_device && is_ours && matched["op"] == "=="
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Passage;
    use serde_json::json;

    fn device(name: &str) -> Value {
        json!({"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": name}})
    }

    fn verdict(name: &str) -> Value {
        json!({ name: null })
    }

    fn lead(kind: &str, to: &str) -> Value {
        json!({kind: {"target": to}})
    }

    fn fate_of(rules: &[(&str, &[Value])]) -> Fate {
        let rule = |(at, (chain, expr)): (usize, &(&str, &[Value]))| json!({"rule": {"chain": chain, "handle": at, "expr": expr}});
        let rules: Vec<_> = rules.iter().enumerate().map(rule).collect();
        fate(
            &json!({ "nftables": rules }),
            "FORWARD",
            Packets { passage: &Passage::Router, by_ports: false },
        )
    }

    fn dropped(chain: &str, handle: u64) -> Fate {
        Fate::Dropped { chain: chain.to_owned(), handle }
    }

    #[test]
    fn a_rule_for_our_bridges_counts_only_where_the_chain_leads_to_it() {
        let ours = [device("eucabr*"), verdict("accept")];
        let jump = [lead("jump", "user")];
        assert_eq!(fate_of(&[("FORWARD", &ours)]), Fate::Accepted);
        assert_eq!(fate_of(&[("FORWARD", &jump), ("user", &ours)]), Fate::Accepted);
        assert_eq!(fate_of(&[("user", &ours)]), Fate::Passes);
        assert_eq!(fate_of(&[("FORWARD", &jump), ("user", &jump)]), Fate::Passes);
    }

    #[test]
    fn a_rule_that_drops_our_bridges_is_found_unless_it_is_for_some_packets_only() {
        let drop = [device("eucabr*"), verdict("drop")];
        let named = Fate::Named { chain: "FORWARD".to_owned(), handle: 0 };
        assert_eq!(fate_of(&[("FORWARD", &drop)]), named);
        assert_eq!(fate_of(&[("FORWARD", &[device("eucabr10"), verdict("reject")])]), named);
        let port = json!({"match": {"op": "==", "left": {"payload": {}}, "right": 25}});
        let some = [device("eucabr*"), port, verdict("drop")];
        assert_eq!(fate_of(&[("FORWARD", &some)]), Fate::Passes);
    }

    #[test]
    fn a_rule_without_conditions_drops_what_comes_as_far() {
        let counter = json!({"counter": null});
        let reject = json!({"xt": {"type": "target", "name": "REJECT"}});
        let comment = json!({"xt": {"type": "match", "name": "comment"}});
        let other = [device("docker0"), verdict("drop")];
        let jump = [lead("jump", "rest")];
        for (rules, expect) in [
            (vec![("FORWARD", vec![counter, verdict("drop")])], dropped("FORWARD", 0)),
            (vec![("FORWARD", vec![comment, reject])], dropped("FORWARD", 0)),
            (vec![("FORWARD", other.to_vec())], Fate::Passes),
            (
                vec![("FORWARD", vec![verdict("accept")]), ("FORWARD", vec![verdict("drop")])],
                Fate::Accepted,
            ),
            (vec![("FORWARD", jump.to_vec()), ("rest", vec![verdict("drop")])], dropped("rest", 1)),
            (
                vec![
                    ("FORWARD", jump.to_vec()),
                    ("rest", vec![verdict("return")]),
                    ("rest", vec![verdict("drop")]),
                    ("FORWARD", vec![verdict("reject")]),
                ],
                dropped("FORWARD", 3),
            ),
            (
                vec![
                    ("FORWARD", vec![device("docker0"), lead("jump", "rest")]),
                    ("rest", vec![verdict("drop")]),
                ],
                Fate::Passes,
            ),
        ] {
            let rules: Vec<_> =
                rules.iter().map(|(chain, expr)| (*chain, expr.as_slice())).collect();
            assert_eq!(fate_of(&rules), expect, "{rules:?}");
        }
    }
}
