use super::*;
use crate::testing::instance;
use DomainState::{Running, Stopped};
use Phase::{Accepted, Halted, Halting, Prepared, Removing, Started, Terminated};

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
    decide(entry, &Sight { wanted, domain, asked: None, boot_id: BOOT, now })
}

const RUN: Wanted = Wanted::Run { reboots: 0 };
const STOP: Wanted = Wanted::Stop { forced: false };
const FORCE: Wanted = Wanted::Stop { forced: true };
const THIS: Option<&str> = Some(BOOT);
const EARLIER: Option<&str> = Some("earlier-boot");

#[test]
fn every_combination_has_its_step() {
    use Action::{
        Adopt, AskToShutDown, Forget, Launch, PowerOff, Reboot, Remove, Rest, StartAgain,
    };
    use Wanted::{Terminate, Unnamed};
    let gone = Remove(Some(ENDED_BY_ITSELF));
    let withdrawn = Remove(Some(WITHDRAWN));
    #[rustfmt::skip]
    let table = [
        // phase, started in, wanted, domain, step
        (Accepted, None, RUN, None, Launch),
        (Accepted, None, RUN, Some(Running), Adopt),
        (Accepted, None, RUN, Some(Stopped), gone),
        (Accepted, None, Terminate, None, Remove(None)),
        (Accepted, None, Terminate, Some(Running), Remove(None)),
        (Accepted, None, Unnamed, None, withdrawn),
        (Accepted, None, Unnamed, Some(Running), Adopt),
        (Prepared, None, RUN, None, Launch),
        (Prepared, None, RUN, Some(Running), Adopt),
        (Prepared, None, Unnamed, None, withdrawn),
        (Prepared, EARLIER, RUN, None, Launch),
        (Prepared, EARLIER, Unnamed, None, Rest),
        (Prepared, EARLIER, Terminate, None, Remove(None)),
        (Started, THIS, RUN, Some(Running), Rest),
        (Started, THIS, Wanted::Run { reboots: 2 }, Some(Running), Reboot(2)),
        (Started, THIS, Wanted::Run { reboots: 2 }, None, gone),
        (Started, THIS, RUN, Some(Stopped), gone),
        (Started, THIS, RUN, None, gone),
        (Started, THIS, Unnamed, Some(Running), Rest),
        (Started, THIS, Unnamed, None, gone),
        (Started, THIS, Terminate, Some(Running), Remove(None)),
        (Started, THIS, Terminate, None, Remove(None)),
        (Started, EARLIER, RUN, None, StartAgain),
        (Started, EARLIER, RUN, Some(Running), Adopt),
        (Started, EARLIER, Unnamed, None, Rest),
        (Started, EARLIER, Terminate, None, Remove(None)),
        (Accepted, None, STOP, None, PowerOff),
        (Accepted, None, STOP, Some(Running), Adopt),
        (Accepted, None, STOP, Some(Stopped), PowerOff),
        (Prepared, THIS, STOP, None, PowerOff),
        (Prepared, THIS, FORCE, None, PowerOff),
        (Started, THIS, STOP, Some(Running), AskToShutDown),
        (Started, THIS, FORCE, Some(Running), PowerOff),
        (Started, THIS, STOP, Some(Stopped), PowerOff),
        (Started, THIS, STOP, None, PowerOff),
        (Started, EARLIER, STOP, None, PowerOff),
        (Started, EARLIER, STOP, Some(Running), Adopt),
        (Halting, THIS, STOP, Some(Stopped), PowerOff),
        (Halting, THIS, STOP, None, PowerOff),
        (Halting, THIS, FORCE, Some(Running), PowerOff),
        (Halting, THIS, RUN, None, PowerOff),
        (Halting, EARLIER, Unnamed, None, PowerOff),
        (Halting, THIS, Terminate, Some(Running), Remove(None)),
        (Halted, THIS, STOP, None, Rest),
        (Halted, EARLIER, STOP, None, Rest),
        (Halted, THIS, STOP, Some(Running), Adopt),
        (Halted, THIS, STOP, Some(Stopped), PowerOff),
        (Halted, THIS, RUN, None, StartAgain),
        (Halted, None, RUN, None, StartAgain),
        (Halted, THIS, RUN, Some(Running), Adopt),
        (Halted, EARLIER, Unnamed, None, Rest),
        (Halted, THIS, Terminate, None, Remove(None)),
        (Removing, THIS, Terminate, Some(Running), Remove(None)),
        (Removing, THIS, RUN, None, Remove(None)),
        (Removing, None, Unnamed, None, Remove(None)),
        (Phase::Removed, THIS, RUN, None, Remove(None)),
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
fn a_guest_is_asked_now_and_then_and_loses_its_power_in_the_end() {
    const HALF: i64 = GUEST_TAKES_MS as i64 / 2;
    let mut halting = entry(Halting, THIS);
    halting.halting_since = Some(Timestamp::from_millis(HALF));
    let step = |asked: Option<i64>, now: i64, wanted| {
        let (asked, now) = (asked.map(Timestamp::from_millis), Timestamp::from_millis(now));
        let domain = Some(Running);
        decide(&halting, &Sight { wanted, domain, asked, boot_id: BOOT, now })
    };
    for wanted in [STOP, RUN, Wanted::Unnamed] {
        assert_eq!(step(None, HALF, wanted), Action::AskToShutDown, "by a process before this");
        assert_eq!(step(Some(HALF), HALF, wanted), Action::Rest);
        let again = HALF + ASK_AGAIN_MS as i64;
        assert_eq!(step(Some(HALF), again - 1, wanted), Action::Rest);
        assert_eq!(step(Some(HALF), again, wanted), Action::AskToShutDown);
        let end = HALF + GUEST_TAKES_MS as i64;
        assert_eq!(step(Some(end - 1), end - 1, wanted), Action::Rest);
        assert_eq!(step(Some(end - 1), end, wanted), Action::PowerOff);
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
    for phase in [Accepted, Prepared, Started, Halted, Terminated] {
        for wanted in [RUN, Wanted::Unnamed] {
            for started_in in [None, THIS, EARLIER] {
                let taken = step(&entry(phase, started_in), wanted, Some(Running), HOUR);
                let ends = !matches!(taken, Action::Adopt | Action::Forget | Action::Rest);
                assert!(!ends, "{phase:?} {wanted:?} {started_in:?}: {taken:?}");
            }
        }
    }
}
