//! A group's rules of one direction as sets of cells that do not overlap.
//!
//! The kernel then finds the one cell of a packet in a few look-ups, however many rules there are
//! (`router/passage.rs`), and accepts its sets: it refuses elements that overlap.

use ipnet::Ipv4Net;
use protocol::GroupRule;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use types::{NetworkTag, PortRange, Protocol};

/// Traffic that is let in or out: one protocol, one range of ports, one range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The protocol; that of a cell for every protocol is [`Protocol::All`].
    pub protocol: Protocol,
    /// The first destination port; for ICMP the type times 256 plus the code; 0 for every
    /// protocol.
    pub from: u16,
    /// The last port, included; 65535 for every protocol.
    pub to: u16,
    /// Where it may come from, or go to.
    pub peer: Ipv4Net,
}

impl Cell {
    /// Whether a packet is inside. `protocol` is [`Protocol::All`] for a packet of a protocol that
    /// rules cannot name.
    pub fn holds(&self, protocol: Protocol, port: u16, peer: Ipv4Addr) -> bool {
        (self.protocol == Protocol::All || self.protocol == protocol)
            && (self.from..=self.to).contains(&port)
            && self.peer.contains(&peer)
    }

    /// Whether every packet is inside.
    fn is_everything(&self) -> bool {
        self.protocol == Protocol::All && self.peer.prefix_len() == 0
    }
}

/// What may come in to one group network, and leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupChain {
    /// The name of the chain that lets in, see [`chain_name`](crate::chain_name).
    pub name: String,
    /// The group's network.
    pub tag: NetworkTag,
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// What may come in from elsewhere.
    pub ingress: Vec<Cell>,
    /// What may leave for elsewhere.
    pub egress: Vec<Cell>,
}

impl GroupChain {
    /// The name of the chain that lets out. No chain of a user's group is called like it.
    pub(crate) fn egress_name(&self) -> String {
        format!("egress_{}", self.tag)
    }
}

/// Whether these cells hold every packet.
pub(crate) fn hold_everything(cells: &[Cell]) -> bool {
    cells.iter().any(Cell::is_everything)
}

/// The rule with its group replaced by that group's addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) protocol: Protocol,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) peer: Ipv4Net,
}

impl Span {
    /// None when the numbers are not valid for the protocol: such a rule lets nothing pass.
    pub(crate) fn of(protocol: Protocol, ports: PortRange, peer: Ipv4Net) -> Option<Self> {
        let PortRange { from, to } = PortRange::checked(protocol, ports.from, ports.to).ok()?;
        let (from, to) = match (protocol, from, to) {
            (Protocol::All, ..) => (0, 0xffff),
            (Protocol::Icmp, -1, _) => (0, 0xffff),
            (Protocol::Icmp, kind, -1) => (kind << 8, kind << 8 | 0xff),
            (Protocol::Icmp, kind, code) => (kind << 8 | code, kind << 8 | code),
            (_, from, to) => (from, to),
        };
        Some(Self { protocol, from: from.try_into().ok()?, to: to.try_into().ok()?, peer })
    }
}

/// Cuts rules into cells: the ports at every number where a rule starts or ends, and the addresses
/// of each piece merged. Addresses with which all protocols may be spoken need no other cell.
pub(crate) fn cells(spans: &[Span]) -> Vec<Cell> {
    let whole = |span: &&Span| span.protocol == Protocol::All;
    let whole: Vec<_> = spans.iter().filter(whole).map(|span| span.peer.trunc()).collect();
    let whole = Ipv4Net::aggregate(&whole);
    let cell = |peer: &Ipv4Net| Cell { protocol: Protocol::All, from: 0, to: 0xffff, peer: *peer };
    let mut cells: Vec<_> = whole.iter().map(cell).collect();
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Icmp] {
        let needed = |span: &&Span| {
            span.protocol == protocol && !whole.iter().any(|net| net.contains(&span.peer))
        };
        let spans: Vec<_> = spans.iter().filter(needed).collect();
        let cuts: Vec<u32> = cuts(protocol, &spans).into_iter().collect();
        for piece in cuts.windows(2) {
            let (Ok(from), Ok(to)) = (u16::try_from(piece[0]), u16::try_from(piece[1] - 1)) else {
                continue;
            };
            let inside = |span: &&&Span| span.from <= from && to <= span.to;
            let peers: Vec<_> = spans.iter().filter(inside).map(|s| s.peer.trunc()).collect();
            let merged = Ipv4Net::aggregate(&peers);
            cells.extend(merged.into_iter().map(|peer| Cell { protocol, from, to, peer }));
        }
    }
    cells
}

/// How many cells these rules come to at most, whatever their peers are.
pub fn pieces(rules: &[GroupRule]) -> usize {
    let everywhere = Ipv4Net::default();
    let spans: Vec<_> =
        rules.iter().filter_map(|rule| Span::of(rule.protocol, rule.ports, everywhere)).collect();
    let of_protocol = |protocol| {
        let spans: Vec<_> = spans.iter().filter(|span| span.protocol == protocol).collect();
        let cuts: Vec<u32> = cuts(protocol, &spans).into_iter().collect();
        let inside = |start: u32, end: u32| {
            let holds = |span: &&&Span| u32::from(span.from) <= start && end <= u32::from(span.to);
            spans.iter().filter(holds).count()
        };
        cuts.windows(2).map(|piece| inside(piece[0], piece[1] - 1)).sum::<usize>()
    };
    [Protocol::Tcp, Protocol::Udp, Protocol::Icmp].into_iter().map(of_protocol).sum()
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

/// The address of a packet that cells are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Where it comes from: ingress.
    Source,
    /// Where it goes: egress.
    Destination,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use types::Protocol::{All, Icmp, Tcp, Udp};

    fn spans(rules: &[(Protocol, i32, i32, &str)]) -> Vec<Span> {
        let span = |(protocol, from, to, peer): &(Protocol, i32, i32, &str)| {
            let ports = PortRange { from: *from, to: *to };
            Span::of(*protocol, ports, peer.parse().unwrap())
        };
        rules.iter().filter_map(span).collect()
    }

    fn check(rules: &[(Protocol, i32, i32, &str)], expect: &[(Protocol, u16, u16, &str)]) {
        let cell = |(protocol, from, to, peer): &(Protocol, u16, u16, &str)| Cell {
            protocol: *protocol,
            from: *from,
            to: *to,
            peer: peer.parse().unwrap(),
        };
        let expect: Vec<Cell> = expect.iter().map(cell).collect();
        assert_eq!(cells(&spans(rules)), expect, "{rules:?}");
    }

    #[test]
    fn rules_that_cut_each_other_are_counted_in_pieces() {
        let rule = |from, to| GroupRule {
            protocol: Tcp,
            ports: PortRange { from, to },
            peer: protocol::Peer::Cidr("10.0.0.1/32".parse().unwrap()),
        };
        let apart: Vec<_> = (1..=1000).map(|port| rule(port, port)).collect();
        let nested: Vec<_> = (1..=1000).map(|at| rule(at, 65_535 - at)).collect();
        assert_eq!((pieces(&[]), pieces(&apart)), (0, 1000));
        assert_eq!(pieces(&nested), 1000 * 1000);
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
        // Host bits of a network are of no meaning, and neighbours merge.
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
    fn where_all_protocols_pass_no_other_rule_is_needed() {
        let rules = [
            (All, -1, -1, "10.0.0.0/8"),
            (All, 22, 22, "11.0.0.0/8"),
            (Tcp, 22, 22, "10.1.0.0/16"),
            (Tcp, 22, 22, "0.0.0.0/0"),
        ];
        check(&rules, &[(All, 0, 0xffff, "10.0.0.0/7"), (Tcp, 22, 22, "0.0.0.0/0")]);
        let anything = [&rules[..], &[(All, -1, -1, "0.0.0.0/0")]].concat();
        check(&anything, &[(All, 0, 0xffff, "0.0.0.0/0")]);
        assert!(hold_everything(&cells(&spans(&anything))));
    }

    fn rule() -> impl Strategy<Value = Span> {
        let protocol = prop_oneof![Just(Tcp), Just(Udp), Just(Icmp), Just(All)];
        let peer = (0u32..16, 28u8..=32);
        (protocol, -1i32..20, -1i32..20, peer).prop_filter_map(
            "valid",
            |(p, from, to, (ip, len))| {
                let peer = Ipv4Net::new((0x0a00_0000 + ip).into(), len).ok()?;
                Span::of(p, PortRange { from, to }, peer)
            },
        )
    }

    proptest! {
        #[test]
        fn cells_hold_what_the_rules_allow_and_no_packet_is_in_two_of_a_set(
            rules in prop::collection::vec(rule(), 0..12),
            protocol in prop_oneof![Just(Tcp), Just(Udp), Just(Icmp), Just(All)],
            port in prop_oneof![0u16..24, 0x2f0u16..0x320, any::<u16>()],
            ip in 0u32..16,
        ) {
            let peer = Ipv4Addr::from(0x0a00_0000 + ip);
            let allowed = rules.iter().any(|rule| {
                (rule.protocol == All || rule.protocol == protocol)
                    && (rule.from..=rule.to).contains(&port)
                    && rule.peer.contains(&peer)
            });
            let cells = cells(&rules);
            let holders: Vec<_> =
                cells.iter().filter(|cell| cell.holds(protocol, port, peer)).collect();
            prop_assert_eq!(!holders.is_empty(), allowed);
            for kind in [Tcp, Udp, Icmp, All] {
                prop_assert!(holders.iter().filter(|cell| cell.protocol == kind).count() <= 1);
            }
            for cell in cells.iter().filter(|cell| cell.protocol == Icmp) {
                let one_type = cell.from >> 8 == cell.to >> 8;
                let whole_types = cell.from & 0xff == 0 && cell.to & 0xff == 0xff;
                prop_assert!(one_type || whole_types, "{:?} is no rectangle", cell);
            }
        }
    }
}
