use super::*;
use crate::entry::Rebooting;
use crate::testing::instance;
use DomainState::{Crashed, Running, Starting, Stopped};
use Ending::{Destroyed, Died, PoweredOff, Unknown};
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
    let reboot = Reboot::NotAsked;
    decide(entry, &Sight { now, ..sight(wanted, domain, reboot) })
}

fn sight(wanted: Wanted, domain: Option<DomainState>, reboot: Reboot) -> Sight<'static> {
    let now = Timestamp::from_millis(0);
    Sight { wanted, domain, asked: None, reboot, host_goes_down: false, boot_id: BOOT, now }
}

const RUN: Wanted = Wanted::Run { reboots: 0 };
const STOP: Wanted = Wanted::Stop { forced: false };
const FORCE: Wanted = Wanted::Stop { forced: true };
const THIS: Option<&str> = Some(BOOT);
const EARLIER: Option<&str> = Some("earlier-boot");

#[test]
fn every_combination_has_its_step() {
    use Action::{
        Adopt, AskToReboot, AskToShutDown, Forget, Launch, PowerOff, Remove, Reset, Rest,
        StartAgain,
    };
    use Wanted::{Terminate, Unnamed};
    // Nobody knows of its end that it was wanted, so its disks stay.
    let lost = StartAgain(Some(super::LOST));
    let off = Remove(Some(reason::GUEST_POWERED_OFF));
    let rebooted = StartAgain(Some(HOST_REBOOTED));
    let died = StartAgain(Some(DIED));
    const DEAD: Option<DomainState> = Some(Stopped(Died));
    const OFF: Option<DomainState> = Some(Stopped(PoweredOff));
    const KILLED: Option<DomainState> = Some(Stopped(Destroyed));
    const LOST: Option<DomainState> = Some(Stopped(Unknown));
    let withdrawn = Remove(Some(WITHDRAWN));
    #[rustfmt::skip]
    let table = [
        // phase, started in, wanted, domain, step
        (Accepted, None, RUN, None, Launch),
        (Accepted, None, RUN, Some(Running), Adopt),
        (Accepted, None, RUN, OFF, off),
        (Accepted, None, RUN, DEAD, Launch),
        (Accepted, None, RUN, LOST, Launch),
        (Accepted, None, RUN, Some(Starting), Rest),
        (Accepted, None, STOP, Some(Starting), Rest),
        (Accepted, None, Unnamed, Some(Starting), Rest),
        (Accepted, None, Terminate, Some(Starting), Remove(None)),
        (Accepted, None, RUN, Some(Crashed), Adopt),
        (Prepared, THIS, RUN, Some(Starting), Rest),
        (Prepared, THIS, RUN, OFF, Launch),
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
        (Started, THIS, Wanted::Run { reboots: 2 }, Some(Running), AskToReboot(2)),
        (Started, THIS, Wanted::Run { reboots: 2 }, Some(Crashed), Reset(2)),
        (Started, THIS, Wanted::Run { reboots: 2 }, Some(Starting), Rest),
        (Started, THIS, Wanted::Run { reboots: 2 }, None, lost),
        (Started, THIS, RUN, Some(Starting), Rest),
        (Started, THIS, RUN, Some(Crashed), Rest),
        (Started, THIS, RUN, LOST, lost),
        (Started, THIS, RUN, OFF, off),
        (Started, THIS, RUN, DEAD, died),
        (Started, THIS, RUN, KILLED, StartAgain(Some(DESTROYED))),
        (Started, THIS, Unnamed, OFF, off),
        (Started, THIS, Unnamed, DEAD, Rest),
        (Started, THIS, Unnamed, KILLED, Rest),
        (Started, EARLIER, RUN, OFF, rebooted),
        (Started, EARLIER, RUN, LOST, rebooted),
        (Started, THIS, RUN, None, lost),
        (Started, THIS, Unnamed, Some(Running), Rest),
        (Started, THIS, Unnamed, None, Rest),
        (Started, THIS, Unnamed, LOST, Rest),
        (Started, THIS, STOP, LOST, PowerOff),
        (Started, THIS, Terminate, Some(Running), Remove(None)),
        (Started, THIS, Terminate, None, Remove(None)),
        (Started, EARLIER, RUN, None, rebooted),
        (Started, EARLIER, RUN, Some(Running), Adopt),
        (Started, EARLIER, Unnamed, None, Rest),
        (Started, EARLIER, Terminate, None, Remove(None)),
        (Accepted, None, STOP, None, PowerOff),
        (Accepted, None, STOP, Some(Running), Adopt),
        (Accepted, None, STOP, DEAD, PowerOff),
        (Prepared, THIS, STOP, None, PowerOff),
        (Prepared, THIS, FORCE, None, PowerOff),
        (Started, THIS, STOP, Some(Running), AskToShutDown),
        (Started, THIS, FORCE, Some(Running), PowerOff),
        (Started, THIS, STOP, OFF, PowerOff),
        (Started, THIS, STOP, DEAD, PowerOff),
        (Started, THIS, STOP, Some(Crashed), PowerOff),
        (Started, THIS, STOP, Some(Starting), Rest),
        (Started, THIS, STOP, None, PowerOff),
        (Started, EARLIER, STOP, None, PowerOff),
        (Started, EARLIER, STOP, Some(Running), Adopt),
        (Halting, THIS, STOP, OFF, PowerOff),
        (Halting, THIS, STOP, Some(Crashed), PowerOff),
        (Halting, THIS, STOP, None, PowerOff),
        (Halting, THIS, FORCE, Some(Running), PowerOff),
        (Halting, THIS, RUN, None, PowerOff),
        (Halting, EARLIER, Unnamed, None, PowerOff),
        (Halting, THIS, Terminate, Some(Running), Remove(None)),
        (Halted, THIS, STOP, None, Rest),
        (Halted, EARLIER, STOP, None, Rest),
        (Halted, THIS, STOP, Some(Running), Adopt),
        (Halted, THIS, STOP, OFF, PowerOff),
        (Halted, THIS, RUN, OFF, StartAgain(None)),
        (Halted, THIS, RUN, Some(Starting), Rest),
        (Halted, THIS, RUN, None, StartAgain(None)),
        (Halted, None, RUN, None, StartAgain(None)),
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
        decide(&halting, &Sight { asked, now, ..sight(wanted, Some(Running), Reboot::NotAsked) })
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
fn a_guest_that_was_asked_to_reboot_has_its_time() {
    const LIMIT: i64 = REBOOT_TAKES_MS as i64;
    const TWICE: Wanted = Wanted::Run { reboots: 2 };
    let mut entry = entry(Started, THIS);
    entry.rebooting = Some(Rebooting { wanted: 1, since: Timestamp::from_millis(0) });
    let step = |domain, reboot, now, wanted| {
        let now = Timestamp::from_millis(now);
        decide(&entry, &Sight { now, ..sight(wanted, domain, reboot) })
    };
    for (domain, reboot, now, expected) in [
        (Running, Reboot::NotAsked, 1, Action::AskToReboot(1)),
        (Running, Reboot::Asked, 1, Action::Rest),
        (Running, Reboot::Asked, LIMIT - 1, Action::Rest),
        (Running, Reboot::Asked, LIMIT, Action::Reset(2)),
        (Running, Reboot::NotAsked, LIMIT, Action::Reset(2)),
        (Running, Reboot::Seen, 1, Action::NoteRebooted(1)),
        (Running, Reboot::Seen, LIMIT, Action::NoteRebooted(1)),
        (Crashed, Reboot::Asked, 1, Action::Reset(2)),
        (Starting, Reboot::Asked, LIMIT, Action::Rest),
        // It was about to come up again: that it went down is no end.
        (Stopped(PoweredOff), Reboot::Asked, 1, Action::StartAgain(None)),
        (Stopped(Unknown), Reboot::NotAsked, 1, Action::StartAgain(None)),
    ] {
        let taken = step(Some(domain), reboot, now, TWICE);
        assert_eq!(taken, expected, "{domain:?} {reboot:?} {now}");
    }
    assert_eq!(step(Some(Running), Reboot::Asked, LIMIT, STOP), Action::AskToShutDown);
    assert_eq!(step(Some(Running), Reboot::Asked, LIMIT, Wanted::Unnamed), Action::Rest);
}

#[test]
fn what_ends_while_its_host_goes_down_is_neither_ended_nor_started() {
    use Action::{NoteWentDown, PowerOff, Remove, Rest, StartAgain};
    let step = |entry: &Entry, host_goes_down, wanted, domain| {
        decide(entry, &Sight { host_goes_down, ..sight(wanted, domain, Reboot::Asked) })
    };
    let off = Some(Stopped(PoweredOff));
    let going = |entry: &Entry, wanted, domain| step(entry, true, wanted, domain);
    for ending in [PoweredOff, Died, Destroyed, Unknown] {
        for phase in [Prepared, Started] {
            for started_in in [THIS, EARLIER] {
                let taken = going(&entry(phase, started_in), RUN, Some(Stopped(ending)));
                assert_eq!(taken, NoteWentDown, "{phase:?} {started_in:?} {ending:?}");
            }
        }
    }
    let mut rebooting = entry(Started, THIS);
    rebooting.rebooting = Some(Rebooting { wanted: 1, since: Timestamp::from_millis(0) });
    assert_eq!(going(&rebooting, Wanted::Run { reboots: 1 }, off), NoteWentDown);
    assert_eq!(going(&entry(Accepted, None), RUN, off), NoteWentDown, "its start was not noted");
    assert_eq!(going(&entry(Started, THIS), Wanted::Unnamed, off), NoteWentDown);
    assert_eq!(going(&entry(Started, THIS), RUN, Some(Running)), Rest);
    assert_eq!(going(&entry(Started, THIS), STOP, off), PowerOff);
    assert_eq!(going(&entry(Halting, THIS), STOP, off), PowerOff);
    assert_eq!(going(&entry(Started, THIS), Wanted::Terminate, off), Remove(None));

    let noted = |phase, started_in| {
        let mut entry = entry(phase, started_in);
        entry.went_down_with_host = true;
        entry
    };
    assert_eq!(going(&noted(Started, THIS), RUN, off), Rest);
    // The host comes back, or did not go down after all.
    let back = |phase, started_in, wanted| step(&noted(phase, started_in), false, wanted, off);
    assert_eq!(back(Started, EARLIER, RUN), StartAgain(Some(HOST_REBOOTED)));
    assert_eq!(back(Started, THIS, RUN), StartAgain(Some(HOST_STAYED)));
    assert_eq!(back(Started, THIS, Wanted::Unnamed), Rest);
    assert_eq!(back(Started, THIS, Wanted::Terminate), Remove(None));
    assert_eq!(back(Accepted, None, RUN), Action::Launch);
    let up = step(&noted(Started, THIS), true, RUN, Some(Running));
    assert_eq!(up, Action::Adopt, "libvirt-guests has started it again");
}

#[test]
fn what_dies_again_and_again_is_started_once_a_minute() {
    const MINUTE: i64 = REVIVED_APART_MS as i64;
    let mut entry = entry(Started, THIS);
    entry.revived_at = Some(Timestamp::from_millis(0));
    for ending in [Died, Destroyed, Unknown] {
        let step = |now| step(&entry, RUN, Some(Stopped(ending)), now);
        assert_eq!(step(MINUTE - 1), Action::Rest);
        assert!(matches!(step(MINUTE), Action::StartAgain(Some(_))));
    }
}

/// By a day, with which a guest was left without a power cut, and a dead one dead, for as long. A
/// small step is none of these: nobody loses power a moment after being asked.
#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    const DAY: i64 = 24 * HOUR;
    let at = |millis: u64| Timestamp::from_millis(DAY + millis as i64);
    let now = at(0);
    let see = |entry: &Entry, wanted, domain, asked| {
        decide(entry, &Sight { asked, now, ..sight(wanted, domain, Reboot::Asked) })
    };
    let (up, dead) = (Some(Running), Some(Stopped(Died)));
    for (ahead, is_long_past) in [(1, false), (0, false), (u64::from(u32::MAX), true)] {
        let mut halting = entry(Halting, THIS);
        halting.halting_since = Some(at(ahead));
        let expected = if is_long_past { Action::PowerOff } else { Action::Rest };
        assert_eq!(see(&halting, STOP, up, Some(at(ahead))), expected, "{ahead}");

        let mut rebooting = entry(Started, THIS);
        rebooting.rebooting = Some(Rebooting { wanted: 1, since: at(ahead) });
        let expected = if is_long_past { Action::Reset(1) } else { Action::Rest };
        let wanted = Wanted::Run { reboots: 1 };
        assert_eq!(see(&rebooting, wanted, up, None), expected, "{ahead}");

        let mut revived = entry(Started, THIS);
        revived.revived_at = Some(at(ahead));
        let expected =
            if is_long_past { Action::StartAgain(Some(super::DIED)) } else { Action::Rest };
        assert_eq!(see(&revived, RUN, dead, None), expected, "{ahead}");
    }
    let mut halting = entry(Halting, THIS);
    halting.halting_since = Some(now);
    let far = Some(at(ASK_AGAIN_MS + 1));
    assert_eq!(see(&halting, STOP, up, far), Action::AskToShutDown);
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
                for up in [Running, Starting, Crashed] {
                    let taken = step(&entry(phase, started_in), wanted, Some(up), HOUR);
                    let ends = !matches!(taken, Action::Adopt | Action::Forget | Action::Rest);
                    assert!(!ends, "{phase:?} {wanted:?} {started_in:?} {up:?}: {taken:?}");
                }
            }
        }
    }
}
