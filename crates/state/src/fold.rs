//! What a report makes of an instance: the pure transition function.

use protocol::{Goal, InstanceObserved, InstancePhase, MetadataOptions};
use std::net::Ipv4Addr;
use types::{InstanceState, NodeName};

/// What the cloud holds of an instance that a report can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) goal: Goal,
    pub(crate) state: InstanceState,
    pub(crate) turn: u32,
    pub(crate) reason: Option<String>,
    pub(crate) node: Option<NodeName>,
    pub(crate) reboots_done: u32,
    pub(crate) impaired: bool,
    pub(crate) metadata: MetadataOptions,
    pub(crate) metadata_pending: bool,
    pub(crate) address: Address,
}

/// Where an instance has its address from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// The cloud has given it.
    Given,
    /// The site's DHCP server gives it, and this was seen last.
    Found(Option<Ipv4Addr>),
}

impl Address {
    pub(crate) const fn found(self) -> Option<Ipv4Addr> {
        match self {
            Self::Given => None,
            Self::Found(ip) => ip,
        }
    }

    /// After a report that counts. One that starts again has none until it is lent one, and what
    /// does not run is not asked.
    fn after(self, report: &InstanceObserved) -> Self {
        match self {
            Self::Found(_) if report.phase == InstancePhase::Running => Self::Found(report.address),
            known => known,
        }
    }
}

/// The reason of an instance that ended by itself when its node gives none.
const ENDED: &str = "The instance ended on its node; the node gave no reason";

/// The instance after a report of it.
///
/// Within a turn states only move forward, and what a node says of another turn does not count
/// unless it is the end, so a late or repeated report does no harm. `silent` says that the node did
/// not answer lately: what it said before still counts, but is flagged.
pub(crate) fn fold(known: &Known, report: &InstanceObserved, silent: bool) -> Known {
    if !known.state.is_live() {
        return known.clone();
    }
    let counts = report.turn == known.turn || is_end(report.phase);
    let state = if counts { known.state.max(state_of(report.phase)) } else { known.state };
    Known {
        goal: known.goal,
        state,
        turn: known.turn,
        reason: if counts { reason(known, report, state) } else { known.reason.clone() },
        node: report.node.clone().or_else(|| known.node.clone()),
        reboots_done: known.reboots_done.max(report.reboots),
        impaired: silent && state.is_live(),
        metadata: known.metadata,
        metadata_pending: known.metadata_pending && report.metadata != Some(known.metadata),
        address: if counts { known.address.after(report) } else { known.address },
    }
}

const fn is_end(phase: InstancePhase) -> bool {
    matches!(phase, InstancePhase::ShuttingDown | InstancePhase::Terminated)
}

fn state_of(phase: InstancePhase) -> InstanceState {
    match phase {
        InstancePhase::Pending => InstanceState::Pending,
        InstancePhase::Running => InstanceState::Running,
        InstancePhase::Stopping => InstanceState::Stopping,
        InstancePhase::Stopped => InstanceState::Stopped,
        InstancePhase::ShuttingDown => InstanceState::ShuttingDown,
        InstancePhase::Terminated => InstanceState::Terminated,
    }
}

/// The owner's own termination or stop keeps its reason; else the node knows best. A report that is
/// older than the state says nothing about it.
fn reason(known: &Known, report: &InstanceObserved, state: InstanceState) -> Option<String> {
    let by_owner = known.goal == Goal::Terminate
        || matches!(state, InstanceState::Stopping | InstanceState::Stopped);
    if by_owner || state_of(report.phase) < state {
        return known.reason.clone();
    }
    let told = report.reason.clone();
    match state {
        InstanceState::Terminated => told.or_else(|| Some(ENDED.to_owned())),
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstancePhase as P;
    use InstanceState as S;

    fn known(goal: Goal, state: S, reason: Option<&str>) -> Known {
        Known {
            goal,
            state,
            turn: 0,
            reason: reason.map(str::to_owned),
            node: None,
            reboots_done: 0,
            impaired: false,
            metadata: MetadataOptions::default(),
            metadata_pending: false,
            address: Address::Given,
        }
    }

    fn report(phase: P, reason: Option<&str>) -> InstanceObserved {
        InstanceObserved {
            id: "i-00000001".parse().unwrap(),
            node: Some("node1".parse().unwrap()),
            phase,
            reason: reason.map(str::to_owned),
            reboots: 0,
            turn: 0,
            metadata: None,
            address: None,
        }
    }

    #[test]
    fn an_address_is_that_of_the_last_report_of_what_runs() {
        let lent = |last| Some(Ipv4Addr::new(10, 9, 0, last));
        let found = |last| Address::Found(lent(last));
        let none = Address::Found(None);
        for (before, phase, told, after) in [
            (none, P::Running, lent(7), found(7)),
            (found(7), P::Running, lent(8), found(8)),
            (found(7), P::Running, None, none),
            (found(7), P::Pending, None, found(7)),
            (found(7), P::Stopped, None, found(7)),
            (none, P::Pending, lent(7), none),
            (Address::Given, P::Running, lent(7), Address::Given),
        ] {
            let known = Known { address: before, ..known(Goal::Run, S::Running, None) };
            let told = InstanceObserved { address: told, ..report(phase, None) };
            assert_eq!(fold(&known, &told, false).address, after, "{before:?} {told:?}");
            let late = InstanceObserved { turn: 2, ..told };
            let ends = matches!(phase, P::ShuttingDown | P::Terminated);
            assert!(ends || fold(&known, &late, false).address == before);
        }
    }

    #[test]
    fn states_move_forward_only_and_reasons_follow_who_caused_them() {
        let user = Some("User initiated (then)");
        for (goal, state, had, phase, said, then, reason) in [
            (Goal::Run, S::Pending, None, P::Pending, Some("40 %"), S::Pending, Some("40 %")),
            (Goal::Run, S::Pending, Some("40 %"), P::Running, None, S::Running, None),
            (Goal::Run, S::Running, None, P::Pending, Some("late"), S::Running, None),
            (Goal::Run, S::Running, None, P::Terminated, Some("died"), S::Terminated, Some("died")),
            (Goal::Run, S::Pending, None, P::Terminated, None, S::Terminated, Some(ENDED)),
            (
                Goal::Run,
                S::Running,
                None,
                P::ShuttingDown,
                Some("off"),
                S::ShuttingDown,
                Some("off"),
            ),
            (Goal::Terminate, S::ShuttingDown, user, P::Running, None, S::ShuttingDown, user),
            (Goal::Terminate, S::ShuttingDown, user, P::Terminated, Some("x"), S::Terminated, user),
            (Goal::Run, S::Terminated, Some("died"), P::Running, None, S::Terminated, Some("died")),
        ] {
            let after = fold(&known(goal, state, had), &report(phase, said), false);
            assert_eq!(
                (after.state, after.reason.as_deref()),
                (then, reason),
                "{goal:?} {state:?} {phase:?}"
            );
        }
    }

    #[test]
    fn a_report_of_another_turn_counts_only_when_it_is_the_end() {
        let user = Some("User initiated (then)");
        for (turn, state, had, said, phase, then) in [
            // stopped: what the node says of the time before does not count
            (1, S::Stopping, user, 0, P::Running, S::Stopping),
            (1, S::Stopping, user, 1, P::Stopping, S::Stopping),
            (1, S::Stopping, user, 1, P::Stopped, S::Stopped),
            (1, S::Stopped, user, 0, P::Running, S::Stopped),
            (1, S::Stopped, user, 1, P::Stopping, S::Stopped),
            // started again
            (2, S::Pending, None, 1, P::Stopped, S::Pending),
            (2, S::Pending, None, 0, P::Running, S::Pending),
            (2, S::Pending, None, 2, P::Pending, S::Pending),
            (2, S::Pending, None, 2, P::Running, S::Running),
            (2, S::Running, None, 1, P::Stopped, S::Running),
            // the end is the end
            (2, S::Pending, None, 0, P::Terminated, S::Terminated),
            (1, S::Stopping, user, 0, P::ShuttingDown, S::ShuttingDown),
        ] {
            let known = Known { turn, ..known(Goal::Run, state, had) };
            let report = InstanceObserved { turn: said, ..report(phase, Some("late")) };
            let after = fold(&known, &report, false);
            let context = format!("{state:?} in {turn}, {phase:?} of {said}");
            assert_eq!((after.turn, after.state), (turn, then), "{context}");
            if matches!(then, S::Stopping | S::Stopped) {
                assert_eq!(after.reason.as_deref(), user, "{context}");
            }
        }
    }

    #[test]
    fn metadata_options_are_pending_until_the_node_has_those() {
        let wanted = MetadataOptions { tokens_required: true, ..MetadataOptions::default() };
        let known = Known {
            metadata: wanted,
            metadata_pending: true,
            ..known(Goal::Run, S::Running, None)
        };
        for (told, pending) in
            [(None, true), (Some(MetadataOptions::default()), true), (Some(wanted), false)]
        {
            let report = InstanceObserved { metadata: told, ..report(P::Running, None) };
            assert_eq!(fold(&known, &report, false).metadata_pending, pending, "{told:?}");
        }
    }

    #[test]
    fn a_silent_node_flags_its_instances_and_changes_nothing_else() {
        let running =
            Known { node: Some("node1".parse().unwrap()), ..known(Goal::Run, S::Running, None) };
        let after = fold(&running, &report(P::Running, None), true);
        assert_eq!(after, Known { impaired: true, ..running.clone() });
        assert_eq!(fold(&after, &report(P::Running, None), false), running);
    }

    #[test]
    fn folding_a_report_twice_changes_nothing_more() {
        use P::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
        for phase in [Pending, Running, Stopping, Stopped, ShuttingDown, Terminated] {
            for state in [S::Pending, S::Running, S::Stopped, S::ShuttingDown, S::Terminated] {
                let once = fold(&known(Goal::Run, state, None), &report(phase, Some("r")), false);
                assert_eq!(fold(&once, &report(phase, Some("r")), false), once);
                assert!(once.state >= state, "{state:?} {phase:?}");
            }
        }
    }

    #[test]
    fn a_report_without_a_node_does_not_forget_it() {
        let placed =
            Known { node: Some("node1".parse().unwrap()), ..known(Goal::Run, S::Pending, None) };
        let report = InstanceObserved { node: None, ..report(P::Pending, None) };
        assert_eq!(fold(&placed, &report, false).node, placed.node);
    }
}
