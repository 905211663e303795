//! A group's cells as chains of the kernel: first the port, then the address.
//!
//! A packet costs one look-up for each, however many rules there are. A set of ports and addresses
//! together would do with one, but the kernel compares all of its elements with every packet.

use super::rules::TABLE;
use crate::cells::{Cell, Side};
use crate::nft::{self, any_of, choose, concat, field, goto, is};
use ipnet::Ipv4Net;
use serde_json::{Value, json};
use std::collections::HashMap;
use types::Protocol;

/// What lets packets through that are in a cell.
pub(super) struct Passage<'a> {
    /// The chain that packets enter. Those behind it are called `<name>/<number>`: no name of a
    /// group has a slash.
    pub(super) name: &'a str,
    /// The cells, those of one piece of ports beside each other.
    pub(super) cells: &'a [Cell],
    pub(super) side: Side,
    /// Rules before those of the cells.
    pub(super) head: Vec<Vec<Value>>,
    /// What becomes of packets that are in a cell.
    pub(super) inside: Vec<Value>,
    /// What becomes of all others.
    pub(super) outside: Vec<Value>,
}

impl Passage<'_> {
    /// The chains with their rules, in an order in which they can be added.
    pub(super) fn chains(&self) -> Vec<Value> {
        let mut behind = Behind { passage: self, known: HashMap::new(), chains: Vec::new() };
        let mut rules = self.head.clone();
        let is_whole = |cell: &&Cell| cell.protocol == Protocol::All;
        let (whole, pieces): (Vec<_>, Vec<_>) = self.cells.iter().partition(is_whole);
        rules.extend((!whole.is_empty()).then(|| self.let_through(&whole)));
        for (protocol, key) in keys() {
            let of_protocol = pieces.iter().copied().filter(|cell| cell.protocol == protocol);
            let of_protocol: Vec<_> = of_protocol.collect();
            let same = |a: &&Cell, b: &&Cell| (a.from, a.to) == (b.from, b.to);
            let ways = of_protocol.chunk_by(same);
            let ways: Vec<_> = ways.map(|piece| behind.way_of(piece)).collect();
            if !ways.is_empty() {
                rules.push(vec![choose(key, ways)]);
            }
        }
        rules.push(self.outside.clone());
        let mut chains = behind.chains;
        chains.extend(self.chain(self.name, rules));
        chains
    }

    fn chain(&self, name: &str, rules: Vec<Vec<Value>>) -> Vec<Value> {
        let rules = rules.into_iter().map(|parts| TABLE.rule(name, parts));
        std::iter::once(TABLE.chain(name)).chain(rules).collect()
    }

    /// Lets packets through whose address is in one of these cells.
    fn let_through(&self, cells: &[&Cell]) -> Vec<Value> {
        let address = field("ip", if self.side == Side::Source { "saddr" } else { "daddr" });
        let peers = || any_of(cells.iter().map(|cell| nft::net(cell.peer)).collect());
        let matched = (!hold_everywhere(cells)).then(|| is(address, peers()));
        matched.into_iter().chain(self.inside.iter().cloned()).collect()
    }
}

/// The chains behind the first one: pieces of ports with the same addresses share one.
struct Behind<'a> {
    passage: &'a Passage<'a>,
    known: HashMap<Vec<Ipv4Net>, String>,
    chains: Vec<Value>,
}

impl Behind<'_> {
    /// The element that leads packets of a piece of ports to the chain that looks at the address.
    fn way_of(&mut self, piece: &[&Cell]) -> Value {
        let peers: Vec<_> = piece.iter().map(|cell| cell.peer).collect();
        let next = self.known.len() + 1;
        let name = self.known.entry(peers).or_insert_with(|| {
            let name = format!("{}/{next}", self.passage.name);
            let mut rules = vec![self.passage.let_through(piece)];
            rules.extend((!hold_everywhere(piece)).then(|| self.passage.outside.clone()));
            self.chains.extend(self.passage.chain(&name, rules));
            name
        });
        json!([ports(piece[0]), goto(name)])
    }
}

/// Whether one of the cells holds every address.
fn hold_everywhere(cells: &[&Cell]) -> bool {
    cells.iter().any(|cell| cell.peer.prefix_len() == 0)
}

fn keys() -> [(Protocol, Value); 3] {
    let icmp = vec![field("icmp", "type"), field("icmp", "code")];
    [
        (Protocol::Tcp, field("tcp", "dport")),
        (Protocol::Udp, field("udp", "dport")),
        (Protocol::Icmp, concat(icmp)),
    ]
}

fn ports(cell: &Cell) -> Value {
    if cell.protocol != Protocol::Icmp {
        return nft::range(cell.from, cell.to);
    }
    let types = nft::range(cell.from >> 8, cell.to >> 8);
    let codes = nft::range(cell.from & 0xff, cell.to & 0xff);
    concat(json!([types, codes]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(protocol: Protocol, from: u16, to: u16, peer: &str) -> Cell {
        Cell { protocol, from, to, peer: peer.parse().unwrap() }
    }

    /// Each chain with its rules, in the order in which they are added.
    fn chains(cells: &[Cell]) -> Vec<(String, Vec<String>)> {
        let passage = Passage {
            name: "web",
            cells,
            side: Side::Source,
            head: Vec::new(),
            inside: vec![nft::accept()],
            outside: vec![nft::drop()],
        };
        let mut chains = Vec::new();
        for command in passage.chains() {
            let added = &command["add"];
            if let Some(name) = added["chain"]["name"].as_str() {
                chains.push((name.to_owned(), Vec::new()));
            } else {
                let (name, rules) = chains.last_mut().unwrap();
                assert_eq!(added["rule"]["chain"], **name);
                rules.push(added["rule"]["expr"].to_string());
            }
        }
        chains
    }

    fn names(chains: &[(String, Vec<String>)]) -> Vec<&str> {
        chains.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn ports_with_the_same_addresses_share_a_chain_however_many_they_are() {
        let many = (0..500).map(|at| cell(Protocol::Tcp, 2 * at, 2 * at, "10.0.0.0/8"));
        let two = ["10.0.0.0/8", "192.0.2.0/24"].map(|peer| cell(Protocol::Tcp, 4000, 4999, peer));
        let others = [
            cell(Protocol::Udp, 53, 53, "10.0.0.0/8"),
            cell(Protocol::Icmp, 0x800, 0x8ff, "0.0.0.0/0"),
        ];
        let chains = chains(&many.chain(two).chain(others).collect::<Vec<_>>());
        assert_eq!(names(&chains), ["web/1", "web/2", "web/3", "web"]);
        // A look-up for each kind of ports, and what is left.
        assert_eq!(chains[3].1.len(), 4);
        assert!(chains[0].1[0].contains("10.0.0.0") && !chains[0].1[0].contains("192.0.2.0"));
        assert!(chains[1].1[0].contains("10.0.0.0") && chains[1].1[0].contains("192.0.2.0"));
        assert_eq!(chains[2].1, [r#"[{"accept":null}]"#]);
    }

    #[test]
    fn every_protocol_is_looked_up_by_address_alone() {
        let chains = chains(&[cell(Protocol::All, 0, 0xffff, "192.0.2.0/24")]);
        assert_eq!(names(&chains), ["web"]);
        assert!(chains[0].1[0].contains("saddr") && chains[0].1[0].contains("accept"));
        assert_eq!(chains[0].1[1..], [r#"[{"drop":null}]"#]);
    }

    #[test]
    fn without_rules_everything_is_outside() {
        assert_eq!(chains(&[]), [("web".to_owned(), vec![r#"[{"drop":null}]"#.to_owned()])]);
    }
}
