//! The figures, ours beside libvirt's.

use crate::Many;
use crate::phases::{PHASES, Phases};
use std::time::Duration;

/// One launch, and one bare start.
pub(crate) struct Sample {
    /// RunInstances from the call to its answer.
    pub(crate) call: Duration,
    /// From the answer to the domain's start.
    pub(crate) launched: Duration,
    /// What of it the node waited for libvirt.
    pub(crate) start: Duration,
    pub(crate) phases: Phases,
    /// An overlay made by `qemu-img`.
    pub(crate) overlay: Duration,
    /// From `virsh create` to the domain's start.
    pub(crate) bare_ran: Duration,
}

/// Prints the launches one by one.
pub(crate) fn print_singles(samples: &[Sample]) {
    println!("{:<52}{:>9}{:>9}{:>9}{:>9}{:>9}", "ms", "min", "p50", "p90", "p99", "max");
    let line = |name: &str, of: &dyn Fn(&Sample) -> f64| {
        let mut all: Vec<f64> = samples.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        let [min, p50, p90, p99, max] = [0, 50, 90, 99, 100].map(|percent| at(&all, percent));
        println!("{name:<52}{min:>9.0}{p50:>9.0}{p90:>9.0}{p99:>9.0}{max:>9.0}");
    };
    line("RunInstances, call to answer", &|it| ms(it.call));
    line("answer to domain's start", &|it| ms(it.launched));
    line("virsh create to domain's start", &|it| ms(it.bare_ran));
    line("the same with its overlay made by qemu-img", &|it| ms(it.overlay + it.bare_ran));
    line("ours beyond virsh create (target: p99 ≤ 500)", &|it| ms(it.launched) - ms(it.bare_ran));
    line("ours without libvirt's part, by the node's log", &|it| ms(it.launched) - ms(it.start));
    println!("phases of the launches, by their own metrics:");
    for phase in PHASES {
        line(&format!("  {phase}"), &|it| ms(it.phases.mean(phase)));
    }
    line("  of it libvirt's start and definition of the domain", &|it| ms(it.start));
}

/// Prints the launches at once.
pub(crate) fn print_many(count: usize, rounds: &[Many]) {
    println!("until all of {count} domains run, ms: each round, and the least");
    let line = |name: &str, of: &dyn Fn(&Many) -> Duration| {
        let all: Vec<f64> = rounds.iter().map(|it| ms(of(it))).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let each: String = all.iter().map(|it| format!("{it:>9.0}")).collect();
        println!("{name:<52}{each}{least:>12.0}");
        least
    };
    let one_call = line("RunInstances of all", &|it| it.one_call);
    let calls = line("RunInstances of 1, all at once", &|it| it.calls_at_once);
    let in_turn = line("virsh create, one after the other", &|it| it.bare_in_turn);
    let at_once = line("virsh create, all at once", &|it| it.bare_at_once);
    let ratio = |ours: f64| format!("{:.2} and {:.2}", ours / in_turn, ours / at_once);
    println!("RunInstances of all / virsh in turn and at once: {}", ratio(one_call));
    println!("RunInstances of 1 at once / the same: {}", ratio(calls));
    println!("phases of RunInstances of all, mean of the instances:");
    for phase in PHASES {
        line(&format!("  {phase}"), &|it| it.phases.mean(phase));
    }
}

fn ms(taken: Duration) -> f64 {
    taken.as_secs_f64() * 1000.0
}

/// The value that so many percent do not exceed.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}
