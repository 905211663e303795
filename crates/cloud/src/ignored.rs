//! Parameters that clients sent and no action knows: ignored, as Amazon does, and counted, so that
//! the administrator sees what the users' tools would want.

use protocol::admin::{IgnoredParameter, IgnoredParameters};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The most names that are told apart, since users choose them.
const MOST_NAMES: usize = 1000;

/// Counts since the start, by action and name.
#[derive(Debug, Default)]
pub(crate) struct Ignored(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    by_name: BTreeMap<(&'static str, String), u64>,
    others: u64,
}

impl Ignored {
    /// Counts each of these names once for the action.
    pub(crate) fn count(&self, action: &'static str, names: Vec<String>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        for name in names {
            let full = counts.by_name.len() >= MOST_NAMES;
            let key = (action, name);
            match counts.by_name.get_mut(&key) {
                Some(times) => *times += 1,
                None if full => counts.others += 1,
                None => drop(counts.by_name.insert(key, 1)),
            }
        }
    }

    /// What was counted, by action and name.
    pub(crate) fn shown(&self) -> IgnoredParameters {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = |((action, parameter), times): (&(&str, String), &u64)| IgnoredParameter {
            action: (*action).to_owned(),
            parameter: parameter.clone(),
            times: *times,
        };
        IgnoredParameters {
            parameters: counts.by_name.iter().map(shown).collect(),
            others: counts.others,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted_by_action_and_only_so_many_are_kept() {
        let ignored = Ignored::default();
        ignored.count("RunInstances", vec!["EbsOptimized".to_owned(), "Color".to_owned()]);
        ignored.count("RunInstances", vec!["EbsOptimized".to_owned()]);
        ignored.count("StopInstances", (0..MOST_NAMES).map(|n| format!("P{n}")).collect());
        ignored.count("RunInstances", vec!["EbsOptimized".to_owned()]);
        let shown = ignored.shown();
        assert_eq!((shown.parameters.len(), shown.others), (MOST_NAMES, 2));
        let color = &shown.parameters[0];
        assert_eq!((color.action.as_str(), color.parameter.as_str()), ("RunInstances", "Color"));
        let most = &shown.parameters[1];
        assert_eq!((most.parameter.as_str(), most.times), ("EbsOptimized", 3));
    }
}
