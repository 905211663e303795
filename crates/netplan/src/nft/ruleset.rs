//! The whole content of one side's tables, and the way there from another content.

use super::Table;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The whole content of one side's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruleset {
    tables: &'static [Table],
    /// What adds each object, in an order in which it can.
    adds: Vec<Value>,
}

/// Family, table and name of a chain, set or map.
type Name = (String, String, String);

/// What there is in the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    chains: BTreeMap<Name, Chain>,
    sets: BTreeMap<Name, Set>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Chain {
    /// What adds it, without its rules.
    made: Value,
    /// What adds each of its rules, in their order.
    rules: Vec<Value>,
}

/// A named set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    /// `set` or `map`.
    kind: &'static str,
    /// What adds it, elements and all.
    made: Value,
    /// The same without them.
    header: Value,
    elements: Vec<Value>,
}

impl Ruleset {
    pub(crate) const fn new(tables: &'static [Table], adds: Vec<Value>) -> Self {
        Self { tables, adds }
    }

    /// The one transaction that replaces the side's tables, for `nft -j -f -`. Connections go on:
    /// conntrack knows them, not the table.
    pub fn transaction(&self) -> String {
        let replace =
            |table: &Table| [table.command("add"), table.command("delete"), table.command("add")];
        let tables = self.tables.iter().flat_map(replace);
        let commands: Vec<Value> = tables.chain(self.adds.iter().cloned()).collect();
        json!({"nftables": commands}).to_string()
    }

    /// The transaction that makes this of tables that hold `old`, touching no more than what
    /// differs; none when they have to be replaced.
    pub fn change_from(&self, old: &Self) -> Option<String> {
        let commands = Content::of(&self.adds).change_from(&Content::of(&old.adds))?;
        Some(json!({"nftables": commands}).to_string())
    }

    /// The transaction that leaves none of `tables` behind, whether they exist or not.
    pub fn removal(tables: &[Table]) -> String {
        let remove = |table: &Table| [table.command("add"), table.command("delete")];
        let commands: Vec<Value> = tables.iter().flat_map(remove).collect();
        json!({"nftables": commands}).to_string()
    }
}

impl Content {
    fn of(adds: &[Value]) -> Self {
        let mut content = Self::default();
        for command in adds {
            let object = &command["add"];
            if let Some(chain) = object.get("chain") {
                let made = command.clone();
                content.chains.entry(name(chain, "name")).or_default().made = made;
            } else if let Some(rule) = object.get("rule") {
                let chain = content.chains.entry(name(rule, "chain")).or_default();
                chain.rules.push(command.clone());
            } else if let Some((kind, set)) =
                ["set", "map"].into_iter().find_map(|kind| Some((kind, object.get(kind)?)))
            {
                content.sets.insert(name(set, "name"), Set::of(kind, set, command));
            }
        }
        content
    }

    fn change_from(&self, old: &Self) -> Option<Vec<Value>> {
        let gone = |name: &&Name| !self.chains.contains_key(*name);
        let removed: Vec<_> = old.chains.keys().filter(gone).collect();
        let changed = |(name, chain): &(&Name, &Chain)| {
            old.chains.get(*name).is_none_or(|old| old.rules != chain.rules)
        };
        let changed: Vec<_> = self.chains.iter().filter(changed).collect();
        let mut commands = Vec::new();
        for (name, chain) in &self.chains {
            match old.chains.get(name) {
                None => commands.push(chain.made.clone()),
                Some(old) if old.made != chain.made => return None,
                Some(_) => {}
            }
        }
        // What a rule refers to has to be there before it, and to stay until it is gone.
        let emptied = changed.iter().map(|(name, _)| *name).chain(removed.iter().copied());
        commands.extend(emptied.map(|name| object("flush", "chain", name)));
        for (name, set) in &self.sets {
            match old.sets.get(name) {
                None => commands.push(set.made.clone()),
                Some(old) if old.header != set.header => return None,
                Some(old) => commands.extend(set.change_from(old, name)),
            }
        }
        commands.extend(changed.iter().flat_map(|(_, chain)| chain.rules.iter().cloned()));
        commands.extend(removed.into_iter().map(|name| object("delete", "chain", name)));
        let sets = old.sets.iter().filter(|(name, _)| !self.sets.contains_key(*name));
        commands.extend(sets.map(|(name, set)| object("delete", set.kind, name)));
        Some(commands)
    }
}

impl Set {
    fn of(kind: &'static str, set: &Value, made: &Value) -> Self {
        let mut header = set.clone();
        let elements = header.as_object_mut().and_then(|header| header.remove("elem"));
        let elements = elements.and_then(|it| it.as_array().cloned()).unwrap_or_default();
        Self { kind, made: made.clone(), header, elements }
    }

    /// The elements that go, and then those that come: a map leads one key to one value only.
    fn change_from(&self, old: &Self, name: &Name) -> Vec<Value> {
        let missing = |from: &Self, of: &Self| -> Vec<Value> {
            let known: std::collections::HashSet<String> =
                from.elements.iter().map(Value::to_string).collect();
            let is_new = |it: &&Value| !known.contains(&it.to_string());
            of.elements.iter().filter(is_new).cloned().collect()
        };
        let command = |verb: &str, elements: Vec<Value>| {
            let (family, table, name) = name;
            let element = json!({"family": family, "table": table, "name": name, "elem": elements});
            (!elements.is_empty()).then(|| json!({verb: {"element": element}}))
        };
        let gone = command("delete", missing(self, old));
        gone.into_iter().chain(command("add", missing(old, self))).collect()
    }
}

fn name(object: &Value, key: &str) -> Name {
    let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
    (text("family"), text("table"), text(key))
}

fn object(verb: &str, kind: &str, (family, table, name): &Name) -> Value {
    json!({verb: {kind: {"family": family, "table": table, "name": name}}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::{Family, accept, drop, is, jump, meta};

    const TABLE: Table = Table { family: Family::Inet, name: "eucalyptus" };

    fn ruleset(members: &[&str], chains: &[(&str, &str)]) -> Ruleset {
        let elements = members.iter().map(|it| Value::from(*it)).collect();
        let mut adds = vec![TABLE.set("members", "ifname".into(), false, elements)];
        adds.push(TABLE.hook("forward", "filter", "forward", 0));
        for (chain, device) in chains {
            adds.push(TABLE.chain(chain));
            adds.push(TABLE.rule(chain, vec![is(meta("iifname"), *device), accept()]));
            adds.push(TABLE.rule("forward", vec![jump(chain)]));
        }
        Ruleset::new(&[TABLE], adds)
    }

    fn change(new: &Ruleset, old: &Ruleset) -> Vec<String> {
        let text: Value = serde_json::from_str(&new.change_from(old).unwrap()).unwrap();
        let short = |command: &Value| {
            let (verb, object) = command.as_object().unwrap().iter().next().unwrap();
            let (kind, object) = object.as_object().unwrap().iter().next().unwrap();
            let named = object.get("name").or(object.get("chain")).unwrap();
            let elements = object.get("elem").map(Value::to_string).unwrap_or_default();
            format!("{verb} {kind} {} {elements}", named.as_str().unwrap()).trim().to_owned()
        };
        text["nftables"].as_array().unwrap().iter().map(short).collect()
    }

    #[test]
    fn only_what_differs_is_touched() {
        let old = ruleset(&["a", "b"], &[("web", "a"), ("db", "b")]);
        assert_eq!(change(&old, &old), [""; 0]);
        let other_rule = ruleset(&["a", "b"], &[("web", "c"), ("db", "b")]);
        assert_eq!(change(&other_rule, &old), ["flush chain web", "add rule web"]);
        let members = ruleset(&["b", "c"], &[("web", "a"), ("db", "b")]);
        let wanted = [r#"delete element members ["a"]"#, r#"add element members ["c"]"#];
        assert_eq!(change(&members, &old), wanted);
    }

    #[test]
    fn a_chain_comes_before_what_jumps_to_it_and_goes_after() {
        let (few, more) =
            (ruleset(&[], &[("web", "a")]), ruleset(&[], &[("web", "a"), ("db", "b")]));
        let wanted = [
            "add chain db",
            "flush chain db",
            "flush chain forward",
            "add rule db",
            "add rule forward",
            "add rule forward",
        ];
        assert_eq!(change(&more, &few), wanted);
        let wanted =
            ["flush chain forward", "flush chain db", "add rule forward", "delete chain db"];
        assert_eq!(change(&few, &more), wanted);
    }

    #[test]
    fn what_cannot_be_changed_is_replaced() {
        let hooked = |priority| {
            let adds = vec![
                TABLE.hook("forward", "filter", "forward", priority),
                TABLE.rule("forward", vec![drop()]),
            ];
            Ruleset::new(&[TABLE], adds)
        };
        assert_eq!(hooked(1).change_from(&hooked(0)), None);
        let typed =
            |kind: &str| Ruleset::new(&[TABLE], vec![TABLE.set("s", kind.into(), false, vec![])]);
        assert_eq!(typed("ifname").change_from(&typed("ipv4_addr")), None);
    }
}
