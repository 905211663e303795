//! nftables rules as `nft -j` reads them (man libnftables-json).
//!
//! JSON, because the names of users and groups then are data: no name can be taken for a keyword.

mod ruleset;

use ipnet::Ipv4Net;
use serde_json::{Value, json};

pub use ruleset::Ruleset;

/// What kind of packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4.
    Ip,
    /// ARP.
    Arp,
    /// Ethernet frames on bridges.
    Bridge,
}

impl Family {
    /// The name that `nft` uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "inet",
            Self::Ip => "ip",
            Self::Arp => "arp",
            Self::Bridge => "bridge",
        }
    }
}

/// A table of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its family.
    pub family: Family,
    /// Its name.
    pub name: &'static str,
}

impl Table {
    fn command(self, verb: &str) -> Value {
        json!({verb: {"table": {"family": self.family.as_str(), "name": self.name}}})
    }

    fn add(self, kind: &str, mut object: Value) -> Value {
        object["family"] = self.family.as_str().into();
        object["table"] = self.name.into();
        json!({"add": {kind: object}})
    }

    /// A chain that rules jump to.
    pub(crate) fn chain(self, name: &str) -> Value {
        self.add("chain", json!({"name": name}))
    }

    /// A chain that the kernel calls. Its policy is always accept: a new chain takes part before
    /// its rules do, so a policy of drop would lose packets whenever the table is replaced.
    pub(crate) fn hook(self, name: &str, kind: &str, hook: &str, priority: i32) -> Value {
        let object = json!({
            "name": name, "type": kind, "hook": hook, "prio": priority, "policy": "accept"
        });
        self.add("chain", object)
    }

    /// A named set; `interval` when its elements are ranges or prefixes.
    pub(crate) fn set(
        self,
        name: &str,
        types: Value,
        interval: bool,
        elements: Vec<Value>,
    ) -> Value {
        let mut object = json!({"name": name, "type": types});
        if interval {
            object["flags"] = json!(["interval"]);
        }
        if !elements.is_empty() {
            object["elem"] = elements.into();
        }
        self.add("set", object)
    }

    /// A named map from one address to another.
    pub(crate) fn address_map(self, name: &str, elements: Vec<Value>) -> Value {
        let mut object = json!({"name": name, "type": "ipv4_addr", "map": "ipv4_addr"});
        if !elements.is_empty() {
            object["elem"] = elements.into();
        }
        self.add("map", object)
    }

    /// A rule at the end of a chain.
    pub(crate) fn rule(self, chain: &str, parts: Vec<Value>) -> Value {
        self.add("rule", json!({"chain": chain, "expr": parts}))
    }
}

fn compare(op: &str, left: Value, right: Value) -> Value {
    json!({"match": {"op": op, "left": left, "right": right}})
}

pub(crate) fn is(left: Value, right: impl Into<Value>) -> Value {
    compare("==", left, right.into())
}

pub(crate) fn is_not(left: Value, right: impl Into<Value>) -> Value {
    compare("!=", left, right.into())
}

/// True when one of the bits is set.
pub(crate) fn has(left: Value, right: impl Into<Value>) -> Value {
    compare("in", left, right.into())
}

pub(crate) fn meta(key: &str) -> Value {
    json!({"meta": {"key": key}})
}

pub(crate) fn ct(key: &str) -> Value {
    json!({"ct": {"key": key}})
}

/// Of the addresses that a connection had when it was opened, or that its answers have.
pub(crate) fn ct_of(direction: &str, key: &str) -> Value {
    json!({"ct": {"key": key, "dir": direction}})
}

pub(crate) fn field(protocol: &str, field: &str) -> Value {
    json!({"payload": {"protocol": protocol, "field": field}})
}

pub(crate) fn concat(parts: impl Into<Value>) -> Value {
    json!({"concat": parts.into()})
}

/// True when the bit is not set.
pub(crate) fn lacks(left: Value, bit: &str) -> Value {
    is(json!({"&": [left, bit]}), 0)
}

/// Writes into a packet, or into what the kernel notes of it.
pub(crate) fn put(key: Value, value: impl Into<Value>) -> Value {
    json!({"mangle": {"key": key, "value": value.into()}})
}

/// An unnamed set.
pub(crate) fn any_of(elements: Vec<Value>) -> Value {
    json!({"set": elements})
}

pub(crate) fn net(net: Ipv4Net) -> Value {
    if net.prefix_len() == 32 {
        return net.addr().to_string().into();
    }
    json!({"prefix": {"addr": net.network().to_string(), "len": net.prefix_len()}})
}

pub(crate) fn range(from: u16, to: u16) -> Value {
    if from == to { from.into() } else { json!({"range": [from, to]}) }
}

pub(crate) fn choose(key: Value, verdicts: Vec<Value>) -> Value {
    json!({"vmap": {"key": key, "data": {"set": verdicts}}})
}

pub(crate) fn jump(chain: &str) -> Value {
    json!({"jump": {"target": chain}})
}

pub(crate) fn goto(chain: &str) -> Value {
    json!({"goto": {"target": chain}})
}

pub(crate) fn accept() -> Value {
    json!({"accept": null})
}

/// Counts the packets that come here.
pub(crate) fn counter() -> Value {
    json!({"counter": null})
}

pub(crate) fn drop() -> Value {
    json!({"drop": null})
}

/// Goes on after the jump that led here.
pub(crate) fn pass() -> Value {
    json!({"return": null})
}

/// Changes a new connection's source to the address with which its packets leave.
pub(crate) fn masquerade() -> Value {
    json!({"masquerade": null})
}

/// Translates an address of a new connection, `dnat` or `snat`, if the map has it.
pub(crate) fn translate(how: &str, key: Value, map: &str) -> Value {
    json!({how: {"family": "ip", "addr": {"map": {"key": key, "data": map}}}})
}
