//! A group's ingress rules as a set of cells that do not overlap.
//!
//! The kernel then finds the one cell of a packet in one look-up, however many rules there are,
//! and accepts the set: it refuses elements that overlap.

use crate::nft;
use ipnet::Ipv4Net;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{NetworkTag, PortRange, Protocol};

/// Traffic that is let in: one protocol, one range of ports, one range of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The protocol.
    pub protocol: Protocol,
    /// The first port; for ICMP the type times 256 plus the code.
    pub from: u16,
    /// The last port, included.
    pub to: u16,
    /// Where it may come from.
    pub source: Ipv4Net,
}

impl Cell {
    /// Whether a packet is inside.
    pub fn holds(&self, protocol: Protocol, port: u16, source: Ipv4Addr) -> bool {
        self.protocol == protocol
            && (self.from..=self.to).contains(&port)
            && self.source.contains(&source)
    }
}

/// What may come in to one group network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupChain {
    /// The chain's name, see [`chain_name`](crate::chain_name).
    pub name: String,
    /// The group's network.
    pub tag: NetworkTag,
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// What may come in from elsewhere; no two overlap.
    pub cells: Vec<Cell>,
}

/// The rule with its group replaced by that group's addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) protocol: Protocol,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) source: Ipv4Net,
}

impl Span {
    /// None when the numbers are not valid for the protocol: such a rule lets nothing in.
    pub(crate) fn of(protocol: Protocol, ports: PortRange, source: Ipv4Net) -> Option<Self> {
        let PortRange { from, to } = PortRange::checked(protocol, ports.from, ports.to).ok()?;
        let (from, to) = match (protocol, from, to) {
            (Protocol::Icmp, -1, _) => (0, 0xffff),
            (Protocol::Icmp, kind, -1) => (kind << 8, kind << 8 | 0xff),
            (Protocol::Icmp, kind, code) => (kind << 8 | code, kind << 8 | code),
            (_, from, to) => (from, to),
        };
        Some(Self { protocol, from: from.try_into().ok()?, to: to.try_into().ok()?, source })
    }
}

/// Cuts rules into cells: the ports at every number where a rule starts or ends, and the sources
/// of each piece merged.
pub(crate) fn cells(spans: &[Span]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Icmp] {
        let spans: Vec<_> = spans.iter().filter(|span| span.protocol == protocol).collect();
        let cuts: Vec<u32> = cuts(protocol, &spans).into_iter().collect();
        for piece in cuts.windows(2) {
            let (Ok(from), Ok(to)) = (u16::try_from(piece[0]), u16::try_from(piece[1] - 1)) else {
                continue;
            };
            let inside = |span: &&&Span| span.from <= from && to <= span.to;
            let sources: Vec<_> = spans.iter().filter(inside).map(|s| s.source.trunc()).collect();
            let merged = Ipv4Net::aggregate(&sources);
            cells.extend(merged.into_iter().map(|source| Cell { protocol, from, to, source }));
        }
    }
    cells
}

fn cuts(protocol: Protocol, spans: &[&Span]) -> BTreeSet<u32> {
    let mut cuts = BTreeSet::new();
    for span in spans {
        let (start, end) = (u32::from(span.from), u32::from(span.to) + 1);
        cuts.extend([start, end]);
        if protocol == Protocol::Icmp {
            // A piece is whole types, or codes of one type: only those are rectangles.
            cuts.extend([start & !0xff, (end + 0xff) & !0xff]);
        }
    }
    cuts
}

/// Matches the packets of these cells; at most two matches, whatever their number.
pub(crate) fn matches(cells: &[Cell]) -> Vec<Value> {
    let (icmp, ports): (Vec<Cell>, Vec<Cell>) =
        cells.iter().partition(|cell| cell.protocol == Protocol::Icmp);
    let source = nft::field("ip", "saddr");
    let mut matches = Vec::new();
    if !ports.is_empty() {
        let key = [nft::meta("l4proto"), nft::field("th", "dport"), source.clone()];
        let elements = ports.iter().map(port_element).collect();
        matches.push(nft::is(nft::concat(key.to_vec()), nft::any_of(elements)));
    }
    if !icmp.is_empty() {
        let key = [nft::field("icmp", "type"), nft::field("icmp", "code"), source];
        let elements = icmp.iter().map(icmp_element).collect();
        matches.push(nft::is(nft::concat(key.to_vec()), nft::any_of(elements)));
    }
    matches
}

fn port_element(cell: &Cell) -> Value {
    let ports = nft::range(cell.from, cell.to);
    nft::concat(json!([cell.protocol.as_str(), ports, nft::net(cell.source)]))
}

fn icmp_element(cell: &Cell) -> Value {
    let types = nft::range(cell.from >> 8, cell.to >> 8);
    let codes = nft::range(cell.from & 0xff, cell.to & 0xff);
    nft::concat(json!([types, codes, nft::net(cell.source)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::Protocol::{Icmp, Tcp, Udp};

    fn spans(rules: &[(Protocol, i32, i32, &str)]) -> Vec<Span> {
        let span = |(protocol, from, to, source): &(Protocol, i32, i32, &str)| {
            let ports = PortRange { from: *from, to: *to };
            Span::of(*protocol, ports, source.parse().unwrap())
        };
        rules.iter().filter_map(span).collect()
    }

    fn check(rules: &[(Protocol, i32, i32, &str)], expect: &[(Protocol, u16, u16, &str)]) {
        let cell = |(protocol, from, to, source): &(Protocol, u16, u16, &str)| Cell {
            protocol: *protocol,
            from: *from,
            to: *to,
            source: source.parse().unwrap(),
        };
        let expect: Vec<Cell> = expect.iter().map(cell).collect();
        assert_eq!(cells(&spans(rules)), expect, "{rules:?}");
    }

    #[test]
    fn rules_become_cells_that_do_not_overlap() {
        check(&[], &[]);
        check(&[(Tcp, 22, 22, "0.0.0.0/0")], &[(Tcp, 22, 22, "0.0.0.0/0")]);
        check(
            &[(Tcp, 22, 22, "0.0.0.0/0"), (Tcp, 22, 22, "10.0.0.0/8"), (Udp, 22, 22, "1.2.3.4/32")],
            &[(Tcp, 22, 22, "0.0.0.0/0"), (Udp, 22, 22, "1.2.3.4/32")],
        );
        check(
            &[(Tcp, 0, 65535, "10.0.0.0/8"), (Tcp, 80, 80, "0.0.0.0/0")],
            &[
                (Tcp, 0, 79, "10.0.0.0/8"),
                (Tcp, 80, 80, "0.0.0.0/0"),
                (Tcp, 81, 65535, "10.0.0.0/8"),
            ],
        );
        // Host bits of a source are of no meaning, and neighbours merge.
        check(
            &[(Tcp, 1, 1, "10.0.0.1/25"), (Tcp, 1, 1, "10.0.0.128/25")],
            &[(Tcp, 1, 1, "10.0.0.0/24")],
        );
    }

    #[test]
    fn icmp_rules_are_types_and_codes() {
        check(&[(Icmp, -1, -1, "0.0.0.0/0")], &[(Icmp, 0, 0xffff, "0.0.0.0/0")]);
        check(&[(Icmp, 8, -1, "0.0.0.0/0")], &[(Icmp, 0x800, 0x8ff, "0.0.0.0/0")]);
        check(&[(Icmp, 3, 4, "0.0.0.0/0")], &[(Icmp, 0x304, 0x304, "0.0.0.0/0")]);
        check(
            &[(Icmp, -1, -1, "10.0.0.0/8"), (Icmp, 3, 4, "0.0.0.0/0")],
            &[
                (Icmp, 0x000, 0x2ff, "10.0.0.0/8"),
                (Icmp, 0x300, 0x303, "10.0.0.0/8"),
                (Icmp, 0x304, 0x304, "0.0.0.0/0"),
                (Icmp, 0x305, 0x3ff, "10.0.0.0/8"),
                (Icmp, 0x400, 0xffff, "10.0.0.0/8"),
            ],
        );
    }

    #[test]
    fn numbers_that_are_no_ports_let_nothing_in() {
        for (protocol, from, to) in
            [(Tcp, -1, -1), (Tcp, 0, 65536), (Udp, 9, 8), (Icmp, 256, 0), (Icmp, 8, 256)]
        {
            check(&[(protocol, from, to, "0.0.0.0/0")], &[]);
        }
    }

    #[test]
    fn many_rules_are_two_matches() {
        let rules: Vec<_> = (0..200).map(|port| (Tcp, port, port, "10.0.0.0/8")).collect();
        let ping = [(Icmp, 8, 0, "0.0.0.0/0")];
        let cells = cells(&[spans(&rules), spans(&ping)].concat());
        assert_eq!(matches(&cells).len(), 2);
    }

    fn rule() -> impl Strategy<Value = Span> {
        let protocol = prop_oneof![Just(Tcp), Just(Udp), Just(Icmp)];
        let source = (0u32..16, 28u8..=32);
        (protocol, -1i32..20, -1i32..20, source).prop_filter_map(
            "valid",
            |(p, from, to, (ip, len))| {
                let source = Ipv4Net::new((0x0a00_0000 + ip).into(), len).ok()?;
                Span::of(p, PortRange { from, to }, source)
            },
        )
    }

    proptest! {
        #[test]
        fn cells_hold_what_the_rules_allow_and_no_packet_is_in_two(
            rules in prop::collection::vec(rule(), 0..12),
            protocol in prop_oneof![Just(Tcp), Just(Udp), Just(Icmp)],
            port in prop_oneof![0u16..24, 0x2f0u16..0x320, any::<u16>()],
            ip in 0u32..16,
        ) {
            let source = Ipv4Addr::from(0x0a00_0000 + ip);
            let allowed = rules.iter().any(|rule| {
                rule.protocol == protocol
                    && (rule.from..=rule.to).contains(&port)
                    && rule.source.contains(&source)
            });
            let cells = cells(&rules);
            let holders = cells.iter().filter(|cell| cell.holds(protocol, port, source)).count();
            prop_assert_eq!(holders, usize::from(allowed));
            for cell in cells.iter().filter(|cell| cell.protocol == Icmp) {
                let one_type = cell.from >> 8 == cell.to >> 8;
                let whole_types = cell.from & 0xff == 0 && cell.to & 0xff == 0xff;
                prop_assert!(one_type || whole_types, "{:?} is no rectangle", cell);
            }
        }
    }
}
