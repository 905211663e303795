use super::*;
use proptest::prelude::*;
use std::slice::from_ref;

fn figures(cores: u32, memory_mb: u64, disk_gb: u64) -> Figures {
    Figures { cores, memory_mb, disk_gb }
}

fn room(node: &str, capacity: Figures, used: Figures) -> Room {
    Room { used, ..Room::empty(node.parse().unwrap(), capacity, Figures::default()) }
}

/// Three nodes of four cores with this many in use.
fn nodes(used: [u32; 3]) -> Vec<Room> {
    let full = figures(4, 4096, 100);
    ["a", "b", "c"]
        .iter()
        .zip(used)
        .map(|(name, cores)| room(name, full, figures(cores, u64::from(cores) * 512, 0)))
        .collect()
}

const ASK: Figures = Figures { cores: 2, memory_mb: 512, disk_gb: 10 };

#[test]
fn each_policy_chooses_as_the_guide_says() {
    use Policy::{BestFit, Greedy, RoundRobin};
    let cases = [
        (Greedy, [0, 0, 0], None, Some("a")),
        (Greedy, [3, 0, 0], Some("b"), Some("b")),
        (Greedy, [3, 3, 3], None, None),
        (RoundRobin, [0, 0, 0], None, Some("a")),
        (RoundRobin, [0, 0, 0], Some("a"), Some("b")),
        (RoundRobin, [0, 0, 0], Some("c"), Some("a")),
        (RoundRobin, [0, 3, 0], Some("a"), Some("c")),
        (RoundRobin, [0, 0, 0], Some("gone"), Some("a")),
        (RoundRobin, [3, 3, 3], Some("a"), None),
        (BestFit, [0, 2, 1], None, Some("b")),
        (BestFit, [0, 3, 1], None, Some("c")),
        (BestFit, [3, 4, 3], None, None),
    ];
    for (policy, used, last, expected) in cases {
        let nodes = nodes(used);
        let last = last.map(|name: &str| name.parse().unwrap());
        let chosen = choose(policy, &nodes, last.as_ref(), &ASK);
        let chosen = chosen.map(|at| nodes[at].node.as_str());
        assert_eq!(chosen, expected, "{policy:?} with {used:?} after {last:?}");
    }
    for policy in [Greedy, RoundRobin, BestFit] {
        assert_eq!(choose(policy, &[], None, &ASK), None, "{policy:?} without nodes");
    }
}

#[test]
fn availability_counts_per_node_and_never_across_nodes() {
    let nodes = [
        room("a", figures(4, 1000, 100), figures(1, 900, 10)),
        room("b", figures(2, 4000, 100), figures(0, 0, 0)),
        room("over-used", figures(2, 300, 100), figures(4, 600, 0)),
    ];
    let type_of = |memory_mb| figures(1, memory_mb, 10);
    assert_eq!(availability(&nodes, &type_of(300)), Availability { free: 2, max: 3 + 2 + 1 });
    assert_eq!(availability(&nodes, &type_of(50)), Availability { free: 2 + 2, max: 4 + 2 + 2 });
    assert_eq!(availability(&[], &ASK), Availability::default());
}

#[test]
fn what_a_node_spends_on_each_instance_counts() {
    let overhead = figures(0, 0, 1);
    let mut node = Room::empty("a".parse().unwrap(), figures(9, 9000, 35), overhead);
    assert_eq!(availability(from_ref(&node), &ASK), Availability { free: 3, max: 3 });
    node.take(&ASK);
    assert_eq!(node.free(), figures(7, 8488, 24));
    assert_eq!(availability(from_ref(&node), &ASK), Availability { free: 2, max: 3 });
    assert_eq!(admit(Policy::Greedy, from_ref(&node), &[ASK], &ASK, 9), 1);
    let exactly_what_is_left = figures(1, 128, 24);
    assert_eq!(choose(Policy::Greedy, from_ref(&node), None, &exactly_what_is_left), None);
    assert!(shortage(from_ref(&node), &exactly_what_is_left).contains("24 GB of disk (and 1 GB"));
    let mut all_at_once = Room { used: Figures::default(), ..node.clone() };
    all_at_once.take_all(1, &ASK);
    assert_eq!(all_at_once, node);
    node.give_back(&ASK);
    assert_eq!(node.used, Figures::default());
}

#[test]
fn a_node_that_lost_capacity_under_its_instances_takes_none_and_is_never_negative() {
    let mut node = Room::empty("a".parse().unwrap(), figures(4, 4096, 100), figures(0, 0, 1));
    (0..2).for_each(|_| node.take(&ASK));
    for capacity in
        [figures(4, 4096, 3), figures(1, 4096, 100), figures(4, 100, 100), figures(0, 0, 0)]
    {
        let full = Room { capacity, ..node.clone() };
        assert!(!full.free().holds(&full.cost(&ASK)));
        assert_eq!(choose(Policy::BestFit, from_ref(&full), None, &ASK), None);
        assert_eq!(availability(&[full], &ASK).free, 0, "{capacity:?}");
    }
}

#[test]
fn one_that_fits_nowhere_holds_up_nobody() {
    let giant = figures(64, 64, 0);
    let nodes = nodes([0, 4, 4]);
    for policy in [Policy::Greedy, Policy::RoundRobin, Policy::BestFit] {
        assert_eq!(admit(policy, &nodes, &[giant], &ASK, 9), 2, "{policy:?}");
    }
}

#[test]
fn round_robin_admits_what_fits_whichever_node_was_chosen_last() {
    // If a was chosen last, the small one goes to b and then nothing of two cores is left there.
    let (nodes, small) = (nodes([3, 2, 4]), figures(1, 1, 0));
    assert_eq!(admit(Policy::RoundRobin, &nodes, &[], &ASK, 9), 1);
    assert_eq!(admit(Policy::RoundRobin, &nodes, &[small], &ASK, 9), 0);
    assert_eq!(admit(Policy::Greedy, &nodes, &[small], &ASK, 9), 1, "it goes to a for sure");
}

#[test]
fn a_shortage_says_how_much_there_is() {
    let nodes = nodes([4, 3, 4]);
    assert_eq!(
        shortage(&nodes, &ASK),
        "no node has room for 2 cores, 512 MB of memory and 10 GB of disk: the roomiest of 3 has \
         1 core, 2560 MB of memory and 100 GB of disk free, all together 1 core, 6656 MB of \
         memory and 300 GB of disk"
    );
    assert!(shortage(&[], &ASK).ends_with("no node is available"));
}

#[test]
fn policies_are_named_as_in_the_configuration() {
    assert_eq!("roundrobin".parse(), Ok(Policy::RoundRobin));
    assert_eq!("GREEDY".parse(), Ok(Policy::Greedy));
    assert_eq!("BESTFIT".parse(), Ok(Policy::BestFit));
    assert!("POWERSAVE".parse::<Policy>().is_err());
}

fn any_figures() -> impl Strategy<Value = Figures> {
    (0..9u32, 0..4000u64, 0..100u64).prop_map(|(c, m, d)| figures(c, m, d))
}

fn any_nodes() -> impl Strategy<Value = Vec<Room>> {
    let overhead = prop_oneof![Just(figures(0, 0, 0)), (0..9u64).prop_map(|d| figures(0, 0, d))];
    let one = (any_figures(), any_figures(), overhead);
    proptest::collection::vec(one, 0..6).prop_map(|all| {
        let named = |(at, (capacity, used, overhead))| Room {
            overhead,
            ..room(&format!("node{at}"), capacity, used)
        };
        all.into_iter().enumerate().map(named).collect()
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Greedy), Just(Policy::RoundRobin), Just(Policy::BestFit)]
}

/// Places these one by one, as a cluster controller does; how many of them found a place.
fn place(policy: Policy, nodes: &mut [Room], last: &mut Option<NodeName>, asks: &[Figures]) -> u64 {
    let mut count = 0;
    for ask in asks {
        let Some(at) = choose(policy, nodes, last.as_ref(), ask) else { continue };
        let was_within = nodes[at].capacity.holds(&nodes[at].used);
        nodes[at].take(ask);
        assert!(!was_within || nodes[at].capacity.holds(&nodes[at].used), "over capacity");
        *last = Some(nodes[at].node.clone());
        count += 1;
    }
    count
}

proptest! {
    #[test]
    fn what_is_admitted_is_placed_wherever_the_policy_goes_on_and_no_node_is_overfilled(
        policy in any_policy(),
        rooms in any_nodes(),
        waiting in proptest::collection::vec(any_figures(), 0..8),
        ask in any_figures(),
        most in 0..12u64,
    ) {
        let admitted = admit(policy, &rooms, &waiting, &ask, most);
        prop_assert!(admitted <= most);
        let lasts = rooms.iter().map(|room| Some(room.node.clone())).chain([None]);
        let found: Vec<u64> = lasts
            .map(|mut last| {
                let mut rooms = rooms.clone();
                place(policy, &mut rooms, &mut last, &waiting);
                place(policy, &mut rooms, &mut last, &vec![ask; most as usize])
            })
            .collect();
        // not one more than finds a place for sure, and not one less
        prop_assert_eq!(Some(&admitted), found.iter().min(), "{:?}", found);
    }

    #[test]
    fn every_policy_places_as_many_of_one_type_as_are_available(
        policy in any_policy(),
        rooms in any_nodes(),
        mut ask in any_figures(),
    ) {
        ask.cores += 1;
        let Availability { free, max } = availability(&rooms, &ask);
        prop_assert!(free <= max);
        prop_assert_eq!(admit(policy, &rooms, &[], &ask, 1000), free);
        prop_assert_eq!(admit(policy, &rooms, &[ask], &ask, 1000), free.saturating_sub(1));
        let after_one = availability(&with_waiting(policy, rooms.clone(), &[ask]), &ask);
        prop_assert_eq!(after_one, Availability { free: free.saturating_sub(1), max });
        if free == 0 {
            prop_assert!(shortage(&rooms, &ask).contains("no node has room"));
        }
    }
}
