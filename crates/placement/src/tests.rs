use super::*;
use proptest::prelude::*;

fn figures(cores: u32, memory_mb: u64, disk_gb: u64) -> Figures {
    Figures { cores, memory_mb, disk_gb }
}

fn room(node: &str, capacity: Figures, used: Figures) -> Room {
    Room { node: node.parse().unwrap(), capacity, used }
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
    let one = (any_figures(), any_figures());
    proptest::collection::vec(one, 0..6).prop_map(|all| {
        let named = |(at, (capacity, used))| room(&format!("node{at}"), capacity, used);
        all.into_iter().enumerate().map(named).collect()
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::Greedy), Just(Policy::RoundRobin), Just(Policy::BestFit)]
}

proptest! {
    #[test]
    fn admission_agrees_with_placing_one_by_one_and_no_node_is_overfilled(
        policy in any_policy(),
        rooms in any_nodes(),
        asks in proptest::collection::vec(any_figures(), 0..30),
    ) {
        let mut placed = rooms.clone();
        let mut last = None;
        let mut count = 0;
        for ask in &asks {
            let Some(at) = choose(policy, &placed, last.as_ref(), ask) else { break };
            prop_assert!(placed[at].free().holds(ask));
            let was_within = placed[at].capacity.holds(&placed[at].used);
            placed[at].take(ask);
            prop_assert_eq!(placed[at].capacity.holds(&placed[at].used), was_within);
            last = Some(placed[at].node.clone());
            count += 1;
        }
        prop_assert_eq!(admit(policy, &rooms, None, asks), count);
    }

    #[test]
    fn every_policy_places_as_many_of_one_type_as_are_available(
        policy in any_policy(),
        rooms in any_nodes(),
        mut ask in any_figures(),
    ) {
        ask.cores += 1;
        let free = availability(&rooms, &ask).free;
        let admitted = admit(policy, &rooms, None, std::iter::repeat(ask));
        prop_assert_eq!(admitted as u64, free);
        if admitted == 0 {
            prop_assert!(shortage(&rooms, &ask).contains("no node has room"));
        }
    }
}
