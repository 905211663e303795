//! The rules of the kernel's old interface for firewalls, which nft does not show. They are read
//! as `iptables-legacy-save` prints them and told in the form that nft's are in, as far as it
//! matters what they do to instances.

use crate::linux::tool;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io;

/// The tables that there are; reading one that is not there would make it.
const TABLES: &str = "/proc/thread-self/net/ip_tables_names";

/// Each table, like a listing of nft.
pub(super) async fn tables() -> Result<Vec<Value>, String> {
    let names = std::fs::read_to_string(TABLES).unwrap_or_default();
    let mut tables = Vec::new();
    for name in names.lines() {
        let cannot = |why: String| {
            format!("the rules of table {name} of iptables-legacy cannot be read: {why}")
        };
        let options = ["-t", name];
        let saved = tool::run("iptables-legacy-save", &options, String::new()).await;
        let saved = saved.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => cannot(
                "there is no iptables-legacy-save, so nobody knows what they drop: apt install \
                 iptables"
                    .to_owned(),
            ),
            _ => cannot(error.to_string()),
        })?;
        if !saved.status.success() {
            return Err(cannot(tool::complaint(&saved)));
        }
        tables.push(listing(name, &String::from_utf8_lossy(&saved.stdout)));
    }
    Ok(tables)
}

fn listing(table: &str, saved: &str) -> Value {
    let mut objects = Vec::new();
    let mut numbers = BTreeMap::<String, u64>::new();
    for line in saved.lines() {
        if let Some(chain) = line.strip_prefix(':') {
            objects.extend(chain_of(table, chain));
        } else if let Some(mut words) =
            line.starts_with("-A ").then(|| words(line).into_iter().skip(1))
        {
            let chain = words.next().unwrap_or_default();
            let number = numbers.entry(chain.clone()).or_default();
            *number += 1;
            let expr = expressions(words);
            objects.push(json!({"rule": {"chain": chain, "handle": *number, "expr": expr}}));
        }
    }
    json!({ "nftables": objects })
}

/// `FORWARD DROP [0:0]`; a chain of somebody's own has `-` for a policy.
fn chain_of(table: &str, line: &str) -> Option<Value> {
    let mut words = line.split(' ');
    let (name, policy) = (words.next()?, words.next()?);
    let mut chain = json!({"family": "ip", "table": table, "name": name});
    if policy != "-" {
        chain["hook"] = json!(name.to_lowercase());
        chain["policy"] = json!(policy.to_lowercase());
    }
    Some(json!({ "chain": chain }))
}

/// The words of a line; quotes hold a word together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            '\\' if quoted && !escaped => {
                escaped = true;
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
        escaped = false;
    }
    words
}

/// The conditions and the verdict of a rule. A condition of which only matters that it is one has
/// no content.
fn expressions(words: impl Iterator<Item = String>) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut words = words.peekable();
    let mut negated = false;
    while let Some(word) = words.next() {
        match word.as_str() {
            "!" => {
                negated = true;
                continue;
            }
            "-i" | "-o" => {
                let key = if word == "-i" { "iifname" } else { "oifname" };
                let op = if negated { "!=" } else { "==" };
                let device = words.next().unwrap_or_default().replace('+', "*");
                let left = json!({"meta": {"key": key}});
                parts.push(json!({"match": {"op": op, "left": left, "right": device}}));
            }
            "--mark" | "--dport" | "--dports" => {
                let numbers = words.next().unwrap_or_default();
                let numbers: Vec<_> = numbers.split(',').filter_map(number).collect();
                parts.push(json!({"match": {"op": "in", "right": numbers}}));
            }
            "--comment" => drop(words.next()),
            // the options of a match show that there is one
            "-m" => drop(words.next()),
            "-j" | "-g" => {
                parts.extend(verdict(word == "-g", &words.next().unwrap_or_default()));
                // what follows belongs to the target
                break;
            }
            option if option.starts_with('-') => parts.push(json!({"match": {}})),
            _ => {}
        }
        negated = false;
    }
    parts
}

/// `67`, `0xe0ca` and `0xe0ca/0xffff`.
fn number(text: &str) -> Option<u64> {
    let text = text.split('/').next()?;
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn verdict(goes: bool, target: &str) -> Option<Value> {
    let plain = match target {
        "ACCEPT" => "accept",
        "DROP" => "drop",
        "REJECT" => "reject",
        "RETURN" => "return",
        "" => return None,
        chain => {
            let kind = if goes { "goto" } else { "jump" };
            return Some(json!({kind: {"target": chain}}));
        }
    };
    let mut verdict = Map::new();
    verdict.insert(plain.to_owned(), Value::Null);
    Some(Value::Object(verdict))
}

#[cfg(test)]
mod tests {
    use super::super::chain::{Firewall, base_chains};
    use super::*;
    use crate::Passage;

    /// What is found in a table with these rules after `-P FORWARD DROP` and `-P INPUT DROP`.
    fn found(rules: &str, passage: &Passage) -> Vec<String> {
        let saved = format!(
            "# Generated\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [7:420]\n:OUTPUT ACCEPT \
             [0:0]\n:mine - [0:0]\n{rules}\nCOMMIT\n"
        );
        let listing = listing("filter", &saved);
        let chains = base_chains(&listing, Firewall::Legacy);
        chains.iter().filter_map(|chain| chain.problem(passage, true, &listing)).collect()
    }

    #[test]
    fn policies_and_rules_are_found_with_a_remedy_of_iptables_legacy() {
        let site = Passage::SiteNode("br0".to_owned());
        let problems = found("", &site).join("\n");
        for expect in [
            "table filter of iptables-legacy drops what its chain INPUT does not accept",
            "iptables-legacy -t filter -I INPUT -m mark --mark 0xe0ca -j ACCEPT",
            "iptables-legacy -t filter -I FORWARD -i br0 -o br0 -j ACCEPT",
        ] {
            assert!(problems.contains(expect), "{problems}");
        }
        let named = found("-A FORWARD -o eth1 -j ACCEPT\n-A FORWARD -i br+ -j DROP", &site);
        assert!(named[1].ends_with(": iptables-legacy -t filter -D FORWARD 2"), "{named:?}");
    }

    #[test]
    fn what_is_let_through_is_no_problem() {
        let site = Passage::SiteNode("br0".to_owned());
        let mark = "-A INPUT -m mark --mark 0xe0ca -j ACCEPT\n";
        for (rules, count) in [
            ("-A FORWARD -i br0 -o br0 -j ACCEPT", 0),
            (
                "-A FORWARD -m comment --comment \"lets \\\"all\\\" -j DROP\" -j mine\n-A mine -j ACCEPT",
                0,
            ),
            ("-A FORWARD ! -i br1 -j ACCEPT", 1),
            ("-A FORWARD -i eth0 -j ACCEPT", 1),
            ("-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT", 1),
            ("-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n-A FORWARD -j ACCEPT", 0),
            ("-A FORWARD -j LOG --log-prefix \"x \"\n-A FORWARD -i br0 -g mine", 0),
        ] {
            let found = found(&format!("{mark}{rules}"), &site);
            assert_eq!(found.len(), count, "{rules}: {found:?}");
        }
        let dhcp = Passage::SiteDhcp("br0".to_owned());
        let ports = "-A INPUT -p udp -m multiport --dports 53,67 -j ACCEPT";
        assert_eq!(found(ports, &dhcp), [""; 0]);
    }
}
