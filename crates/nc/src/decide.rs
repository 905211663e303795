//! What to do next for one instance: a pure function of what is remembered, wanted and seen.

use crate::entry::{Entry, Phase};
use hypervisor::DomainState;
use protocol::{Goal, InstanceDesired};
use types::Timestamp;

/// For how long a terminated instance's console is kept, as EC2 shows terminated instances.
pub(crate) const CONSOLE_KEPT_MS: u64 = 60 * 60 * 1000;

/// A guest that has not shut down after this long loses its power.
pub(crate) const GUEST_TAKES_MS: u64 = 60 * 1000;

/// How long apart a guest is asked to shut down.
pub(crate) const ASK_AGAIN_MS: u64 = 10 * 1000;

/// Reason of an instance whose domain ended by itself.
pub(crate) const ENDED_BY_ITSELF: &str = "the guest powered itself off or its virtual machine failed; \
                                   its console output may tell which";

/// Reason of an instance that was withdrawn before it was started.
pub(crate) const WITHDRAWN: &str = "it was withdrawn before it was started";

/// What the node was last told about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It should run and have been rebooted this often.
    Run {
        /// The number of reboots that its owner has asked for.
        reboots: u32,
    },
    /// It should be stopped and keep its disks.
    Stop {
        /// Whether its guest is not asked before.
        forced: bool,
    },
    /// It should be gone.
    Terminate,
    /// It is not named. That is no reason to destroy what runs.
    Unnamed,
}

impl Wanted {
    /// What a desired state says about an instance of it.
    pub(crate) fn of(desired: Option<&InstanceDesired>) -> Self {
        match desired {
            None => Self::Unnamed,
            Some(it) if it.goal == Goal::Terminate => Self::Terminate,
            Some(it) if it.should_be_stopped() => Self::Stop { forced: it.forced },
            Some(it) => Self::Run { reboots: it.reboots },
        }
    }
}

/// What is seen from outside the entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight<'a> {
    /// What the node was told.
    pub(crate) wanted: Wanted,
    /// The instance's domain, if the hypervisor knows one.
    pub(crate) domain: Option<DomainState>,
    /// When this node controller asked its guest to shut down.
    pub(crate) asked: Option<Timestamp>,
    /// The host's boot id.
    pub(crate) boot_id: &'a str,
    /// The time.
    pub(crate) now: Timestamp,
}

/// The next step for an instance. Each is safe to begin again after a crash in the middle of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing.
    Rest,
    /// Make its disks unless they are there, and start its domain.
    Launch,
    /// Note that its domain runs.
    Adopt,
    /// The host was rebooted under it, or it was stopped: start its domain from the disks that it
    /// has.
    StartAgain,
    /// Reset its domain; it then has been rebooted this often.
    Reboot(u32),
    /// Ask its guest to shut down.
    AskToShutDown,
    /// End its domain if it is still there, and note that it is stopped.
    PowerOff,
    /// End its domain and give back everything. The reason, unless one was noted before.
    Remove(Option<&'static str>),
    /// Remove its directory.
    Forget,
}

/// The next step for the instance of `entry`.
///
/// Only called when the hypervisor has answered: while it does not, nothing is known and nothing
/// may change (DESIGN, "Unknown is not dead").
pub(crate) fn decide(entry: &Entry, sight: &Sight<'_>) -> Action {
    let running = sight.domain == Some(DomainState::Running);
    match entry.phase {
        Phase::Terminated => terminated(entry, sight),
        Phase::Removing | Phase::Removed => Action::Remove(None),
        _ if sight.wanted == Wanted::Terminate => Action::Remove(None),
        // What was begun is brought to its end even if it should run again by now.
        Phase::Halting => halting(entry, sight),
        Phase::Accepted | Phase::Prepared | Phase::Halted if running => Action::Adopt,
        Phase::Accepted | Phase::Prepared => unstarted(entry, sight),
        Phase::Halted => halted(sight),
        Phase::Started if running => started_and_running(entry, sight),
        Phase::Started => started_and_gone(entry, sight),
    }
}

fn terminated(entry: &Entry, sight: &Sight<'_>) -> Action {
    let shown_for = entry.ended_at.map_or(u64::MAX, |end| sight.now.millis_since(end));
    if sight.wanted == Wanted::Unnamed && shown_for >= CONSOLE_KEPT_MS {
        return Action::Forget;
    }
    Action::Rest
}

fn unstarted(entry: &Entry, sight: &Sight<'_>) -> Action {
    match (sight.wanted, sight.domain) {
        // One that has run before is started from the disks that it has, whatever is left of a
        // start that failed.
        (Wanted::Run { .. }, Some(_)) if entry.started_in.is_none() => {
            Action::Remove(Some(ENDED_BY_ITSELF))
        }
        (Wanted::Run { .. }, _) => Action::Launch,
        (Wanted::Stop { .. }, _) => Action::PowerOff,
        // It has run before and may hold somebody's data.
        _ if entry.started_in.is_some() => Action::Rest,
        _ => Action::Remove(Some(WITHDRAWN)),
    }
}

fn started_and_running(entry: &Entry, sight: &Sight<'_>) -> Action {
    if entry.started_in.as_deref() != Some(sight.boot_id) {
        return Action::Adopt;
    }
    match sight.wanted {
        Wanted::Run { reboots } if reboots > entry.reboots => Action::Reboot(reboots),
        Wanted::Stop { forced: false } => Action::AskToShutDown,
        Wanted::Stop { forced: true } => Action::PowerOff,
        _ => Action::Rest,
    }
}

fn started_and_gone(entry: &Entry, sight: &Sight<'_>) -> Action {
    if matches!(sight.wanted, Wanted::Stop { .. }) {
        return Action::PowerOff;
    }
    if entry.started_in.as_deref() == Some(sight.boot_id) {
        return Action::Remove(Some(ENDED_BY_ITSELF));
    }
    match sight.wanted {
        Wanted::Run { .. } => Action::StartAgain,
        _ => Action::Rest,
    }
}

/// The guest is asked again now and then: one that was just booting did not hear it.
fn halting(entry: &Entry, sight: &Sight<'_>) -> Action {
    let passed = |since: Option<Timestamp>| since.map_or(u64::MAX, |at| sight.now.millis_since(at));
    let runs = sight.domain == Some(DomainState::Running);
    let forced = sight.wanted == Wanted::Stop { forced: true };
    if !runs || forced || passed(entry.halting_since) >= GUEST_TAKES_MS {
        Action::PowerOff
    } else if passed(sight.asked) >= ASK_AGAIN_MS {
        Action::AskToShutDown
    } else {
        Action::Rest
    }
}

fn halted(sight: &Sight<'_>) -> Action {
    match (sight.wanted, sight.domain) {
        (Wanted::Run { .. }, _) => Action::StartAgain,
        // Something was left that does not run.
        (Wanted::Stop { .. }, Some(_)) => Action::PowerOff,
        _ => Action::Rest,
    }
}

#[cfg(test)]
mod tests;
