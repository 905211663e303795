//! Measures launches beside bare libvirt's starts of the same domain; `scripts/bench-launches` runs
//! this: `bench-launches [RUNS [ROUNDS]]`.
//!
//! The cloud and its libvirtd are on a test machine of their own (`tests/real/machine-init`), with
//! the binary that was built beside this. Guests are emulated.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark: it prints, and what cannot be measured is not"
)]

mod bare;
mod bed;
#[path = "../../tests/real/installation.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod installation;
#[path = "../../tests/real/machine.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod machine;
mod phases;
#[path = "../../tests/real/site.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod site;
mod starts;
mod table;

use bare::Bare;
use bed::Bed;
use phases::Phases;
use std::time::{Duration, Instant};
use table::Sample;

/// As many are launched at once.
const MANY: usize = 20;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|it| it.parse().unwrap());
    let (runs, rounds) = (arguments.next().unwrap_or(30), arguments.next().unwrap_or(3));
    eprintln!("installing a cloud on a test machine of its own");
    let bed = Bed::made();
    // the first launch fetches the image and makes its base: it is not measured
    let id = bed.launch(1).remove(0);
    bed.starts.wait(&id);
    let bare = Bare::like(&bed, &id);
    bed.end(&[id]);
    eprintln!("{runs} launches one after the other, each beside a bare start");
    let singles: Vec<_> = (0..runs).map(|_| single(&bed, &bare)).collect();
    table::print_singles(&singles);
    eprintln!("{MANY} launches at once, beside {MANY} bare starts, {rounds} times");
    let rounds: Vec<_> = (0..rounds).map(|_| many(&bed, &bare)).collect();
    table::print_many(MANY, &rounds);
}

/// One launch of the cloud, then one start by libvirt alone.
fn single(bed: &Bed, bare: &Bare) -> Sample {
    let before = Phases::so_far();
    let called = Instant::now();
    let id = bed.launch(1).remove(0);
    let answered = Instant::now();
    let ran = bed.starts.wait(&id);
    bed.wait_running(1);
    let start = bed.start_of(&id);
    bed.end(&[id]);
    let phases = Phases::so_far().since(&before);

    let overlay = bare.prepare(0);
    let begun = Instant::now();
    assert!(bare.create(bed, 0).wait().unwrap().success());
    let returned = begun.elapsed();
    let bare_ran = bed.starts.wait(&bare.name(0)) - begun;
    bare.end(bed, 1);
    Sample {
        call: answered - called,
        launched: ran.saturating_duration_since(answered),
        start,
        phases,
        overlay,
        bare_ran: bare_ran.min(returned),
    }
}

/// How long it takes until all of many run, in each way.
struct Many {
    one_call: Duration,
    calls_at_once: Duration,
    bare_in_turn: Duration,
    bare_at_once: Duration,
    phases: Phases,
}

fn many(bed: &Bed, bare: &Bare) -> Many {
    let before = Phases::so_far();
    let begun = Instant::now();
    let ids = bed.launch(MANY);
    let one_call = bed.starts.wait_all(&ids) - begun;
    bed.wait_running(MANY);
    bed.end(&ids);
    let phases = Phases::so_far().since(&before);

    let bare_in_turn = bare_starts(bed, bare, false);

    let begun = Instant::now();
    let ids = bed.launch_each_by_a_call(MANY);
    let calls_at_once = bed.starts.wait_all(&ids) - begun;
    bed.wait_running(MANY);
    bed.end(&ids);

    let bare_at_once = bare_starts(bed, bare, true);
    Many { one_call, calls_at_once, bare_in_turn, bare_at_once, phases }
}

fn bare_starts(bed: &Bed, bare: &Bare, at_once: bool) -> Duration {
    for at in 0..MANY {
        bare.prepare(at);
    }
    let names: Vec<_> = (0..MANY).map(|at| bare.name(at)).collect();
    let begun = Instant::now();
    let mut starting = Vec::new();
    for at in 0..MANY {
        let mut create = bare.create(bed, at);
        if at_once {
            starting.push(create);
        } else {
            assert!(create.wait().unwrap().success());
        }
    }
    let taken = bed.starts.wait_all(&names) - begun;
    for mut create in starting {
        assert!(create.wait().unwrap().success());
    }
    bare.end(bed, MANY);
    taken
}
