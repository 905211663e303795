//! What to do next for one instance: a pure function of what is remembered, wanted and seen.

use crate::entry::{Entry, Phase};
use hypervisor::{DomainState, Ending};
use protocol::{Goal, InstanceDesired, reason};
use types::Timestamp;

/// For how long a terminated instance's console is kept, as EC2 shows terminated instances.
pub(crate) const CONSOLE_KEPT_MS: u64 = 60 * 60 * 1000;

/// A guest that has not shut down after this long loses its power.
pub(crate) const GUEST_TAKES_MS: u64 = 60 * 1000;

/// How long apart a guest is asked to shut down.
pub(crate) const ASK_AGAIN_MS: u64 = 10 * 1000;

/// A guest that was asked to reboot and has not after this long is reset. "If an instance does not
/// cleanly shut down within a few minutes, Amazon EC2 performs a hard reboot", as the page of
/// RebootInstances has it; it names four minutes.
pub(crate) const REBOOT_TAKES_MS: u64 = 4 * 60 * 1000;

/// A virtual machine that dies is not started again more often than this: what kills it may be
/// its own guest.
pub(crate) const REVIVED_APART_MS: u64 = 60 * 1000;

/// Reason of an instance that runs again after its host did.
pub(crate) const HOST_REBOOTED: &str =
    "its node was rebooted, and it was started again from its disks";

/// Reason of an instance that has gone down with its host and waits for it.
pub(crate) const HOST_GOES_DOWN: &str =
    "its node is being shut down, and it is started again from its disks when the node is back";

/// Reason of an instance that had gone down with its host, which then stayed after all.
pub(crate) const HOST_STAYED: &str = "it was shut down because its node was about to be, and it was \
    started again from its disks";

/// Reason of an instance that runs again after its hypervisor process died.
pub(crate) const DIED: &str = "the process of its virtual machine died (on its node, \
    /var/log/libvirt/qemu and the kernel's log may tell why), and it was started again from its disks";

/// Reason of an instance that runs again after somebody on its node ended it.
pub(crate) const DESTROYED: &str = "somebody ended its virtual machine on its node, and it was \
    started again from its disks; only terminating or stopping it ends it";

/// Reason of an instance that runs again after its domain ended and nobody can tell how.
pub(crate) const LOST: &str = "its virtual machine ended on its node while libvirt was not looking \
    or was made to forget it, so that nobody can tell how, and it was started again from its \
    disks; the console output may tell";

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
    /// What came of the reboot that this node controller asked its guest for.
    pub(crate) reboot: Reboot,
    /// Whether the host is being shut down. Looked at after `domain`, and only when that has ended.
    pub(crate) host_goes_down: bool,
    /// The host's boot id.
    pub(crate) boot_id: &'a str,
    /// The time.
    pub(crate) now: Timestamp,
}

/// What came of asking a guest to reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reboot {
    /// It was not asked, or by a process before this one, which alone could have seen it.
    NotAsked,
    /// Nothing yet.
    Asked,
    /// It has rebooted since.
    Seen,
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
    /// Start its domain from the disks that it has. The reason, unless its owner asked for it.
    StartAgain(Option<&'static str>),
    /// Ask its guest to reboot; once it has, it has been rebooted this often.
    AskToReboot(u32),
    /// Its guest has rebooted, this often in all.
    NoteRebooted(u32),
    /// Its virtual machine has ended because the host is going down.
    NoteWentDown,
    /// Reset its domain; it then has been rebooted this often.
    Reset(u32),
    /// Ask its guest to shut down.
    AskToShutDown,
    /// End its domain if it is still there, and note that it is stopped.
    PowerOff,
    /// End its domain and give back everything. The reason, unless its owner asked for it.
    Remove(Option<&'static str>),
    /// Remove its directory.
    Forget,
}

/// The next step for the instance of `entry`.
///
/// Only called when the hypervisor has answered: while it does not, nothing is known and nothing
/// may change (DESIGN, "Unknown is not dead").
pub(crate) fn decide(entry: &Entry, sight: &Sight<'_>) -> Action {
    match entry.phase {
        Phase::Terminated => terminated(entry, sight),
        Phase::Removing | Phase::Removed => Action::Remove(None),
        _ if sight.wanted == Wanted::Terminate => Action::Remove(None),
        // What was begun is brought to its end even if it should run again by now.
        Phase::Halting => halting(entry, sight),
        // It may come to run or vanish: only its own end says which.
        _ if sight.domain == Some(DomainState::Starting) => Action::Rest,
        Phase::Accepted | Phase::Prepared | Phase::Halted if sight.is_up() => Action::Adopt,
        Phase::Accepted | Phase::Prepared | Phase::Started if sight.goes_down_with_host() => {
            if entry.went_down_with_host {
                Action::Rest
            } else {
                Action::NoteWentDown
            }
        }
        Phase::Accepted | Phase::Prepared => unstarted(entry, sight),
        Phase::Halted => halted(sight),
        Phase::Started if sight.is_up() => started_and_up(entry, sight),
        Phase::Started => started_and_gone(entry, sight),
    }
}

impl Sight<'_> {
    fn is_up(&self) -> bool {
        self.domain.is_some_and(DomainState::is_up)
    }

    /// Whether the virtual machine has ended while the host goes down: libvirt may have asked its
    /// guest to shut down, or saved it, or it was killed with all else. What should be stopped is
    /// so, however it came to its end.
    fn goes_down_with_host(&self) -> bool {
        self.host_goes_down && !self.is_up() && !matches!(self.wanted, Wanted::Stop { .. })
    }

    fn has_crashed(&self) -> bool {
        self.domain == Some(DomainState::Crashed)
    }

    /// Whether this long has passed since a time. One that is further ahead than that was noted by
    /// a clock that has been set back since; waiting for it could take days.
    fn has_passed(&self, millis: u64, since: Option<Timestamp>) -> bool {
        since.is_none_or(|at| {
            self.now.millis_since(at) >= millis || at.millis_since(self.now) > millis
        })
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
    const OFF: Option<DomainState> = Some(DomainState::Stopped(Ending::PoweredOff));
    match (sight.wanted, sight.domain) {
        // It was started, and its guest was quicker than the note of it. One that has run before
        // is started from the disks that it has, whatever is left of a start that failed.
        (Wanted::Run { .. }, OFF) if entry.started_in.is_none() && !entry.went_down_with_host => {
            Action::Remove(Some(reason::GUEST_POWERED_OFF))
        }
        (Wanted::Run { .. }, _) => Action::Launch,
        (Wanted::Stop { .. }, _) => Action::PowerOff,
        // It has run before and may hold somebody's data.
        _ if entry.started_in.is_some() => Action::Rest,
        _ => Action::Remove(Some(WITHDRAWN)),
    }
}

fn started_and_up(entry: &Entry, sight: &Sight<'_>) -> Action {
    // In this boot only somebody else can have started one that went down with its host.
    if entry.started_in.as_deref() != Some(sight.boot_id) || entry.went_down_with_host {
        return Action::Adopt;
    }
    match sight.wanted {
        Wanted::Run { reboots } if reboots > entry.reboots => rebooting(entry, sight, reboots),
        Wanted::Stop { forced: false } if !sight.has_crashed() => Action::AskToShutDown,
        Wanted::Stop { .. } => Action::PowerOff,
        _ => Action::Rest,
    }
}

/// The guest is asked once, and again by a process that does not know whether it has heard: it
/// may then reboot twice, but never less than once.
fn rebooting(entry: &Entry, sight: &Sight<'_>, reboots: u32) -> Action {
    let Some(begun) = &entry.rebooting else {
        let crashed = sight.has_crashed();
        return if crashed { Action::Reset(reboots) } else { Action::AskToReboot(reboots) };
    };
    let too_long = sight.has_passed(REBOOT_TAKES_MS, Some(begun.since));
    match sight.reboot {
        _ if sight.has_crashed() => Action::Reset(reboots),
        Reboot::Seen => Action::NoteRebooted(begun.wanted),
        _ if too_long => Action::Reset(reboots),
        Reboot::NotAsked => Action::AskToReboot(begun.wanted),
        Reboot::Asked => Action::Rest,
    }
}

/// A guest that shuts down ends its instance, disks and all, as an instance of the instance store
/// has it. No other end of a virtual machine is known to be its owner's wish: it is started again.
/// A guest that shut down unseen thus comes up once more, which costs less than anybody's data.
fn started_and_gone(entry: &Entry, sight: &Sight<'_>) -> Action {
    let runs_on = matches!(sight.wanted, Wanted::Run { .. });
    let start_again = |why| if runs_on { Action::StartAgain(why) } else { Action::Rest };
    let ending = match sight.domain {
        Some(DomainState::Stopped(ending)) => ending,
        _ => Ending::Unknown,
    };
    if matches!(sight.wanted, Wanted::Stop { .. }) {
        return Action::PowerOff;
    }
    if entry.started_in.as_deref() != Some(sight.boot_id) {
        return start_again(Some(HOST_REBOOTED));
    }
    if entry.went_down_with_host {
        return start_again(Some(HOST_STAYED));
    }
    // It went down for its reboot and nobody brought it up again.
    if entry.rebooting.is_some() && runs_on {
        return start_again(None);
    }
    let lately = !sight.has_passed(REVIVED_APART_MS, entry.revived_at);
    match ending {
        Ending::PoweredOff => Action::Remove(Some(reason::GUEST_POWERED_OFF)),
        _ if lately => Action::Rest,
        Ending::Died => start_again(Some(DIED)),
        Ending::Destroyed => start_again(Some(DESTROYED)),
        Ending::Unknown => start_again(Some(LOST)),
    }
}

/// The guest is asked again now and then: one that was just booting did not hear it.
fn halting(entry: &Entry, sight: &Sight<'_>) -> Action {
    // One that stands still for want of space is let go on at every look, and may hear it then.
    let listens = matches!(
        sight.domain,
        Some(DomainState::Running | DomainState::NoSpace | DomainState::Starting)
    );
    let forced = sight.wanted == Wanted::Stop { forced: true };
    if !listens || forced || sight.has_passed(GUEST_TAKES_MS, entry.halting_since) {
        Action::PowerOff
    } else if sight.has_passed(ASK_AGAIN_MS, sight.asked) {
        Action::AskToShutDown
    } else {
        Action::Rest
    }
}

fn halted(sight: &Sight<'_>) -> Action {
    match (sight.wanted, sight.domain) {
        (Wanted::Run { .. }, _) => Action::StartAgain(None),
        // Something was left that does not run.
        (Wanted::Stop { .. }, Some(_)) => Action::PowerOff,
        _ => Action::Rest,
    }
}

#[cfg(test)]
mod tests;
