use super::*;
use crate::router::tests::{MACHINES, group, network, outside, planned_with, tcp, town};
use crate::{Packet, RouterPlan, Source};
use proptest::prelude::*;
use std::collections::BTreeSet;
use types::{NetworkTag, Protocol};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const WEB: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 2);
const WEB_OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 3);
const DB: Ipv4Addr = Ipv4Addr::new(10, 77, 2, 66);

fn public(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, number)
}

/// Group web lets port 80 in from the world and 22 from db; db lets nothing in.
fn networks() -> [NetworkDesired; 2] {
    let (mut web, db) = (network(10, "alice", "10.77.2.0/26"), network(11, "bob", "10.77.2.64/26"));
    web.ingress = vec![tcp(80, outside()), tcp(22, group(&db))];
    [web, db]
}

fn planned(associations: &[(Ipv4Addr, Ipv4Addr)]) -> RouterPlan {
    planned_with(&networks(), &[], associations)
}

fn leads(plan: &RouterPlan) -> Vec<(Ipv4Addr, Ipv4Addr)> {
    plan.public.leads.iter().map(|(public, private)| (*public, *private)).collect()
}

fn packet(from: Option<u16>, source: Ipv4Addr, destination: Ipv4Addr, port: u16) -> Packet {
    let from = from.map(|tag| NetworkTag::try_from(tag).unwrap());
    Packet { from, source, destination, protocol: Protocol::Tcp, port }
}

#[test]
fn an_address_and_an_instance_are_taken_once_and_only_if_they_can_be() {
    let plan = planned(&[
        (public(1), WEB),
        (public(1), DB),
        (public(2), WEB),
        (public(3), Ipv4Addr::new(10, 77, 9, 9)),
        (Ipv4Addr::new(10, 77, 8, 8), DB),
        (MACHINES[0], DB),
        (public(4), DB),
    ]);
    assert_eq!(leads(&plan), [(public(1), WEB), (public(4), DB)]);
    assert_eq!(plan.public.interface.as_deref(), Some("eth0"));
}

#[test]
fn the_rules_of_the_group_are_met_by_whichever_address_it_is_called() {
    let plan = planned(&[(public(1), WEB)]);
    for (from, source, port, expected, why) in [
        (None, OUTSIDE, 80, true, "the world may"),
        (None, OUTSIDE, 22, false, "the world may not"),
        (None, WEB, 80, false, "nobody outside has that address"),
        (Some(11), DB, 22, true, "the rule names its group"),
        (Some(11), DB, 80, false, "its private address is none of the world's"),
        (Some(10), WEB_OTHER, 22, false, "a member is as everybody here"),
        (Some(10), WEB, 22, false, "and so is the instance itself"),
    ] {
        let called = packet(from, source, public(1), port);
        assert_eq!(plan.forwards(&called), expected, "{why}");
    }
    assert!(plan.forwards(&packet(Some(10), WEB_OTHER, WEB, 22)), "members share a network");
}

#[test]
fn the_receiver_sees_the_address_that_answers_come_back_to() {
    let plan = planned(&[(public(1), WEB), (public(2), DB)]);
    let sender = Source::Sender;
    for (source, destination, expected, why) in [
        (OUTSIDE, public(1), sender(OUTSIDE), "from the world"),
        (WEB, OUTSIDE, sender(public(1)), "to the world, with its own"),
        (WEB_OTHER, OUTSIDE, Source::Router, "to the world, without"),
        (WEB, MACHINES[0], Source::Router, "to a machine of the cloud"),
        (WEB, DB, sender(WEB), "by private addresses"),
        (WEB, public(2), sender(public(1)), "by public addresses"),
        (WEB_OTHER, public(2), sender(WEB_OTHER), "without a public one, another group's"),
        (WEB_OTHER, public(1), Source::Router, "without a public one, its own group's"),
        (WEB, public(1), sender(public(1)), "itself"),
    ] {
        assert_eq!(plan.source_of(&packet(None, source, destination, 80)), expected, "{why}");
    }
}

#[test]
fn an_address_that_leads_nowhere_is_known_all_the_same() {
    let pool: AddressPool = "203.0.113.1-203.0.113.3 203.0.113.9".parse().unwrap();
    let plan = PublicPlan { interface: None, leads: [(public(4), WEB)].into() };
    let [.., known] = sets(&plan, &pool);
    let expected = json!([{"range": ["203.0.113.1", "203.0.113.4"]}, "203.0.113.9"]);
    assert_eq!(known["add"]["set"]["elem"], expected);
}

proptest! {
    #[test]
    fn no_two_instances_have_one_address_and_none_has_two(
        networks in town(),
        wanted in prop::collection::vec((0u8..4, 0usize..6, 1usize..4), 0..8),
    ) {
        let private = |at: usize, host: usize| {
            networks[at % networks.len()].subnet.hosts().nth(host).unwrap()
        };
        let associations: Vec<_> = wanted.iter()
            .map(|(number, at, host)| (public(*number), private(*at, *host))).collect();
        let plan = planned_with(&networks, &[], &associations);
        let privates: BTreeSet<_> = plan.public.leads.values().collect();
        prop_assert_eq!(privates.len(), plan.public.leads.len());
        for pair in leads(&plan) {
            prop_assert!(associations.contains(&pair));
            prop_assert_eq!(plan.public.of_instance(pair.1), Some(pair.0));
        }
        for (public, private) in &associations {
            let either = plan.public.leads.contains_key(public) || privates.contains(private);
            prop_assert!(either, "{public} leads nowhere, and nothing is in its way");
        }
    }

    #[test]
    fn a_public_address_lets_in_what_the_private_one_does(
        networks in town(), from in 0usize..7, to in 0usize..6, port in 0u16..4,
    ) {
        let to = &networks[to % networks.len()];
        let private = to.subnet.hosts().nth(2).unwrap();
        let plan = planned_with(&networks, &[], &[(public(1), private)]);
        let (from, source) = match networks.get(from) {
            Some(network) => (Some(network.tag), network.subnet.hosts().nth(1).unwrap()),
            None => (None, OUTSIDE),
        };
        let by_private = Packet {
            from, source, destination: private, protocol: Protocol::Tcp, port,
        };
        let by_public = Packet { destination: public(1), ..by_private };
        if from == Some(to.tag) {
            // Its own members need a rule then, and the other rules name others.
            let named = to.ingress.iter().any(|rule| {
                rule.ports.from == i32::from(port) && rule.peer == group(to)
            });
            let leaves = to.egress.contains(&protocol::GroupRule::UNLIMITED)
                || to.egress.iter().any(|rule| {
                    rule.ports.from == i32::from(port) && rule.peer == group(to)
                });
            prop_assert_eq!(plan.forwards(&by_public), named && leaves);
        } else {
            prop_assert_eq!(plan.forwards(&by_public), plan.forwards(&by_private));
        }
    }
}
