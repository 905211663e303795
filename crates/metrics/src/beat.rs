//! When work was done last.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Beats whenever a piece of work that recurs has been done.
#[derive(Debug)]
pub struct Beat {
    last: Mutex<Instant>,
    /// Longer apart than this they should not be.
    most: Duration,
}

impl Beat {
    /// One that has just beaten, and should again within `most`.
    pub fn within(most: Duration) -> Self {
        Self { last: Mutex::new(Instant::now()), most }
    }

    /// Beats.
    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// What is wrong when it has not beaten for too long; `work` names what should be done.
    pub fn problem(&self, work: &str) -> Option<String> {
        let since = self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        (since > self.most).then(|| {
            let (since, most) = (since.as_secs(), self.most.as_secs());
            format!("{work} was done last {since} s ago and should be every {most} s at least")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_problem_when_it_stands_still() {
        let beat = Beat::within(Duration::from_secs(3600));
        beat.beat();
        assert_eq!(beat.problem("a pass"), None);
        let stopped = Beat::within(Duration::ZERO);
        let told = std::iter::repeat_with(|| stopped.problem("a pass")).find_map(|told| told);
        assert!(told.unwrap().starts_with("a pass was done last 0 s ago"));
    }
}
