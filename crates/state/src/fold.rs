//! What a report makes of an instance: the pure transition function.

use protocol::{Goal, InstanceObserved, InstancePhase};
use types::{InstanceState, NodeName};

/// What the cloud holds of an instance that a report can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) goal: Goal,
    pub(crate) state: InstanceState,
    pub(crate) reason: Option<String>,
    pub(crate) node: Option<NodeName>,
    pub(crate) reboots_done: u32,
    pub(crate) impaired: bool,
}

/// The reason of an instance that ended by itself when its node gives none.
const ENDED: &str = "The instance ended on its node; the node gave no reason";

/// The instance after a report of it.
///
/// States only move forward, so a late or repeated report does no harm. `silent` says that the
/// node did not answer lately: what it said before still counts, but is flagged.
pub(crate) fn fold(known: &Known, report: &InstanceObserved, silent: bool) -> Known {
    if !known.state.is_live() {
        return known.clone();
    }
    let state = known.state.max(state_of(report.phase));
    Known {
        goal: known.goal,
        state,
        reason: reason(known, report, state),
        node: report.node.clone().or_else(|| known.node.clone()),
        reboots_done: known.reboots_done.max(report.reboots),
        impaired: silent && state.is_live(),
    }
}

fn state_of(phase: InstancePhase) -> InstanceState {
    match phase {
        InstancePhase::Pending => InstanceState::Pending,
        InstancePhase::Running => InstanceState::Running,
        InstancePhase::ShuttingDown => InstanceState::ShuttingDown,
        InstancePhase::Terminated => InstanceState::Terminated,
    }
}

/// The owner's own termination keeps its reason; else the node knows best. A report that is older
/// than the state says nothing about it.
fn reason(known: &Known, report: &InstanceObserved, state: InstanceState) -> Option<String> {
    if known.goal == Goal::Terminate || state_of(report.phase) < state {
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
            reason: reason.map(str::to_owned),
            node: None,
            reboots_done: 0,
            impaired: false,
        }
    }

    fn report(phase: P, reason: Option<&str>) -> InstanceObserved {
        InstanceObserved {
            id: "i-00000001".parse().unwrap(),
            node: Some("node1".parse().unwrap()),
            phase,
            reason: reason.map(str::to_owned),
            reboots: 0,
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
    fn a_silent_node_flags_its_instances_and_changes_nothing_else() {
        let running =
            Known { node: Some("node1".parse().unwrap()), ..known(Goal::Run, S::Running, None) };
        let after = fold(&running, &report(P::Running, None), true);
        assert_eq!(after, Known { impaired: true, ..running.clone() });
        assert_eq!(fold(&after, &report(P::Running, None), false), running);
    }

    #[test]
    fn folding_a_report_twice_changes_nothing_more() {
        for phase in [P::Pending, P::Running, P::ShuttingDown, P::Terminated] {
            for state in [S::Pending, S::Running, S::ShuttingDown, S::Terminated] {
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
