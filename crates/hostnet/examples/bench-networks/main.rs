//! What planning, applying, forwarding and DHCP cost, as a table; `make bench-networks`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails should say so"
)]

mod cloud;
mod dhcp;
mod forward;
#[allow(dead_code, reason = "made for the tests")]
#[path = "../../tests/real/world.rs"]
mod world;

use cloud::Cloud;
use std::time::{Duration, Instant};
use world::World;

fn main() {
    println!("each figure: least, median and largest of the runs");
    plan();
    apply();
    forward::measure();
    dhcp::measure();
}

fn plan() {
    let cloud = Cloud::new(500, 10, 10);
    let router = runs(20, || took(|| drop(cloud.router())));
    show("planning a router for 5,000 instances in 500 groups (at most 50 ms)", &router);
    let node = runs(20, || took(|| drop(cloud.node())));
    show("planning a node with all 5,000 of them", &node);
}

/// Changes one rule of one group to and fro.
fn apply() {
    let world = World::new();
    let [before, after] = [false, true].map(|extra| {
        let mut cloud = Cloud::new(50, 10, 100);
        if extra {
            cloud.let_in(0, 7);
        }
        cloud.router()
    });
    let first = took(|| drop(world.controller.router(&before)));
    show("applying 5,000 rules of 50 groups to an empty host", &[first]);
    let mut extra = false;
    let changes = runs(20, || {
        extra = !extra;
        let plan = if extra { &after } else { &before };
        // What was read after the last change is there.
        assert_eq!(world.controller.router_rules_hold(), Some(true));
        took(|| assert!(!world.controller.router(plan).is_empty()))
    });
    show("applying one changed rule among 5,000 (at most 100 ms)", &changes);
    let same = if extra { &after } else { &before };
    let checks = runs(20, || took(|| assert!(world.controller.router(same).is_empty())));
    show("looking whether all of it is still there", &checks);
}

fn runs(count: usize, run: impl FnMut() -> Duration) -> Vec<Duration> {
    std::iter::repeat_with(run).take(count).collect()
}

fn took(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn show(what: &str, taken: &[Duration]) {
    let mut ms: Vec<_> = taken.iter().map(|it| it.as_secs_f64() * 1000.0).collect();
    ms.sort_by(f64::total_cmp);
    let (least, median, most) = (ms[0], ms[ms.len() / 2], ms[ms.len() - 1]);
    println!("{what}: {least:.1} {median:.1} {most:.1} ms");
}
