//! What to do next for one instance: a pure function of what is remembered, wanted and seen.

use crate::entry::{Entry, Phase};
use hypervisor::DomainState;
use protocol::{Goal, InstanceDesired};
use types::Timestamp;

/// For how long a terminated instance's console is kept, as EC2 shows terminated instances.
pub(crate) const CONSOLE_KEPT_MS: u64 = 60 * 60 * 1000;

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
    /// The host was rebooted under it: start its domain from the disks that it has.
    StartAgain,
    /// Reset its domain; it then has been rebooted this often.
    Reboot(u32),
    /// End its domain and give back everything. The reason, unless one was noted before.
    Stop(Option<&'static str>),
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
        Phase::Stopping | Phase::Stopped => Action::Stop(None),
        _ if sight.wanted == Wanted::Terminate => Action::Stop(None),
        Phase::Accepted | Phase::Prepared if running => Action::Adopt,
        Phase::Accepted | Phase::Prepared => unstarted(entry, sight),
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
        (Wanted::Run { .. }, Some(_)) => Action::Stop(Some(ENDED_BY_ITSELF)),
        (Wanted::Run { .. }, None) => Action::Launch,
        // It has run before and may hold somebody's data.
        _ if entry.started_in.is_some() => Action::Rest,
        _ => Action::Stop(Some(WITHDRAWN)),
    }
}

fn started_and_running(entry: &Entry, sight: &Sight<'_>) -> Action {
    if entry.started_in.as_deref() != Some(sight.boot_id) {
        return Action::Adopt;
    }
    match sight.wanted {
        Wanted::Run { reboots } if reboots > entry.reboots => Action::Reboot(reboots),
        _ => Action::Rest,
    }
}

fn started_and_gone(entry: &Entry, sight: &Sight<'_>) -> Action {
    if entry.started_in.as_deref() == Some(sight.boot_id) {
        return Action::Stop(Some(ENDED_BY_ITSELF));
    }
    match sight.wanted {
        Wanted::Run { .. } => Action::StartAgain,
        _ => Action::Rest,
    }
}

#[cfg(test)]
mod tests;
