use super::*;
use crate::testing::instance;
use DomainState::{Running, Stopped};
use Phase::{Accepted, Prepared, Started, Stopping, Terminated};

const BOOT: &str = "this-boot";
const HOUR: i64 = CONSOLE_KEPT_MS as i64;

/// An entry in this phase; one with `started_in` has run in that boot of the host.
fn entry(phase: Phase, started_in: Option<&str>) -> Entry {
    let mut entry = Entry::accepted(instance("i-00000001"), "zone".parse().unwrap(), String::new());
    entry.phase = phase;
    entry.started_in = started_in.map(str::to_owned);
    entry.ended_at = (phase == Terminated).then_some(Timestamp::from_millis(0));
    entry
}

fn step(entry: &Entry, wanted: Wanted, domain: Option<DomainState>, now: i64) -> Action {
    let now = Timestamp::from_millis(now);
    decide(entry, &Sight { wanted, domain, boot_id: BOOT, now })
}

const RUN: Wanted = Wanted::Run { reboots: 0 };
const THIS: Option<&str> = Some(BOOT);
const EARLIER: Option<&str> = Some("earlier-boot");

#[test]
fn every_combination_has_its_step() {
    use Action::{Adopt, Forget, Launch, Reboot, Rest, StartAgain, Stop};
    use Wanted::{Terminate, Unnamed};
    let gone = Stop(Some(ENDED_BY_ITSELF));
    let withdrawn = Stop(Some(WITHDRAWN));
    #[rustfmt::skip]
    let table = [
        // phase, started in, wanted, domain, step
        (Accepted, None, RUN, None, Launch),
        (Accepted, None, RUN, Some(Running), Adopt),
        (Accepted, None, RUN, Some(Stopped), gone),
        (Accepted, None, Terminate, None, Stop(None)),
        (Accepted, None, Terminate, Some(Running), Stop(None)),
        (Accepted, None, Unnamed, None, withdrawn),
        (Accepted, None, Unnamed, Some(Running), Adopt),
        (Prepared, None, RUN, None, Launch),
        (Prepared, None, RUN, Some(Running), Adopt),
        (Prepared, None, Unnamed, None, withdrawn),
        (Prepared, EARLIER, RUN, None, Launch),
        (Prepared, EARLIER, Unnamed, None, Rest),
        (Prepared, EARLIER, Terminate, None, Stop(None)),
        (Started, THIS, RUN, Some(Running), Rest),
        (Started, THIS, Wanted::Run { reboots: 2 }, Some(Running), Reboot(2)),
        (Started, THIS, Wanted::Run { reboots: 2 }, None, gone),
        (Started, THIS, RUN, Some(Stopped), gone),
        (Started, THIS, RUN, None, gone),
        (Started, THIS, Unnamed, Some(Running), Rest),
        (Started, THIS, Unnamed, None, gone),
        (Started, THIS, Terminate, Some(Running), Stop(None)),
        (Started, THIS, Terminate, None, Stop(None)),
        (Started, EARLIER, RUN, None, StartAgain),
        (Started, EARLIER, RUN, Some(Running), Adopt),
        (Started, EARLIER, Unnamed, None, Rest),
        (Started, EARLIER, Terminate, None, Stop(None)),
        (Stopping, THIS, Terminate, Some(Running), Stop(None)),
        (Stopping, THIS, RUN, None, Stop(None)),
        (Stopping, None, Unnamed, None, Stop(None)),
        (Phase::Stopped, THIS, RUN, None, Stop(None)),
        (Terminated, THIS, RUN, None, Rest),
        (Terminated, THIS, RUN, Some(Running), Rest),
        (Terminated, THIS, Terminate, None, Rest),
        (Terminated, THIS, Unnamed, None, Forget),
    ];
    for (phase, started_in, wanted, domain, expected) in table {
        let taken = step(&entry(phase, started_in), wanted, domain, HOUR);
        assert_eq!(taken, expected, "{phase:?} started in {started_in:?}, {wanted:?}, {domain:?}");
    }
}

#[test]
fn a_console_is_kept_for_an_hour() {
    let ended = entry(Terminated, THIS);
    assert_eq!(step(&ended, Wanted::Unnamed, None, HOUR - 1), Action::Rest);
    assert_eq!(step(&ended, Wanted::Unnamed, None, HOUR), Action::Forget);
    assert_eq!(step(&ended, Wanted::Terminate, None, 9 * HOUR), Action::Rest, "still named");
}

#[test]
fn nothing_that_runs_is_ended_unless_its_end_is_wanted() {
    for phase in [Accepted, Prepared, Started, Terminated] {
        for wanted in [RUN, Wanted::Unnamed] {
            for started_in in [None, THIS, EARLIER] {
                let taken = step(&entry(phase, started_in), wanted, Some(Running), HOUR);
                let ends = matches!(taken, Action::Stop(_) | Action::Launch | Action::StartAgain);
                assert!(!ends, "{phase:?} {wanted:?} {started_in:?}: {taken:?}");
            }
        }
    }
}
