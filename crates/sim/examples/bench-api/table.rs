//! The figures, one server beside the other.

use crate::load::Measured;
use std::time::Duration;

/// Prints the table. A ratio says how many times better the simulated cloud is.
pub(crate) fn print(ours: &Measured, theirs: Option<&Measured>, synced: &[Duration]) {
    println!("{:<52}{:>10}{:>12}{:>12}{:>9}", "", "target", "Eucalyptus", "moto", "ratio");
    let ms = |taken: Duration| taken.as_secs_f64() * 1000.0;
    let time = |name, target, of: &dyn Fn(&Measured) -> Duration| {
        let theirs = theirs.map(|it| ms(of(it)));
        line(name, target, "ms", ms(of(ours)), theirs, theirs.map(|it| it / ms(of(ours))));
    };
    time("DescribeInstances of 1,000, median", "≤ 40", &|it| at(&it.describe, 50));
    time("RunInstances of 1 at 100/s, p50", "≤ 5", &|it| at(&it.singles.latencies, 50));
    time("RunInstances of 1 at 100/s, p99", "≤ 20", &|it| at(&it.singles.latencies, 99));
    time("RunInstances of 500, median", "≤ 1000", &|it| at(&it.many, 50));
    let rate = |name, target, of: &dyn Fn(&Measured) -> f64| {
        let theirs = theirs.map(of);
        line(name, target, "/s", of(ours), theirs, theirs.map(|it| of(ours) / it));
    };
    rate("RunInstances of 1, answered", "100", &|it| it.singles.rate);
    rate("DescribeKeyPairs of 1, on 8 connections", "≥ 2000", &|it| it.small);
    println!(
        "A synced write of 16 KB to this disk: p50 {:.1} ms, p99 {:.1} ms",
        ms(at(synced, 50)),
        ms(at(synced, 99))
    );
}

fn line(name: &str, target: &str, unit: &str, ours: f64, theirs: Option<f64>, ratio: Option<f64>) {
    let theirs = theirs.map_or_else(|| "-".to_owned(), |it| format!("{it:.1} {unit}"));
    let ratio = ratio.map_or_else(|| "-".to_owned(), |it| format!("{it:.1}"));
    let (target, ours) = (format!("{target} {unit}"), format!("{ours:.1} {unit}"));
    println!("{name:<52}{target:>10}{ours:>12}{theirs:>12}{ratio:>9}");
}

/// The time within which so many percent were done.
fn at(taken: &[Duration], percent: usize) -> Duration {
    let mut sorted = taken.to_vec();
    sorted.sort();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
