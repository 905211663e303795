//! Clouds that are disturbed as seeds say, and must keep what they promise.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// How many steps are taken for each seed.
const STEPS: usize = 150;
/// How many seeds are tried on every change; EUCALYPTUS_SEEDS asks for more.
const SEEDS: u64 = 30;
const WORKERS: usize = 2;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text}")))
}

#[test]
fn a_disturbed_cloud_keeps_what_it_promised() {
    if let Some(seed) = number("EUCALYPTUS_SEED") {
        match sim::drive(seed, STEPS) {
            Ok(report) => return println!("{}", report.trace.join("\n")),
            Err(failure) => panic!("{}\n{failure}", failure.trace.join("\n")),
        }
    }
    let seeds = number("EUCALYPTUS_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(1);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds {
                return failures;
            }
            match catch_unwind(|| sim::drive(seed, STEPS)) {
                Ok(Ok(_)) => {}
                Ok(Err(failure)) => {
                    println!("{failure}");
                    failures.push(seed);
                }
                Err(_) => failures.push(seed),
            }
        }
    };
    let failures: Vec<u64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "of {seeds} seeds these fail: {failures:?}");
}

#[test]
fn the_same_seed_does_the_same_again() {
    let drive = || sim::drive_patiently(7, STEPS);
    let trace = || drive().map(|report| report.trace).map_err(|failure| failure.trace);
    assert_eq!(trace(), trace());
}
